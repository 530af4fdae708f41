"""Which form a file is read by: the project's own, what `data/intake.yaml` says, or a proposal.

A proposal is printed with its evidence and written to `data/intake.yaml`. It is in force from the
next run on, or at once with ACCEPT=1 in the environment. A form that exists and does not fit a file
is never replaced.
"""

import os
import re
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from categoriser.data.intake import amounts, encoding
from categoriser.data.intake.form import OWN_FORM, ColumnRole, Form, write_form
from categoriser.data.intake.reading import read_table, readings
from categoriser.data.intake.recognise import recognise
from categoriser.data.intake.recognised import Recognised
from categoriser.data.table import REQUIRED, own_table
from categoriser.errors import UserError
from categoriser.params import read_sections
from categoriser.paths import FEEDBACK, GENERATED, INTAKE, OWN

# A form fits a file where it reads more than half of so many rows at the file's head.
JUDGED_ROWS = 1000
ISO_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def accepts_proposals() -> bool:
    """Say whether the user takes what is proposed: ACCEPT=1."""
    return os.environ.get("ACCEPT", "") not in ("", "0")


def settle_form(source: Path, needed: Sequence[ColumnRole] = REQUIRED) -> Form:
    """Return the form by which a file is read, and say which, unless it is the project's own.

    Raises `UserError` where a person must first look at a proposal, or say what the file does not
    show, and where the form that is there does not fit.
    """
    if _is_the_projects(source):
        return OWN_FORM
    if INTAKE.exists():
        standing = read_sections(INTAKE, Form)
        if standing.unanswered() and not looks_own(source, needed):
            return propose(source, recognise(source, needed, standing), mending=True)
        misfit = _misfit(source, standing, needed)
        if not misfit:
            _say(f"{source} is read as {INTAKE} says\n")
            return standing
        if looks_own(source, needed):
            return OWN_FORM
        raise UserError(
            f"{INTAKE} does not fit {source}: {misfit}.\n  Mend {INTAKE}; or delete it, for a "
            "file of another kind: then the same command proposes another form"
        )
    if looks_own(source, needed):
        return OWN_FORM
    found = recognise(source, needed)
    return OWN_FORM if found.is_own else propose(source, found)


def propose(source: Path, found: Recognised, *, mending: bool = False) -> Form:
    """Print a form, write it to `data/intake.yaml`, and return it where it is accepted.

    A form that is there is only replaced where that is `mending` its question marks. Raises
    `UserError` that says how to go on where it is not accepted, or where a fact is missing.
    """
    if INTAKE.exists() and not mending:
        raise UserError(
            f"{source} is in another form than {INTAKE} says, and has rows that are not in the "
            f"project's own: delete {INTAKE}, and the same command proposes another"
        )
    _say(describe(source, found))
    asked = {name: f"asked: {question}" for name, question in found.questions.items()}
    write_form(INTAKE, found.form, source, found.why | asked)
    if found.questions:
        facts = "".join(f"\n  {name}: {question}" for name, question in found.questions.items())
        raise UserError(
            f"{source} does not show all that must be known; nothing is taken.{facts}\n  Write it "
            f'into {INTAKE} in place of "?", and run the same command again'
        )
    if not accepts_proposals():
        raise UserError(
            f"{source} is not in the project's own form, and nothing is taken yet. {INTAKE} holds "
            "the proposal: run the same command with ACCEPT=1 where it is right; mend it where not"
        )
    return found.form


def looks_own(source: Path, needed: Sequence[ColumnRole]) -> bool:
    """Say whether a file's head is in the project's own form, as far as the needed columns go."""
    try:
        if {*REQUIRED} <= {*needed}:
            names, rows, _ = own_table(source)
        else:
            names, rows, _ = read_table(source, OWN_FORM, needed)
            if encoding.sniff(source).name != "utf-8":
                return False
        head = list(islice(rows, JUDGED_ROWS))
    except UserError:
        return False
    price = names.index("price")
    date = names.index("date") if "date" in needed else None
    return all(
        row.fault is None
        and amounts.plain_number(row.fields[price]) is not None
        and (date is None or ISO_DATE.fullmatch(row.fields[date].strip()))
        for row in head
    )


def _is_the_projects(source: Path) -> bool:
    """Say whether the project itself writes this file, whatever `data/intake.yaml` says."""
    place = source.resolve()
    made = {GENERATED.resolve(), OWN.resolve()}
    return place in made or FEEDBACK.resolve() in place.parents


def _misfit(source: Path, form: Form, needed: Sequence[ColumnRole]) -> str:
    """Return why a form does not fit a file's head, or nothing."""
    missing = form.unanswered()
    if missing:
        return f'{", ".join(missing)} is "?" there'
    try:
        _, rows = readings(source, form, needed)
        head = list(islice(rows, JUDGED_ROWS))
    except UserError as error:
        return str(error)
    faults = [row for row in head if row.fault]
    if head and len(faults) > len(head) / 2:
        reason, value = faults[0].fault or ("", "")
        first = f"line {faults[0].record.line}: {reason}: {value[:60]!r}"
        return f"{len(faults)} of its first {len(head)} rows cannot be read so ({first})"
    at = needed.index("price")
    prices = [row.fields[at] for row in head if not row.fault]
    paid = sum(not price.startswith("-") for price in prices)
    if form.sign == "turned" and paid <= len(prices) / 2:
        return f"with its sign turned, {len(prices) - paid} of {len(prices)} prices are negative"
    return ""


def describe(source: Path, found: Recognised) -> str:
    """Return a proposal in lines: each part with its evidence, and rows as they would be read."""
    form = found.form
    mapped = ", ".join(f"{role}: {place}" for role, place in form.columns.items())
    parts = {
        "encoding": form.encoding,
        "delimiter": {"\t": "tab"}.get(form.delimiter, form.delimiter),
        "header": "yes" if form.header else "none",
        "columns": mapped,
        "date": form.date,
        "decimal": form.decimal,
        "sign": form.sign,
    }
    lines = [f"{source} is not in the project's own form. It would be read so:"]
    for name, value in parts.items():
        reason = found.questions.get(name) or found.why.get(name)
        lines.append(f"  {name:<10} {value}{f'  ({reason})' if reason else ''}")
    lines += [f"  {'also':<10} {note}" for note in found.notes]
    if not found.questions:
        lines.append(f"  {'rows':<10} {found.rows:,} are read, {len(found.unread):,} are not")
        lines += [f"  {'':<10} line {line}: {fault}" for line, fault in found.unread[:3]]
    for line, row in found.samples:
        values = ", ".join(f"{name} {value}" for name, value in row.items())
        lines.append(f"  line {line:<5} {values}")
    return "\n".join(lines) + "\n"


def _say(words: str) -> None:
    sys.stdout.write(words)
    sys.stdout.flush()
