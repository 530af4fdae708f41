"""How validated rows are distributed, and how far that is from the last accepted data."""

import math
from collections.abc import Mapping, Sequence

import polars as pl

from categoriser.contract import COLUMNS
from categoriser.data.profile import Deciles, Profile

# Columns of text with more values than this have no shares: names, cities, ids.
MAX_VALUES = 50
# Numbers that are compared, by name.
NUMBERS = {column.name: pl.col(column.name) for column in COLUMNS if not column.is_text}
NUMBERS["text_length"] = pl.col("text").str.len_chars()


def profile_rows(
    rows: pl.LazyFrame, repeated: float, bad_rows: int, set_aside: Mapping[str, int]
) -> Profile:
    """Describe validated rows; what is not seen in them, such as the bad ones, is given."""
    types = rows.collect_schema()
    texts = [name for name, type_ in types.items() if type_ == pl.String and name != "text"]
    sizes = _collect(rows, pl.len().alias("rows"), pl.col(texts).n_unique()).row(0, named=True)
    few = [name for name in texts if name == "category" or sizes[name] <= MAX_VALUES]
    return Profile(
        rows=sizes["rows"],
        months=_counts(rows, pl.col("date").dt.strftime("%Y-%m")),
        shares={name: _shares(rows, name) for name in few},
        deciles={name: _deciles(_number_column(rows, name)) for name in NUMBERS},
        repeated=repeated,
        bad_rows=bad_rows,
        set_aside=dict(set_aside),
    )


def distances(rows: pl.LazyFrame, accepted: Profile) -> dict[str, float]:
    """Return the distance, from 0 to 1, of each profiled column from its accepted distribution.

    It is the largest absolute difference of shares (text) or of cumulative shares at the accepted
    deciles (numbers), less what chance may give: Deequ's robust L-infinity distance, which takes
    1.8 * sqrt((n + m) / (n * m)) off. A column that is gone is at a distance of 1.
    """
    names = rows.collect_schema().names()
    count = _collect(rows, pl.len()).item()
    before = accepted.rows
    chance = 1.8 * math.sqrt((count + before) / (count * before))
    pairs: dict[str, list[tuple[float, float]]] = {}
    for name, shares in accepted.shares.items():
        now = _shares(rows, name) if name in names else {}
        pairs[name] = [(now.get(value, 0), shares.get(value, 0)) for value in {*now, *shares}]
    for name, deciles in accepted.deciles.items():
        below = _at_or_below(_number_column(rows, name), deciles.values)
        pairs[name] = list(zip(below, deciles.at_or_below, strict=True))
    found = {name: max(abs(a - b) for a, b in both) for name, both in pairs.items()}
    return {
        name: max(0.0, distance - chance) if name in {*names, *NUMBERS} else 1.0
        for name, distance in found.items()
    }


def _collect(rows: pl.LazyFrame, *columns: pl.Expr) -> pl.DataFrame:
    # The streaming engine holds a part of the rows at a time.
    return rows.select(columns).collect(engine="streaming")


def _counts(rows: pl.LazyFrame, column: pl.Expr) -> dict[str, int]:
    return dict(_collect(rows, column).to_series().value_counts().sort(pl.all()).iter_rows())


def _shares(rows: pl.LazyFrame, name: str) -> dict[str, float]:
    counts = _counts(rows, pl.col(name))
    return {value: round(count / sum(counts.values()), 6) for value, count in counts.items()}


def _number_column(rows: pl.LazyFrame, name: str) -> pl.Series:
    return _collect(rows, NUMBERS[name]).to_series()


def _deciles(numbers: pl.Series) -> Deciles:
    values = [numbers.quantile(tenth / 10) or 0.0 for tenth in range(11)]
    return Deciles(values, _at_or_below(numbers, values))


def _at_or_below(numbers: pl.Series, values: Sequence[float]) -> list[float]:
    return [round(float((numbers <= value).to_numpy().mean()), 6) for value in values]
