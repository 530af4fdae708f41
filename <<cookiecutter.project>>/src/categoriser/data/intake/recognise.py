"""What form a file is in, found by reading all of it, with the evidence for each part.

What the file does not show is asked for, and never guessed.
"""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from categoriser.contract import NUMBER
from categoriser.data.intake import amounts, columns, encoding
from categoriser.data.intake.counting import ValueCounts, count_values
from categoriser.data.intake.encoding import shorten
from categoriser.data.intake.form import ASK, OWN_FORM, ColumnPlace, ColumnRole, Form
from categoriser.data.intake.header import Header
from categoriser.data.intake.layout import DELIMITERS, Layout, find_layout
from categoriser.data.intake.reading import Reading, readings
from categoriser.data.table import REQUIRED, own_table
from categoriser.errors import UserError
from categoriser.io.text_files import opened
from categoriser.paths import INTAKE

SAMPLES = 2
# From this share of negative prices on, what is negative must be spending.
SPENDING_SHARE = 0.99


@dataclass
class Recognised:
    """A file's form, the reason for each of its parts, what else was seen, and what is missing."""

    form: Form
    is_own: bool = False
    why: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    questions: dict[str, str] = field(default_factory=dict)
    samples: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    rows: int = 0
    unread: list[tuple[int, str]] = field(default_factory=list)
    below: int = 0  # lines below the last row


def recognise(
    source: Path, needed: Sequence[ColumnRole] = REQUIRED, given: Form | None = None
) -> Recognised:
    """Find out the form of a file that has at least the needed columns.

    What a person has written into `given` is kept; the rest, its question marks, is found out.
    Raises `UserError` for a file that cannot be read, or in which no table is found.
    """
    found = Recognised(OWN_FORM)
    coded = _encoding(source, given, found)
    readable_by = "latin-1" if coded == ASK else coded
    layout = find_layout(source, readable_by, (given.delimiter,) if given else DELIMITERS)
    values: dict[str, Any] = {
        "encoding": coded,
        "delimiter": layout.delimiter,
        "header": layout.line > 0,
        "columns": _columns(layout, needed, given, found),
    }
    if found.questions.keys() - {"encoding"}:
        # These are found out once the columns are known.
        unknown = {"date": ASK, "decimal": ASK, "sign": ASK}
        found.form = Form.model_validate(values | unknown)
        return found
    readable = Form.model_validate(values | {"encoding": readable_by})
    counts = count_values(source, readable, layout, needed)
    values |= _judge(counts, readable, given, needed, found)
    found.form = Form.model_validate(values)
    if not found.questions:
        _read_through(source, found, needed)
        _note(source, layout, counts, found)
    return found


def _encoding(source: Path, given: Form | None, found: Recognised) -> str:
    if given and given.encoding != ASK:
        return given.encoding
    coded = encoding.sniff(source)
    found.why["encoding"] = coded.why
    if coded.name == ASK:
        found.questions["encoding"] = f"{coded.why}: write mac_roman, cp850, latin-1, cp1250, ..."
    return coded.name


def _columns(
    layout: Layout, needed: Sequence[ColumnRole], given: Form | None, found: Recognised
) -> dict[str, ColumnPlace]:
    """Return the file's column for each of the project's; ask for those that it does not name."""
    named = given.columns if given else {}
    mapping = {role: place for role, place in named.items() if place != ASK}
    for role, place in mapping.items():
        _check_place(role, place, layout)
    match = columns.match_columns(layout.names, needed) if layout.line else columns.ColumnMatch({})
    for role, position in match.places.items():
        name = layout.names[position]
        if not named:
            mapping[role] = name if layout.names.count(name) == 1 else position + 1
    for role in needed:
        money = role == "price" and {"debit", "credit"} & {*mapping}
        asked = match.questions.get(role) if role not in mapping or not named else None
        if not asked and (role in mapping or money):
            continue
        mapping[role] = ASK
        found.questions[f"columns.{role}"] = asked or _missing(role, layout)
    if layout.line:
        above = layout.line - 1
        left_out = f", and the {above} lines above it are left out" if above else ""
        found.why["header"] = f"line {layout.line} names the columns{left_out}"
    return mapping


