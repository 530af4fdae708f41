"""One held-out part: each model's figures, and the model's beside each rival's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from categoriser.evaluation.bootstrap import interval, resampled_scores
from categoriser.evaluation.evaluation_file import (
    ClassFigures,
    CoverageStep,
    ModelFigures,
    PartFigures,
)
from categoriser.evaluation.metrics import calibration, calibration_error, coverage, log_loss
from categoriser.evaluation.scores import Codes, Floats, confusion, ratio, scores
from categoriser.intervals import Interval, Scores
from categoriser.params import Evaluate

# The answers that the model's are compared with, in the order of reports.
RIVALS = ("reference", "majority", "champion")
COVERAGE_THRESHOLDS = [step / 50 for step in range(51)]


class Review(NamedTuple):
    """What is answered without review: what is sure enough, where the text has a known word."""

    threshold: float
    known: NDArray[np.bool_]  # by row


class PartAnswers(NamedTuple):
    """The answers to a part's rows; classes are places in `labels`."""

    truth: Codes  # by row
    tables: Mapping[str, Floats]  # by model: probabilities, shape (rows, labels)
    groups: Codes  # each row's merchant, numbered from 0 without a gap
    labels: Sequence[str]


@dataclass(frozen=True)
class ModelScores:
    """A model's confusion matrix, the scores of it, and those of its resamples by name."""

    confusion: NDArray[np.int64]  # (labels, labels)
    point: dict[str, Floats]
    drawn: dict[str, Floats]


def measure_part(answers: PartAnswers, review: Review, settings: Evaluate) -> PartFigures:
    """Measure a part that has rows."""
    found = {
        name: score_model(answers, table, settings.resamples)
        for name, table in answers.tables.items()
    }
    own = found["model"]
    table = answers.tables["model"]
    return PartFigures(
        rows=len(answers.truth),
        groups=int(answers.groups.max()) + 1,
        models={
            name: model_figures(answers, name, found[name], review, settings.confidence)
            for name in answers.tables
        },
        lead={
            rival: lead_over(own, found[rival], settings.confidence)
            for rival in RIVALS
            if rival in found
        },
        gain=gain_over(own, found["majority"], settings.confidence),
        classes=class_figures(own, answers.labels),
        confusion=own.confusion.tolist(),
        calibration=calibration(answers.truth, table),
        coverage=coverage_steps(answers.truth, table, review),
    )


def score_model(answers: PartAnswers, table: Floats, resamples: int) -> ModelScores:
    """Score a model's answers, and resamples of them."""
    size = len(answers.labels)
    given = table.argmax(axis=1)
    counts = confusion(answers.truth, given, size)
    drawn = resampled_scores(answers.truth, given, size, answers.groups, resamples)
    return ModelScores(counts, scores(counts), drawn)


def model_figures(
    answers: PartAnswers, name: str, found: ModelScores, review: Review, confidence: float
) -> ModelFigures:
    """Return a model's figures; the review is the measured model's, whichever answers."""
    table = answers.tables[name]
    covered = coverage(answers.truth, table, *review)
    return ModelFigures(
        accuracy=interval(found.point["accuracy"], found.drawn["accuracy"], confidence),
        macro_f1=interval(found.point["macro_f1"], found.drawn["macro_f1"], confidence),
        calibration_error=calibration_error(calibration(answers.truth, table)),
        log_loss=log_loss(answers.truth, table),
        coverage=covered.coverage,
        covered_accuracy=covered.covered_accuracy,
    )


def lead_over(model: ModelScores, rival: ModelScores, confidence: float) -> Scores:
    """Return the model's scores less the rival's; the draws of both are the same."""

    def lead(figure: str) -> Interval:
        value = model.point[figure] - rival.point[figure]
        return interval(value, model.drawn[figure] - rival.drawn[figure], confidence)

    return Scores(lead("accuracy"), lead("macro_f1"))


def gain_over(model: ModelScores, majority: ModelScores, confidence: float) -> Scores | None:
    """Return how much of the way from the majority class's scores to 1 the model has gone.

    None where the majority class is right on all rows, and leaves no way to go.
    """
    if majority.point["accuracy"] == 1:
        return None

    def gain(figure: str) -> Interval:
        value = share_of_way(model.point[figure], majority.point[figure])
        drawn = share_of_way(model.drawn[figure], majority.drawn[figure])
        return interval(value, drawn, confidence)

    return Scores(gain("accuracy"), gain("macro_f1"))


def share_of_way(own: Floats, constant: Floats) -> Floats:
    """Return the share of the way from a constant answer's figure to 1: 0 where that is 1."""
    return ratio(own - constant, 1 - constant)


def class_figures(model: ModelScores, labels: Sequence[str]) -> list[ClassFigures]:
    """Return the model's figures by class, in the labels' order."""
    point = model.point
    return [
        ClassFigures(
            label=label,
            rows=int(point["support"][place]),
            precision=float(point["precision"][place]),
            recall=float(point["recall"][place]),
            f1=float(point["f1"][place]),
        )
        for place, label in enumerate(labels)
    ]


def coverage_steps(truth: Codes, table: Floats, review: Review) -> list[CoverageStep]:
    """Return the coverage by threshold, where anything is answered without review."""
    steps = [coverage(truth, table, at, review.known) for at in COVERAGE_THRESHOLDS]
    return [step for step in steps if step.coverage]
