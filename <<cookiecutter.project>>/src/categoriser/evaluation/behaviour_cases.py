"""The team's cases of how a model must behave, as a CSV file under version control has them.

Each row is a case: its kind, the columns of a request, and a category. The kinds are

- minimum: the plainest descriptors of a class are answered with it, the category;
- refund: a refund, the purchase with its sign turned, is answered as the purchase is;
- invariance: whatever is swapped, the answer stays the same.

The category is left empty where the first answer says what the others must be.

A text may hold `{city}`, `{reference}` and `{store}`. Each stands for one of many: invariance swaps
them one after the other, and then the case of the letters; the other kinds have the first of each.
Further columns of the file are the team's own.

The kinds are those of Ribeiro et al., Beyond Accuracy: Behavioral Testing of NLP Models with
CheckList, 2020.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from categoriser.contract import FIELDS, ColumnError, Transaction, read
from categoriser.data.merchant_key import PLACES_FILE
from categoriser.errors import UserError

MINIMUM = "minimum"
REFUND = "refund"
INVARIANCE = "invariance"
KINDS = (MINIMUM, REFUND, INVARIANCE)
KIND_COLUMN = "kind"
CATEGORY_COLUMN = "category"

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# As banks write them: hexadecimal digits, digits, and a card's last ones.
REFERENCES = ("p0d3d89b19", "pf81c20a7e", "402918345571", "CARD XX4821")
STORES = ("1041", "0382", "#382", "27")
LETTER_CASES: tuple[Callable[[str], str], ...] = (str.upper, str.lower, str.title)


class Case(NamedTuple):
    """A case, at a line of its file, with what the model is asked for it.

    `category` is that of all answers; where it is empty, that is the first answer.
    """

    line: int
    kind: str
    category: str
    asked: tuple[Transaction, ...]


def read_cases(path: Path) -> list[Case]:
    """Read the file. Raises `UserError` that names file, line and column, and what is wrong."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return list(parse_cases(stream, path))
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 ({error}); save it as UTF-8") from None
    except csv.Error as error:
        raise UserError(f"{path} is not CSV: {error}") from None


def parse_cases(lines: Iterable[str], path: Path) -> Iterator[Case]:
    """Yield the cases of a file's lines. Raises as `read_cases`, or `csv.Error`."""
    rows = csv.DictReader(lines, strict=True)
    needed = (KIND_COLUMN, *FIELDS, CATEGORY_COLUMN)
    missing = [name for name in needed if name not in (rows.fieldnames or ())]
    if missing:
        raise UserError(
            f"{path}, line 1: the columns {', '.join(missing)} are missing; "
            f"the first line must name {', '.join(needed)}"
        )
    seen = dict[tuple[str, ...], int]()
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        # The reader puts None where a row has too few fields, and what is too much under None.
        if None in row or None in row.values():
            raise UserError(f"{where}: it has another number of fields than the first line")
        case = parse_case(row, rows.line_num, where)
        told_by = tuple(row[name] for name in needed)
        if told_by in seen:
            raise UserError(f"{where}: it repeats line {seen[told_by]}")
        seen[told_by] = rows.line_num
        yield case


def parse_case(row: Mapping[str, str], line: int, where: str) -> Case:
    """Return a row's case. Raises `UserError` that begins with `where` and names the column."""
    kind = row[KIND_COLUMN].strip()
    category = row[CATEGORY_COLUMN].strip()
    if kind not in KINDS:
        raise UserError(f"{where}, column {KIND_COLUMN}: {kind!r} is not one of {', '.join(KINDS)}")
    if kind != MINIMUM and category:
        raise UserError(
            f"{where}, column {CATEGORY_COLUMN}: leave it empty, since the first answer says what "
            f"the others must be; {MINIMUM} asks for a category"
        )
    if kind == MINIMUM and not category:
        raise UserError(f"{where}, column {CATEGORY_COLUMN}: it is empty")
    unknown = [name for name in PLACEHOLDER.findall(row["text"]) if name not in fillers()]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in fillers())
        raise UserError(f"{where}, column text: {{{unknown[0]}}} is not one of {known}")
    texts = swapped(row["text"]) if kind == INVARIANCE else [filled(row["text"])]
    try:
        asked = [transaction(row, text) for text in texts]
    except ColumnError as error:
        raise UserError(f"{where}, column {error.column}: it {error.fault}") from None
    if kind == REFUND:
        asked.append(turned(asked[0], where))
    return Case(line, kind, category, tuple(asked))


def transaction(row: Mapping[str, str], text: str) -> Transaction:
    """Return what a row asks with another text. Raises `ColumnError`."""
    values = {**row, "text": text}
    return read([values[name] for name in FIELDS])


def turned(purchase: Transaction, where: str) -> Transaction:
    """Return the refund of a purchase. Raises `UserError` where it is none."""
    if purchase.price <= 0:
        raise UserError(
            f"{where}, column price: it must be over 0: the refund is asked with its sign turned"
        )
    return replace(purchase, price=-purchase.price)


@cache
def fillers() -> dict[str, tuple[str, ...]]:
    """Return what each placeholder stands for; the cities are the generated data's."""
    with PLACES_FILE.open(encoding="utf-8", newline="") as stream:
        cities = [row["place"] for row in csv.DictReader(stream) if row["kind"] == "city"]
    return {"city": tuple(cities), "reference": REFERENCES, "store": STORES}


def filled(text: str) -> str:
    """Return a text with the first filler in the place of each placeholder."""
    return PLACEHOLDER.sub(lambda found: fillers()[found[1]][0], text)


def swapped(text: str) -> list[str]:
    """Return the filled text, then one for each filler and each case of letters, in its place."""
    texts = [filled(text)]
    for name in dict.fromkeys(PLACEHOLDER.findall(text)):
        for filler in fillers()[name]:
            texts.append(filled(text.replace(f"{{{name}}}", filler)))
    texts += [change(texts[0]) for change in LETTER_CASES]
    return list(dict.fromkeys(texts))
