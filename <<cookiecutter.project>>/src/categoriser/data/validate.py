"""Check the data row by row, set bad rows aside, and compare the rest with the last accepted data.

The file is in the project's own form (`categoriser.data.table`), or is read into it. It is read in
batches; what grows with it in memory is a hash for each row and one column of numbers at a time,
each of about 8 bytes a row, and the different values of the columns of text other than `text`.

A category that the last accepted data lack sets its row aside as other faults do: a few are typing
errors, many fail the stage. Rows equal in every column are kept and counted: a bank's data hold two
equal fares a day. A file that was joined to itself shows in the share of such rows, which is
compared with the accepted one like the distribution of each column.
"""

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandera.polars as pa
import polars as pl

from categoriser.contract import COLUMNS, Column
from categoriser.data.classes import FORBIDDEN, fault
from categoriser.data.set_aside import Aside
from categoriser.data.table import REQUIRED, Fault, Table, own_table
from categoriser.errors import UserError, run
from categoriser.io.documents import read_json
from categoriser.io.replacing import replacing, write_json
from categoriser.params import Validate, read_params
from categoriser.paths import CHAMPION_PROFILE, PROFILE, SET_ASIDE, VALIDATED

BATCH = 50_000
# Columns of text with more values than this have no shares: names, cities, ids.
MAX_VALUES = 50
NUMBER_COLUMNS = [column.name for column in COLUMNS if not column.is_text]
# Numbers that are compared, by name.
NUMBERS = {name: pl.col(name) for name in NUMBER_COLUMNS}
NUMBERS["text_length"] = pl.col("text").str.len_chars()

# By the column that is null once its text has been read as its type.
UNREADABLE = {"date": "is not a date written YYYY-MM-DD", "category": "is missing"}
UNREADABLE |= {
    column.name: "is missing" if column.is_text else "is not a number such as -12.50"
    for column in COLUMNS
}

UNKNOWN_LABEL = "is no category of the last accepted data"
FORGET = "if the data are meant to differ: make promote FORGET=data"
# From this share of rows on with such a category, the data are of another kind.
OTHER_KIND = 0.5


class BadRowsError(UserError):
    """Too many rows are bad; `reasons` counts them by reason."""

    def __init__(self, message: str, reasons: Counter[str]) -> None:
        super().__init__(message)
        self.reasons = reasons


def validate(
    source: Path,
    settings: Validate,
    accepted: dict[str, Any] | None,
    validated: Path,
    aside: Path,
    read: Callable[[Path], Table] = own_table,
) -> dict[str, Any]:
    """Write good rows to `validated` (Parquet) and bad ones to `aside` (CSV); return the profile.

    `accepted` is the profile of the last accepted data; `read` gives the file's rows. Raises
    `UserError` for a file that is no such table, for a share of bad rows above `tolerance`, and for
    a column whose distribution lies further than `max_shift` from the accepted one: then
    `validated` is not written.
    """
    labels = sorted(accepted["shares"]["category"]) if accepted else None
    held_to, hashes = row_schema(settings, labels), []
    with replacing(validated) as target:
        table = read(source)
        with replacing(aside) as path, path.open("w", encoding="utf-8", newline="") as stream:
            bad = Aside(stream, unit=table.unit)
            parts: list[Path] = []
            for rows in _batches(table, held_to, bad):
                parts.append(target.with_name(f"{len(parts):06}.part"))
                rows.write_parquet(parts[-1])
                hashes.append(rows.drop("row").hash_rows().to_numpy())
        good = sum(map(len, hashes))
        _check_kind(source, bad, good, accepted, aside)
        _check_bad(source, bad, good, settings.tolerance, aside)
        kept = pl.scan_parquet(parts)
        kept.sink_parquet(target, row_group_size=BATCH)
        repeated = good - len(np.unique(np.concatenate(hashes)))
        counts = {
            "repeated": round(repeated / good, 6),
            "bad_rows": bad.rows,
            "set_aside": dict(bad.reasons),
        }
        found = profile(kept) | counts
        if accepted:
            shifts = distances(kept, accepted)
            shifts["repeated rows"] = abs(found["repeated"] - accepted["repeated"])
            _check_shifts(source, shifts, settings.max_shift)
    return found


