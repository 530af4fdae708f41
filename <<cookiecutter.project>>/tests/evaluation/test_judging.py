"""The rules by which a model may go on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sound_evaluation import (
    LIMITS,
    as_slices,
    choice_among,
    figure,
    sound_evaluation,
    with_choice,
)

from categoriser.evaluation.champion import Champion
from categoriser.evaluation.evaluation_file import Behaviour, CasesOfKind, ColumnSlices, PartFigures
from categoriser.evaluation.judging import (
    ALL_PARTS,
    judge,
    judge_interval,
    words_of,
    worst_outcome,
)
from categoriser.evaluation.verdict import FigureVerdict, Outcome
from categoriser.intervals import Interval, Scores
from categoriser.params import Gate

# As params.yaml has them.
DEFAULTS = Gate(
    min_gain_over_majority=0.25,
    max_loss_to_reference=0.0,
    widest_loss=0.05,
    max_loss_to_champion=0.01,
    max_slice_gap=0.15,
    min_cases_held=0.9,
    min_accuracy=None,
    min_macro_f1=None,
)


def outcomes(verdicts: list[FigureVerdict], name: str) -> set[str]:
    return {verdict.outcome for verdict in verdicts if verdict.gate == name}


def test_a_sound_model_passes_every_gate() -> None:
    verdicts = judge(sound_evaluation(champion=figure(0.0)), LIMITS)
    assert {verdict.outcome for verdict in verdicts} == {"passed"}
    assert {verdict.gate for verdict in verdicts} == {"majority", "reference", "champion"}
    assert len(verdicts) == 3 * (2 + 2 + 2)


@pytest.mark.parametrize(
    ("value", "half", "outcome"),
    [
        (-0.019, 0.001, "passed"),
        (-0.019, 0.1, "insufficient"),
        (-0.021, 0.0005, "failed"),
        (-0.021, 0.002, "insufficient"),
        (-0.2, 0.1, "failed"),
    ],
)
@pytest.mark.parametrize("rival", ["reference", "champion"])
def test_a_loss_fails_by_its_whole_interval_and_passes_by_the_lower_end(
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
    found.parts["random"].gain = Scores(figure(0.05), figure(0.6))
    failed = [v for v in judge(found, LIMITS) if v.outcome == "failed"]
    assert [(v.gate, v.part) for v in failed] == [("majority", "random")]
    assert failed[0].margin == pytest.approx(-0.05)


def test_a_model_does_not_pass_for_want_of_rows() -> None:
    found = sound_evaluation(champion=figure(0.0))
    for part in found.parts.values():
        part.rows = 199
    verdicts = judge(found, LIMITS)
    assert {v.outcome for v in verdicts} == {"insufficient"}
    assert {v.gate for v in verdicts} == {"majority", "reference", "champion"}
    assert {v.why for v in verdicts} == {"199 rows, fewer than 200 (evaluate.min_rows)"}


def test_small_parts_give_too_little_evidence_and_empty_ones_are_not_judged() -> None:
    found = sound_evaluation()
    found.parts["time"] = PartFigures(rows=0, groups=0)
    found.parts["merchant"].groups = 9
    verdicts = judge(found, LIMITS)
    by_part = {v.part: (v.outcome, v.why) for v in verdicts}
    assert by_part == {
        "random": ("passed", ""),
        "time": ("not judged", "the part holds no rows"),
        "merchant": ("insufficient", "9 merchants, fewer than 10"),
    }


def test_a_gate_that_no_part_could_judge_has_too_little_evidence() -> None:
    found = sound_evaluation()
    found.parts = {name: PartFigures(rows=0, groups=0) for name in found.parts}
    whole = [v for v in judge(found, LIMITS) if v.part == ALL_PARTS]
    assert [(v.gate, v.outcome) for v in whole] == [
        ("majority", "insufficient"),
        ("reference", "insufficient"),
    ]
    assert whole[0].why == "no part could judge it (the part holds no rows)"


def test_a_part_of_one_class_cannot_tell_a_model_from_the_majority() -> None:
    found = sound_evaluation()
    found.parts["time"].gain = None
    assert outcomes(judge(found, LIMITS), "majority") == {"passed", "not judged"}


def test_the_majority_gate_can_be_off() -> None:
    off = LIMITS.model_copy(update={"min_gain_over_majority": None})
    assert {v.gate for v in judge(sound_evaluation(), off)} == {"reference"}


@pytest.mark.parametrize(
    ("lead", "outcome"),
    [
        # An equal model: nobody can show that it is not behind.
        (Interval(0.0, -0.01, 0.01), "passed"),
        (Interval(-0.003, -0.0499, 0.02), "passed"),
        (Interval(0.03, -0.06, 0.12), "insufficient"),
        (Interval(-0.01, -0.02, -0.001), "failed"),
    ],
)
def test_a_loss_to_the_reference_must_be_excluded_as_far_as_widest_loss_says(
    lead: Interval, outcome: str
) -> None:
    strict = LIMITS.model_copy(update={"max_loss_to_reference": 0.0, "widest_loss": 0.05})
    found = sound_evaluation()
    found.parts["merchant"].lead["reference"].accuracy = lead
    [verdict] = [
        v
        for v in judge(found, strict)
        if (v.gate, v.part, v.figure) == ("reference", "merchant", "lead in accuracy")
    ]
    assert (verdict.outcome, verdict.bound, verdict.low_bound) == (outcome, 0, -0.05)


def test_what_was_seen_to_pass_on_too_little_evidence_does_not_pass_by_the_defaults() -> None:
    # Few merchants have most rows: "errors avoided +32.1 (-95.4 to +70.2), bound +10, passed".
    birmingham = sound_evaluation()
    birmingham.parts["merchant"].gain = Scores(Interval(0.321, -0.954, 0.702), figure(0.43))
    verdicts = judge(birmingham, DEFAULTS)
    assert outcomes(verdicts, "majority") == {"passed", "insufficient"}
    assert worst_outcome(verdicts) == "insufficient"
    # A month of 4,823 rows in 167 merchant types: 24 % on new merchants.
    month = sound_evaluation()
    month.parts["merchant"].gain = Scores(Interval(0.2, 0.13, 0.27), Interval(0.08, 0.05, 0.12))
    assert worst_outcome(judge(month, DEFAULTS)) == "failed"


def test_a_champion_that_cannot_be_read_stops_the_model_and_says_why() -> None:
    found = sound_evaluation()
    found.champion = Champion("d", {}, unreadable="features of version 1")
    verdicts = [v for v in judge(found, LIMITS) if v.gate == "champion"]
    assert verdicts[-1].outcome == "insufficient"
    assert {v.why for v in verdicts[:-1]} == {"features of version 1"}
    assert "features of version 1" in verdicts[-1].why


def test_absolute_floors_are_off_by_default_and_judged_by_the_interval() -> None:
    assert {v.gate for v in judge(sound_evaluation(), LIMITS)} == {"majority", "reference"}
    floors = LIMITS.model_copy(update={"min_accuracy": 0.811, "min_macro_f1": 0.69})
    verdicts = judge(sound_evaluation(), floors)
    assert outcomes(verdicts, "min_accuracy") == {"failed"}
    assert outcomes(verdicts, "min_macro_f1") == {"passed"}
    close = LIMITS.model_copy(update={"min_accuracy": 0.799})
    assert outcomes(judge(sound_evaluation(), close), "min_accuracy") == {"insufficient"}


@pytest.mark.parametrize(
    ("compared", "outcome", "name"),
    [
        (as_slices(figure(0.1), figure(0.13)), "passed", "s1"),
        (as_slices(figure(0.1), figure(0.145)), "insufficient", "s1"),
        (as_slices(figure(0.1), figure(0.2)), "failed", "s1"),
        # The worst slice is too small to tell, but another is surely beyond the bound.
        (as_slices(figure(0.4, 0.3), figure(0.2)), "failed", "s1"),
        (as_slices(figure(0.4, 0.3), figure(0.1)), "insufficient", "s0"),
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
    assert (verdict.outcome == "passed") == (measured.low >= bound)
    assert (verdict.outcome == "failed") == (measured.high < bound)


def test_what_stops_a_model_is_said_in_words_once() -> None:
    def verdict(outcome: Outcome, figure: str, why: str = "") -> FigureVerdict:
        return FigureVerdict("majority", "time", figure, outcome, why=why)

    small = [verdict("insufficient", name, "9 merchants") for name in ("accuracy", "macro_f1")]
    assert words_of(small, "insufficient") == ("majority (time): 9 merchants",)
    assert words_of(small, "failed") == ()
    wide = judge_interval("champion", "time", "lead", -0.01, Interval(0.002, -0.02, 0.03))
    assert words_of([wide], "insufficient") == (
        "champion (time): lead is +0.0020, but the interval's lower end is -0.0200, and must reach "
        "-0.0100",
    )


def test_what_is_not_judged_stops_nothing() -> None:
    absent = FigureVerdict("slices", "country", "lead in accuracy", "not judged")
    assert worst_outcome([absent]) == "passed"


def with_behaviour(behaviour: Behaviour | None, bound: float | None = 0.9) -> list[FigureVerdict]:
    found = sound_evaluation()
    found.behaviour = behaviour
    limits = LIMITS.model_copy(update={"min_cases_held": bound})
    return [v for v in judge(found, limits) if v.gate == "behaviour"]


def test_of_each_kind_of_cases_a_share_must_hold() -> None:
    kinds = {"minimum": CasesOfKind(10, 9, []), "refund": CasesOfKind(10, 8, [])}
    verdicts = with_behaviour(Behaviour("own.csv", kinds, {}))
    assert [(v.part, v.outcome, v.value) for v in verdicts] == [
        ("minimum", "passed", 0.9),
        ("refund", "failed", 0.8),
    ]
    assert words_of(verdicts, "failed") == (
        "behaviour (refund): cases held is 0.8000, 0.1000 under the bound of 0.9000",
    )


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (None, "no file of cases is named by evaluate.behaviour, or it does not exist"),
        (Behaviour("own.csv", {}, {}), "own.csv has no cases"),
        (
            Behaviour("own.csv", {}, {"travel": 2}),
            "own.csv has cases of categories that the model does not have: travel",
        ),
    ],
)
def test_cases_that_nobody_asked_stop_nothing_and_are_told(
    behaviour: Behaviour | None, why: str
) -> None:
    [verdict] = with_behaviour(behaviour)
    assert (verdict.outcome, verdict.why) == ("not judged", why)
    assert with_behaviour(behaviour, bound=None) == []


def test_folds_of_few_merchants_are_too_little_evidence() -> None:
    choice = replace(choice_among(Interval(0.01, 0.005, 0.02)), groups=9)
    verdicts = judge(with_choice(sound_evaluation(), choice), LIMITS)
    found = {(one.outcome, one.why) for one in verdicts if one.part == "merchant folds"}
    assert found == {("insufficient", "9 merchants, fewer than 10")}


@pytest.mark.parametrize(
    ("lead", "outcome"),
    [
        (Interval(0.005, 0.001, 0.01), "passed"),
        (Interval(-0.09, -0.12, -0.07), "failed"),
        (Interval(-0.01, -0.12, 0.1), "insufficient"),
    ],
)
def test_beside_the_reference_merchants_are_judged_over_folds(lead: Interval, outcome: str) -> None:
    evaluation = with_choice(sound_evaluation(), choice_among(lead))
    # The one part of merchants says the contrary, and is not heard.
    evaluation.parts["merchant"].lead["reference"] = Scores(figure(-0.5), figure(-0.5))
    verdicts = [one for one in judge(evaluation, LIMITS) if one.gate == "reference"]
    assert {one.part for one in verdicts} == {"time", "merchant folds", "random"}
    assert {one.outcome for one in verdicts if one.part == "merchant folds"} == {outcome}
    assert {one.outcome for one in verdicts if one.part != "merchant folds"} == {"passed"}
