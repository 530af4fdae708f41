"""Stage `train`: fit the classifier, then its temperature on the validation rows."""

import logging
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from categoriser.command import run_command
from categoriser.data.rows import read_rows
from categoriser.features import VERSION
from categoriser.io.digests import digest
from categoriser.model.classifier import Classifier
from categoriser.model.package import COLDEST, HOTTEST, Categoriser, calibrate
from categoriser.params import Train, read_params
from categoriser.paths import MODEL, PREPARED

log = logging.getLogger(__name__)

COLUMNS = ("features", "category")

# An answer of probability 0 that turns out true costs this probability's logarithm.
TINY = 1e-12


def train(prepared: Path, model: Path, settings: Train) -> Categoriser:
    """Train on `prepared`/train.parquet, calibrate on validation.parquet, write the folder `model`.

    Logs `name=value` lines, which SageMaker's metric definitions read. Raises `UserError` for
    missing files and for settings or rows from which nothing can be trained.
    """
    rows = read_rows(prepared / "train.parquet", *COLUMNS)
    lines, labels = (rows[name].to_list() for name in COLUMNS)
    classifier = Classifier.fit(lines, labels, settings.classifier)
    measured = measure(answer(classifier, read_rows(prepared / "validation.parquet", *COLUMNS)))
    metadata = {
        "classes": list(classifier.classes),
        "classifier": settings.classifier,
        "features_version": VERSION,
        "libraries": {name: version(name) for name in classifier.LIBRARIES},
        "review_threshold": settings.review_threshold,
        "train_digest": digest(prepared / "train.parquet"),
        "train_rows": len(rows),
    }
    categoriser = Categoriser(classifier, metadata | measured)
    categoriser.save(model)
    log.info("train_rows=%d", len(rows))
    for name, value in measured.items():
        log.info("%s=%s", name, value)
    return categoriser


@dataclass(frozen=True)
class Answered:
    """Calibrated answers to the validation rows of classes that were trained."""

    temperature: float
    right: NDArray[np.bool_]  # (rows,)
    losses: NDArray[np.float64]  # (rows,): -ln p(true class), in nats


def answer(classifier: Classifier, validation: pl.DataFrame) -> Answered:
    """Fit the temperature and answer with it; with no row left it is 1.

    Rows of classes that were not trained say nothing about it.
    """
    number = {name: position for position, name in enumerate(classifier.classes)}
    validation = validation.filter(pl.col("category").is_in(classifier.classes))
    if validation.is_empty():
        return Answered(1.0, np.zeros(0, dtype=bool), np.zeros(0))
    probabilities = classifier.predict_proba(validation["features"].to_list())
    truth = np.array([number[label] for label in validation["category"]])
    temperature = fit_temperature(probabilities, truth)
    calibrated = calibrate(probabilities, temperature)
    true = np.maximum(calibrated[np.arange(len(truth)), truth], TINY)
    right = calibrated.argmax(axis=1) == truth
    return Answered(temperature, right, -np.log(true))


def measure(answered: Answered) -> dict[str, float]:
    """Return the temperature, and accuracy and log loss (in nats) where there are rows."""
    found: dict[str, float] = {
        "temperature": answered.temperature,
        "validation_rows": len(answered.right),
    }
    if len(answered.right):
        found["validation_accuracy"] = round(float(answered.right.mean()), 6)
        found["validation_log_loss"] = round(float(answered.losses.mean()), 6)
    return found


def fit_temperature(probabilities: NDArray[np.float64], truth: NDArray[np.intp]) -> float:
    """Return the temperature of least log loss, to six decimals.

    `truth` holds each row's column. The loss is convex in 1/T (Guo et al. 2017), so its slope
    changes sign once: halve the bounds.
    """
    logs = np.log(np.maximum(probabilities, TINY))
    observed = logs[np.arange(len(truth)), truth].mean()
    low, high = COLDEST, HOTTEST
    for _ in range(40):
        middle = (low * high) ** 0.5
        expected = (calibrate(probabilities, middle) * logs).sum(axis=1).mean()
        # Surer than it is right: it must be hotter.
        low, high = (middle, high) if expected > observed else (low, middle)
    return round(float(high), 6)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    train(PREPARED, MODEL, read_params().train)


if __name__ == "__main__":
    run_command(main)
