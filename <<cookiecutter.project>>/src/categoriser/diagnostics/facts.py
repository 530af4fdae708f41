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


def gather(prepared: Path, trained: Path, training: Training) -> Facts:
    """Return the facts. Raises `UserError` for files that are missing or damaged."""
    train = read_rows(prepared / "train.parquet", "features", "category")
    validation = read_rows(prepared / "validation.parquet", "features", "category")
    split = read_split(prepared)
    classifier = Categoriser.load(trained).classifier
    known = {word for words in words_of(train["features"].unique().to_list()) for word in words}
    parts = {}
    for part in OTHER_PARTS:
        lines = read_rows(prepared / f"{part}.parquet", "features")["features"].to_list()
        shared = split.parts[part].line_in_training
        parts[part] = PartShares(lines_in_training=shared, unknown_words=unknown(lines, known))
    answered = answers_of(classifier, validation)
    sampled = train.gather_every(max(train.height // SAMPLE_ROWS, 1))
    return Facts(
        training=training,
        classes=count_classes(train["category"], validation["category"], answered),
        parts=parts,
        train_accuracy=accuracy(answers_of(classifier, sampled), sampled["category"]),
        valid_accuracy=accuracy(answered, validation["category"]),
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
    train: pl.Series, validation: pl.Series, answered: pl.Series
) -> dict[str, ClassRows]:
    """Count each trained class's rows, and the validation rows that are answered with it."""
    counts = [Counter(column.to_list()) for column in (train, validation, answered)]
    return {name: ClassRows(*(count[name] for count in counts)) for name in sorted(counts[0])}


def unknown(lines: Sequence[str], known: Collection[str]) -> float | None:
    """Return the share of the lines' words that are not known; None without words."""
    found = [word for words in words_of(lines) for word in words if is_word(word)]
    return sum(word not in known for word in found) / len(found) if found else None
