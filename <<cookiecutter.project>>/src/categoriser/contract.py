"""The record and the answer: the columns of a request's row, and what the model says of it.

All else derives from here: how the server, its description and the API read a request, what own
data must have, what a capture holds, and what the features are made of. To add an input column,
declare it in `Transaction`, and use it in `categoriser.features`. This module imports msgspec
alone, since the Lambdas carry it too.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter, call
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"
MEDIA_TYPES = (CSV, JSON, JSON_LINES)
# An answer in CSV names its class with this before it, as fastText names labels.
LABEL_PREFIX = "__label__"

# The production variant of every endpoint, which its answers and its captures name.
VARIANT = "main"

# Longer ones cost more than they say, and no bank's descriptor is longer.
TEXT_CHARACTERS = 256
# A server's request is answered in a second or two within these bounds, and its answer, with up to
# 50 classes, is within the 25 MB that SageMaker lets through.
MAX_ROWS = 10_000
MAX_BODY_BYTES = 6 * 2**20
# The API answers within the 29 seconds that API Gateway waits.
MAX_API_ROWS = 1_000
# A probability has so many decimals, whatever form carries it.
PROBABILITY_DECIMALS = 10

NUMBER = re.compile(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
# What no text holds: NUL, and halves of surrogate pairs, which JSON's escapes can spell.
BROKEN = re.compile("[\0\ud800-\udfff]")

# The server's description shows so many of each column.
FEWEST_EXAMPLES = 2

Value = str | float


class Transaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A row of a request.

    Each column is required, and is a text (`str` with its greatest length) or a number (`float`). A
    text is never blank, and a number is always finite.
    """

    text: Annotated[
        str,
        Meta(
            max_length=TEXT_CHARACTERS,
            description="The descriptor, as the bank writes it.",
            examples=["spotify p0d3d89b19 sydney au", "cafe, perth"],
        ),
    ]
    price: Annotated[
        float,
        Meta(
            description="In the currency's units, negative for a refund.",
            examples=[11.99, -4.5],
        ),
    ]


class Prediction(msgspec.Struct, frozen=True):
    """A row's answer.

    `review` is true where the probability is under the model's threshold, and where the text has no
    word that the model was trained on: then the price alone has answered. A rule's answer is sure:
    its category has the probability 1, and `review` is false. Answers from before there were rules
    have no `source`.
    """

    category: Annotated[str, Meta(description="The most probable.")]
    probability: Annotated[float, Meta(ge=0, le=1, description="Its own.")]
    probabilities: Annotated[
        dict[str, Annotated[float, Meta(ge=0, le=1)]],
        # In the order of the model's classes.
        Meta(min_length=1, description="Of each category; their sum is 1."),
    ]
    review: Annotated[
        bool,
        Meta(
            description="Whether a person should look at it: the probability is under the model's "
            "threshold, or the text has no word that the model was trained on."
        ),
    ]
    source: Annotated[
        Literal["model", "rule"],
        Meta(description="What has answered: the model, or a rule that goes before it."),
    ] = "model"


class ColumnError(ValueError):
    """A value that is wrong for its column: the column's name, and what is wrong with it."""

    def __init__(self, column: str, fault: str) -> None:
        super().__init__(f"{column} {fault}")
        self.column = column
        self.fault = fault


@dataclass(frozen=True)
class Column:
    """A column of `Transaction`, as it is declared there."""

    name: str
    longest: int | None  # characters of a text; None for a number
    examples: Sequence[Value]

    @property
    def is_text(self) -> bool:
        return self.longest is not None

    def read(self, value: Value) -> Value:
        """Return a text as it is, and a number from how it is written if need be.

        Raises `ColumnError` that says what is wrong with the value.
        """
        try:
            if self.longest is None:
                return read_number(value)
            return checked_text(self.longest, str(value))
        except ValueError as error:
            raise ColumnError(self.name, str(error)) from None


