"""fastText by itself, with its own softmax: the peer of the candidates and their probabilities."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import fasttext
import numpy as np
import polars as pl

from categoriser.contract import LABEL_PREFIX
from categoriser.data.rows import read_rows
from categoriser.diagnostics.watch import Watch
from categoriser.evaluation.choose import DRAW
from categoriser.evaluation.metrics import calibration, calibration_error
from categoriser.model.answers import Answers
from categoriser.model.calibration import Codes, Floats, row_losses
from categoriser.model.calibration_fit import fit_calibration
from categoriser.model.classifiers import fasttext_svm
from categoriser.model.folds import answer_folds, calibrated, in_folds
from categoriser.model.prepared_rows import training_rows
from categoriser.model.training_rows import TRAINING_COLUMNS, TrainingRows
from categoriser.params import Prepare

# As they were tuned for the generated rows.
KNOBS = {
    "dim": 16,
    "epoch": 10,
    "lr": 0.2,
    "word_ngrams": 2,
    "minn": 5,
    "maxn": 6,
    "min_count": 1,
    "bucket": 500_000,
    "thread": 1,
}


class BareFastText(fasttext_svm.Classifier):
    """A fastText classifier that nothing is joined with."""

    @classmethod
    def fit(
        cls, rows: TrainingRows, settings: Mapping[str, Any], watch: Watch | None = None
    ) -> Self:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="\n") as file:
            write_lines(Path(file.name), rows)
            return cls(fasttext.train_supervised(file.name, loss="softmax", verbose=0, **settings))

    def predict_texts(self, lines: Sequence[str]) -> None:
        """Answer lines as fastText's own `predict` does."""
        self._model.predict(lines, k=-1)


def write_lines(path: Path, rows: TrainingRows) -> None:
    """Write rows as fastText reads them."""
    examples = zip(rows.labels, rows.lines, strict=True)
    marked = (f"{LABEL_PREFIX}{label} {line}\n" for label, line in examples)
    path.write_text("".join(marked), encoding="utf-8")


def figures_of(truth: Codes, table: Floats) -> list[str]:
    """Return accuracy, log loss and calibration error as texts."""
    accuracy = float((table.argmax(axis=1) == truth).mean())
    error = calibration_error(calibration(truth, table))
    return [f"{value:.4f}" for value in (accuracy, row_losses(truth, table).mean(), error)]


def figures_by_part(prepared: Path, parts: list[str]) -> dict[str, list[str]]:
    """Return `figures_of` fastText by itself on held-out parts; it is calibrated as a model is."""
    train = read_rows(prepared / "train.parquet", *TRAINING_COLUMNS)
    validation = read_rows(prepared / "validation.parquet", *TRAINING_COLUMNS)
    classifier = BareFastText.fit(training_rows(train), KNOBS)
    classes = classifier.classes
    known = validation.filter(pl.col("category").is_in(classes))
    seen = Answers.of(classifier, known, classes)
    fitted = fit_calibration(seen, Answers.none(len(classes)))
    found = {}
    for part in parts:
        rows = read_rows(prepared / f"{part}.parquet", *TRAINING_COLUMNS)
        labels = sorted({*classes, *rows["category"]})
        answers = Answers.of(classifier, rows, labels)
        table = fitted.calibrate(answers.probabilities, answers.novelty)
        found[part] = figures_of(answers.truth, table)
    return found


def figures_on_folds(prepared: Path, count: int, split: Prepare) -> list[str]:
    """Return `figures_of` fastText by itself on folds by merchant of the training rows."""
    rows = in_folds(read_rows(prepared / "train.parquet", *TRAINING_COLUMNS), count, split, DRAW)
    validation = read_rows(prepared / "validation.parquet", *TRAINING_COLUMNS)
    labels = rows["category"].unique().sort().to_list()
    folds = answer_folds(BareFastText, KNOBS, rows, validation, labels, lambda: None)
    truth = np.concatenate([fold.unseen.truth for fold in folds])
    return figures_of(truth, calibrated(folds))
