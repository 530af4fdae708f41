"""The rules by which a model may go on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_evaluation import LIMITS, as_slices, figure, sound_evaluation

from categoriser.evaluation.champion import Champion
from categoriser.evaluation.evaluation_file import (
    ColumnSlices,
    Interval,
    PartFigures,
)
from categoriser.evaluation.judging import judge, judge_interval
from categoriser.evaluation.verdict import FigureVerdict


def outcomes(verdicts: list[FigureVerdict], name: str) -> set[str]:
    return {verdict.outcome for verdict in verdicts if verdict.gate == name}


def test_a_sound_model_passes_every_gate() -> None:
    verdicts = judge(sound_evaluation(champion=figure(0.0)), LIMITS)
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
    tolerant = LIMITS.model_copy(update={"max_loss_to_champion": 0.02})
    found = sound_evaluation(**{rival: figure(0.0)})
    found.parts["time"].lead[rival].accuracy = figure(value, half)
    [verdict] = [
        v
        for v in judge(found, tolerant)
        if (v.gate, v.part, v.figure) == (rival, "time", "lead in accuracy")
    ]
    assert verdict.outcome == outcome
    assert verdict.margin == pytest.approx(value + 0.02)


def test_no_better_than_the_majority_class_fails() -> None:
    found = sound_evaluation()
    found.parts["random"].avoided = figure(0.05)
    failed = [v for v in judge(found, LIMITS) if v.outcome == "failed"]
    assert [(v.gate, v.part) for v in failed] == [("majority", "random")]
    assert failed[0].margin == pytest.approx(-0.05)


def test_a_model_does_not_pass_for_want_of_rows() -> None:
    found = sound_evaluation(champion=figure(0.0))
    for part in found.parts.values():
        part.rows = 199
    verdicts = judge(found, LIMITS)
    failed = [v for v in verdicts if v.outcome == "failed"]
    assert [v.gate for v in failed] == ["majority", "reference", "champion"]
    assert all("no part could judge it (199 rows, fewer than 200" in v.why for v in failed)


def test_small_and_empty_parts_are_not_judged_beside_one_that_is() -> None:
    found = sound_evaluation()
    found.parts["time"] = PartFigures(rows=0, groups=0)
    found.parts["merchant"].groups = 9
    verdicts = judge(found, LIMITS)
    assert {v.outcome for v in verdicts if v.part == "random"} == {"passed"}
    assert {v.outcome for v in verdicts if v.part != "random"} == {"not judged"}
    why = {v.part: v.why for v in verdicts if v.part != "random"}
    assert why == {
        "time": "0 rows, fewer than 200 (evaluate.min_rows)",
        "merchant": "9 merchants, fewer than 10",
    }


def test_a_part_of_one_class_cannot_tell_a_model_from_the_majority() -> None:
    found = sound_evaluation()
    found.parts["time"].avoided = None
    assert outcomes(judge(found, LIMITS), "majority") == {"passed", "not judged"}


def test_a_champion_that_cannot_be_read_fails_and_says_why() -> None:
    found = sound_evaluation()
    found.champion = Champion("d", {}, unreadable="features of version 1")
    verdicts = [v for v in judge(found, LIMITS) if v.gate == "champion"]
    assert verdicts[-1].outcome == "failed"
    assert {v.why for v in verdicts[:-1]} == {"features of version 1"}
    assert "features of version 1" in verdicts[-1].why


def test_floors_are_off_by_default_and_look_at_the_figure_alone() -> None:
    assert {v.gate for v in judge(sound_evaluation(), LIMITS)} == {"majority", "reference"}
    floors = LIMITS.model_copy(update={"min_accuracy": 0.801, "min_macro_f1": 0.7})
    verdicts = judge(sound_evaluation(), floors)
    assert outcomes(verdicts, "min_accuracy") == {"failed"}
    assert outcomes(verdicts, "min_macro_f1") == {"passed"}


@pytest.mark.parametrize(
    ("compared", "outcome", "name"),
    [
        (as_slices(figure(0.1), figure(0.14)), "passed", "s1"),
        (as_slices(figure(0.1), figure(0.2)), "failed", "s1"),
        # The worst slice is too small to tell, but another is surely beyond the bound.
        (as_slices(figure(0.4, 0.3), figure(0.2)), "failed", "s1"),
        (as_slices(figure(0.4, 0.3), figure(0.1)), "not judged", "s0"),
    ],
)
def test_slices_are_judged_by_their_intervals(
    compared: ColumnSlices, outcome: str, name: str
) -> None:
    found = sound_evaluation()
    found.slices = {"country": compared}
    verdict = judge(found, LIMITS)[-1]
    assert (verdict.gate, verdict.part, verdict.outcome) == ("slices", "country", outcome)
    assert verdict.figure == f"lead of {name}"


def test_slices_that_cannot_be_judged_fail_nothing() -> None:
    found = sound_evaluation()
    found.slices = {"absent": None, "small": as_slices()}
    verdicts = [v for v in judge(found, LIMITS) if v.gate == "slices"]
    assert [(v.outcome, v.why) for v in verdicts] == [
        ("not judged", "the data has no such column"),
        ("not judged", "no slice has rows enough"),
    ]


@settings(deadline=None)
@given(st.floats(-1, 1), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(-1, 1))
def test_a_verdict_is_one_of_three_and_agrees_with_its_margin(
    value: float, below: float, above: float, bound: float
) -> None:
    measured = Interval(value, value - below, value + above)
    verdict = judge_interval("g", "p", "f", bound, measured)
    assert (verdict.outcome == "passed") == (value >= bound)
    assert (verdict.outcome == "failed") == (measured.high < bound)
