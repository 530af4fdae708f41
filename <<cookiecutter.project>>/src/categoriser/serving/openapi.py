"""The server's description: OpenAPI 3.1, made of `openapi_base.json` and the contract.

The base has paths and responses. The schemas of a transaction and a prediction, the examples, and
the limits of a request come from `categoriser.contract`, so a new column is described by itself.
"""

import csv
import inspect
import io
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import asdict, astuple

from categoriser.contract import (
    COLUMNS,
    CSV,
    EXAMPLES,
    FIELDS,
    JSON,
    JSON_LINES,
    MAX_BODY_BYTES,
    MAX_ROWS,
    VARIANT,
    Prediction,
    Transaction,
)

BASE = Path(__file__).with_name("openapi_base.json")
SCHEMAS = "#/components/schemas/"
# At least one character that is not blank, and no NUL. A half of a surrogate pair is refused too,
# which a pattern cannot say.
NOT_BLANK = (
    r"^[^\u0000]*"
    r"[^\u0000\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
    r"[^\u0000]*$"
)
# The largest integer that rounds to a finite double: half a unit in the last place above the
# largest double, an integer would round to infinity.
LARGEST = int(sys.float_info.max) + 2 ** (sys.float_info.max_exp - sys.float_info.mant_dig - 1) - 1

# A part of the document. OpenAPI's form is free: the test of the server against it checks it.
Description = dict[str, Any]


def description() -> bytes:
    """Return the document that the server gives, in JSON."""
    document: Description = json.loads(BASE.read_bytes())
    components = document["components"]
    components["requestBodies"] = {"Transactions": _request_body()}
    components["schemas"] = _record_schemas() | components["schemas"]
    # msgspec writes no integer beyond 64 bits.
    return json.dumps(document, ensure_ascii=False).encode()


def _record_schemas() -> Description:
    """Return the schemas of the record and the answer, by name."""
    records = (Transaction, Prediction)
    _, schemas = msgspec.json.schema_components(records, ref_template=SCHEMAS + "{name}")
    for record in records:
        schemas[record.__name__]["description"] = inspect.cleandoc(record.__doc__ or "")
    for column in COLUMNS:
        schema = schemas[Transaction.__name__]["properties"][column.name]
        if column.is_text:
            schema["pattern"] = NOT_BLANK
        else:
            schema["minimum"] = -LARGEST
            schema["maximum"] = LARGEST
    # The server's answers have all members that are described, and no others.
    schemas[Prediction.__name__]["required"] = [*schemas[Prediction.__name__]["properties"]]
    schemas[Prediction.__name__]["additionalProperties"] = False
    return schemas | {"Variant": {"const": VARIANT}}


def _request_body() -> Description:
    one = {"$ref": SCHEMAS + Transaction.__name__}
    many = {"type": "array", "minItems": 1, "maxItems": MAX_ROWS, "items": one}
    first, second = EXAMPLES[:2]
    lines = msgspec.json.Encoder().encode_lines(EXAMPLES).decode()
    sheet = io.StringIO(newline="")
    csv.writer(sheet, lineterminator="\n").writerows(map(astuple, EXAMPLES))
    names = ",".join(FIELDS)
    return {
        "required": True,
        "description": f"UTF-8, with or without a byte order mark: {MAX_ROWS:,} rows and "
        f"{MAX_BODY_BYTES // 2**20} MiB at most. Blank lines may follow the last row.",
        "content": {
            JSON: {
                "schema": {"oneOf": [one, many]},
                "examples": {
                    "one": {"value": asdict(first)},
                    "list": {"value": [asdict(second)]},
                },
            },
            JSON_LINES: {
                "schema": _text("A transaction, as in application/json, on each line."),
                "examples": {"lines": {"value": lines}},
            },
            CSV: {
                "schema": _text(
                    f"RFC 4180: {names} on each row, within the same bounds; a first row "
                    f"`{names}` is a header."
                ),
                "examples": {"rows": {"value": sheet.getvalue()}},
            },
        },
    }


def _text(words: str) -> Description:
    return {"type": "string", "minLength": 1, "description": words}
