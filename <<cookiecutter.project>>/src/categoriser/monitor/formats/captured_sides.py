"""The input and the output of a captured call, read into rows: CSV, JSON or JSON lines.

Nothing that a record holds raises but `RecordError`, whose words hold none of its data.
"""

import base64
import csv
import io
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from categoriser.contract import (
    COLUMNS,
    CSV,
    FIELDS,
    JSON,
    JSON_LINES,
    LABEL_PREFIX,
    Column,
    Value,
    read_number,
)
from categoriser.monitor.formats.event_lines import EventSide, EventSides, RecordError
from categoriser.monitor.formats.problems import Place, Problems
from categoriser.serving.capture import ENCODINGS
from categoriser.serving.json_rows import BLANKS

PROBABILITIES_DECODER = msgspec.json.Decoder(list[Annotated[float, msgspec.Meta(ge=0, le=1)]])


def rows_of_sides(sides: EventSides) -> tuple[list[Any] | None, list[Any] | None]:
    """Return the rows of input and output, as many of the one as of the other.

    A capture may be of one side only; the other one is None.
    """
    output = sides.endpoint_output or sides.batch_transform_output
    asked = answers = None
    kinds = []
    if sides.endpoint_input is not None:
        kind, asked = _rows(sides.endpoint_input, "input")
        kinds.append(kind)
        if kind == CSV:
            _check_fields(asked)
    if output is not None:
        kind, answers = _rows(output, "output")
        kinds.append(kind)
    if not kinds:
        raise RecordError("neither input nor output")
    if len({kind == CSV for kind in kinds}) > 1:
        raise RecordError("input and output of different encodings", ", ".join(kinds))
    counts = {len(rows) for rows in (asked, answers) if rows is not None}
    if len(counts) > 1 or 0 in counts:
        detail = " and ".join(str(len(rows or [])) for rows in (asked, answers))
        raise RecordError("input and output of different row counts", detail)
    return asked, answers


def _check_fields(rows: list[list[str]]) -> None:
    """Take away a header, and raise `RecordError` for a row that has other fields."""
    if rows and rows[0] == [*FIELDS]:
        del rows[0]
    if any(len(row) != len(FIELDS) for row in rows):
        raise RecordError("unreadable input", f"a row is not {','.join(FIELDS)}")


def _rows(side: EventSide, name: str) -> tuple[str, list[Any]]:
    """Return the media type of an input or output, and its rows: fields of CSV, or objects."""
    kind = (side.observed_content_type or "").partition(";")[0].strip().lower()
    data = side.data
    if side.encoding == "CSV":
        kind = CSV
    elif side.encoding == "JSON":
        kind = JSON_LINES if kind == JSON_LINES else JSON
    elif side.encoding != "BASE64" or kind not in ENCODINGS:
        raise RecordError("unknown encoding", name)
    try:
        if side.encoding == "BASE64":
            data = base64.b64decode(data, validate=True).decode()
        data = data.removeprefix("\ufeff").rstrip(BLANKS)
        if kind == CSV:
            return kind, csv_fields(data)
        if kind == JSON_LINES:
            rows = [msgspec.json.decode(row) for row in data.split("\n") if row.strip()]
        else:
            rows = msgspec.json.decode(data)
            rows = rows if isinstance(rows, list) else [rows]
    except csv.Error as error:
        # Its words hold none of the data: "field larger than field limit (131072)".
        raise RecordError(f"unreadable {name}", str(error)) from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"unreadable {name}", type(error).__name__) from None
    if not all(isinstance(row, dict) for row in rows):
        raise RecordError(f"unreadable {name}", "a row is not an object")
    return kind, rows


def csv_fields(data: str) -> list[list[str]]:
    """Return the fields of each line that is not blank. Raises `csv.Error`."""
    if '"' not in data and "\r" not in data:
        # Most are so, and csv.reader takes three times as long.
        return [row.split(",") for row in data.split("\n") if row]
    return [row for row in csv.reader(io.StringIO(data, newline=""), strict=True) if row]


def read_question(row: Any, problems: Problems, place: Place) -> tuple[Value | None, ...]:
    """Return the values of `FIELDS`, null where they are missing or not of their column's kind."""
    values = row if isinstance(row, list) else map(row.get, FIELDS)
    return tuple(
        _captured_text(column, value, problems, place)
        if column.is_text
        else _captured_number(column, value, problems, place)
        for column, value in zip(COLUMNS, values, strict=True)
    )


def _captured_text(column: Column, value: Any, problems: Problems, place: Place) -> str | None:
    if value is not None and not isinstance(value, str):
        problems.add(place, f"{column.name} is not a string")
        return None
    return value or None


def _captured_number(column: Column, value: Any, problems: Problems, place: Place) -> float | None:
    if value is None or value == "":
        return None
    try:
        if isinstance(value, (str, float, int)) and not isinstance(value, bool):
            return read_number(value)
    except (ValueError, OverflowError):
        pass
    problems.add(place, f"{column.name} is not a number")
    return None


def read_answer(row: Any, classes: Sequence[str]) -> tuple[str, list[float]]:
    """Return a label, and the probabilities in the order of the classes."""
    try:
        if isinstance(row, list):
            label, *given = row
            numbers = PROBABILITIES_DECODER.decode(f"[{','.join(given)}]")
        else:
            label = row["category"]
            given = row["probabilities"]
            values = [given[name] for name in classes if name in given]
            numbers = PROBABILITIES_DECODER.decode(msgspec.json.encode(values))
    except (ValueError, OverflowError, RecursionError) as error:
        detail = type(error).__name__
        raise RecordError("probabilities are not numbers in 0..1", detail) from None
    except (KeyError, TypeError):
        raise RecordError("unreadable output", "no category or no probabilities") from None
    if not isinstance(label, str):
        raise RecordError("unreadable output", "a category is not a string")
    if len(given) != len(classes):
        raise RecordError("wrong number of probabilities", f"{len(given)} for {len(classes)}")
    if not isinstance(row, list) and not isinstance(given, dict):
        raise RecordError("wrong number of probabilities", "they have no names")
    if len(numbers) != len(classes):
        lacking = next(name for name in classes if name not in given)
        raise RecordError("answers of other classes", f"no probability of {lacking!r}")
    return label.removeprefix(LABEL_PREFIX), numbers
