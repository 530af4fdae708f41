"""Prepared rows as a classifier takes them."""

import polars as pl

from categoriser.model.training_rows import TRAINING_COLUMNS, TrainingRows


def training_rows(rows: pl.DataFrame) -> TrainingRows:
    """Return rows, which have `TRAINING_COLUMNS`, for a fit."""
    lines, labels, merchants = (rows[name].to_list() for name in TRAINING_COLUMNS)
    return TrainingRows(lines, labels, merchants)