def _check_kind(
    source: Path, bad: Aside, good: int, accepted: dict[str, Any] | None, aside: Path
) -> None:
    """Raise where most rows are bad because their categories are not those of the accepted data."""
    rows = bad.rows + good
    strange = bad.reasons[f"category {UNKNOWN_LABEL}"]
    if not accepted or strange < OTHER_KIND * max(rows, 1):
        return
    known = ", ".join(sorted(accepted["shares"]["category"]))
    raise BadRowsError(
        f"{source} is another kind of data: in {strange:,} of {rows:,} rows the category "
        f"{UNKNOWN_LABEL}. To take it in their place: make promote FORGET=data, then this command "
        f"again.\n  Accepted categories: {known}\n  First cases:\n    "
        + "\n    ".join(bad.first)
        + f"\n  All of them are in {aside}",
        bad.reasons,
    )


def _check_bad(source: Path, bad: Aside, good: int, tolerance: float, aside: Path) -> None:
    rows = bad.rows + good
    if rows == 0:
        raise UserError(f"{source} has a header and no rows")
    if good == 0 or bad.rows > tolerance * rows:
        reasons = "; ".join(f"{reason} ({count})" for reason, count in bad.reasons.most_common())
        way_out = f"; {FORGET}" if f"category {UNKNOWN_LABEL}" in bad.reasons else ""
        raise BadRowsError(
            f"{source}: {bad.rows} of {rows} rows are bad, and validate.tolerance in params.yaml "
            f"allows {tolerance:.2%}.\n  Reasons: {reasons}\n  First cases:\n    "
            + "\n    ".join(bad.first)
            + f"\n  All of them are in {aside}; mend {source}, or raise the tolerance{way_out}",
            bad.reasons,
        )


def _check_shifts(source: Path, shifts: dict[str, float], limit: float) -> None:
    far = [f"{name} by {shift:.3f}" for name, shift in shifts.items() if shift > limit]
    if far:
        raise UserError(
            f"{source} is unlike the last accepted data: {', '.join(far)}; validate.max_shift in "
            f"params.yaml allows {limit}. Look for a fault in the data, or raise max_shift; "
            f"{FORGET}"
        )


def _batches(table: Table, held_to: pa.DataFrameSchema, bad: Aside) -> Iterator[pl.DataFrame]:
    """Yield the table's good rows, typed and with their numbers, a batch at a time."""
    columns = {"row": pl.Int64, **dict.fromkeys(table.names, pl.String)}
    while True:
        # Plain tuples of text, which Python's garbage collector need not look through.
        read: list[tuple[int | str, ...]] = []
        lines: dict[int, str | bytes] = {}
        found: dict[int, list[Fault]] = {}
        for number, line, fields, wrong in islice(table.rows, BATCH):
            lines[number] = line
            if wrong is None:
                read.append((number, *fields))
            else:
                found[number] = [wrong]
        if not lines:
            return
        raw = pl.DataFrame(read, columns, orient="row")
        rows = typed(raw)
        for index, column, words in faults(rows, held_to):
            number = raw.item(index, "row")
            found.setdefault(number, []).append((f"{column} {words}", raw.item(index, column)))
        for number in sorted(found):
            bad.add(number, lines[number], found[number])
        good = rows.filter(~pl.col("row").is_in(list(found)))
        yield good.select("row", *REQUIRED, pl.exclude("row", *REQUIRED))


def typed(raw: pl.DataFrame) -> pl.DataFrame:
    """Read the required columns of strings as their types; null is what cannot be read."""
    given = pl.col("date").str.strip_chars()
    iso = pl.when(given.str.contains(r"^\d{4}-\d{2}-\d{2}$")).then(given)
    return raw.with_columns(
        iso.str.to_date("%Y-%m-%d", strict=False),
        pl.col(NUMBER_COLUMNS).str.strip_chars().cast(pl.Float64, strict=False).fill_nan(None),
        pl.col("category").str.strip_chars().replace("", None),
    )


def row_schema(settings: Validate, labels: Sequence[str] | None) -> pa.DataFrameSchema:
    """Return what typed rows are held to; `labels` are those of the last accepted data, if any."""
    on_date = pa.Check.ge(settings.first_date, error=f"is before {settings.first_date}")
    on_category = [pa.Check(_no_name_that(words), error=words) for _, words in FORBIDDEN]
    if labels is not None:
        on_category.append(pa.Check.isin(labels, error=UNKNOWN_LABEL))
    return pa.DataFrameSchema(
        {
            "date": pa.Column(pl.Date, on_date),
            **{column.name: _input_schema(column, settings) for column in COLUMNS},
            "category": pa.Column(pl.String, on_category),
        }
    )


