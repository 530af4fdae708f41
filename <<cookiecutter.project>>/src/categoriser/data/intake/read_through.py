"""Reads a file by the form that was found: counts its rows, and notes what is odd in it."""

from collections.abc import Sequence
from pathlib import Path

from categoriser.contract import NUMBER
from categoriser.data.intake import amounts
from categoriser.data.intake.counting import ValueCounts
from categoriser.data.intake.encoding import shorten
from categoriser.data.intake.form import ColumnRole
from categoriser.data.intake.header import Header
from categoriser.data.intake.layout import Layout
from categoriser.data.intake.reading import Reading, readings
from categoriser.data.intake.recognised import Recognised
from categoriser.data.table import REQUIRED, own_table
from categoriser.errors import UserError
from categoriser.io.text_files import opened

SAMPLES = 2
# Of the lines below the rows: how many are shown, and how many characters of each.
LINES_SHOWN = 3
CHARACTERS_SHOWN = 40


def read_through(source: Path, found: Recognised, needed: Sequence[ColumnRole]) -> None:
    """Read the file by the form found; count rows and signs, and keep the first rows."""
    header, rows = readings(source, found.form, needed)
    at = needed.index("price")
    negative = 0
    changed = 0
    below = []
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
        shown = ", ".join(
            f"line {record.line}: {shorten(record.text, CHARACTERS_SHOWN)}"
            for record in below[:LINES_SHOWN]
        )
        found.notes.append(f"{len(below)} lines below the rows are left out ({shown})")
    found.below = len(below)
    found.is_own = not changed and _is_own(source, header, found, needed)
    written = found.form.sign == "as written"
    if written and found.rows and negative >= amounts.SPENDING_SHARE * found.rows:
        _turn_signs(found, negative, at)


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


def _turn_signs(found: Recognised, negative: int, at: int) -> None:
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


def note_oddities(source: Path, layout: Layout, counts: ValueCounts, found: Recognised) -> None:
    """Note what the form does not say, and what reading deals with all the same."""
    if counts.over_lines:
        several = f"{len(counts.over_lines)} rows go on over several lines, in quotes"
        found.notes.append(f"{several} (first: line {counts.over_lines[0]}); a break is a space")
    lone = _lone_returns(source)
    if lone:
        found.notes.append(f"{lone:,} lines end with CR alone, as on old Macs")
    grouped = counts.on_amounts.grouped
    if grouped:
        found.notes.append(f"groups of digits are joined (line {grouped[0]}: {grouped[1]})")
    currencies = counts.on_amounts.currencies
    if currencies:
        named = ", ".join(sorted(currencies))
        mixed = "; there are several, and nothing is converted" if len(currencies) > 1 else ""
        found.notes.append(f"currencies are left out ({named}){mixed}")
    ways = counts.on_amounts.ways
    if ways:
        found.notes.append(f"CR is money back, and negative (line {ways[0]}: {ways[1]})")
    kept = [name for name in layout.names if name and name not in found.form.columns.values()]
    if kept and found.form.header:
        found.notes.append(f"kept as they are: {', '.join(kept)}")


def _lone_returns(source: Path) -> int:
    """Count the carriage returns without a line feed, in the first MiB."""
    with opened(source) as stream:
        head = stream.read(2**20).replace(b"\0", b"")
    return head.count(b"\r") - head.count(b"\r\n") - head.endswith(b"\r")
