"""Which of a file's columns holds what, as a person says or the header names it."""

from collections.abc import Sequence

from categoriser.data.intake import columns
from categoriser.data.intake.encoding import shorten
from categoriser.data.intake.form import ASK, ColumnPlace, ColumnRole, Form
from categoriser.data.intake.layout import Layout
from categoriser.data.intake.recognised import Recognised
from categoriser.errors import UserError
from categoriser.paths import INTAKE

# Characters that are shown of a value in a first row without names.
SHOWN_CHARACTERS = 30


def choose_columns(
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
    return "; ".join(f"{number} {shorten(value, SHOWN_CHARACTERS)}" for number, value in values)


def _missing(role: str, layout: Layout) -> str:
    if not layout.line:
        return f"no line names the columns: write its number; the first row is {_listed(layout)}"
    what = {
        "category": " (each row's label: without it nothing can be trained)",
        "price": " (or, in its place, columns.debit and columns.credit)",
    }
    return f"no column is known to be the {role}{what.get(role, '')}; there are {_listed(layout)}"
