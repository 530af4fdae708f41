"""One fault among good rows: the answer names its row and field."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from categoriser.contract import CSV, JSON, JSON_LINES, TEXT_CHARACTERS
from serving_helpers.fuzz_cases import (
    KINDS,
    PATHS,
    joined,
    request,
    rows,
    sampled,
    written,
)
from serving_helpers.watched_server import Watched, problem

OBJECTS = [
    ("{}", "text"),
    ('{"price":1}', "text"),
    ('{"text":"a"}', "price"),
    ('{"text":1,"price":1}', "text"),
    ('{"text":null,"price":1}', "text"),
    ('{"text":" \\u2003","price":1}', "text"),
    ('{"text":"a\\u0000","price":1}', "text"),
    ('{"text":"\\ud83d","price":1}', "text"),
    ('{"text":"%s","price":1}' % ("a" * (TEXT_CHARACTERS + 1)), "text"),
    ('{"text":"a","price":"1"}', "price"),
    ('{"text":"a","price":true}', "price"),
    ('{"text":"a","price":NaN}', "price"),
    ('{"text":"a","price":-1e999}', "price"),
    ('{"text":"a","price":%s}' % ("9" * 5000), "price"),
    ('{"text":"a","price":1,"x":1}', "x"),
    ('{"text":"a","price":1,"text":"b"}', "text"),
    ("[]", None),
    ("1", None),
]

FAULTS = {
    CSV: [
        ("a,x", "price"),
        ("a,", "price"),
        ("a,nan", "price"),
        ("a,1e999", "price"),
        ("a,1_0", "price"),
        ("a,0x1", "price"),
        ("a,١", "price"),
        (",1", "text"),
        ('" \u2003",1', "text"),
        ("a\0,1", "text"),
        ("a" * (TEXT_CHARACTERS + 1) + ",1", "text"),
        ("a", None),
        ("a,1,2", None),
        ('"a"b,1', None),
    ],
    JSON: OBJECTS,
    JSON_LINES: [*OBJECTS, ('{"text":', None), ("", None)],
}

faults = st.sampled_from([(kind, *fault) for kind in KINDS for fault in FAULTS[kind]])


@sampled
@given(rows, faults, st.sampled_from(PATHS), st.integers(0, 11))
def fault_is_named(
    server: Watched,
    rows: list[tuple[str, float]],
    fault: tuple[str, str, str | None],
    path: str,
    place: int,
) -> None:
    kind, record, field = fault
    records = written(rows, kind)
    answer = server.ask(request(joined(records, kind), kind, path))
    assert answer.status == 200
    content = answer.body.decode()
    found = json.loads(content) if kind == JSON else content.removesuffix("\n").split("\n")
    assert len(found) == len(rows)

    # Before a good one, since blank lines may follow the last.
    place %= len(rows)
    records.insert(place, record)
    told = problem(server.ask(request(joined(records, kind), kind, path)))
    assert (told["status"], told.get("row"), told.get("field")) == (400, place + 1, field)
