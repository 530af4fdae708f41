"""A file's transactions, answered: all its columns as they stand, and the answers after them.

The rows are read by `categoriser.data.intake`, as `make data` reads them, or come from Parquet, in
batches of bounded memory. A row that cannot be answered is set aside with its number and reason, in
a file beside the answers, and the rest goes on.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from categoriser.contract import (
    COLUMNS,
    FIELDS,
    Column,
    ColumnError,
    Prediction,
    Transaction,
    Value,
    transactions,
)
from categoriser.data.intake.reading import readings
from categoriser.data.intake.settle import settle_form
from categoriser.data.set_aside import Aside
from categoriser.data.table import Fault
from categoriser.errors import UserError
from categoriser.io.replacing import replacing
from categoriser.io.text_files import opened
from categoriser.model.package import Categoriser

CHUNK = 10_000  # rows in memory at once
ANSWERS = ("category", "probability", "review")
PARQUET = b"PAR1"

Values = list[Any]
Write = Callable[[list[Values], list[Prediction]], None]


@dataclass(frozen=True)
class Given:
    """A row as it is, its number, its values of `FIELDS`, or what is wrong with it."""

    number: int
    raw: str
    values: Values
    asked: Sequence[object]
    fault: Fault | None = None


@dataclass(frozen=True)
class Source:
    """A file's columns, its rows, what a row's number counts, and a schema where it has one."""

    names: list[str]
    rows: Iterator[Given]
    unit: str
    schema: pa.Schema | None = None


@dataclass(frozen=True)
class Done:
    """How many rows were answered, and how many were set aside."""

    answered: int
    set_aside: int


def aside_of(target: Path) -> Path:
    """Return the file for the rows that cannot be answered."""
    return target.with_name(f"{target.stem}_set_aside.csv")


def predict_file(
    categoriser: Categoriser,
    source: Path,
    target: Path,
    prefix: str = "",
    advance: Callable[[int], None] = lambda _: None,
) -> Done:
    """Write the rows of a file and their answers to another, Parquet where it is so named.

    The answers' columns are `category`, `probability` and `review`, each after `prefix`; `advance`
    is told of each batch's rows. Raises `UserError`, and writes nothing, where the files are one,
    a column's name is taken, the source cannot be read, or not one row can be answered.
    """
    _check_apart(source, target)
    given = _from_parquet(source) if _is_parquet(source) else _from_text(source)
    added = [prefix + name for name in ANSWERS]
    if taken := [name for name in added if name in given.names]:
        raise UserError(
            f"{source} has a column {', '.join(taken)}, as the answers do: rename it, or give the "
            "answers' names a beginning, such as --prefix predicted_"
        )
    aside, answered = aside_of(target), 0
    open_target = _to_parquet if target.suffix == ".parquet" else _to_text
    with replacing(target) as path, replacing(aside) as beside:
        with beside.open("w", encoding="utf-8", newline="") as stream:
            bad = Aside(stream, unit=given.unit)
            with open_target(path, given, added) as write:
                while chunk := list(islice(given.rows, CHUNK)):
                    answered += _answer(categoriser, chunk, write, bad)
                    advance(len(chunk))
        if not answered:
            cases = "".join(f"\n    {case}" for case in bad.first)
            raise UserError(f"{source}: not one row can be answered ({bad.rows} rows){cases}")
    if not bad.rows:
        aside.unlink()
    return Done(answered, bad.rows)


def _check_apart(source: Path, target: Path) -> None:
    """Raise `UserError` where what would be written is what is read, by whatever name."""
    if target.is_dir():
        raise UserError(f"{target} is a folder: name the file to write")
    for written in (target, aside_of(target)):
        same_name = written.resolve() == source.resolve()
        same_file = written.exists() and source.exists() and written.samefile(source)
        if same_name or same_file:
            raise UserError(f"{source} would be overwritten by {written}: name another output")


def _answer(categoriser: Categoriser, chunk: list[Given], write: Write, bad: Aside) -> int:
    """Write the rows that can be answered, set the others aside, and count the former."""
    asked: list[Transaction] = []
    good: list[Values] = []
    for row in chunk:
        fault = row.fault
        if fault is None:
            try:
                asked.append(_judged(row.asked))
            except ValueError as error:
                fault = (error.args[0], error.args[1])
        if fault is not None:
            bad.add(row.number, row.raw, [fault])
            continue
        good.append(row.values)
    if good:
        write(good, categoriser.predict(asked))
    return len(good)


def _judged(asked: Sequence[object]) -> Transaction:
    """Return a row as the server takes it. Raises `ValueError` of reason and value."""
    values = [_value(column, value) for column, value in zip(COLUMNS, asked, strict=True)]
    return transactions([values])[0]


def _value(column: Column, value: object) -> Value:
    """Return a column's value. Raises `ValueError` of reason and value."""
    if column.is_text and not isinstance(value, str):
        raise ValueError(f"{column.name} is missing or no text", repr(value))
    if isinstance(value, bool) or value is None:
        raise ValueError(f"{column.name} is missing or no number", repr(value))
    try:
        return column.read(value if isinstance(value, str) else float(str(value)))
    except ColumnError as error:
        raise ValueError(str(error), str(value)) from None
    except ValueError as error:
        # A file's other types, such as a date, are not written as numbers.
        raise ValueError(f"{column.name} {error}", str(value)) from None


