"""How many cases are drawn, and the requests that they are made of."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from categoriser.contract import CSV, JSON, JSON_LINES

CASES = int(os.environ.get("FUZZ") or 0)
SECRET = "ZEBRA"
KINDS = (CSV, JSON, JSON_LINES)
PATHS = ("/invocations", "/endpoints/shop/invocations")
sampled = settings(
    max_examples=CASES or 200,
    derandomize=not CASES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def written(rows: Sequence[tuple[str, float]], kind: str) -> list[str]:
    """Write each row; of JSON, its object."""
    if kind != CSV:
        return [json.dumps({"text": text, "price": price}) for text, price in rows]
    sheets = [io.StringIO(newline="") for _ in rows]
    for sheet, row in zip(sheets, rows, strict=True):
        csv.writer(sheet).writerow(row)
    return [sheet.getvalue().removesuffix("\r\n") for sheet in sheets]


def joined(records: Sequence[str], kind: str) -> bytes:
    return (f"[{','.join(records)}]" if kind == JSON else "\n".join(records)).encode()


def request(body: bytes, kind: str = CSV, path: str = PATHS[0], *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {kind}", *headers]
    lines += [f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode() + body


GOOD = request(b"coles,1")
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
FIRST = GOOD.replace(b"close", b"keep-alive")
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30).map(
    lambda text: f"{SECRET} {text}"
)

prices = st.floats(allow_nan=False, allow_infinity=False)
rows = st.lists(st.tuples(texts, prices), min_size=1, max_size=12)


def bodies_of(kind: str) -> st.SearchStrategy[bytes]:
    return rows.map(lambda rows: joined(written(rows, kind), kind))


@st.composite
def mutated(draw: st.DrawFn, whole: st.SearchStrategy[bytes], tokens: Sequence[bytes]) -> bytes:
    """Replace a few stretches of bytes."""
    content = draw(whole)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = start + draw(st.integers(0, 8))
        other = draw(st.sampled_from(tokens) | st.binary(max_size=4))
        content = content[:start] + other + content[end:]
    return content
