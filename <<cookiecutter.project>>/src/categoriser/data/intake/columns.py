"""Which of a bank's columns is which: the names that banks give them, the surest first."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from categoriser.data.intake.column_names import KNOWN_NAMES

# Without these no file can be read; of the price, one of several forms.
AMOUNT_COLUMNS = ("price", "debit", "credit")
CURRENCY_AT_END = re.compile(" (eur|usd|gbp|chf|aud|nzd|cad|sek|nok|dkk|pln|czk|inr|jpy|zar)$")
SPELT_OUT_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "ł": "l", "œ": "oe"})


def fold(name: str) -> str:
    """Return a column's name in lower case, without accents, signs and a currency at its end."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(SPELT_OUT_LETTERS))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return CURRENCY_AT_END.sub("", " ".join(re.sub(r"[\W_]+", " ", plain).split()))


def count_recognised(names: Sequence[str]) -> int:
    """Count the kinds of columns that a line's fields name: date, text, amount, category."""
    folded = {fold(name) for name in names}
    kinds = (("date",), ("text",), AMOUNT_COLUMNS, ("category",))
    return sum(any(folded & {*KNOWN_NAMES[role]} for role in kind) for kind in kinds)


@dataclass(frozen=True)
class ColumnMatch:
    """The place of each of the project's columns, and what could not be told apart."""

    places: dict[str, int]
    questions: dict[str, str] = field(default_factory=dict)


def match_columns(names: Sequence[str], needed: Sequence[str]) -> ColumnMatch:
    """Find the project's columns among a header's names; a name in the own form's spelling leads.

    Two columns of the very same name are asked about.
    """
    folded = [fold(name) for name in names]
    places: dict[str, int] = {}
    questions: dict[str, str] = {}
    order = ["category", "date", "price", "debit", "credit", "text", "way", "merchant", "country"]
    # A further input column is known by its own name.
    order += [role for role in needed if role not in order]
    for role in order:
        free = [place for place in range(len(names)) if place not in places.values()]
        called = KNOWN_NAMES.get(role, (fold(role),))
        known = [name for name in called if any(folded[place] == name for place in free)]
        if not known:
            continue
        same = [place for place in free if folded[place] == known[0]]
        if len(same) > 1 and role in needed:
            numbers = ", ".join(str(place + 1) for place in same)
            questions[role] = f"columns {numbers} are all named {names[same[0]]!r}: give a number"
        places[role] = same[0]
    if "price" in places:
        for role in ("debit", "credit"):
            places.pop(role, None)
    return ColumnMatch(places, questions)
