"""What a row must be: the columns, their types and ranges, and the words for what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandera.polars as pa
import polars as pl

from categoriser.errors import UserError
from categoriser.params import Validate

REQUIRED = ("date", "text", "price", "category")
# Columns that the pipeline adds.
RESERVED = ("row", "key", "features")

# By the column that is null once its text has been read as its type.
UNREADABLE = {
    "date": "is not a date written YYYY-MM-DD",
    "text": "is missing",
    "price": "is not a number such as -12.50",
    "category": "is missing",
}

UNKNOWN_LABEL = "is no category of the last accepted data"


def check_header(names: Sequence[str], source: str) -> None:
    """Raise `UserError` for columns that are missing, without a name, doubled or reserved."""
    faults = [f"column {name} is missing" for name in REQUIRED if name not in names]
    faults += [f"column {number} has no name" for number, name in enumerate(names, 1) if not name]
    doubled = [name for name in dict.fromkeys(names) if name and names.count(name) > 1]
    faults += [f"column {name} is there twice" for name in doubled]
    faults += [f"column {name} must have another name" for name in RESERVED if name in names]
    if faults:
        raise UserError(
            f"{source}, line 1: {'; '.join(faults)}. It must be CSV in UTF-8 with commas, with the "
            f"columns {', '.join(REQUIRED)}, and may have merchant, country and others; it has "
            f"{', '.join(names)[:200]}"
        )


def typed(raw: pl.DataFrame) -> pl.DataFrame:
    """Read the required columns of strings as their types; null is what cannot be read."""
    given = pl.col("date").str.strip_chars()
    iso = pl.when(given.str.contains(r"^\d{4}-\d{2}-\d{2}$")).then(given)
    return raw.with_columns(
        iso.str.to_date("%Y-%m-%d", strict=False),
        pl.col("price").str.strip_chars().cast(pl.Float64, strict=False).fill_nan(None),
        pl.col("category").str.strip_chars().replace("", None),
    )


def row_schema(settings: Validate, labels: Sequence[str] | None) -> pa.DataFrameSchema:
    """Return what typed rows are held to; `labels` are those of the last accepted data, if any."""

    def longest(data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key).str.len_chars() <= settings.max_text_length)

    def within(data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key).abs() <= settings.max_price)

    too_long = f"is longer than {settings.max_text_length} characters"
    on_date = pa.Check.ge(settings.first_date, error=f"is before {settings.first_date}")
    on_text = [pa.Check.str_contains(r"\S", error="is empty"), pa.Check(longest, error=too_long)]
    on_price = pa.Check(within, error=f"is beyond {settings.max_price:g}")
    control = "has control characters"
    on_category = [pa.Check.str_matches(r"^[^\x00-\x1f\x7f]+$", error=control)]
    if labels is not None:
        on_category.append(pa.Check.isin(labels, error=UNKNOWN_LABEL))
    return pa.DataFrameSchema(
        {
            "date": pa.Column(pl.Date, on_date),
            "text": pa.Column(pl.String, on_text),
            "price": pa.Column(pl.Float64, on_price),
            "category": pa.Column(pl.String, on_category),
        }
    )


def faults(rows: pl.DataFrame, schema: pa.DataFrameSchema) -> Iterator[tuple[int, str, str]]:
    """Yield the index, the column and what is wrong, for each fault of typed rows."""
    try:
        schema.validate(rows, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases.select("index", "column", "check").sort(pl.all())
        for index, column, check in cases.iter_rows():
            yield index, column, UNREADABLE[column] if check == "not_nullable" else check
