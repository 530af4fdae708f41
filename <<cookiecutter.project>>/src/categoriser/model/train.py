"""Stage `train`: fit the chosen candidate, then its calibration on rows that it has not seen."""

import logging
import sys
from importlib.metadata import version
from pathlib import Path

import polars as pl
from msgspec import structs, to_builtins

from categoriser.command import run_command
from categoriser.data.rows import read_rows
from categoriser.diagnostics.training_watch import TrainingWatch
from categoriser.features import VERSION
from categoriser.io.digests import digest
from categoriser.io.replacing import write_json
from categoriser.model.answers import Answers, read_answers
from categoriser.model.calibration import Calibration, row_losses
from categoriser.model.calibration_fit import fit_calibration
from categoriser.model.choice import Choice, read_choice
from categoriser.model.classifier import Classifier, classifier_of, fit_watched
from categoriser.model.knobs import Knobs
from categoriser.model.metadata import Metadata, ValidationFigures
from categoriser.model.package import Categoriser
from categoriser.model.prepared_rows import training_rows
from categoriser.model.training_rows import TRAINING_COLUMNS
from categoriser.params import Train, read_params
from categoriser.paths import CHOICE, PREPARED, SERIES, TRAINED, TRAINING, UNSEEN_ANSWERS

log = logging.getLogger(__name__)


def train(
    prepared: Path,
    model: Path,
    settings: Train,
    choice: Choice,
    unseen: Answers | None = None,
    watch: TrainingWatch | None = None,
) -> Categoriser:
    """Train on `prepared`/train.parquet, calibrate on validation.parquet, write the folder `model`.

    `unseen` are the chosen candidate's answers to the folds of `choose`, which calibrate too. Logs
    `name=value` lines, which SageMaker's metric definitions read. Raises `UserError` for missing
    files, for settings or rows from which nothing can be trained, and where the watch stops it.
    """
    rows = read_rows(prepared / "train.parquet", *TRAINING_COLUMNS)
    validation = read_rows(prepared / "validation.parquet", *TRAINING_COLUMNS)
    knobs = settings.knobs_of(choice.chosen)
    classifier = fit(classifier_of(choice.chosen), rows, validation, knobs, watch)
    classes = classifier.classes
    # Rows of classes that were not trained say nothing about the calibration.
    known = validation.filter(pl.col("category").is_in(classes))
    answers = Answers.of(classifier, known, classes)
    calibration = fit_calibration(answers, unseen or Answers.none(len(classes)))
    figures = validation_figures(answers, calibration)
    metadata = Metadata(
        candidate=choice.chosen,
        choice=choice,
        classes=list(classes),
        classifier=knobs,
        features_version=VERSION,
        libraries={name: version(name) for name in classifier.LIBRARIES},
        review_threshold=settings.review_threshold,
        train_digest=digest(prepared / "train.parquet"),
        train_rows=len(rows),
        **structs.asdict(figures),
    )
    categoriser = Categoriser(classifier, metadata)
    categoriser.save(model)
    log.info("train_rows=%d", len(rows))
    for name, value in to_builtins(figures).items():
        log.info("%s=%s", name, value)
    return categoriser


def fit(
    classifier: type[Classifier],
    rows: pl.DataFrame,
    validation: pl.DataFrame,
    knobs: Knobs,
    watch: TrainingWatch | None,
) -> Classifier:
    """Fit on rows, watched on validation rows too where there is a watch."""
    trained = training_rows(rows)
    if watch is None:
        return classifier.fit(trained, knobs)
    watch.begin(trained[:2], training_rows(validation)[:2])
    return fit_watched(classifier, trained, knobs, watch)


def validation_figures(answers: Answers, calibration: Calibration) -> ValidationFigures:
    """Return the calibration, and accuracy and log loss to six decimals where there are rows."""
    figures = ValidationFigures(
        temperature=calibration.temperature,
        novel_temperature=calibration.novel_temperature,
        label_noise=calibration.label_noise,
        validation_rows=len(answers.truth),
    )
    if not len(answers.truth):
        return figures
    table = calibration.calibrate(answers.probabilities, answers.novelty)
    right = table.argmax(axis=1) == answers.truth
    return structs.replace(
        figures,
        validation_accuracy=round(float(right.mean()), 6),
        validation_log_loss=round(float(row_losses(answers.truth, table).mean()), 6),
    )


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    params = read_params()
    choice = read_choice(CHOICE)
    watch = TrainingWatch(SERIES, choice.chosen, params.diagnostics.exploding_loss)
    train(PREPARED, TRAINED, params.train, choice, read_answers(UNSEEN_ANSWERS), watch)
    write_json(TRAINING, watch.training)


if __name__ == "__main__":
    run_command(main)
