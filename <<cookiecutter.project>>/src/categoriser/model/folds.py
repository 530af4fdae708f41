"""Answers to merchants that a classifier has not seen: training rows in folds, merchants whole.

A classifier is fitted once a fold, on the rows of all others. So every merchant is answered by one
that has seen no row of it, and many merchants are measured, not one part of them. As in the part of
held-out merchants, no merchant has more than `prepare.largest_group` of the rows that are asked.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from categoriser.data.group_weight import rows_over
from categoriser.data.hashed_uniform import uniform
from categoriser.model.calibration import calibrate, fit_temperature
from categoriser.model.classifier import Classifier
from categoriser.model.knobs import Knobs
from categoriser.model.prepared_rows import training_rows
from categoriser.params import Prepare

Floats = NDArray[np.float64]


def in_folds(rows: pl.DataFrame, count: int, settings: Prepare) -> pl.DataFrame:
    """Return rows, which have `TRAINING_COLUMNS`, by their `fold`, and whether each is `asked`.

    A row's fold, from 0, is by a hash of its merchant.
    """
    hashed = uniform("fold", rows["key"], settings.salt)
    order = uniform("asked", rows["features"], settings.salt)
    return rows.with_columns(
        fold=(hashed * count).floor().cast(pl.Int64),
        asked=~rows_over(settings.largest_group, rows["key"], order),
    ).sort("fold", maintain_order=True)


def fold_answers(
    classifier: type[Classifier],
    knobs: Knobs,
    rows: pl.DataFrame,
    validation: pl.DataFrame,
    fold: int,
    labels: Sequence[str],
) -> Floats:
    """Return calibrated probabilities, shape (rows asked of the fold, labels).

    `rows` are those of `in_folds`. The temperature is fitted on those validation rows whose
    merchants are not in the fold. Raises `UserError` where nothing can be trained.
    """
    held_out = rows.filter(fold=fold)
    fitted = classifier.fit(training_rows(rows.filter(pl.col("fold") != fold)), knobs)
    seen = validation.filter(~pl.col("key").is_in(held_out["key"].unique().implode()))
    temperature = validation_temperature(fitted, seen)
    lines = held_out.filter("asked")["features"].to_list()
    place = {label: number for number, label in enumerate(labels)}
    answers = np.zeros((len(lines), len(labels)))
    columns = [place[name] for name in fitted.classes]
    answers[:, columns] = calibrate(fitted.predict_proba(lines), temperature)
    return answers


def validation_temperature(classifier: Classifier, validation: pl.DataFrame) -> float:
    """Return the temperature that fits validation rows best, of classes that were trained."""
    place = {name: number for number, name in enumerate(classifier.classes)}
    known = validation.filter(pl.col("category").is_in(classifier.classes))
    probabilities = classifier.predict_proba(known["features"].to_list())
    truth = np.array([place[name] for name in known["category"]], int)
    return fit_temperature(probabilities, truth)
