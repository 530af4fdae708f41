from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import result

from categoriser.errors import UserError
from categoriser.files import write_json
from categoriser.model import gate
from categoriser.model.gate import Verdict, compare, judge
from categoriser.params import Gate

ROOT = Path(__file__).parents[2]
SETTINGS = Gate(
    min_gain_over_majority=0.1,
    max_loss_to_reference=0.02,
    max_loss_to_champion=0.01,
    max_slice_gap=0.15,
    min_accuracy=None,
    min_macro_f1=None,
)
PARTS = ("time", "merchant", "random")


def figure(value: float, half: float = 0.01) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def evaluation(**lead: dict[str, float]) -> dict[str, Any]:
    """Make a sound evaluation, in which the model's lead over each rival is as given."""
    rivals = {"reference": figure(0.0)} | lead
    part = {
        "rows": 1000,
        "groups": 100,
        "avoided": figure(0.6),
        "lead": {name: {"accuracy": one, "macro_f1": one} for name, one in rivals.items()},
        "models": {"model": {"accuracy": figure(0.8), "macro_f1": figure(0.7)}},
    }
    return {
        "champion": {"digest": "d"} if "champion" in lead else None,
        "parts": {name: copy.deepcopy(part) for name in PARTS},
        "settings": {"min_rows": 200},
        "slices": {},
    }


def outcomes(verdicts: list[Verdict], name: str) -> set[str]:
    return {verdict.outcome for verdict in verdicts if verdict.gate == name}


def test_a_sound_model_passes_every_gate() -> None:
    verdicts = judge(evaluation(champion=figure(0.0)), SETTINGS)
    assert {verdict.outcome for verdict in verdicts} == {"passed"}
    assert {verdict.gate for verdict in verdicts} == {"majority", "reference", "champion"}
    assert len(verdicts) == 3 * (1 + 2 + 2)


@pytest.mark.parametrize(
    ("value", "half", "outcome"),
    [
        (-0.019, 0.001, "passed"),
        (-0.019, 0.1, "passed"),
        (-0.021, 0.0005, "failed"),
        (-0.021, 0.002, "not judged"),
        (-0.2, 0.1, "failed"),
    ],
)
@pytest.mark.parametrize("rival", ["reference", "champion"])
def test_a_loss_fails_only_when_the_whole_interval_is_beyond_the_tolerance(
    rival: str, value: float, half: float, outcome: str
) -> None:
    tolerant = SETTINGS.model_copy(update={"max_loss_to_champion": 0.02})
    found = evaluation(**{rival: figure(0.0)})
    found["parts"]["time"]["lead"][rival]["accuracy"] = figure(value, half)
    [verdict] = [
        v
        for v in judge(found, tolerant)
        if (v.gate, v.part, v.figure) == (rival, "time", "lead in accuracy")
    ]
    assert verdict.outcome == outcome
    assert verdict.margin == pytest.approx(value + 0.02)


def test_no_better_than_the_majority_class_fails() -> None:
    found = evaluation()
    found["parts"]["random"]["avoided"] = figure(0.05)
    failed = [v for v in judge(found, SETTINGS) if v.outcome == "failed"]
    assert [(v.gate, v.part) for v in failed] == [("majority", "random")]
    assert failed[0].margin == pytest.approx(-0.05)


def test_a_model_does_not_pass_for_want_of_rows() -> None:
    found = evaluation(champion=figure(0.0))
    for part in found["parts"].values():
        part["rows"] = 199
    verdicts = judge(found, SETTINGS)
    failed = [v for v in verdicts if v.outcome == "failed"]
    assert [v.gate for v in failed] == ["majority", "reference", "champion"]
    assert all("no part could judge it (199 rows, fewer than 200" in v.why for v in failed)


def test_small_and_empty_parts_are_not_judged_beside_one_that_is() -> None:
    found = evaluation()
    found["parts"]["time"] = {"rows": 0, "groups": 0}
    found["parts"]["merchant"]["groups"] = 9
    verdicts = judge(found, SETTINGS)
    assert {v.outcome for v in verdicts if v.part == "random"} == {"passed"}
    assert {v.outcome for v in verdicts if v.part != "random"} == {"not judged"}
    why = {v.part: v.why for v in verdicts if v.part != "random"}
    assert why == {
        "time": "0 rows, fewer than 200 (evaluate.min_rows)",
        "merchant": "9 merchants, fewer than 10",
    }


def test_a_part_of_one_class_cannot_tell_a_model_from_the_majority() -> None:
    found = evaluation()
    found["parts"]["time"]["avoided"] = None
    assert outcomes(judge(found, SETTINGS), "majority") == {"passed", "not judged"}


def test_a_champion_that_cannot_be_read_fails_and_says_why() -> None:
    found = evaluation()
    found["champion"] = {"digest": "d", "unreadable": "features of version 1"}
    verdicts = [v for v in judge(found, SETTINGS) if v.gate == "champion"]
    assert verdicts[-1].outcome == "failed"
    assert {v.why for v in verdicts[:-1]} == {"features of version 1"}
    assert "features of version 1" in verdicts[-1].why


