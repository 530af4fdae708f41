"""Rows in groups of alike ones, in the order in which their labels are worth most."""

from typing import NamedTuple

import polars as pl
from msgspec import Struct, convert

# A label of a merchant that training has not seen teaches the model a name; it counts this often.
WORTH_OF_NEW = 2.0


class Group(Struct, frozen=True):
    """Rows of one key, as one card of the page shows them.

    `number` is the group's place in the order, and its `rows` rows are those from `first` on of the
    ordered frame. `text` is the most frequent of its `texts` different ones, `answer` the most
    frequent of its `answers` different ones, and `probability` the mean of its rows'. The prices
    lie from `lowest` to `highest`, None where none was captured.
    """

    number: int
    first: int
    rows: int
    text: str
    texts: int
    answer: str
    answers: int
    probability: float
    lowest: float | None
    highest: float | None
    is_new: bool


class AlikeGroups(NamedTuple):
    """The groups in their order, and the rows of the first group, then of the second, and so on."""

    groups: list[Group]
    rows: pl.DataFrame


def group_alike(rows: pl.DataFrame, review_threshold: float) -> AlikeGroups:
    """Group uncertain rows (`UncertainRows.frame`) by their key.

    A group's worth is the number of its answers that are expected to be wrong: the sum of what its
    rows' probabilities leave to 1, `WORTH_OF_NEW` times that for new merchants. A probability over
    the threshold counts as the threshold: such a row is here because its text says nothing.
    """
    doubt = 1 - pl.min_horizontal("probability", pl.lit(review_threshold))
    factor = pl.when("is_new").then(WORTH_OF_NEW).otherwise(1.0)
    groups = rows.group_by("key").agg(
        rows=pl.len(),
        texts=pl.col("text").n_unique(),
        answers=pl.col("answer").n_unique(),
        probability=pl.col("probability").mean(),
        lowest=pl.col("price").min(),
        highest=pl.col("price").max(),
        is_new=pl.col("is_new").first(),
        worth=(doubt * factor).sum(),
    )
    for column in ("text", "answer"):
        groups = groups.join(_most_frequent(rows, column), on="key")
    # Sums of other orders of the same numbers may differ in the last digits.
    ordered = groups.with_columns(pl.col("worth").round(6)).sort(
        "worth", "rows", "key", descending=[True, True, False]
    )
    ordered = ordered.with_row_index("number").with_columns(
        first=pl.col("rows").cum_sum() - pl.col("rows")
    )
    placed = rows.join(ordered.select("key", "number"), on="key")
    placed = placed.sort("number", "probability", "text", "name")
    return AlikeGroups(convert(ordered.to_dicts(), list[Group]), placed.drop("number"))


def _most_frequent(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Return a column's most frequent value of each key; of several the first by name."""
    counts = rows.group_by("key", column).len()
    ordered = counts.sort("len", column, descending=[True, False])
    return ordered.unique("key", keep="first", maintain_order=True).select("key", column)
