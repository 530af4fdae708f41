"""Intervals as metrics of MLflow, which knows none: `NAME.low` and `NAME.high` beside `NAME`."""

from pathlib import Path

from categoriser.evaluation.evaluation_file import read_evaluation
from categoriser.evaluation.headline import FOLDS
from categoriser.intervals import Interval, Scores

LOW = ".low"
HIGH = ".high"


def with_ends(name: str, interval: Interval) -> dict[str, float]:
    """Return a figure and the ends of its interval, by the names that MLflow shows."""
    return {name: interval.value} | ends(name, interval)


def ends(name: str, interval: Interval) -> dict[str, float]:
    return {name + LOW: interval.low, name + HIGH: interval.high}


def measured_ends(path: Path) -> dict[str, float]:
    """Return the ends of the intervals of the model's figures in reports/metrics.json.

    They are in the evaluation, which Git does not keep: without that file there are none.
    """
    if not path.exists():
        return {}
    evaluation = read_evaluation(path)
    scores: dict[str, Scores] = {
        part: figures.models["model"] for part, figures in evaluation.parts.items() if figures.rows
    }
    choice = evaluation.model.metadata.choice
    if choice and choice.candidates:
        scores[FOLDS] = choice.candidates[choice.chosen]
    found: dict[str, float] = {}
    for part, both in scores.items():
        found |= ends(f"{part}.accuracy", both.accuracy) | ends(f"{part}.macro_f1", both.macro_f1)
    return found
