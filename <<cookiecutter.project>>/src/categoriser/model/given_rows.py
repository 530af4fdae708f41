"""The rows of a file that is to be answered: CSV as `make data` reads it, or Parquet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from categoriser.contract import FIELDS
from categoriser.data.intake.reading import readings
from categoriser.data.intake.settle import settle_form
from categoriser.data.table import Fault
from categoriser.errors import UserError
from categoriser.io.text_files import opened

# Rows that are in memory at once.
GIVEN_ROWS_AT_ONCE = 10_000
# Parquet's files begin so.
PARQUET_MAGIC = b"PAR1"

RowValues = list[Any]


@dataclass(frozen=True)
class GivenRow:
    """A row, with its number: as it is written, its values, those of `FIELDS`, and its fault."""

    number: int
    raw: str
    values: RowValues
    asked: Sequence[object]
    fault: Fault | None = None


@dataclass(frozen=True)
class GivenRows:
    """A file's columns, its rows, what a row's number counts, and a schema where it has one."""

    names: list[str]
    rows: Iterator[GivenRow]
    unit: str
    schema: pa.Schema | None = None


def given_rows(source: Path) -> GivenRows:
    """Read a file. Raises `UserError` where it cannot be read, at once or while rows are taken."""
    return parquet_rows(source) if is_parquet(source) else text_rows(source)


def text_rows(source: Path) -> GivenRows:
    """Read CSV in the project's own form, or as `data/intake.yaml` says.

    Raises as `settle_form`.
    """
    form = settle_form(source, FIELDS)
    header, rows = readings(source, form, FIELDS)
    names = header.names
    if not form.header:
        names = [f"column_{number + 1}" for number in range(len(names))]

    def given() -> Iterator[GivenRow]:
        for row in rows:
            if not row.below:
                asked = row.fields[: len(FIELDS)]
                record = row.record
                yield GivenRow(record.line, record.text, record.fields, asked, row.fault)

    return GivenRows(names, given(), "line")


def is_parquet(source: Path) -> bool:
    """Say whether a file begins as Parquet does. Raises `UserError` where it cannot be opened."""
    with opened(source) as stream:
        return stream.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC


def parquet_rows(source: Path) -> GivenRows:
    """Read Parquet with the columns of `FIELDS`; its first row is row 1. Raises `UserError`."""
    try:
        file = pq.ParquetFile(source)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{source} cannot be read: {error}") from None
    names = file.schema_arrow.names
    missing = [name for name in FIELDS if names.count(name) != 1]
    if missing:
        raise UserError(f"{source} has no column, or more than one, named {', '.join(missing)}")
    places = [names.index(name) for name in FIELDS]

    def given() -> Iterator[GivenRow]:
        number = 0
        try:
            for batch in file.iter_batches(GIVEN_ROWS_AT_ONCE):
                columns = [column.to_pylist() for column in batch.columns]
                for values in zip(*columns, strict=True):
                    number += 1
                    raw = repr(dict(zip(names, values, strict=True)))
                    asked = [values[place] for place in places]
                    yield GivenRow(number, raw, list(values), asked)
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"{source}, after row {number}: cannot be read: {error}") from None

    return GivenRows(names, given(), "row", file.schema_arrow)
