"""A profile of validated rows, small enough for version control, and the distance of rows from it.

The profile of the last accepted data is `champion/profile.json`; it is `null` until there is one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

# Columns of text with more values than this have no shares: names, cities, ids.
MAX_VALUES = 50
# Numbers that are compared, by name.
NUMBERS = {"price": pl.col("price"), "text_length": pl.col("text").str.len_chars()}
DECILES = [tenth / 10 for tenth in range(11)]


def profile(rows: pl.LazyFrame) -> dict[str, Any]:
    """Describe validated rows.

    `months` counts rows; `shares` gives for each column of few values their shares of the rows;
    `deciles` gives for each number its eleven deciles from least to greatest, and the share of rows
    at or below each.
    """
    types = rows.collect_schema()
    texts = [name for name, type_ in types.items() if type_ == pl.String and name != "text"]
    sizes = (
        rows.select(pl.len().alias("rows"), pl.col(texts).n_unique()).collect().row(0, named=True)
    )
    month = pl.col("date").dt.strftime("%Y-%m")
    months = rows.group_by(month.alias("month")).len().sort("month").collect().rows()
    deciles = {
        name: rows.select(number.quantile(q).alias(str(q)) for q in DECILES).collect().row(0)
        for name, number in NUMBERS.items()
    }
    return {
        "rows": sizes["rows"],
        "months": dict(months),
        "shares": {name: _shares(rows, name) for name in texts if sizes[name] <= MAX_VALUES},
        "deciles": {
            name: {"values": list(values), "at_or_below": _at_or_below(rows, name, values)}
            for name, values in deciles.items()
        },
    }


def distances(rows: pl.LazyFrame, accepted: dict[str, Any]) -> dict[str, float]:
    """Return the distance, from 0 to 1, of each profiled column from its accepted distribution.

    It is the largest absolute difference of shares (text) or of cumulative shares at the accepted
    deciles (numbers), less what chance may give: Deequ's robust L-infinity distance, which takes
    1.8 * sqrt((n + m) / (n * m)) off. A column that is gone is at a distance of 1.
    """
    names = rows.collect_schema().names()
    count, before = rows.select(pl.len()).collect().item(), accepted["rows"]
    chance = 1.8 * math.sqrt((count + before) / (count * before))
    pairs: dict[str, list[tuple[float, float]]] = {}
    for name, shares in accepted["shares"].items():
        now = _shares(rows, name) if name in names else {}
        pairs[name] = [(now.get(value, 0), shares.get(value, 0)) for value in {*now, *shares}]
    for name, deciles in accepted["deciles"].items():
        below = _at_or_below(rows, name, deciles["values"])
        pairs[name] = list(zip(below, deciles["at_or_below"], strict=True))
    found = {name: max(abs(a - b) for a, b in both) for name, both in pairs.items()}
    return {
        name: max(0.0, distance - chance) if name in {*names, *NUMBERS} else 1.0
        for name, distance in found.items()
    }


def _shares(rows: pl.LazyFrame, name: str) -> dict[str, float]:
    counts = rows.group_by(name).len().sort(name).collect()
    return {value: round(count / counts["len"].sum(), 6) for value, count in counts.rows()}


def _at_or_below(rows: pl.LazyFrame, name: str, values: Sequence[float]) -> list[float]:
    number = NUMBERS[name]
    shares = rows.select((number <= value).mean().alias(str(i)) for i, value in enumerate(values))
    return [round(share, 6) for share in shares.collect().row(0)]
