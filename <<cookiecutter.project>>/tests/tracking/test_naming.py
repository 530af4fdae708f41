"""What `make run EXPERIMENT=... GOAL=... HYPOTHESIS=...` writes to params.yaml."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from categoriser.errors import UserError
from categoriser.params import Experiment, read_params, set_params
from categoriser.tracking.naming import in_words, name_experiment

ROOT = Path(__file__).parents[2]


@pytest.fixture
def params(tmp_path: Path) -> Path:
    return Path(shutil.copy(ROOT / "params.yaml", tmp_path))


def named(path: Path) -> tuple[str, str, str]:
    found = read_params(path).experiment
    return found.name, found.goal, found.hypothesis


def test_what_is_not_given_stays(params: Path) -> None:
    before = params.read_bytes()
    name_experiment(None, None, None, params)
    assert params.read_bytes() == before
    name_experiment("vectors", "know: new merchants", "64 is too much", params)
    name_experiment(None, None, "32 is #1", params)
    assert named(params) == ("vectors", "know: new merchants", "32 is #1")
    assert "# Every knob of the pipeline." in params.read_text()


def test_another_experiment_has_goals_of_its_own_and_another_goal_hypotheses(params: Path) -> None:
    name_experiment("vectors", "new merchants", "larger is better", params)
    name_experiment("vectors", "new merchants", None, params)
    assert named(params) == ("vectors", "new merchants", "larger is better")
    name_experiment(None, "less memory", None, params)
    assert named(params) == ("vectors", "less memory", "")
    name_experiment("42", None, None, params)
    assert named(params) == ("42", "", "")


def test_what_is_not_one_line_is_refused_and_nothing_is_written(params: Path) -> None:
    before = params.read_bytes()
    with pytest.raises(UserError, match=r"experiment\.goal: .*pattern"):
        name_experiment("vectors", "one\ntwo", None, params)
    with pytest.raises(UserError, match=r"experiment\.name: .*500 characters"):
        name_experiment("v" * 501, None, None, params)
    assert params.read_bytes() == before


def test_a_file_from_before_there_was_such_a_section_gets_one(params: Path) -> None:
    text = params.read_text()
    first, second = text.index("experiment:"), text.index("data:")
    params.write_text(text[:first] + text[second:])
    assert named(params) == ("", "", "")
    set_params(params, {"experiment.name": "vectors"})
    assert named(params) == ("vectors", "", "")


def test_only_what_is_said_is_in_words() -> None:
    assert in_words(Experiment()) == ""
    said = in_words(Experiment(name="vectors", hypothesis="64 is too much"))
    assert said == "Experiment: vectors. Hypothesis: 64 is too much"
