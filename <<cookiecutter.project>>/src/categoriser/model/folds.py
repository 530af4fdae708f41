"""Answers to merchants that a classifier has not seen: training rows in folds, merchants whole.

A classifier is fitted once a fold, on the rows of all others. So every merchant is answered by one
that has seen no row of it, and many merchants are measured, not one part of them. As in the part of
held-out merchants, no merchant has more than `prepare.largest_group` of the rows that are asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from categoriser.data.group_weight import rows_over
from categoriser.data.hashed_uniform import uniform
from categoriser.model.answers import Answers
from categoriser.model.calibration import Floats
from categoriser.model.calibration_fit import fit_calibration
from categoriser.model.classifier import Classifier
from categoriser.model.knobs import Knobs
from categoriser.model.prepared_rows import training_rows
from categoriser.params import Prepare


def in_folds(rows: pl.DataFrame, count: int, settings: Prepare, draw: str) -> pl.DataFrame:
    """Return rows, which have `TRAINING_COLUMNS`, by their `fold`, and whether each is `asked`.

    A row's fold, from 0, is by a hash of its merchant and of the draw's name: under another name
    the folds are others.
    """
    hashed = uniform(draw, rows["key"], settings.salt)
    order = uniform("asked", rows["features"], settings.salt)
    return rows.with_columns(
        fold=(hashed * count).floor().cast(pl.Int64),
        asked=~rows_over(settings.largest_group, rows["key"], order),
    ).sort("fold", maintain_order=True)


@dataclass(frozen=True)
class FoldAnswers:
    """What a classifier that has not seen a fold's merchants answers, uncalibrated."""

    unseen: Answers  # the fold's rows that are asked
    seen: Answers  # the validation rows whose merchants are not in the fold


def answer_folds(
    classifier: type[Classifier],
    knobs: Knobs,
    rows: pl.DataFrame,
    validation: pl.DataFrame,
    labels: Sequence[str],
    step: Callable[[], None],
) -> list[FoldAnswers]:
    """Answer each fold that has rows, in their order; `step` is called after each.

    Raises `UserError` as `answer_fold`.
    """
    folds = []
    for fold in rows["fold"].unique().sort().to_list():
        folds.append(answer_fold(classifier, knobs, rows, validation, fold, labels))
        step()
    return folds


def answer_fold(
    classifier: type[Classifier],
    knobs: Knobs,
    rows: pl.DataFrame,
    validation: pl.DataFrame,
    fold: int,
    labels: Sequence[str],
) -> FoldAnswers:
    """Answer a fold after a fit on the others.

    `rows` are those of `in_folds`, and `labels` are their classes. Raises `UserError` where nothing
    can be trained.
    """
    held_out = rows.filter(fold=fold)
    fitted = classifier.fit(training_rows(rows.filter(pl.col("fold") != fold)), knobs)
    is_seen = ~pl.col("key").is_in(held_out["key"].unique().implode())
    seen = validation.filter(is_seen & pl.col("category").is_in(labels))
    return FoldAnswers(
        unseen=Answers.of(fitted, held_out.filter("asked"), labels),
        seen=Answers.of(fitted, seen, labels),
    )


def calibrated(folds: Sequence[FoldAnswers]) -> Floats:
    """Return calibrated probabilities of all folds' rows, shape (rows, labels), in their order.

    What calibrates a fold is of other merchants: its validation rows, and the other folds.
    """
    tables = []
    for fold in folds:
        others = Answers.joined([other.unseen for other in folds if other is not fold])
        calibration = fit_calibration(fold.seen, others)
        tables.append(calibration.calibrate(fold.unseen.probabilities, fold.unseen.novelty))
    return np.vstack(tables)
