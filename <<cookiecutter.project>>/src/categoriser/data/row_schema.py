"""What each row of the data must be: its columns' types, and their bounds."""

import sys
from collections.abc import Callable, Iterator, Sequence

import pandera.polars as pa
import polars as pl

from categoriser.contract import COLUMNS, Column
from categoriser.data.classes import FORBIDDEN, class_name_fault
from categoriser.params import Validate

# By the column that is null once its text has been read as its type.
UNREADABLE = {"date": "is not a date written YYYY-MM-DD", "category": "is missing"}
UNREADABLE |= {
    column.name: "is missing" if column.is_text else "is not a number such as -12.50"
    for column in COLUMNS
}

NUMBER_COLUMNS = [column.name for column in COLUMNS if not column.is_text]
UNKNOWN_CATEGORY = "is not a category of the last accepted data"


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
        on_category.append(pa.Check.isin(labels, error=UNKNOWN_CATEGORY))
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
        bad = [name for name in names if class_name_fault(name) == words]
        return data.lazyframe.select(~column.is_in(bad))

    return check


def row_faults(rows: pl.DataFrame, schema: pa.DataFrameSchema) -> Iterator[tuple[int, str, str]]:
    """Yield the index, the column and what is wrong, for each fault of typed rows."""
    try:
        schema.validate(rows, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases.select("index", "column", "check").sort(pl.all())
        for index, column, check in cases.iter_rows():
            yield index, column, UNREADABLE[column] if check == "not_nullable" else check
