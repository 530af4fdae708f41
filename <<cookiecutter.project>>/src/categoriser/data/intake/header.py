"""The line that names the columns, and where each of the project's columns is."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from categoriser.data.intake import amounts, dates
from categoriser.data.intake.form import AMOUNT_ROLES, OWN_FORM, ColumnPlace, ColumnRole, Form
from categoriser.data.intake.records import OpenQuoteError, split_record, trim
from categoriser.data.table import OPTIONAL, REQUIRED, RESERVED
from categoriser.errors import UserError

# The header is within so many of the first lines.
HEADER_WITHIN = 50

NumberedLines = Iterator[tuple[int, str]]


class Header(NamedTuple):
    """The line that names the columns (0: none does), its names, and the place of each column."""

    line: int
    names: list[str]
    places: dict[ColumnRole, int]


def find_header(
    source: Path, lines: NumberedLines, form: Form, wanted: dict[ColumnRole, ColumnPlace]
) -> tuple[Header, NumberedLines]:
    """Return the header, and the lines after it. Raises `UserError` where no line can be it."""
    above = []
    for number, line in islice(lines, HEADER_WITHIN):
        above.append((number, line))
        try:
            names = [name.strip() for name in split_record(line, form.delimiter)]
        except (OpenQuoteError, ValueError):
            continue
        names = trim(names, 1)
        if not form.header:
            width = len(names)
            found = Header(0, [""] * width, _numbered(wanted, width))
            is_row = row_test(form, found, dated="date" in found.places)
            if len(found.places) == len(wanted) and is_row(names):
                return found, chain([(number, line)], lines)
            continue
        if all(isinstance(place, int) or place in names for place in wanted.values()):
            return Header(number, names, _placed(source, names, form, wanted)), lines
    if form.header:
        what = ", ".join(str(place) for place in wanted.values())
        raise UserError(
            f"{source}: none of its first {HEADER_WITHIN} lines names the columns {what}"
        )
    raise UserError(
        f"{source}: none of its first {HEADER_WITHIN} lines is a row with the form's columns"
    )


def _numbered(wanted: dict[ColumnRole, ColumnPlace], width: int) -> dict[ColumnRole, int]:
    return {
        role: place - 1
        for role, place in wanted.items()
        if isinstance(place, int) and place <= width
    }


def _placed(
    source: Path, names: list[str], form: Form, wanted: dict[ColumnRole, ColumnPlace]
) -> dict[ColumnRole, int]:
    """Return the place of each column. Raises `UserError` for a name that is there twice."""
    known = dict(wanted)
    for role in (*REQUIRED, *OPTIONAL):
        place = form.column(role)
        if isinstance(place, str) and place in names:
            known[role] = place
    places: dict[ColumnRole, int] = {}
    for role, place in known.items():
        if isinstance(place, int):
            if place > len(names):
                raise UserError(f"{source}: {role} is column {place}, and there are {len(names)}")
            places[role] = place - 1
        elif names.count(place) > 1:
            raise UserError(f"{source}: column {place} is there twice; give {role} by number")
        else:
            places[role] = names.index(place)
    return places


def columns_read(header: Header, needed: Sequence[ColumnRole]) -> list[tuple[str, int]]:
    """Return the columns read and their places: the needed ones first, then all others.

    The price has no place (-1) where two columns make it. A name that would be taken for
    one of the project's gets its number.
    """
    kept = [role for role in OPTIONAL if role in header.places]
    known: list[tuple[str, int]] = [(role, header.places.get(role, -1)) for role in needed]
    known += [(role, header.places[role]) for role in kept]
    taken = {*header.places.values()}
    used = {*REQUIRED, *OPTIONAL, *RESERVED}
    for place, name in enumerate(header.names):
        if place in taken:
            continue
        free = name or f"column_{place + 1}"
        while free in used:
            free = f"{free}_{place + 1}"
        used.add(free)
        known.append((free, place))
    return known


def row_test(form: Form, header: Header, *, dated: bool) -> Callable[[list[str]], bool]:
    """Return a function that says whether fields are a whole row: an amount, and a date if so."""
    date = header.places["date"] if dated else None
    read_date = dates.date_reader(form.date)
    money = [header.places[role] for role in AMOUNT_ROLES if role in header.places]
    read_amount = amounts.plain_number if form == OWN_FORM else amounts.amount_reader(form.decimal)

    def is_row(fields: list[str]) -> bool:
        if date is not None and read_date(fields[date]) is None:
            return False
        return any(read_amount(fields[place]) is not None for place in money)

    return is_row
