"""A file's transactions, answered: all its columns as they are, and the answers after them.

The rows are read in batches of bounded memory. A row that cannot be answered is set aside with its
number and reason, in a file beside the answers, and the rest goes on.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from categoriser.contract import (
    COLUMNS,
    Column,
    ColumnError,
    Prediction,
    Transaction,
    Value,
    transactions,
)
from categoriser.data.set_aside import Aside
from categoriser.data.table import Fault
from categoriser.errors import UserError
from categoriser.io.replacing import replacing
from categoriser.model.answer_writers import ANSWER_COLUMNS, WriteAnswers, answer_writer
from categoriser.model.given_rows import (
    GIVEN_ROWS_AT_ONCE,
    GivenRow,
    GivenRows,
    RowValues,
    given_rows,
)


class Predictor(Protocol):
    """What answers transactions, in their order: a model, or the answers of one."""

    def predict(self, rows: Sequence[Transaction]) -> Sequence[Prediction]: ...


@dataclass(frozen=True)
class AnsweredFile:
    """How many rows were answered, and how many were set aside."""

    answered: int
    set_aside: int


class WrongValueError(ValueError):
    """A value that cannot be asked about: the reason, and the value as it is written."""

    def __init__(self, reason: str, value: str) -> None:
        super().__init__(reason, value)
        self.reason = reason
        self.value = value


def aside_of(target: Path) -> Path:
    """Return the file for the rows that cannot be answered."""
    return target.with_name(f"{target.stem}_set_aside.csv")


def predict_file(
    predictor: Predictor,
    source: Path,
    target: Path,
    prefix: str = "",
    advance: Callable[[int], None] = lambda _: None,
) -> AnsweredFile:
    """Write the rows of a file and their answers to another, Parquet where it is so named.

    The answers' columns are those of `ANSWER_COLUMNS`, each after `prefix`; `advance` is told how
    many rows each batch has. Raises `UserError`, and writes nothing, where both files
    are one, a column's name is taken, the source cannot be read, or not one row can be answered.
    """
    _check_apart(source, target)
    given = given_rows(source)
    added = _added_columns(given, source, prefix)
    aside = aside_of(target)
    answered = 0
    with replacing(target) as path, replacing(aside) as beside:
        with beside.open("w", encoding="utf-8", newline="") as stream:
            bad = Aside(stream, unit=given.unit)
            with answer_writer(path, given, added) as write:
                rows = list(islice(given.rows, GIVEN_ROWS_AT_ONCE))
                while rows:
                    answered += _answer(predictor, rows, write, bad)
                    advance(len(rows))
                    rows = list(islice(given.rows, GIVEN_ROWS_AT_ONCE))
        if not answered:
            cases = "".join(f"\n    {case}" for case in bad.first)
            raise UserError(f"{source}: not one row can be answered ({bad.rows} rows){cases}")
    if not bad.rows:
        aside.unlink()
    return AnsweredFile(answered, bad.rows)


def asked_transactions(source: Path, prefix: str = "") -> Iterator[Transaction]:
    """Yield the transactions of a file that `predict_file` asks about, in their order.

    Raises `UserError` where it would, but for a file of which no row can be answered.
    """
    given = given_rows(source)
    _added_columns(given, source, prefix)
    for row in given.rows:
        asked = _transaction_or_fault(row)
        if isinstance(asked, Transaction):
            yield asked


def _added_columns(given: GivenRows, source: Path, prefix: str) -> list[str]:
    """Return the names of the answers' columns. Raises `UserError` where one is taken."""
    added = [prefix + name for name in ANSWER_COLUMNS]
    taken = [name for name in added if name in given.names]
    if taken:
        raise UserError(
            f"{source} has a column {', '.join(taken)}, as the answers do: rename it, or give the "
            "answers' names a beginning, such as --prefix predicted_"
        )
    return added


def _check_apart(source: Path, target: Path) -> None:
    """Raise `UserError` where what would be written is what is read, by whatever name."""
    if target.is_dir():
        raise UserError(f"{target} is a folder: name the file to write")
    for written in (target, aside_of(target)):
        same_name = written.resolve() == source.resolve()
        same_file = written.exists() and source.exists() and written.samefile(source)
        if same_name or same_file:
            raise UserError(f"{source} would be overwritten by {written}: name another output")


def _answer(predictor: Predictor, rows: Sequence[GivenRow], write: WriteAnswers, bad: Aside) -> int:
    """Write the rows that can be answered and set the others aside; count those written."""
    asked: list[Transaction] = []
    good: list[RowValues] = []
    for row in rows:
        found = _transaction_or_fault(row)
        if isinstance(found, Transaction):
            asked.append(found)
            good.append(row.values)
        else:
            bad.add(row.number, row.raw, [found])
    if good:
        write(good, predictor.predict(asked))
    return len(good)


def _transaction_or_fault(row: GivenRow) -> Transaction | Fault:
    """Return a row as the server takes it, or why it cannot be asked about."""
    if row.fault is not None:
        return row.fault
    try:
        return _transaction(row.asked)
    except WrongValueError as error:
        return error.reason, error.value


def _transaction(asked: Sequence[object]) -> Transaction:
    """Return a row as the server takes it. Raises `WrongValueError`."""
    values = [_column_value(column, value) for column, value in zip(COLUMNS, asked, strict=True)]
    return transactions([values])[0]


def _column_value(column: Column, value: object) -> Value:
    """Return a column's value. Raises `WrongValueError`."""
    if column.is_text and not isinstance(value, str):
        raise WrongValueError(f"{column.name} is missing or no text", repr(value))
    if isinstance(value, bool) or value is None:
        raise WrongValueError(f"{column.name} is missing or no number", repr(value))
    try:
        return column.read(value if isinstance(value, str) else float(str(value)))
    except ColumnError as error:
        raise WrongValueError(str(error), str(value)) from None
    except ValueError as error:
        # A file's other types, such as a date, are not written as numbers.
        raise WrongValueError(f"{column.name} {error}", str(value)) from None