def test_floors_are_off_by_default_and_look_at_the_figure_alone() -> None:
    assert {v.gate for v in judge(evaluation(), SETTINGS)} == {"majority", "reference"}
    floors = SETTINGS.model_copy(update={"min_accuracy": 0.801, "min_macro_f1": 0.7})
    verdicts = judge(evaluation(), floors)
    assert outcomes(verdicts, "min_accuracy") == {"failed"}
    assert outcomes(verdicts, "min_macro_f1") == {"passed"}


def column(*gaps: dict[str, float]) -> dict[str, Any]:
    return {"slices": [{"name": f"s{n}", "gap": gap} for n, gap in enumerate(gaps)]}


@pytest.mark.parametrize(
    ("compared", "outcome", "name"),
    [
        (column(figure(0.1), figure(0.14)), "passed", "s1"),
        (column(figure(0.1), figure(0.2)), "failed", "s1"),
        # The worst slice is too small to tell, but another is surely beyond the bound.
        (column(figure(0.4, 0.3), figure(0.2)), "failed", "s1"),
        (column(figure(0.4, 0.3), figure(0.1)), "not judged", "s0"),
    ],
)
def test_slices_are_judged_by_their_intervals(
    compared: dict[str, Any], outcome: str, name: str
) -> None:
    found = evaluation()
    found["slices"] = {"country": compared}
    verdict = judge(found, SETTINGS)[-1]
    assert (verdict.gate, verdict.part, verdict.outcome) == ("slices", "country", outcome)
    assert verdict.figure == f"lead of {name}"


def test_slices_that_cannot_be_judged_fail_nothing() -> None:
    found = evaluation()
    found["slices"] = {"absent": None, "small": column()}
    verdicts = [v for v in judge(found, SETTINGS) if v.gate == "slices"]
    assert [(v.outcome, v.why) for v in verdicts] == [
        ("not judged", "the data has no such column"),
        ("not judged", "no slice has rows enough"),
    ]


@settings(deadline=None)
@given(st.floats(-1, 1), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(-1, 1))
def test_a_verdict_is_one_of_three_and_agrees_with_its_margin(
    value: float, below: float, above: float, bound: float
) -> None:
    measured = {"value": value, "low": value - below, "high": value + above}
    verdict = compare("g", "p", "f", bound, measured)
    assert (verdict.outcome == "passed") == (value >= bound)
    assert (verdict.outcome == "failed") == (measured["high"] < bound)


def project(folder: Path, changes: dict[str, Any]) -> None:
    """Write a folder that holds what the stages before wrote."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["gate"] = SETTINGS.model_dump() | changes
    folder.mkdir(exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    write_json(folder / "reports/evaluation.json", result()[0])
    write_json(folder / "baseline/facts.json", {"model": result()[0]["model"]["digest"]})
    write_json(folder / "data/profile.json", {"rows": 2000, "set_aside": {"no price": 3}})
    write_json(
        folder / "data/generated.json", {"ceiling": 0.9, "ceiling_by": {"country": {"NZ": 0.7}}}
    )


def test_the_stage_fails_with_status_1_after_it_has_written_everything(tmp_path: Path) -> None:
    project(tmp_path, {"min_accuracy": 0.99, "max_slice_gap": 1})
    failed = subprocess.run(
        [sys.executable, "-m", "categoriser.model.gate"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    assert "min_accuracy (random): accuracy is" in failed.stderr
    assert "under the bound of 0.9900" in failed.stderr
    assert "Traceback" not in failed.stderr
    verdict = json.loads((tmp_path / "reports/gate.json").read_text())
    assert verdict["passed"] is False
    assert verdict["model"] == result()[0]["model"]["digest"]
    assert "The model may not go on" in (tmp_path / "reports/report.html").read_text()
    assert "may not go on" in (tmp_path / "reports/model_card.md").read_text()


def test_the_stage_passes_and_writes_the_same_bytes_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        project(folder, {"max_slice_gap": 1, "max_loss_to_reference": 1})
        monkeypatch.chdir(folder)
        gate.main()
        names = ("gate.json", "report.html", "model_card.md")
        written.append([(folder / "reports" / name).read_bytes() for name in names])
    assert written[0] == written[1]
    assert json.loads(written[0][0])["passed"] is True
    shown = capsys.readouterr().out
    assert "errors avoided" in shown
    assert "the data has no such column" in shown


def test_a_baseline_of_another_model_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path, {"max_slice_gap": 1, "max_loss_to_reference": 1})
    write_json(tmp_path / "baseline/facts.json", {"model": "another"})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"baseline/facts\.json is of another model"):
        gate.main()
    assert not (tmp_path / "reports/gate.json").exists()
