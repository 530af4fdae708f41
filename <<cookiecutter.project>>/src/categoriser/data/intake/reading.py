"""Any file of transactions, read row by row into the project's own form.

`readings` is what every command reads with: `make data`, `make data-release`, batch answers. A file
is read as its form says: nothing is guessed here, and nothing is held in memory but some lines.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from categoriser.data.intake import amounts, dates, encoding
from categoriser.data.intake.form import OWN, Form, Place, Role
from categoriser.data.intake.records import Open, Record, records, split, trim
from categoriser.data.table import OPTIONAL, REQUIRED, RESERVED, Fault, Row, Table
from categoriser.errors import UserError

# The header stands within these lines.
HEAD = 50
# So many lines, which are no rows, may stand below the last row: more are bad rows.
FOOTER = 5
MONEY: tuple[Role, ...] = ("price", "debit", "credit", "way")
Lines = Iterator[tuple[int, str]]
Read = Callable[[str], str | None]


class Header(NamedTuple):
    """The line that names the columns (0: none does), its names, and where each column stands."""

    line: int
    names: list[str]
    places: dict[Role, int]


class Reading(NamedTuple):
    """A row as it stands, its fields in the project's form, or what is wrong with it.

    `below` marks a line below the last row, such as a sum, which is no row.
    """

    record: Record
    fields: list[str]
    fault: Fault | None
    below: bool = False


def table(source: Path, form: Form, needed: Sequence[Role] = REQUIRED) -> Table:
    """Read a file as its form says: the needed columns, then the file's others.

    A row's number is that of its first line. Raises `UserError` as `readings`.
    """
    header, rows = readings(source, form, needed)
    names = [name for name, _ in columns(header, needed)]
    read = (
        Row(row.record.line, row.record.text, row.fields, row.fault)
        for row in rows
        if not row.below
    )
    return Table(names, read, "line")


def readings(source: Path, form: Form, needed: Sequence[Role]) -> tuple[Header, Iterator[Reading]]:
    """Return a file's header, and each of its rows: as it stands, and in the project's form.

    Raises `UserError` for a file that cannot be read, or that lacks columns of the form.
    """
    lines = enumerate(encoding.lines(source, form.encoding), start=1)
    known = {role: form.column(role) for role in (*needed, *MONEY)}
    wanted = {role: place for role, place in known.items() if place is not None}
    header, rest = find_header(source, lines, form, wanted)
    dated = "date" in needed
    given = records(rest, form.delimiter, len(header.names), row_test(form, header, dated=dated))
    return header, _readings(given, form, header, needed)


def _readings(
    given: Iterator[Record], form: Form, header: Header, needed: Sequence[Role]
) -> Iterator[Reading]:
    convert = converter(form, header, needed)
    may_end = form != OWN and "date" in needed
    below: list[Reading] = []
    too_many = False
    for record in given:
        row = convert(record)
        is_row = not row.fault or not may_end or not _may_be_below(record, form, header)
        if not is_row and not too_many and len(below) < FOOTER:
            below.append(row)
            continue
        too_many = not is_row
        yield from below
        below = []
        yield row
    for row in below:
        yield row._replace(below=True)


def _may_be_below(record: Record, form: Form, header: Header) -> bool:
    """Say whether what is no row may be a line below the rows: it has no date, and lacks more."""
    fields = record.fields or record.text.replace('"', "").split(form.delimiter)
    if any(dates.candidates(field) for field in fields):
        return False
    if not record.fields:
        return True
    has_text = bool(fields[header.places["text"]].strip())
    return not has_text or all(_is_empty(fields, header, role) for role in MONEY[:3])


def _is_empty(fields: list[str], header: Header, role: Role) -> bool:
    return role not in header.places or not fields[header.places[role]].strip()


def find_header(
    source: Path, lines: Lines, form: Form, wanted: dict[Role, Place]
) -> tuple[Header, Lines]:
    """Return the header, and the lines after it. Raises `UserError` where no line can be it."""
    above = []
    for number, line in islice(lines, HEAD):
        above.append((number, line))
        try:
            names = [name.strip() for name in split(line, form.delimiter)]
        except (Open, ValueError):
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
        raise UserError(f"{source}: none of its first {HEAD} lines names the columns {what}")
    raise UserError(f"{source}: none of its first {HEAD} lines is a row with the form's columns")


def _numbered(wanted: dict[Role, Place], width: int) -> dict[Role, int]:
    return {
        role: place - 1
        for role, place in wanted.items()
        if isinstance(place, int) and place <= width
    }


def _placed(
    source: Path, names: list[str], form: Form, wanted: dict[Role, Place]
) -> dict[Role, int]:
    """Return the place of each column. Raises `UserError` for a name that stands there twice."""
    known = dict(wanted)
    for role in (*REQUIRED, *OPTIONAL):
        place = form.column(role)
        if isinstance(place, str) and place in names:
            known[role] = place
    places: dict[Role, int] = {}
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


def columns(header: Header, needed: Sequence[Role]) -> list[tuple[str, int]]:
    """Return the columns read and their places: the needed ones first, then all others.

    The price's place says nothing where it is made of two columns. A name that would be taken for
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
    read_date = dates.reader(form.date)
    money = [header.places[role] for role in MONEY[:3] if role in header.places]
    read_amount = amounts.plain if form == OWN else amounts.reader(form.decimal)

    def is_row(fields: list[str]) -> bool:
        if date is not None and read_date(fields[date]) is None:
            return False
        return any(read_amount(fields[place]) is not None for place in money)

    return is_row


