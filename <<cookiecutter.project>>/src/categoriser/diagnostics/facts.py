"""Taking the facts that the rules judge from the prepared rows and the trained classifier."""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import cast

import polars as pl

from categoriser.data.rows import read_rows
from categoriser.data.split import HELD_OUT_PARTS, read_split
from categoriser.diagnostics.rules import ClassRows, Facts, PartShares
from categoriser.diagnostics.series import Training
from categoriser.features import is_word, words_of
from categoriser.model.classifier import Classifier
from categoriser.model.package import Categoriser

# The parts beside training, in the order of reading.
OTHER_PARTS = ("validation", *HELD_OUT_PARTS)
# Training rows that the finished classifier answers.
SAMPLE_ROWS = 5000


def gather(prepared: Path, trained: Path, training: Training, min_rows: int) -> Facts:
    """Return the facts. Raises `UserError` for files that are missing or damaged.

    Of under `min_rows` validation rows the accuracy says too little.
    """
    train = read_rows(prepared / "train.parquet", "features", "category")
    validation = read_rows(prepared / "validation.parquet", "features", "category")
    split = read_split(prepared)
    classifier = Categoriser.load(trained).classifier
    known = {word for words in words_of(train["features"].unique().to_list()) for word in words}
    parts = {}
    classes = set(train["category"])
    for part in OTHER_PARTS:
        rows = read_rows(prepared / f"{part}.parquet", "features", "category")
        classes.update(rows["category"])
        shared = split.parts[part].line_in_training
        words = unknown(rows["features"].to_list(), known)
        parts[part] = PartShares(lines_in_training=shared, unknown_words=words)
    answered = answers_of(classifier, validation)
    sampled = train.gather_every(max(train.height // SAMPLE_ROWS, 1))
    return Facts(
        training=training,
        classes=count_classes(classes, train["category"], validation["category"], answered),
        parts=parts,
        train_accuracy=accuracy(answers_of(classifier, sampled), sampled["category"]),
        valid_accuracy=accuracy(answered, validation["category"]),
        min_rows=min_rows,
    )


def answers_of(classifier: Classifier, rows: pl.DataFrame) -> pl.Series:
    """Return a classifier's own answers, without calibration and rules."""
    if rows.is_empty():
        return pl.Series(dtype=pl.String)
    best = classifier.predict_proba(rows["features"].to_list()).argmax(axis=1)
    return pl.Series([classifier.classes[place] for place in best])


def accuracy(answers: pl.Series, truth: pl.Series) -> float | None:
    """Return the share that is right; None without rows."""
    return cast("float | None", (answers == truth).mean())


def count_classes(
    classes: Collection[str], train: pl.Series, validation: pl.Series, answered: pl.Series
) -> dict[str, ClassRows]:
    """Count each class's rows, and the validation rows that are answered with it."""
    counts = [Counter(column.to_list()) for column in (train, validation, answered)]
    return {name: ClassRows(*(count[name] for count in counts)) for name in sorted(classes)}


def unknown(lines: Sequence[str], known: Collection[str]) -> float | None:
    """Return the share of the lines' words that are not known; None without words."""
    found = [word for words in words_of(lines) for word in words if is_word(word)]
    return sum(word not in known for word in found) / len(found) if found else None
