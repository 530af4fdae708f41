"""Answers to merchants that a classifier has not seen: training rows in folds, merchants whole.

A classifier is fitted once a fold, on the rows of all others. So every training row is answered by
one that has seen no row of its merchant, and many merchants are measured, not one part of them.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from categoriser.data.hashed_uniform import uniform
from categoriser.model.calibration import calibrate, fit_temperature
from categoriser.model.classifier import Classifier
from categoriser.model.knobs import Knobs
from categoriser.model.training_rows import TRAINING_COLUMNS, TrainingRows

Folds = NDArray[np.int64]
Floats = NDArray[np.float64]


def merchant_folds(merchants: pl.Series, count: int) -> Folds:
    """Return the fold of each row, numbered from 0, by a hash of its merchant."""
    return (uniform("fold", merchants) * count).floor().cast(pl.Int64).to_numpy()


def fold_answers(
    classifier: type[Classifier],
    knobs: Knobs,
    rows: pl.DataFrame,
    validation: pl.DataFrame,
    folds: Folds,
    fold: int,
    labels: Sequence[str],
) -> Floats:
    """Return calibrated probabilities, shape (rows of the fold, labels).

    `rows` and `validation` have `TRAINING_COLUMNS`. The temperature is fitted on those validation
    rows whose merchants are not in the fold. Raises `UserError` where nothing can be trained.
    """
    held_out = rows.filter(pl.Series(folds == fold))
    fitted = classifier.fit(training_rows(rows.filter(pl.Series(folds != fold))), knobs)
    seen = validation.filter(~pl.col("key").is_in(held_out["key"].unique().implode()))
    temperature = validation_temperature(fitted, seen)
    known = calibrate(fitted.predict_proba(held_out["features"].to_list()), temperature)
    place = {label: number for number, label in enumerate(labels)}
    answers = np.zeros((held_out.height, len(labels)))
    answers[:, [place[name] for name in fitted.classes]] = known
    return answers


def training_rows(rows: pl.DataFrame) -> TrainingRows:
    """Return prepared rows, which have `TRAINING_COLUMNS`, as a classifier takes them."""
    lines, labels, merchants = (rows[name].to_list() for name in TRAINING_COLUMNS)
    return TrainingRows(lines, labels, merchants)


def validation_temperature(classifier: Classifier, validation: pl.DataFrame) -> float:
    """Return the temperature that fits validation rows best, of classes that were trained."""
    place = {name: number for number, name in enumerate(classifier.classes)}
    known = validation.filter(pl.col("category").is_in(classifier.classes))
    probabilities = classifier.predict_proba(known["features"].to_list())
    truth = np.array([place[name] for name in known["category"]], int)
    return fit_temperature(probabilities, truth)