def converter(form: Form, header: Header, needed: Sequence[Role]) -> Callable[[Record], Reading]:
    """Return a function that reads a record into the project's form."""
    steps: list[tuple[str, Callable[[list[str]], str]]] = []
    for role in needed:
        if role == "date":
            steps.append((role, _date(header.places[role], form.date)))
        elif role == "price":
            steps.append((role, price(form, header.places)))
        else:
            steps.append((role, _text(header.places[role])))
    others = columns(header, needed)[len(needed) :]
    steps += [(name, _text(place)) for name, place in others]

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


def _text(place: int) -> Callable[[list[str]], str]:
    def read(fields: list[str]) -> str:
        value = fields[place]
        return value if "\n" not in value else " ".join(value.split())

    return read


def _date(place: int, pattern: str) -> Callable[[list[str]], str]:
    read_date = dates.reader(pattern)

    def read(fields: list[str]) -> str:
        date = read_date(fields[place])
        if date is None:
            raise ValueError(f"is not a date written {pattern}", fields[place])
        return date.isoformat()

    return read


def price(form: Form, places: dict[Role, int]) -> Callable[[list[str]], str]:
    """Return a function that reads a row's price as a plain number: what is paid is positive.

    It raises `ValueError` with a reason and the value. The own form's price is left as it stands.
    """
    if "price" in places and form == OWN:
        return _text(places["price"])
    if "price" in places and "way" in places:
        read = _by_way(places["price"], places["way"], form.decimal)
    elif "price" in places:
        read = _one(places["price"], form.decimal)
    else:
        read = _of_two(places.get("debit"), places.get("credit"), form)
    if form.sign != "turned":
        return read
    return lambda fields: amounts.negated(read(fields))


def _amount(decimal: str) -> Callable[[str], str]:
    read = amounts.reader(decimal)

    def amount(value: str) -> str:
        number = read(value)
        if number is None:
            raise ValueError(f"is not an amount such as 12{decimal}50", value)
        return number

    return amount


def _one(place: int, decimal: str) -> Callable[[list[str]], str]:
    amount = _amount(decimal)
    return lambda fields: amount(fields[place])


def _by_way(place: int, way: int, decimal: str) -> Callable[[list[str]], str]:
    amount = _amount(decimal)

    def read(fields: list[str]) -> str:
        size = amount(fields[place]).lstrip("+-")
        if fields[way].strip().lower() in amounts.CREDIT:
            return amounts.negated(size)
        if fields[way].strip().lower() in amounts.DEBIT:
            return size
        raise ValueError("goes neither in nor out", fields[way])

    return read


def _of_two(debit: int | None, credit: int | None, form: Form) -> Callable[[list[str]], str]:
    amount = _amount(form.decimal)
    sized = form.sign == "by column"

    def side(fields: list[str], place: int | None) -> str:
        value = "" if place is None else fields[place].strip()
        number = amount(value) if value else ""
        return number.lstrip("+-") if sized else number

    def read(fields: list[str]) -> str:
        paid, back = side(fields, debit), side(fields, credit)
        if paid and back:
            # Some banks write a zero on the other side.
            paid, back = paid if paid.strip("+-0.") else "", back if back.strip("+-0.") else ""
            if paid and back:
                raise ValueError("is a debit and a credit at once", f"{paid}, {back}")
            if not paid and not back:
                return "0"
        if not paid and not back:
            raise ValueError("is neither a debit nor a credit", "")
        return paid or amounts.negated(back)

    return read