def _input_schema(column: Column, settings: Validate) -> pa.Column:
    """Return what a column of the record is held to, as the server holds it."""
    if column.longest is not None:
        too_long = f"is longer than {column.longest} characters"
        short = pa.Check.str_length(max_value=column.longest, error=too_long)
        return pa.Column(pl.String, [pa.Check.str_contains(r"\S", error="is empty"), short])
    most = settings.max_price if column.name == "price" else sys.float_info.max
    return pa.Column(pl.Float64, pa.Check.in_range(-most, most, error=f"is beyond {most:g}"))


def _no_name_that(words: str) -> Callable[[pa.PolarsData], pl.LazyFrame]:
    """Return a check that no value of the column is a class's name with this fault."""

    def check(data: pa.PolarsData) -> pl.LazyFrame:
        column = pl.col(data.key)
        # There are few names, and many rows.
        names = data.lazyframe.select(column.drop_nulls().unique()).collect().to_series()
        bad = [name for name in names if fault(name) == words]
        return data.lazyframe.select(~column.is_in(bad))

    return check


def faults(rows: pl.DataFrame, schema: pa.DataFrameSchema) -> Iterator[tuple[int, str, str]]:
    """Yield the index, the column and what is wrong, for each fault of typed rows."""
    try:
        schema.validate(rows, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases.select("index", "column", "check").sort(pl.all())
        for index, column, check in cases.iter_rows():
            yield index, column, UNREADABLE[column] if check == "not_nullable" else check


def profile(rows: pl.LazyFrame) -> dict[str, Any]:
    """Describe validated rows, in a form that is small enough for version control.

    `months` counts rows; `shares` gives for the category, and for each column of few values,
    their shares of the rows; `deciles` gives for each number its eleven deciles from least to
    greatest, and the share of rows at or below each.
    """
    types = rows.collect_schema()
    texts = [name for name, type_ in types.items() if type_ == pl.String and name != "text"]
    sizes = _collect(rows, pl.len().alias("rows"), pl.col(texts).n_unique()).row(0, named=True)
    return {
        "rows": sizes["rows"],
        "months": _counts(rows, pl.col("date").dt.strftime("%Y-%m")),
        "shares": {
            name: _shares(rows, name)
            for name in texts
            if name == "category" or sizes[name] <= MAX_VALUES
        },
        "deciles": {name: _deciles(_numbers(rows, name)) for name in NUMBERS},
    }


def distances(rows: pl.LazyFrame, accepted: dict[str, Any]) -> dict[str, float]:
    """Return the distance, from 0 to 1, of each profiled column from its accepted distribution.

    It is the largest absolute difference of shares (text) or of cumulative shares at the accepted
    deciles (numbers), less what chance may give: Deequ's robust L-infinity distance, which takes
    1.8 * sqrt((n + m) / (n * m)) off. A column that is gone is at a distance of 1.
    """
    names = rows.collect_schema().names()
    count, before = _collect(rows, pl.len()).item(), accepted["rows"]
    chance = 1.8 * math.sqrt((count + before) / (count * before))
    pairs: dict[str, list[tuple[float, float]]] = {}
    for name, shares in accepted["shares"].items():
        now = _shares(rows, name) if name in names else {}
        pairs[name] = [(now.get(value, 0), shares.get(value, 0)) for value in {*now, *shares}]
    for name, deciles in accepted["deciles"].items():
        below = _at_or_below(_numbers(rows, name), deciles["values"])
        pairs[name] = list(zip(below, deciles["at_or_below"], strict=True))
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


def _numbers(rows: pl.LazyFrame, name: str) -> pl.Series:
    return _collect(rows, NUMBERS[name]).to_series()


def _deciles(numbers: pl.Series) -> dict[str, list[float]]:
    values = [numbers.quantile(tenth / 10) or 0.0 for tenth in range(11)]
    return {"values": values, "at_or_below": _at_or_below(numbers, values)}


def _at_or_below(numbers: pl.Series, values: Sequence[float]) -> list[float]:
    return [round(float((numbers <= value).to_numpy().mean()), 6) for value in values]


def accepted_profile() -> dict[str, Any] | None:
    """Return the profile of the last accepted data, if any. Raises `UserError` where it is gone."""
    found: dict[str, Any] | None = read_json(CHAMPION_PROFILE, "git restore champion/profile.json")
    return found


def main() -> None:
    params = read_params()
    found = validate(params.data.path, params.validate_, accepted_profile(), VALIDATED, SET_ASIDE)
    write_json(PROFILE, found)
    sys.stdout.write(
        f"{found['rows']} rows are good, {found['repeated']:.1%} of them repeat another in full; "
        f"{found['bad_rows']} bad rows are in {SET_ASIDE}\n"
    )


if __name__ == "__main__":
    run(main)