def checked_text(longest: int, value: str) -> str:
    """Return a text of at most so many characters as it is.

    Raises `ValueError` that says what is wrong with it.
    """
    if not value.strip():
        raise ValueError("is empty")
    if len(value) > longest:
        raise ValueError(f"is longer than {longest} characters")
    if BROKEN.search(value):
        raise ValueError("holds a NUL or half a surrogate pair")
    return value


def read_number(value: Value) -> float:
    """Return a finite number, from how it is written if need be. Raises `ValueError`."""
    if isinstance(value, str) and not NUMBER.fullmatch(value):
        raise ValueError("is not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def declared(record: type[msgspec.Struct]) -> tuple[Column, ...]:
    """Return a record's columns.

    Raises `TypeError` for a column that is not required, or that is neither a text of a greatest
    length nor a number, each with examples.
    """
    found = msgspec.inspect.type_info(record)
    assert isinstance(found, msgspec.inspect.StructType)  # noqa: S101  # for mypy
    return tuple(_column(field) for field in found.fields)


def _column(field: msgspec.inspect.Field) -> Column:
    declaration = field.type
    if not field.required or not isinstance(declaration, msgspec.inspect.Metadata):
        raise TypeError(f"contract.py: {field.name} must be required, and declared by a Meta")
    examples = (declaration.extra_json_schema or {}).get("examples", [])
    kind = declaration.type
    text = msgspec.inspect.StrType
    is_text = isinstance(kind, text) and kind == text(max_length=kind.max_length)
    longest = kind.max_length if isinstance(kind, text) else None
    is_number = kind == msgspec.inspect.FloatType()
    if len(examples) < FEWEST_EXAMPLES or not (is_number or (is_text and longest)):
        raise TypeError(
            f"contract.py: {field.name} must be a str with a max_length or a float, without other "
            f"bounds, and have {FEWEST_EXAMPLES} examples"
        )
    return Column(field.name, longest, examples)


COLUMNS = declared(Transaction)
FIELDS = tuple(column.name for column in COLUMNS)
TEXTS = tuple(column for column in COLUMNS if column.is_text)
# What was declared beside the text and the price, which are each treated in their own way.
FURTHER = tuple(column for column in COLUMNS if column.name not in ("text", "price"))

# By column: what reads a value of it; and for texts alone, what checks it, and finds it in a row.
READERS: list[Callable[[Any], Any]] = [
    read_number if column.longest is None else partial(checked_text, column.longest)
    for column in COLUMNS
]
TEXT_CHECKS = [
    (partial(checked_text, column.longest), attrgetter(column.name))
    for column in COLUMNS
    if column.longest is not None
]

# A row of JSON, in bytes, and a line of CSV, in characters: each character of a text may be a
# pair of escapes ("\ud83d\ude00"), and names and numbers are around the texts.
MAX_ROW_BYTES = sum(12 * (column.longest or 0) for column in TEXTS) + 1024


def transactions(rows: Iterable[Sequence[Any]]) -> list[Transaction]:
    """Return rows of values in the order of `FIELDS` as transactions; nothing is checked."""
    return [Transaction(*values) for values in rows]


def read(values: Sequence[Value]) -> Transaction:
    """Return a row of values in the order of `FIELDS`. Raises `ColumnError` as `Column.read`."""
    try:
        return Transaction(*map(call, READERS, values))
    except ValueError:
        # To name the column at once would cost each row more than to look for it here.
        for column, value in zip(COLUMNS, values, strict=True):
            column.read(value)
        raise


def check_texts(row: Transaction) -> Transaction:
    """Return a row whose columns are of their types already. Raises `ColumnError` for a text."""
    try:
        for check, text_of in TEXT_CHECKS:
            check(text_of(row))
    except ValueError:
        for column in TEXTS:
            column.read(getattr(row, column.name))
        raise
    return row


EXAMPLES = transactions(zip(*(column.examples for column in COLUMNS), strict=False))
