"""An evaluation that passes every gate, and verdicts, made by hand, for the tests to change."""

from __future__ import annotations

import copy

from msgspec.structs import replace

from categoriser.data.split import HELD_OUT_PARTS, Split
from categoriser.evaluation.champion import Champion
from categoriser.evaluation.evaluation_file import (
    ColumnSlices,
    Evaluation,
    MeasuredModel,
    ModelFigures,
    PartFigures,
    SliceFigures,
)
from categoriser.evaluation.evaluation_settings import EvaluationSettings
from categoriser.evaluation.judging import words_of, worst_outcome
from categoriser.evaluation.verdict import Decision, FigureVerdict, Training, Verdict
from categoriser.intervals import Interval, Scores
from categoriser.model.choice import CandidateFigures, Choice
from categoriser.model.metadata import Metadata
from categoriser.params import Gate

LIMITS = Gate(
    min_gain_over_majority=0.1,
    max_loss_to_reference=0.02,
    widest_loss=0.0,
    max_loss_to_champion=0.01,
    max_slice_gap=0.15,
    min_cases_held=None,
    min_accuracy=None,
    min_macro_f1=None,
)


def figure(value: float, half: float = 0.01) -> Interval:
    return Interval(value, value - half, value + half)


def sound_evaluation(**lead: Interval) -> Evaluation:
    """Make a sound evaluation, in which the model's lead over each rival is as given."""
    rivals = {"reference": figure(0.0)} | lead
    own = ModelFigures(
        accuracy=figure(0.8),
        macro_f1=figure(0.7),
        calibration_error=0.01,
        log_loss=0.5,
        coverage=0.9,
        covered_accuracy=0.9,
    )
    part = PartFigures(
        rows=1000,
        groups=100,
        gain=Scores(figure(0.6), figure(0.6)),
        lead={name: Scores(one, one) for name, one in rivals.items()},
        models={"model": own},
    )
    return Evaluation(
        champion=Champion("d", {}) if "champion" in lead else None,
        labels=[],
        model=MeasuredModel("m", Metadata("linear", [], 1, 0.6, 1.0)),
        parts={name: copy.deepcopy(part) for name in HELD_OUT_PARTS},
        settings=EvaluationSettings(
            slices=[], price_bands=[], min_rows=200, resamples=1000, confidence=0.95
        ),
        slices={},
        split=Split("", [], {}),
        tokens={},
    )


def choice_among(lead: Interval) -> Choice:
    """Make a choice of fastText, with this lead over the reference in both figures."""

    def figures(value: float, ahead: Interval) -> CandidateFigures:
        return CandidateFigures(
            accuracy=figure(value),
            macro_f1=figure(value),
            knobs={},
            calibration_error=0.02,
            log_loss=0.9,
            lead=Scores(ahead, ahead),
            loss_lead=ahead,
        )

    own = figures(0.72, Interval(0, 0, 0))
    reference = figures(0.7, lead)
    return Choice("fasttext_svm", 3, 5000, 200, {"fasttext_svm": own, "linear": reference})


def with_choice(evaluation: Evaluation, choice: Choice) -> Evaluation:
    """Give an evaluation's model the choice that it was made by."""
    evaluation.model.metadata = replace(evaluation.model.metadata, choice=choice)
    return evaluation


TRAINING = Training("t", 1, "fasttext_svm", {"dim": 16})


def verdict_of(
    *verdicts: FigureVerdict, model: str = "m", decision: Decision | None = None
) -> Verdict:
    """Make the gates' word from their verdicts, and a decision that is heeded."""
    outcome = worst_outcome(verdicts)
    return Verdict(
        model=model,
        training=TRAINING,
        passed=outcome == "passed" or decision is not None,
        outcome=outcome,
        faults=words_of(verdicts, "failed"),
        doubts=words_of(verdicts, "insufficient"),
        verdicts=verdicts,
        decision=decision,
    )


def as_slices(*gaps: Interval) -> ColumnSlices:
    """Make a column whose slices `s0`, `s1`, … have these gaps."""
    slices = [
        SliceFigures(f"s{number}", 1000, 100, figure(0.8), gap) for number, gap in enumerate(gaps)
    ]
    return ColumnSlices(slices, not_judged={})
