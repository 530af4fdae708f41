"""Labels of the newest months are held out as these months are: nothing is learned from them."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from categoriser.paths import FEEDBACK_TRAIN, PARAMS
from categoriser.plural import plural


def labels_held_out(sources: Sequence[Path], newest: str, months: int) -> str:
    """Say how many rows of `feedback/train.csv` are of months that are held out; "" for none.

    `sources` are the files that were taken together, `newest` is the last month of their rows
    (YYYY-MM), and `months` are held out (`prepare.months`).
    """
    labels = [path for path in sources if path.resolve() == FEEDBACK_TRAIN.resolve()]
    if not labels:
        return ""
    dates = pl.read_csv(labels[0], columns=["date"], infer_schema=False)["date"]
    of_labels = _month_number(dates.str.to_date(strict=False))
    of_newest = _month_number(pl.Series([f"{newest}-01"]).str.to_date())
    held_out = int((of_labels > of_newest.item() - months).sum())
    if not held_out:
        return ""
    return (
        f"{held_out:,} of the {plural(len(dates), 'labelled row')} in {FEEDBACK_TRAIN} are of the "
        f"newest {plural(months, 'month')}, which prepare.months in {PARAMS} holds out: the model "
        "is measured by them, and learns nothing from them. With prepare.months: 0 it learns from "
        "them now; merchants and rows are held out all the same"
    )


def _month_number(dates: pl.Series) -> pl.Series:
    """Return the months, numbered on end over the years."""
    return dates.dt.year().cast(pl.Int64) * 12 + dates.dt.month()
