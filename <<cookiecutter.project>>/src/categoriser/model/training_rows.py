"""The rows that a classifier is fitted on."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import polars as pl

# The columns of the prepared files that a fit reads.
TRAINING_COLUMNS = ("features", "category", "key")


class TrainingRows(NamedTuple):
    """Lines of `categoriser.features`, and the class and the merchant of each."""

    lines: Sequence[str]
    labels: Sequence[str]
    merchants: Sequence[str]

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Self:
        """Take them from prepared rows, which have `TRAINING_COLUMNS`."""
        columns = (rows[name].to_list() for name in TRAINING_COLUMNS)
        return cls(*columns)
