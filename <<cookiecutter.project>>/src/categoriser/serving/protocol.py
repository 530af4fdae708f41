"""Requests and answers of the inference contract: bytes to rows, predictions to bytes.

Three media types, `text/csv`, `application/json` and `application/jsonlines`. An answer has its
request's type, since a data capture must have one encoding for both.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from categoriser import contract
from categoriser.contract import (
    COLUMNS,
    CSV,
    FIELDS,
    JSON_LINES,
    LABEL_PREFIX,
    MAX_ROW_BYTES,
    MAX_ROWS,
    MEDIA_TYPES,
    NUMBER,
    PROBABILITY_DECIMALS,
    ColumnError,
    Prediction,
    Transaction,
)
from categoriser.serving.json_rows import BLANKS, read_json_body, read_json_lines
from categoriser.serving.problem import RequestError

CSV_HEADER = list(FIELDS)
NEEDED = ",".join(FIELDS)
TOO_MANY_ROWS = f"the body has more than {MAX_ROWS} rows"
FIRST_NUMBER = next(column.name for column in COLUMNS if not column.is_text)
ENCODER = msgspec.json.Encoder()

# A weight of 0 in `Accept`: what the client does not take (RFC 9110, section 12.4.2).
WEIGHT_OF_NOUGHT = re.compile(r";\s*q\s*=\s*0(\.0*)?\s*(;|$)")


class Rows(NamedTuple):
    """What a request asks for; `single` where it is one JSON object and not a list."""

    rows: list[Transaction]
    single: bool


@lru_cache(64)
def media_type(content_type: str, accept: str) -> str:
    """Return the type of a request and its answer, given both headers (empty where missing).

    Raises `RequestError`: 415 for another type or charset, 406 where `accept` excludes the type.
    """
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if kind not in MEDIA_TYPES:
        *others, last = MEDIA_TYPES
        raise RequestError(415, f"the content type must be {', '.join(others)} or {last}")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "charset" and value.strip('"') not in ("utf-8", "utf8", "us-ascii"):
            raise RequestError(415, "the charset must be utf-8")
    ranges = ("*/*", kind.partition("/")[0] + "/*", kind)
    for part in accept.lower().split(",") if accept else ranges:
        name, semicolon, weight = part.partition(";")
        if name.strip() in ranges and not WEIGHT_OF_NOUGHT.search(semicolon + weight):
            return kind
    raise RequestError(406, f"the answer has the request's type, {kind}, which Accept excludes")


def parse_rows(body: bytes, kind: str) -> Rows:
    """Read the rows of a body of a media type.

    Raises `RequestError`: 400 that names a fault, 413 for more than `MAX_ROWS`.
    """
    try:
        # Blank lines may follow the last row.
        content = body.decode().removeprefix("\ufeff").rstrip(BLANKS)
    except UnicodeDecodeError as error:
        raise RequestError(400, f"the body is not UTF-8 at byte {error.start + 1}") from None
    records, single = _records(content, kind)
    rows: list[Transaction] = []
    try:
        for record in records:
            rows.append(record)
            if len(rows) > MAX_ROWS:
                raise RequestError(413, TOO_MANY_ROWS)
    except ColumnError as error:
        if len(rows) == MAX_ROWS:
            raise RequestError(413, TOO_MANY_ROWS) from None
        row = len(rows) + 1
        raise RequestError(400, f"row {row}: {error}", row, error.column) from None
    if not rows:
        raise RequestError(400, "the body has no rows")
    return Rows(rows, single)


def _records(content: str, kind: str) -> tuple[Iterable[Transaction], bool]:
    """Return the rows, and whether the content is one object and not a list."""
    if kind == CSV:
        return _csv_records(content), False
    if kind == JSON_LINES:
        return read_json_lines(content, MAX_ROWS), False
    return read_json_body(content, MAX_ROWS)


def _csv_records(body: str) -> Iterator[Transaction]:
    """Yield the row of each record; a first one that is the header is passed over.

    Raises `RequestError` for what is not CSV or lacks a field, and `ColumnError` for a wrong value.
    """
    reader = csv.reader(_csv_lines(body), strict=True)
    row = 0
    try:
        for fields in reader:
            first = row == 0 and reader.line_num == 1
            if first and fields == CSV_HEADER:
                continue
            row += 1
            if first:
                _check_first(fields)
            if len(fields) != len(FIELDS):
                found = "is empty" if not fields else f"has {len(fields)} fields"
                raise RequestError(400, f"row {row} {found}; it needs {NEEDED}", row)
            yield contract.read(fields)
    except csv.Error as error:
        raise RequestError(400, f"row {row + 1} is not CSV: {error}", row + 1) from None


def _check_first(fields: Sequence[str]) -> None:
    """Raise `RequestError` for a first row without a number: it may be meant as a header."""
    has_number = any(NUMBER.fullmatch(field) for field in fields)
    if has_number or not fields:
        return
    fault = f"row 1 has no {FIRST_NUMBER}; it needs {NEEDED}, and a header must be {NEEDED}"
    field = FIRST_NUMBER if len(fields) == len(FIELDS) else None
    raise RequestError(400, fault, 1, field)


def _csv_lines(body: str) -> Iterator[str]:
    """Yield the lines, ends included. Raises `csv.Error` for one that is too long for a row."""
    for line in io.StringIO(body, newline=""):
        if len(line) > MAX_ROW_BYTES:
            raise csv.Error(f"a line is longer than {MAX_ROW_BYTES} characters")
        yield line


def render_answers(predictions: Sequence[Prediction], kind: str, *, single: bool) -> bytes:
    """Write the answers in the given type, a bare object where `single`.

    CSV: the label, then each class's probability. JSON: `Prediction`'s fields.
    """
    if kind == CSV:
        line = "%s" + f",%.{PROBABILITY_DECIMALS}f" * len(predictions[0].probabilities) + "\n"
        cells: list[str | float] = []
        for prediction in predictions:
            cells.append(_csv_label(prediction.category))
            cells.extend(prediction.probabilities.values())
        # All lines are formatted at once, which is faster than line by line.
        return (line * len(predictions) % tuple(cells)).encode()
    if kind == JSON_LINES:
        return ENCODER.encode_lines(predictions)
    return ENCODER.encode(predictions[0] if single else predictions)


@lru_cache(4096)
def _csv_label(category: str) -> str:
    """Return a class's label as fastText spells it, in quotes where CSV needs them."""
    label = LABEL_PREFIX + category
    if any(character in label for character in ',"\r\n'):
        return '"' + label.replace('"', '""') + '"'
    return label