def _check_place(role: str, place: ColumnPlace, layout: Layout) -> None:
    """Raise `UserError` where a person has named a column that the file does not have."""
    known = place <= len(layout.names) if isinstance(place, int) else place in layout.names
    if not known or (isinstance(place, str) and not layout.line):
        raise UserError(
            f"{INTAKE}: columns.{role} is {place!r}, and the file has no such column: there are "
            f"{_listed(layout)}"
        )


def _listed(layout: Layout) -> str:
    """Name the columns; where no line does, number the first row's values."""
    if layout.line:
        return ", ".join(name or "(no name)" for name in layout.names)
    values = enumerate(layout.names, start=1)
    return "; ".join(f"{number} {shorten(value, 30)}" for number, value in values)


def _missing(role: str, layout: Layout) -> str:
    if not layout.line:
        return f"no line names the columns: write its number; the first row is {_listed(layout)}"
    what = {
        "category": " (each row's label: without it nothing can be trained)",
        "price": " (or, in its place, columns.debit and columns.credit)",
    }
    return f"no column is known to be the {role}{what.get(role, '')}; there are {_listed(layout)}"


def _judge(
    counts: ValueCounts,
    form: Form,
    given: Form | None,
    needed: Sequence[ColumnRole],
    found: Recognised,
) -> dict[str, Any]:
    """Return the date's pattern, the decimal sign, and what is negative; ask what is not shown."""
    values: dict[str, Any] = {"columns": dict(form.columns)}
    if given and given.date != ASK:
        values["date"] = given.date
    elif "date" in form.columns:
        judged = counts.on_dates.judge(datetime.datetime.now(tz=datetime.UTC).date())
        found.why["date"] = judged.why
        if judged.pattern != ASK or "date" in needed:
            values["date"] = judged.pattern
        if judged.pattern == ASK and "date" in needed:
            choice = " or ".join(judged.choices) or "its pattern, such as DD.MM.YYYY"
            found.questions["date"] = f"{judged.why}: write {choice}"
    if given and given.decimal != ASK:
        values["decimal"] = given.decimal
    else:
        values["decimal"], found.why["decimal"] = counts.on_amounts.decimal()
        if values["decimal"] == ASK:
            found.questions["decimal"] = f'{found.why["decimal"]}: write "." or ","'
    _judge_columns(counts, values, found)
    if given and given.sign != ASK:
        values["sign"] = given.sign
        found.questions.pop("sign", None)
    return values


def _judge_columns(counts: ValueCounts, values: dict[str, Any], found: Recognised) -> None:
    """Decide what debit, credit and a column that says the way mean for the sign."""
    mapping = values["columns"]
    if "way" in mapping:
        known = all(way in amounts.CREDIT_WORDS | amounts.DEBIT_WORDS for way in counts.ways)
        unsigned = not counts.signs.get("price", Counter())["negative"]
        if not known or not unsigned or "price" not in mapping:
            del mapping["way"]
        else:
            values["sign"] = "by column"
            found.why["sign"] = "the column says which way the money went: what is paid is positive"
    if "price" in mapping:
        return
    signs = {role: counts.signs[role] for role in ("debit", "credit") if role in counts.signs}
    mixed = [role for role, seen in signs.items() if seen["negative"] and seen["positive"]]
    if mixed:
        values["sign"] = ASK
        found.questions["sign"] = (
            f'{mapping[mixed[0]]} holds amounts of both signs: write "by column" where only its '
            'size counts, or "as written" where a negative one is taken back'
        )
    else:
        values["sign"] = "by column"
        found.why["sign"] = "a debit is what is paid, and positive; a credit is negative"


