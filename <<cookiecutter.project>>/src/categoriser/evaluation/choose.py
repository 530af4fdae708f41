"""Stage `choose`: the candidates on folds by merchant of the training rows; the better one goes on.

Each candidate answers the training rows after fits that have seen no row of their merchants. The
reference goes on, unless others are surely more accurate: of those, the one with the least log
loss, since it says best how sure it is.

No held-out row is read, so that the held-out parts still say how good the chosen one is.
"""

import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from msgspec import convert, to_builtins
from rich.progress import Progress

from categoriser.command import run_command
from categoriser.data.rows import read_rows
from categoriser.evaluation.bootstrap import MIN_GROUPS, interval, resampled_scores
from categoriser.evaluation.evaluation_file import rounded
from categoriser.evaluation.metrics import calibration, calibration_error
from categoriser.evaluation.reference import REFERENCE
from categoriser.evaluation.scores import (
    Codes,
    Floats,
    confusion,
    group_codes,
    resampled_means,
    scores,
)
from categoriser.intervals import Interval, Scores
from categoriser.io.replacing import write_json
from categoriser.model.answers import Answers, write_answers
from categoriser.model.calibration import row_losses
from categoriser.model.calibration_fit import MOST_ROWS
from categoriser.model.choice import CandidateFigures, Choice, unmeasured
from categoriser.model.classifier import classifier_of
from categoriser.model.folds import answer_folds, calibrated, in_folds
from categoriser.model.training_rows import TRAINING_COLUMNS
from categoriser.params import Evaluate, Prepare, Train, read_params
from categoriser.paths import CHOICE, PREPARED, UNSEEN_ANSWERS

log = logging.getLogger(__name__)

FIGURES = ("accuracy", "macro_f1")
# Which draw of folds decides.
DRAW = "fold"


class FoldRows(NamedTuple):
    """What every candidate is measured on: `training` is in folds, and `labels` are its classes."""

    training: pl.DataFrame
    validation: pl.DataFrame
    labels: list[str]


class CandidateAnswers(NamedTuple):
    """A candidate's answers to all folds, and its calibrated probabilities, in the same order."""

    unseen: Answers  # uncalibrated
    probabilities: Floats  # (rows, labels)


class Chosen(NamedTuple):
    """The choice, and the chosen candidate's answers to all folds, uncalibrated."""

    choice: Choice
    unseen: Answers


def choose_candidate(
    prepared: Path,
    settings: Train,
    split: Prepare,
    measured: Evaluate,
    step: Callable[[], None] = lambda: None,
) -> Chosen:
    """Return the choice; `step` is called after each fold of each candidate.

    Raises `UserError` for files that are missing, and for a candidate that cannot be trained.
    """
    rows = fold_rows(prepared, settings, split)
    answered = {
        candidate: answer_candidate(candidate, settings, rows, step)
        for candidate in settings.candidates
    }
    return choose_among(answered, rows, settings, measured)


def fold_rows(prepared: Path, settings: Train, split: Prepare) -> FoldRows:
    """Read what the candidates are measured on. Raises `UserError` for files that are missing."""
    rows = read_rows(prepared / "train.parquet", *TRAINING_COLUMNS)
    validation = read_rows(prepared / "validation.parquet", *TRAINING_COLUMNS)
    rows = in_folds(rows, settings.folds, split, DRAW)
    return FoldRows(rows, validation, rows["category"].unique().sort().to_list())


def answer_candidate(
    candidate: str, settings: Train, rows: FoldRows, step: Callable[[], None] = lambda: None
) -> CandidateAnswers:
    """Answer the folds by one candidate; `step` is called after each fold.

    There are no answers where all rows are in one fold. Raises `UserError` for a candidate that
    cannot be trained.
    """
    training, validation, labels = rows
    if training["fold"].n_unique() < 2:
        return CandidateAnswers(Answers.none(len(labels)), np.zeros((0, len(labels))))
    knobs = settings.candidates[candidate]
    folds = answer_folds(classifier_of(candidate), knobs, training, validation, labels, step)
    return CandidateAnswers(Answers.joined([fold.unseen for fold in folds]), calibrated(folds))


