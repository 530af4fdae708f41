"""Stage `train`: fit the chosen candidate, then its temperature on the validation rows."""

import logging
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
from msgspec import to_builtins
from numpy.typing import NDArray

from categoriser.command import run_command
from categoriser.data.rows import read_rows
from categoriser.features import VERSION
from categoriser.io.digests import digest
from categoriser.model.calibration import TINY, calibrate, fit_temperature
from categoriser.model.choice import Choice, read_choice
from categoriser.model.classifier import Classifier, classifier_of
from categoriser.model.metadata import Metadata, ValidationFigures
from categoriser.model.package import Categoriser
from categoriser.model.prepared_rows import training_rows
from categoriser.model.training_rows import TRAINING_COLUMNS
from categoriser.params import Train, read_params
from categoriser.paths import CHOICE, PREPARED, TRAINED

log = logging.getLogger(__name__)


def train(prepared: Path, model: Path, settings: Train, choice: Choice) -> Categoriser:
    """Train on `prepared`/train.parquet, calibrate on validation.parquet, write the folder `model`.

    Logs `name=value` lines, which SageMaker's metric definitions read. Raises `UserError` for
    missing files and for settings or rows from which nothing can be trained.
    """
    rows = read_rows(prepared / "train.parquet", *TRAINING_COLUMNS)
    validation = read_rows(prepared / "validation.parquet", *TRAINING_COLUMNS)
    knobs = settings.knobs_of(choice.chosen)
    classifier = classifier_of(choice.chosen).fit(training_rows(rows), knobs)
    figures = validation_figures(answer_validation(classifier, validation))
    metadata = Metadata(
        candidate=choice.chosen,
        choice=choice,
        classes=list(classifier.classes),
        classifier=knobs,
        features_version=VERSION,
        libraries={name: version(name) for name in classifier.LIBRARIES},
        review_threshold=settings.review_threshold,
        train_digest=digest(prepared / "train.parquet"),
        train_rows=len(rows),
        temperature=figures.temperature,
        validation_rows=figures.validation_rows,
        validation_accuracy=figures.validation_accuracy,
        validation_log_loss=figures.validation_log_loss,
    )
    categoriser = Categoriser(classifier, metadata)
    categoriser.save(model)
    log.info("train_rows=%d", len(rows))
    for name, value in to_builtins(figures).items():
        log.info("%s=%s", name, value)
    return categoriser


@dataclass(frozen=True)
class ValidationAnswers:
    """Calibrated answers to the validation rows of classes that were trained."""

    temperature: float
    right: NDArray[np.bool_]  # (rows,)
    losses: NDArray[np.float64]  # (rows,): -ln p(true class), in nats


def answer_validation(classifier: Classifier, validation: pl.DataFrame) -> ValidationAnswers:
    """Fit the temperature and answer with it; with no row left it is 1.

    Rows of classes that were not trained say nothing about the temperature.
    """
    number = {name: position for position, name in enumerate(classifier.classes)}
    validation = validation.filter(pl.col("category").is_in(classifier.classes))
    if validation.is_empty():
        return ValidationAnswers(1.0, np.zeros(0, dtype=bool), np.zeros(0))
    probabilities = classifier.predict_proba(validation["features"].to_list())
    truth = np.array([number[label] for label in validation["category"]])
    temperature = fit_temperature(probabilities, truth)
    calibrated = calibrate(probabilities, temperature)
    true = np.maximum(calibrated[np.arange(len(truth)), truth], TINY)
    right = calibrated.argmax(axis=1) == truth
    return ValidationAnswers(temperature, right, -np.log(true))


def validation_figures(answers: ValidationAnswers) -> ValidationFigures:
    """Return the temperature, and accuracy and log loss to six decimals where there are rows."""
    rows = len(answers.right)
    if not rows:
        return ValidationFigures(answers.temperature, 0)
    return ValidationFigures(
        temperature=answers.temperature,
        validation_rows=rows,
        validation_accuracy=round(float(answers.right.mean()), 6),
        validation_log_loss=round(float(answers.losses.mean()), 6),
    )


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    train(PREPARED, TRAINED, read_params().train, read_choice(CHOICE))


if __name__ == "__main__":
    run_command(main)
