"""Requests and answers of the inference contract: bytes to rows, predictions to bytes.

Three media types, `text/csv`, `application/json` and `application/jsonlines`. An answer has its
request's type, since a data capture must have one encoding for both.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from categoriser import features
from categoriser.model.package import Prediction

CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
FIELDS = ["text", "price"]
# So that a request is answered in a second or two, and its answer, with up to 50 classes, is within
# the 25 MB that SageMaker lets through.
MAX_ROWS = 10_000
# Objects become tuples of pairs, so that names given twice are seen.
DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_int=float)
ENCODER = msgspec.json.Encoder()

REFUSED = re.compile(r";\s*q\s*=\s*0(\.0*)?\s*(;|$)")
# What may follow the last row: blank lines.
BLANK = " \t\r\n"


class RequestError(Exception):
    """A request that cannot be answered; `row` (from 1, the header apart) and `field` say where."""

    def __init__(
        self, status: int, detail: str, row: int | None = None, field: str | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.row, self.field = status, detail, row, field

    def body(self) -> bytes:
        """Return the problem as RFC 9457's `application/problem+json`."""
        problem = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
        }
        members = problem | {"detail": self.detail, "row": self.row, "field": self.field}
        return json.dumps(
            {name: value for name, value in members.items() if value is not None}
        ).encode()


class Rows(NamedTuple):
    """What a request asks for; `single` where it is one JSON object and not a list."""

    texts: list[str]
    prices: list[float]
    single: bool


@lru_cache(64)
def media_type(content_type: str, accept: str) -> str:
    """Return the type of a request and its answer, given both headers (empty where missing).

    Raises `RequestError`: 415 for another type or charset, 406 where `accept` excludes the type.
    """
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if kind not in (CSV, JSON, LINES):
        raise RequestError(415, f"the content type must be {CSV}, {JSON} or {LINES}")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "charset" and value.strip('"') not in ("utf-8", "utf8", "us-ascii"):
            raise RequestError(415, "the charset must be utf-8")
    ranges = ("*/*", kind.partition("/")[0] + "/*", kind)
    for part in accept.lower().split(",") if accept else ranges:
        name, semicolon, parameters_of_range = part.partition(";")
        if name.strip() in ranges and not REFUSED.search(semicolon + parameters_of_range):
            return kind
    raise RequestError(406, f"the answer has the request's type, {kind}, which Accept excludes")


def parse(body: bytes, kind: str) -> Rows:
    """Read the rows of a body of a type.

    Raises `RequestError`: 400 that names the first fault, 413 for more than `MAX_ROWS`.
    """
    try:
        content = body.decode().removeprefix("\ufeff").rstrip(BLANK)
    except UnicodeDecodeError as error:
        raise RequestError(400, f"the body is not UTF-8 at byte {error.start + 1}") from None
    single = False
    records: Iterable[tuple[Any, Any]]
    if kind == CSV:
        records = _csv_records(content)
    elif kind == LINES:
        # Not splitlines(): a JSON string may hold other line breaks of Unicode's.
        lines = content.split("\n") if content else []
        records = (_record(_json(line, row), row) for row, line in enumerate(lines, 1))
    else:
        value = _json(content)
        single = not isinstance(value, list)
        listed = [value] if single else value
        records = (_record(value, row) for row, value in enumerate(listed, 1))
    texts, prices = list[str](), list[float]()
    # In CSV a number is a text, in JSON it is none.
    written = str if kind == CSV else float
    for row, (text, price) in enumerate(records, 1):
        if row > MAX_ROWS:
            raise RequestError(413, f"the body has more than {MAX_ROWS} rows")
        if not isinstance(text, str):
            raise RequestError(400, f"row {row}: text must be a string", row, "text")
        if not isinstance(price, written):
            raise RequestError(400, f"row {row}: price must be a finite number", row, "price")
        field = "text"
        try:
            texts.append(features.text(text))
            field = "price"
            prices.append(features.price(price))
        except ValueError as error:
            raise RequestError(400, f"row {row}: {field} {error}", row, field) from None
    if not texts:
        raise RequestError(400, "the body has no rows")
    return Rows(texts, prices, single)


def _csv_records(body: str) -> Iterator[tuple[str, str]]:
    reader = csv.reader(io.StringIO(body, newline=""), strict=True)
    row = 0
    try:
        for fields in reader:
            first = row == 0 and reader.line_num == 1
            if first and fields == FIELDS:
                continue
            row += 1
            if first and fields and not any(map(features.NUMBER.fullmatch, fields)):
                fault = "row 1 has no price; it needs text,price, and a header must be text,price"
                raise RequestError(400, fault, 1, "price" if len(fields) == len(FIELDS) else None)
            if len(fields) != len(FIELDS):
                found = "is empty" if not fields else f"has {len(fields)} fields"
                raise RequestError(400, f"row {row} {found}; it needs text,price", row)
            yield fields[0], fields[1]
    except csv.Error as error:
        raise RequestError(400, f"row {row + 1} is not CSV: {error}", row + 1) from None


def _json(text: str, row: int | None = None) -> Any:
    where = f"row {row}" if row else "the body"
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise RequestError(400, f"{where} is not JSON: {error}", row) from None
    except RecursionError:
        raise RequestError(400, f"{where} is nested too deeply", row) from None


def _record(value: Any, row: int) -> tuple[Any, Any]:
    if not isinstance(value, tuple):
        raise RequestError(400, f"row {row} must be an object with text and price", row)
    record = dict(value)
    if len(value) != len(FIELDS) or record.keys() != set(FIELDS):
        raise _misnamed([name for name, _ in value], row)
    return record["text"], record["price"]


def _misnamed(names: list[str], row: int) -> RequestError:
    for name in names:
        if name not in FIELDS:
            return RequestError(400, f"row {row}: unknown field {name[:40]!r}", row, name[:40])
    name = next(name for name in FIELDS if names.count(name) != 1)
    fault = "is given twice" if name in names else "is missing"
    return RequestError(400, f"row {row}: {name} {fault}", row, name)


def render(predictions: Sequence[Prediction], kind: str, *, single: bool) -> bytes:
    """Write the answers in the given type, a bare object where `single`.

    CSV: the label, then each class's probability to 10 decimals. JSON: `Prediction`'s fields.
    """
    if kind == CSV:
        width = len(predictions[0].probabilities)
        cells = [
            cell
            for one in predictions
            for cell in (_label(one.category), *one.probabilities.values())
        ]
        return (("%s" + ",%.10f" * width + "\n") * len(predictions) % tuple(cells)).encode()
    if kind == LINES:
        return ENCODER.encode_lines(predictions)
    return ENCODER.encode(predictions[0] if single else predictions)


@lru_cache(4096)
def _label(category: str) -> str:
    label = f"__label__{category}"
    if any(character in label for character in ',"\r\n'):
        return '"' + label.replace('"', '""') + '"'
    return label
