"""A table of transactions in the project's own form, and the rows of any table, in that form.

The own form is CSV in UTF-8 with commas, plain or gzipped, with one row a line: a line break inside
quotes counts as a quote that is not closed, so that one wrong quote cannot swallow the rows after
it. Row 1 is the line after the header.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from categoriser.contract import FIELDS
from categoriser.errors import UserError
from categoriser.io.text_files import read_lines

REQUIRED = ("date", *FIELDS, "category")
# Columns that the project knows, and that a table may lack.
OPTIONAL = tuple(name for name in ("merchant", "country") if name not in REQUIRED)
# Columns that the pipeline adds.
RESERVED = ("row", "key", "features")

# What is wrong with a row, and the text where it is.
Fault = tuple[str, str]


class Row(NamedTuple):
    """A row: `fields` are by the table's names, or there is a `fault`."""

    number: int
    raw: str | bytes  # the row as its file has it
    fields: list[str]
    fault: Fault | None


class Table(NamedTuple):
    """The columns' names and the rows, read once. `unit` is what a row's number counts."""

    names: list[str]
    rows: Iterator[Row]
    unit: str = "row"


def own_table(source: Path) -> Table:
    """Read a file that is in the project's own form.

    Raises `UserError` for a file that cannot be read, and for a header that is not of this form.
    """
    lines = read_lines(source)
    names = read_header(source, next(lines, b""))
    return Table(names, _own_rows(lines, len(names)))


def _own_rows(lines: Iterator[bytes], count: int) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield Row(number, line, split_line(line, count), None)
        except ValueError as error:
            reason, where = error.args
            yield Row(number, line, [], (reason, where))


def read_header(source: Path, line: bytes) -> list[str]:
    """Return the columns that a file's first line names. Raises `UserError` for wrong ones."""
    if not line:
        raise UserError(f"{source} is empty")
    try:
        names = [name.strip() for name in split_line(line.removeprefix(b"\xef\xbb\xbf"))]
    except ValueError as error:
        raise UserError(
            f"{source}, line 1: the header {error.args[0]}. A file with other separators, "
            f"line ends or encoding, or with lines above its header: make data FILE={source}"
        ) from None
    check_header(names, str(source))
    return names


def split_line(line: bytes, count: int | None = None) -> list[str]:
    """Split a line. Raises `ValueError` of what is wrong and of the text where it is."""
    line = line.rstrip(b"\r\n")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        near = line[max(0, error.start - 20) : error.end + 20]
        raise ValueError("is not UTF-8", near.decode(errors="backslashreplace")) from None
    if "\0" in text:
        raise ValueError("holds a NUL character", text)
    is_plain = '"' not in text and "\r" not in text and len(text) < csv.field_size_limit()
    try:
        # Most lines have no quotes, and need no reader made for them.
        fields = text.split(",") if is_plain else next(csv.reader([text], strict=True))
    except csv.Error:
        broken = "has wrong quotes, or a line break inside them"
        reason = "has a carriage return (CR) within it" if "\r" in text else broken
        raise ValueError(reason, text) from None
    if count is not None and len(fields) != count:
        raise ValueError("has another number of fields than the header", f"{len(fields)}: {text}")
    return fields


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
            f"columns {', '.join(REQUIRED)}, and may have {', '.join(OPTIONAL)} and others; it "
            f"has {', '.join(names)[:200]}"
        )
