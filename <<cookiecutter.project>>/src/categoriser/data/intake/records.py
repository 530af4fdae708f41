"""Lines become records of fields, and a field in quotes may go on over several lines.

RFC 4180 lets a quoted field hold line breaks, so one wrong quote could swallow all rows after it.
The rule here: a record that a line leaves open goes on over the next lines as long as none of them
is a whole row by itself (as many fields as the header, a date, an amount, all its quotes in pairs),
over 20 lines at most; and it must end as a row with as many fields as the header. Where it does
not, the line that opened it is set aside alone, and each line after it is read for itself. So a
wrong quote costs its own row, and no whole row is ever part of another.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from categoriser.data.intake.encoding import UNDECODED
from categoriser.data.table import Fault

# A record goes on over so many further lines at most.
LONGEST_RECORD = 20
READER_SAYS_OPEN = "unexpected end of data"
WRONG_QUOTES = "has wrong quotes"


class Record(NamedTuple):
    """A row as its file has it: its first line's number, its text, its fields, or what is wrong."""

    line: int
    text: str
    fields: list[str]
    fault: Fault | None


class OpenQuoteError(Exception):  # it is not a fault by itself
    """A quote is open at the end of the text."""


def split_record(text: str, delimiter: str) -> list[str]:
    """Split a record's text at the delimiters outside quotes.

    Raises `OpenQuoteError` in quotes without end, and `ValueError` for wrong ones.
    """
    if '"' not in text:
        return text.split(delimiter)
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        if READER_SAYS_OPEN in str(error):
            raise OpenQuoteError from None
        raise ValueError(WRONG_QUOTES) from None
    if len(rows) != 1:
        raise ValueError(WRONG_QUOTES)
    return rows[0]


def records(
    numbered: Iterable[tuple[int, str]],
    delimiter: str,
    width: int,
    is_row: Callable[[list[str]], bool],
) -> Iterator[Record]:
    """Yield a record for each row; empty lines are left out.

    `width` is the header's number of fields: empty ones beyond it are dropped, as are those that a
    delimiter at the end of each line makes. `is_row` says whether fields are a whole row.
    """
    source = iter(numbered)
    waiting: deque[tuple[int, str]] = deque()
    while True:
        taken = waiting.popleft() if waiting else next(source, None)
        if taken is None:
            return
        number, text = taken
        if not text.strip():
            continue
        try:
            yield _record(number, text, split_record(text, delimiter), width)
        except OpenQuoteError:
            rest = _rest(waiting, source)
            record = _joined(number, text, rest, delimiter, width, is_row)
            yield record or Record(number, text, [], ("has a quote that is not closed", text))
            for _ in range(record.text.count("\n") if record else 0):
                waiting.popleft()
        except ValueError as error:
            yield Record(number, text, [], (str(error), text))


def _rest(waiting: deque[tuple[int, str]], source: Iterator[tuple[int, str]]) -> list[str]:
    """Return the next lines, and keep them waiting."""
    while len(waiting) < LONGEST_RECORD:
        following = next(source, None)
        if following is None:
            break
        waiting.append(following)
    return [text for _, text in waiting]


def _joined(
    number: int,
    text: str,
    rest: list[str],
    delimiter: str,
    width: int,
    is_row: Callable[[list[str]], bool],
) -> Record | None:
    """Return the record that a line and those after it make, or None."""
    for line in rest:
        if _whole(line, delimiter, width, is_row):
            return None
        text = f"{text}\n{line}"
        try:
            record = _record(number, text, split_record(text, delimiter), width)
        except OpenQuoteError:
            continue
        except ValueError:
            return None
        return record if record.fault is None else None
    return None


def _whole(line: str, delimiter: str, width: int, is_row: Callable[[list[str]], bool]) -> bool:
    # An odd number of quotes: one may end a field that began above.
    if line.count('"') % 2:
        return False
    try:
        fields = trim(split_record(line, delimiter), width)
    except (OpenQuoteError, ValueError):
        return False
    return len(fields) == width and is_row(fields)


def _record(number: int, text: str, fields: list[str], width: int) -> Record:
    fields = trim(fields, width)
    fault = None
    if len(fields) != width:
        fault = ("has another number of fields than the header", f"{len(fields)}: {text}")
    elif UNDECODED.search(text):
        fault = ("is not of the file's encoding", text.encode(errors="backslashreplace").decode())
    elif "\0" in text:
        fault = ("holds a NUL character", text)
    return Record(number, text, fields if fault is None else [], fault)


def trim(fields: list[str], width: int) -> list[str]:
    """Drop empty fields at the end that are beyond the width."""
    while len(fields) > width and not fields[-1].strip():
        del fields[-1]
    return fields
