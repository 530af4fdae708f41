"""Any file of transactions, read row by row into the project's own form.

`readings` is what every command reads with: `make data`, `make data-release`, batch answers. A file
is read as its form says: nothing is guessed here, and nothing is held in memory but some lines.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from categoriser.data.intake import dates, encoding
from categoriser.data.intake.field_readers import FieldReader, date_field, price_field, text_field
from categoriser.data.intake.form import AMOUNT_ROLES, MONEY_ROLES, OWN_FORM, ColumnRole, Form
from categoriser.data.intake.header import Header, columns_read, find_header, row_test
from categoriser.data.intake.records import Record, records
from categoriser.data.table import REQUIRED, Fault, Row, Table

# So many lines that are not rows may follow the last row: more of them are bad rows.
MOST_LINES_BELOW = 5


class Reading(NamedTuple):
    """A row as its file has it, its fields in the project's form, or what is wrong with it.

    `below` marks a line below the last row, such as a sum, which is not a row.
    """

    record: Record
    fields: list[str]
    fault: Fault | None
    below: bool = False


def read_table(source: Path, form: Form, needed: Sequence[ColumnRole] = REQUIRED) -> Table:
    """Read a file as its form says: the needed columns, then the file's others.

    A row's number is that of its first line. Raises `UserError` as `readings`.
    """
    header, rows = readings(source, form, needed)
    names = [name for name, _ in columns_read(header, needed)]
    read = (
        Row(row.record.line, row.record.text, row.fields, row.fault)
        for row in rows
        if not row.below
    )
    return Table(names, read, "line")


def readings(
    source: Path, form: Form, needed: Sequence[ColumnRole]
) -> tuple[Header, Iterator[Reading]]:
    """Return a file's header, and each of its rows: as the file has it, and in the project's form.

    Raises `UserError` for a file that cannot be read, or that lacks columns of the form.
    """
    lines = enumerate(encoding.decoded_lines(source, form.encoding), start=1)
    known = {role: form.column(role) for role in (*needed, *MONEY_ROLES)}
    wanted = {role: place for role, place in known.items() if place is not None}
    header, rest = find_header(source, lines, form, wanted)
    dated = "date" in needed
    given = records(rest, form.delimiter, len(header.names), row_test(form, header, dated=dated))
    return header, _readings(given, form, header, needed)


def _readings(
    given: Iterator[Record], form: Form, header: Header, needed: Sequence[ColumnRole]
) -> Iterator[Reading]:
    convert = converter(form, header, needed)
    may_end = form != OWN_FORM and "date" in needed
    below: list[Reading] = []
    too_many = False
    for record in given:
        row = convert(record)
        is_row = not row.fault or not may_end or not _may_be_below(record, form, header)
        if not is_row and not too_many and len(below) < MOST_LINES_BELOW:
            below.append(row)
            continue
        too_many = not is_row
        yield from below
        below = []
        yield row
    for row in below:
        yield row._replace(below=True)


def _may_be_below(record: Record, form: Form, header: Header) -> bool:
    """Say whether a record that is not a row may be a line below the rows.

    Such a line has no date, and lacks the text or the amount too.
    """
    fields = record.fields or record.text.replace('"', "").split(form.delimiter)
    if any(dates.candidate_patterns(field) for field in fields):
        return False
    if not record.fields:
        return True
    has_text = bool(fields[header.places["text"]].strip())
    return not has_text or all(_is_empty(fields, header, role) for role in AMOUNT_ROLES)


def _is_empty(fields: list[str], header: Header, role: ColumnRole) -> bool:
    return role not in header.places or not fields[header.places[role]].strip()


def converter(
    form: Form, header: Header, needed: Sequence[ColumnRole]
) -> Callable[[Record], Reading]:
    """Return a function that reads a record into the project's form."""
    steps: list[tuple[str, FieldReader]] = []
    for role in needed:
        if role == "date":
            steps.append((role, date_field(header.places[role], form.date)))
        elif role == "price":
            steps.append((role, price_field(form, header.places)))
        else:
            steps.append((role, text_field(header.places[role])))
    others = columns_read(header, needed)[len(needed) :]
    steps += [(name, text_field(place)) for name, place in others]

    def convert(record: Record) -> Reading:
        if record.fault:
            return Reading(record, [], record.fault)
        fields = []
        for name, read in steps:
            try:
                fields.append(read(record.fields))
            except ValueError as error:
                reason, value = error.args
                return Reading(record, [], (f"{name} {reason}", value))
        return Reading(record, fields, None)

    return convert