def choose_among(
    answered: Mapping[str, CandidateAnswers],
    rows: FoldRows,
    settings: Train,
    measured: Evaluate,
) -> Chosen:
    """Choose by all candidates' answers to the same rows."""
    truth = next(iter(answered.values())).unseen.truth
    if not len(truth):
        return Chosen(unmeasured(to_beat(settings)), Answers.none(len(rows.labels)))
    tables = {candidate: answers.probabilities for candidate, answers in answered.items()}
    groups = group_codes(rows.training.filter("asked"))
    choice = choice_of(tables, truth, groups, settings, measured)
    return Chosen(choice, answered[choice.chosen].unseen)


def to_beat(settings: Train) -> str:
    """Return the candidate that goes on where none is surely better.

    It is the reference, or the first that is named where the reference is no candidate.
    """
    return REFERENCE if REFERENCE in settings.candidates else settings.first


def choice_of(
    tables: Mapping[str, Floats],
    truth: Codes,
    groups: Codes,
    settings: Train,
    measured: Evaluate,
) -> Choice:
    """Choose by the candidates' probabilities, shape (rows, labels), for rows of known classes.

    `groups` are the rows' merchants, numbered from 0 without a gap.
    """
    size = next(iter(tables.values())).shape[1]
    points = {}
    draws = {}
    losses = {}
    for candidate, table in tables.items():
        answers = table.argmax(axis=1)
        points[candidate] = scores(confusion(truth, answers, size))
        draws[candidate] = resampled_scores(truth, answers, size, groups, measured.resamples)
        losses[candidate] = row_losses(truth, table)

    def lead(one: str, other: str) -> Scores:
        """Return by how much one candidate's figures are over another's, on the same draws."""
        accuracy, macro_f1 = (
            interval(
                points[one][figure] - points[other][figure],
                draws[one][figure] - draws[other][figure],
                measured.confidence,
            )
            for figure in FIGURES
        )
        return Scores(accuracy, macro_f1)

    def loss_lead(one: str, other: str) -> Interval:
        """Return by how much one candidate's log loss is under another's, on the same draws."""
        saved = losses[other] - losses[one]
        drawn = resampled_means(saved, groups, measured.resamples)
        return interval(float(saved.mean()), drawn, measured.confidence)

    beaten = to_beat(settings)
    count = int(groups.max()) + 1
    # Of few merchants no lead is sure, whatever its interval.
    able = tables if count >= MIN_GROUPS else ()
    better = [name for name in able if lead(name, beaten).accuracy.low > 0]
    chosen = min(better, key=lambda name: float(losses[name].mean()), default=beaten)
    figures = {}
    for candidate, table in tables.items():
        accuracy, macro_f1 = (
            interval(points[candidate][figure], draws[candidate][figure], measured.confidence)
            for figure in FIGURES
        )
        figures[candidate] = CandidateFigures(
            accuracy=accuracy,
            macro_f1=macro_f1,
            knobs=settings.candidates[candidate],
            calibration_error=calibration_error(calibration(truth, table)),
            log_loss=float(losses[candidate].mean()),
            lead=lead(chosen, candidate),
            loss_lead=loss_lead(chosen, candidate),
        )
    choice = Choice(
        chosen=chosen,
        folds=settings.folds,
        rows=len(truth),
        groups=count,
        candidates=figures,
    )
    return convert(rounded(to_builtins(choice)), Choice)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    params = read_params()
    settings = params.train
    with Progress(transient=True) as progress:
        steps = len(settings.candidates) * settings.folds
        task = progress.add_task("fitting candidates on folds", total=steps)
        choice, unseen = choose_candidate(
            PREPARED, settings, params.prepare, params.evaluate, lambda: progress.advance(task)
        )
    for candidate, figures in choice.candidates.items():
        goes_on = ", goes on" if candidate == choice.chosen else ""
        log.info(
            "%s: accuracy %.1f %%, log loss %.4f on unseen merchants%s",
            candidate,
            100 * figures.accuracy.value,
            figures.log_loss,
            goes_on,
        )
    write_answers(UNSEEN_ANSWERS, unseen.sample(MOST_ROWS))
    write_json(CHOICE, choice)


if __name__ == "__main__":
    run_command(main)
