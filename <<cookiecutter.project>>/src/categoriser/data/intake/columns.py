"""Which of a bank's columns is which: the names that banks give them, the surest first."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

# The project's columns, and what the exports of banks call them, in `fold`'s spelling.
NAMES = {
    "date": (
        "date",
        "transaction date",
        "date of transaction",
        "trans date",
        "transactiondate",
        "started date",
        "booking date",
        "bookingdate",
        "posting date",
        "post date",
        "posted date",
        "date posted",
        "completed date",
        "effective date",
        "buchungstag",
        "buchungsdatum",
        "buchung",
        "datum",
        "date operation",
        "date de l operation",
        "date comptable",
        "fecha",
        "fecha operacion",
        "data",
        "data operazione",
        "boekdatum",
        "transactiedatum",
        "bokforingsdag",
        "value date",
        "valutadatum",
        "valuta",
        "wertstellung",
        "date valeur",
        "date de valeur",
        "fecha valor",
        "data valuta",
        "timestamp",
        "datetime",
        "date time",
        "created",
    ),
    "text": (
        "text",
        "transaction description",
        "description",
        "descriptor",
        "narrative",
        "transaction details",
        "details",
        "particulars",
        "verwendungszweck",
        "buchungsdetails",
        "libelle",
        "libelle operation",
        "concepto",
        "descripcion",
        "descrizione",
        "descricao",
        "omschrijving",
        "mededelingen",
        "beskrivning",
        "beschreibung",
        "memo",
        "payee",
        "counter party",
        "counterparty",
        "merchant name",
        "merchant",
        "name",
        "empfanger",
        "auftraggeber empfanger",
        "beguenstigter zahlungspflichtiger",
        "buchungstext",
        "reference",
        "remarks",
        "label",
    ),
    "price": (
        "price",
        "amount",
        "transaction amount",
        "value",
        "betrag",
        "umsatz",
        "montant",
        "importe",
        "importo",
        "bedrag",
        "belopp",
        "valor",
        "sum",
    ),
    "debit": (
        "debit",
        "debit amount",
        "debits",
        "paid out",
        "money out",
        "out",
        "outgoing",
        "withdrawal",
        "withdrawals",
        "withdrawal amount",
        "withdrawal amt",
        "spent",
        "soll",
        "belastung",
        "lastschrift",
        "ausgang",
        "ausgaben",
        "cargo",
        "cargos",
        "addebiti",
        "uscite",
        "dare",
        "af",
    ),
    "credit": (
        "credit",
        "credit amount",
        "credits",
        "paid in",
        "money in",
        "in",
        "incoming",
        "deposit",
        "deposits",
        "deposit amount",
        "deposit amt",
        "received",
        "haben",
        "gutschrift",
        "eingang",
        "einnahmen",
        "abono",
        "abonos",
        "accrediti",
        "entrate",
        "avere",
        "bij",
    ),
    "way": (
        "debit credit",
        "credit debit",
        "dr cr",
        "cr dr",
        "d c",
        "soll haben",
        "soll haben kennzeichen",
        "creditdebitindicator",
        "credit debit indicator",
        "af bij",
        "transaction type",
        "type",
        "sens",
    ),
    "category": (
        "category",
        "categories",
        "class",
        "label",
        "kategorie",
        "categorie",
        "categoria",
        "kategori",
        "spending category",
    ),
    "merchant": ("merchant", "merchant name"),
    "country": ("country", "land", "pays", "pais"),
}
# Without these no file can be read; of the price, one of several forms.
AMOUNTS = ("price", "debit", "credit")
CURRENCY = re.compile(" (eur|usd|gbp|chf|aud|nzd|cad|sek|nok|dkk|pln|czk|inr|jpy|zar)$")
LETTERS = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "ł": "l", "œ": "oe"})


def fold(name: str) -> str:
    """Return a column's name in lower case, without accents, signs and a currency at its end."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(LETTERS))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return CURRENCY.sub("", " ".join(re.sub(r"[\W_]+", " ", plain).split()))


def recognised(names: Sequence[str]) -> int:
    """Count the kinds of columns that a line's fields name: date, text, amount, category."""
    folded = {fold(name) for name in names}
    kinds = (("date",), ("text",), AMOUNTS, ("category",))
    return sum(any(folded & {*NAMES[role]} for role in kind) for kind in kinds)


@dataclass(frozen=True)
class Mapping:
    """The place of each of the project's columns, and what could not be told apart."""

    places: dict[str, int]
    questions: dict[str, str] = field(default_factory=dict)


def match(names: Sequence[str], needed: Sequence[str]) -> Mapping:
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
        called = NAMES.get(role, (fold(role),))
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
    return Mapping(places, questions)