def _from_text(source: Path) -> Source:
    """Read CSV in the project's own form, or as `data/intake.yaml` says.

    Raises as `settle_form`.
    """
    form = settle_form(source, FIELDS)
    header, rows = readings(source, form, FIELDS)
    names = header.names
    if not form.header:
        names = [f"column_{number + 1}" for number in range(len(names))]

    def given() -> Iterator[Given]:
        for row in rows:
            if not row.below:
                asked = row.fields[: len(FIELDS)]
                record = row.record
                yield Given(record.line, record.text, record.fields, asked, row.fault)

    return Source(names, given(), "line")


def _is_parquet(source: Path) -> bool:
    with opened(source) as stream:
        return stream.read(len(PARQUET)) == PARQUET


def _from_parquet(source: Path) -> Source:
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

    def given() -> Iterator[Given]:
        number = 0
        try:
            for batch in file.iter_batches(CHUNK):
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    raw = repr(dict(zip(names, values, strict=True)))
                    yield Given(number, raw, list(values), [values[place] for place in places])
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"{source}, after row {number}: cannot be read: {error}") from None

    return Source(names, given(), "row", file.schema_arrow)


@contextmanager
def _to_text(path: Path, given: Source, added: Sequence[str]) -> Iterator[Write]:
    """Write CSV in UTF-8 with commas, whatever the source had; missing values are empty."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*given.names, *added])

        def write(rows: list[Values], answers: list[Prediction]) -> None:
            writer.writerows(
                (*row, answer.category, f"{answer.probability:.6f}", str(answer.review).lower())
                for row, answer in zip(rows, answers, strict=True)
            )

        yield write


def _to_parquet(path: Path, given: Source, added: Sequence[str]) -> AbstractContextManager[Write]:
    """Write Parquet: the source's own types, text where it has none, and the answers'."""
    fields = given.schema or pa.schema([(name, pa.string()) for name in given.names])
    types = (pa.string(), pa.float64(), pa.bool_())
    for name, type_ in zip(added, types, strict=True):
        fields = fields.append(pa.field(name, type_))
    return _parquet_writer(path, fields)


@contextmanager
def _parquet_writer(path: Path, fields: pa.Schema) -> Iterator[Write]:
    with pq.ParquetWriter(path, fields) as writer:

        def write(rows: list[Values], answers: list[Prediction]) -> None:
            columns = [list(column) for column in zip(*rows, strict=True)]
            columns.append([answer.category for answer in answers])
            columns.append([answer.probability for answer in answers])
            columns.append([answer.review for answer in answers])
            arrays = [
                pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=fields))

        yield write
