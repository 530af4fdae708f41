"""The loop from labels to a better model, played small from end to end."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from pipeline_copy import Copy
from sound_evaluation import verdict_of

from categoriser import paths
from categoriser.errors import UserError
from categoriser.evaluation.champion import Champion
from categoriser.evaluation.evaluation_file import BesideChampion
from categoriser.evaluation.verdict import FigureVerdict, Outcome
from categoriser.intervals import Interval
from categoriser.io.digests import digest
from categoriser.io.replacing import write_json
from categoriser.params import set_params
from loop import closing_loop
from loop.project_copy import project_copy

# They work in one project, which takes a while to make.
pytestmark = pytest.mark.xdist_group("loop")


def kept_by_git(folder: Path) -> str:
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    return subprocess.run(status, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_labels_of_a_drifted_month_make_the_next_one_better(rehearsed: Copy) -> None:
    before = kept_by_git(rehearsed.folder)
    settings = rehearsed.params()
    done = rehearsed.run("loop.closing_loop")
    assert done.returncode == 0, done.stdout + done.stderr
    for step in (
        "There is no champion: model takes its part in this rehearsal",
        "5,000 rows served, captured and labelled",
        "rows in feedback/train.csv",
        "rows are in data/own.csv",
        "Running stage 'gate'",
        "The retrained model passes its gate.",
    ):
        assert step in done.stdout
    # All the newest labels are learned from.
    assert "note:" not in done.stdout
    said = re.search(r"surely better than the champion .*: \+(\S+) points", done.stdout)
    assert said
    assert float(said[1]) > 2
    assert rehearsed.params() == settings
    assert kept_by_git(rehearsed.folder) == before
    assert not (rehearsed.folder / paths.OWN).exists()
    verdict = json.loads((rehearsed.folder / paths.LOOP / "gate.json").read_text())
    assert {one["gate"] for one in verdict["verdicts"]} >= {"champion", "reference"}
    assert "than the champion" in (rehearsed.folder / paths.LOOP / "report.html").read_text()


def compared(*leads: Interval) -> list[BesideChampion]:
    some = Interval(0.8, 0.7, 0.9)
    return [BesideChampion("all rows", 500, 50, some, some, lead) for lead in leads]


@pytest.mark.parametrize(
    ("low", "passed", "closes", "said"),
    [
        (0.001, True, True, "is surely better"),
        (-0.001, True, False, "is not surely better"),
        (0.001, False, False, "does not pass its gate"),
    ],
)
def test_the_loop_closes_where_the_gate_passes_and_the_gain_is_sure(
    low: float, passed: bool, closes: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = compared(Interval(0.02, low, 0.04))
    outcome: Outcome = "passed" if passed else "failed"
    champion = FigureVerdict("champion", "random", "lead", outcome, why="too far behind")
    assert closing_loop.tell(found, verdict_of(champion)) is closes
    shown = capsys.readouterr().out
    assert said in shown
    assert ("champion (random): too far behind" in shown) is not passed


def test_ones_own_data_are_not_rehearsed_with(project: Path) -> None:
    set_params(paths.PARAMS, {"data.path": paths.OWN.as_posix()})
    with pytest.raises(UserError, match=r"make loop serves generated rows, .* data/own\.csv"):
        closing_loop.close_loop()


def test_another_champion_is_refused(inside: Path) -> None:
    with project_copy():
        write_json(paths.CHAMPION_FACTS, Champion("d" * 64))
        with pytest.raises(UserError, match=r"champion dddddddddddd is another .*FORGET=champion"):
            closing_loop.settle_champion()


def test_the_champion_stays_where_it_is_the_model(inside: Path) -> None:
    """As after `make promote`: what depends on the champion has changed, and nothing else."""
    with project_copy():
        closing_loop.settle_champion()
        facts = paths.CHAMPION_FACTS.read_bytes()
        with project_copy():
            closing_loop.settle_champion()
            assert paths.CHAMPION_FACTS.read_bytes() == facts
            assert digest(paths.CHAMPION_MODEL) == digest(paths.MODEL)
        set_params(paths.PARAMS, {"train.review_threshold": 0.5})
        with pytest.raises(UserError, match=r"model is of an earlier state .*: train.*`make run`"):
            closing_loop.settle_champion()
    assert paths.CHAMPION_FACTS.read_text() == "null\n"