def _read_through(source: Path, found: Recognised, needed: Sequence[ColumnRole]) -> None:
    """Read the file by the form found; count rows and signs, and keep the first rows."""
    header, rows = readings(source, found.form, needed)
    at = needed.index("price")
    negative, below, changed = 0, [], 0
    for row in rows:
        if row.below:
            below.append(row.record)
        elif row.fault:
            reason, value = row.fault
            found.unread.append((row.record.line, f"{reason}: {shorten(value)}"))
        else:
            found.rows += 1
            negative += row.fields[at].startswith("-")
            changed += not _is_in_own_form(row, header, needed)
            if len(found.samples) < SAMPLES:
                found.samples.append((row.record.line, dict(zip(needed, row.fields, strict=False))))
    if below:
        shown = ", ".join(f"line {record.line}: {shorten(record.text, 40)}" for record in below[:3])
        found.notes.append(f"{len(below)} lines below the rows are left out ({shown})")
    found.below = len(below)
    found.is_own = not changed and _is_own(source, header, found, needed)
    written = found.form.sign == "as written"
    if written and found.rows and negative >= SPENDING_SHARE * found.rows:
        _turn(found, negative, at)


def _is_own(source: Path, header: Header, found: Recognised, needed: Sequence[ColumnRole]) -> bool:
    """Say whether the project's own form reads the file as well."""
    form = found.form
    identical = all(role == place for role, place in form.columns.items())
    if header.line != 1 or not identical or (form.encoding, form.delimiter) != ("utf-8", ","):
        return False
    if not {*REQUIRED} <= {*needed}:
        return True
    try:
        faults = sum(row.fault is not None for row in own_table(source).rows)
    except UserError:
        return False
    return faults <= len(found.unread) + found.below


def _turn(found: Recognised, negative: int, at: int) -> None:
    share = f"{negative:,} of {found.rows:,} prices are negative"
    found.why["sign"] = f"{share}, so spending is negative there; here it is positive"
    found.form = found.form.model_copy(update={"sign": "turned"})
    for _, row in found.samples:
        row["price"] = amounts.negated(row["price"])


def _is_in_own_form(row: Reading, header: Header, needed: Sequence[ColumnRole]) -> bool:
    """Say whether a row is in the project's own form in its file."""
    for role, value in zip(needed, row.fields, strict=False):
        if role not in header.places:
            return False
        given = row.record.fields[header.places[role]]
        if role == "price" and not NUMBER.fullmatch(given):
            return False
        if role == "date" and given.strip() != value:
            return False
    return "\n" not in row.record.text


def _note(source: Path, layout: Layout, counts: ValueCounts, found: Recognised) -> None:
    """Note what the form does not say, and what reading deals with all the same."""
    if counts.over_lines:
        several = f"{len(counts.over_lines)} rows go on over several lines, in quotes"
        found.notes.append(f"{several} (first: line {counts.over_lines[0]}); a break is a space")
    if lone := _lone_returns(source):
        found.notes.append(f"{lone:,} lines end with CR alone, as on old Macs")
    if grouped := counts.on_amounts.grouped:
        found.notes.append(f"groups of digits are joined (line {grouped[0]}: {grouped[1]})")
    if currencies := counts.on_amounts.currencies:
        named = ", ".join(sorted(currencies))
        mixed = "; there are several, and nothing is converted" if len(currencies) > 1 else ""
        found.notes.append(f"currencies are left out ({named}){mixed}")
    if ways := counts.on_amounts.ways:
        found.notes.append(f"CR is money back, and negative (line {ways[0]}: {ways[1]})")
    kept = [name for name in layout.names if name and name not in found.form.columns.values()]
    if kept and found.form.header:
        found.notes.append(f"kept as they are: {', '.join(kept)}")


def _lone_returns(source: Path) -> int:
    """Count the carriage returns without a line feed, in the first MiB."""
    with opened(source) as stream:
        head = stream.read(2**20).replace(b"\0", b"")
    return head.count(b"\r") - head.count(b"\r\n") - head.endswith(b"\r")
