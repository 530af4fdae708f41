"""A classifier's answers to rows whose classes are known, before they are calibrated."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from categoriser.data.rows import read_rows
from categoriser.features import words_of
from categoriser.io.replacing import replacing
from categoriser.model.calibration import Codes, Floats, novelty_of
from categoriser.model.classifier import Classifier


@dataclass(frozen=True)
class Answers:
    """Probabilities and the truth; a row's class is its place in a list of labels."""

    probabilities: Floats  # (rows, labels): 0 for a class that was not trained
    novelty: Floats  # (rows,): the share of a row's tokens that are not known from training
    truth: Codes  # (rows,)

    @classmethod
    def of(cls, classifier: Classifier, rows: pl.DataFrame, labels: Sequence[str]) -> Self:
        """Ask a classifier for rows, which have `features` and `category`.

        `labels` holds their classes, and the classifier's.
        """
        lines = rows["features"].to_list()
        place = {label: number for number, label in enumerate(labels)}
        probabilities = np.zeros((len(lines), len(labels)))
        columns = [place[name] for name in classifier.classes]
        probabilities[:, columns] = classifier.predict_proba(lines)
        truth = np.array([place[label] for label in rows["category"]], np.int64)
        return cls(probabilities, novelty_of(words_of(lines), classifier.tokens), truth)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return several answers to rows of the same labels as one."""
        return cls(
            np.vstack([part.probabilities for part in parts]),
            np.concatenate([part.novelty for part in parts]),
            np.concatenate([part.truth for part in parts]),
        )

    @classmethod
    def none(cls, labels: int) -> Self:
        """Return the answers to no row."""
        return cls(np.zeros((0, labels)), np.zeros(0), np.zeros(0, np.int64))

    def at(self, places: NDArray[np.bool_] | Codes) -> Self:
        """Return the answers to some of the rows."""
        cls = type(self)
        return cls(self.probabilities[places], self.novelty[places], self.truth[places])

    def sample(self, most: int) -> Self:
        """Return `most` of the rows, the same each time, or all of them."""
        rows = len(self.truth)
        if rows <= most:
            return self
        return self.at(np.sort(np.random.default_rng(0).choice(rows, most, replace=False)))


def write_answers(path: Path, answers: Answers) -> None:
    """Write Parquet: `novelty`, `truth`, and a column of probabilities for each label's place."""
    labels = answers.probabilities.shape[1]
    columns = {str(place): answers.probabilities[:, place] for place in range(labels)}
    table = pl.DataFrame({"novelty": answers.novelty, "truth": answers.truth} | columns)
    with replacing(path) as aside:
        table.write_parquet(aside)


def read_answers(path: Path) -> Answers:
    """Read what `write_answers` wrote. Raises `UserError` where it is missing or damaged."""
    table = read_rows(path, made_by="dvc repro choose")
    return Answers(
        probabilities=table.drop("novelty", "truth").to_numpy(order="c"),
        novelty=table["novelty"].to_numpy(),
        truth=table["truth"].to_numpy(),
    )
