"""Requests and answers: bytes to rows, predictions to bytes."""

from __future__ import annotations

import csv
import io
import json
import math
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from categoriser.contract import (
    CSV,
    JSON,
    JSON_LINES,
    MAX_BODY_BYTES,
    TEXT_CHARACTERS,
    Prediction,
    transactions,
)
from categoriser.serving.problem import RequestError
from categoriser.serving.protocol import Rows, media_type, parse_rows, render_answers

KINDS = (CSV, JSON, JSON_LINES)
GOOD = '{"text": "a", "price": 1}'


def one(text: str, price: float, *, single: bool = False) -> Rows:
    return Rows(transactions([(text, price)]), single)


@pytest.mark.parametrize(
    ("kind", "body", "rows"),
    [
        (CSV, "spotify p0d3d89b19 sydney au,11.99", one("spotify p0d3d89b19 sydney au", 11.99)),
        (CSV, "text,price\na,1\n", one("a", 1)),
        (CSV, '"text","price"\r\na,1\r\n', one("a", 1)),
        (CSV, '"a, ""b""\nc", -1e2 \n', one('a, "b"\nc', -100)),
        (CSV, "a,1\nb,.5\rc,+2.\n", Rows(transactions([("a", 1), ("b", 0.5), ("c", 2)]), False)),
        (CSV, "\ufeffcafé,1", one("café", 1)),
        (CSV, "a,1\r\n\r\n \n", one("a", 1)),
        (CSV, "price,1\n", one("price", 1)),
        (JSON, GOOD, one("a", 1, single=True)),
        (JSON, f"[{GOOD}]", one("a", 1)),
        (JSON, f"\ufeff [{GOOD},{GOOD}]\n", Rows(transactions([("a", 1), ("a", 1)]), False)),
        (JSON, '{"price": -1e2, "text": "\\u00e9\\ud83d\\ude00"}', one("é😀", -100, single=True)),
        (JSON_LINES, GOOD, one("a", 1)),
        (JSON_LINES, f"{GOOD}\r\n{GOOD}\n", Rows(transactions([("a", 1), ("a", 1)]), False)),
        (JSON_LINES, f"{GOOD}\n\n\r\n", one("a", 1)),
        # A line separator of Unicode's is part of a string, and no end of a line.
        (JSON_LINES, '{"text": "a\u2028b", "price": 1}', one("a\u2028b", 1)),
    ],
)
def test_rows_are_read(kind: str, body: str, rows: Rows) -> None:
    assert parse_rows(body.encode(), kind) == rows


@pytest.mark.parametrize(
    ("kind", "body", "row", "field"),
    [
        *((kind, body, None, None) for kind in (CSV, JSON_LINES) for body in ("", "\n\n")),
        (CSV, "text,price\n", None, None),
        (CSV, "text,price\ntext,price\n", 1, "price"),
        (CSV, "a", 1, None),
        (CSV, "a,1\nb,2,3", 2, None),
        (CSV, "a,1\n\nb,2", 2, None),
        (CSV, "a,\n", 1, "price"),
        (CSV, ",1", 1, "text"),
        (CSV, '"a,1', 1, None),
        (CSV, 'a,1\n"b"c,1', 2, None),
        (CSV, "a" * 200_000 + ",1", 1, None),
        *(
            (CSV, f"a,1\nb,{price}", 2, "price")
            for price in ("nan", "inf", "1_0", "0x1", "١", "1e999")
        ),
        (CSV, "a\0,1", 1, "text"),
        (JSON, "", None, None),
        (JSON, "[]", None, None),
        (JSON, "1", 1, None),
        (JSON, "null", 1, None),
        (JSON, "[" * 1_000_000, 1, None),
        (JSON, '{"a":' * 1_000_000, 1, "a"),
        (JSON, '{"text":' * 1_000_000, 1, "text"),
        (JSON, '{"text":"a","price":' + "[" * 1_000_000, 1, "price"),
        (JSON, f"[{GOOD},{GOOD}", None, None),
        (JSON, f"[{GOOD} {GOOD}]", None, None),
        (JSON, f"[{GOOD},]", None, None),
        (JSON, '{"text": "a", "price": 1, "price": {}}', 1, "price"),
        (JSON, '{"text": "a", "price": 1, "\\u0070rice": 2}', 1, "price"),
        (JSON, '{"text": "a:", "text": "a\\u003a", "price": 1}', 1, "text"),
        (JSON, '{"text": "a", "price": 01}', None, None),
        (JSON, '{"text": "a", "price": 1,}', None, None),
        (JSON, '{"text" "a", "price": 1}', None, None),
        (JSON, '{1: "a", "price": 1}', None, None),
        (JSON, '{"text": "a\n", "price": 1}', None, None),
        (JSON_LINES, f'{GOOD}\n{{"text": "a", "price": 1, "price": 1}}', 2, "price"),
        (JSON, f"{GOOD} {GOOD}", None, None),
        (JSON, f"[{GOOD}, [1]]", 2, None),
        (JSON, "{}", 1, "text"),
        (JSON, f'[{GOOD}, {{"text": "b"}}]', 2, "price"),
        (JSON, '{"text": "a", "price": 1, "price": 2}', 1, "price"),
        (JSON, '{"text": "a", "price": 1, "card": "4"}', 1, "card"),
        (JSON, f'{{"text": "a", "price": 1, "{"x" * 999}": 0}}', 1, "x" * 40),
        *(
            (JSON, f'{{"text": {text}, "price": 1}}', 1, "text")
            for text in ("null", "1", '""', '" "', '["a"]', '{"a": 1}', '"\\u0000"', '"\\ud800"')
        ),
        *(
            (JSON, f'{{"text": "a", "price": {price}}}', 1, "price")
            for price in ("null", "true", '"1"', "[1]", "{}", "NaN", "-Infinity", "1e999")
        ),
        (JSON, f'{{"text": "a", "price": {"9" * 10_000}}}', 1, "price"),
        (JSON_LINES, f"{GOOD}\n\n{GOOD}", 2, None),
        (JSON_LINES, f'{GOOD}\n{{"text": "a"', 2, None),
        (JSON_LINES, f"{GOOD}\n" + "[" * 1_000_000, 2, None),
        (JSON_LINES, f"[{GOOD}]", 1, None),
    ],
)
def test_a_malformed_body_is_refused_by_row_and_field(
    kind: str, body: str, row: int | None, field: str | None
) -> None:
    with pytest.raises(RequestError) as caught:
        parse_rows(body.encode(), kind)
    error = caught.value
    assert (error.status, error.row, error.field) == (400, row, field)
    if row and kind != JSON:
        assert f"row {row}" in error.detail


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Text,Price", "price"),
        ("price,text", "price"),
        ("text, price", "price"),
        ("description,amount", "price"),
        ("date,text,price,category", None),
        ("text;price", None),
    ],
)
def test_another_header_is_told_what_it_must_be(header: str, field: str | None) -> None:
    with pytest.raises(RequestError, match="a header must be text,price") as caught:
        parse_rows(f"{header}\na,1\n".encode(), CSV)
    assert (caught.value.status, caught.value.row, caught.value.field) == (400, 1, field)
    with pytest.raises(RequestError) as caught:
        parse_rows(f"a,1\n{header}\n".encode(), CSV)
    assert "header" not in caught.value.detail


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [b"caf\xe9,1", b"\xff\xfea\0", b"\xed\xa0\x80"])
def test_a_body_must_be_utf8(kind: str, body: bytes) -> None:
    with pytest.raises(RequestError, match="not UTF-8 at byte"):
        parse_rows(body, kind)


@pytest.mark.parametrize(
    ("kind", "unit", "head", "tail"),
    [
        (JSON, "[[[[]]]],", '{"text":"a","price":1,"x":[', "0]}"),
        (JSON, "[" * 900 + "]" * 900 + ",", '[{"text":"a","price":1},', "0]"),
        (JSON, '{"a":{"b":{}}},', "[", "{}]"),
        (JSON, '{"t":1},', "[", "{}]"),
        (JSON, "[],", '{"price":1,"text":[', "0]}"),
        (JSON, '"k":1,', "{", '"text":"a"}'),
        (JSON, '"price":1,', "{", '"text":"a"}'),
        (JSON, "1,", "[", "1]"),
        (JSON, "9", '{"text":"a","price":', "}"),
        (CSV, ",", "", ""),
        (CSV, '"",', "", ""),
        (CSV, '"\r', "", ""),
        (JSON_LINES, '{"text":"a","price":1,"x":[[[]]]}\n', "", ""),
        (JSON_LINES, "\n", "x", "x"),
    ],
)
def test_a_large_body_that_is_refused_costs_little(
    kind: str, unit: str, head: str, tail: str
) -> None:
    body = (head + unit * ((MAX_BODY_BYTES - 100) // len(unit)) + tail).encode()
    began = time.process_time()
    with pytest.raises(RequestError):
        parse_rows(body, kind)
    took = time.process_time() - began
    # Apart, since to trace the memory takes several times as long.
    tracemalloc.start()
    with pytest.raises(RequestError):
        parse_rows(body, kind)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # It took up to 1.6 s, and 60 times the body.
    assert took < 0.3
    assert most < 7 * MAX_BODY_BYTES


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)

RECORDS = st.fixed_dictionaries({}, optional={"text": VALUES, "price": VALUES, "": VALUES})
BODIES = (
    st.binary()
    | st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.text('ab,"\r\n1.-').map(str.encode)
    | (VALUES | RECORDS | st.lists(RECORDS)).map(lambda value: json.dumps(value).encode())
)


@settings(deadline=None, max_examples=500)
@given(BODIES, st.sampled_from(KINDS))
def test_whatever_comes_is_read_or_refused(body: bytes, kind: str) -> None:
    parsed = None
    problem = {}
    try:
        parsed = parse_rows(body, kind)
    except RequestError as error:
        problem = json.loads(error.body())
    if parsed is None:
        assert problem["status"] == 400
        assert problem["detail"]
    else:
        assert len(parsed.rows) > 0
        assert all(type(row.text) is str and row.text.strip() for row in parsed.rows)
        assert all(type(row.price) is float and math.isfinite(row.price) for row in parsed.rows)


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    min_size=1,
    max_size=TEXT_CHARACTERS,
)

LISTS = st.lists(
    st.tuples(TEXTS.filter(str.strip), st.floats(allow_nan=False, allow_infinity=False)), min_size=1
)


@settings(deadline=None)
@given(LISTS)
def test_rows_come_through_every_form_unchanged(rows: list[tuple[str, float]]) -> None:
    sheet = io.StringIO(newline="")
    csv.writer(sheet, quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    records = [{"text": text, "price": price} for text, price in rows]
    lines = "\n".join(map(json.dumps, records))
    for kind, body in ((CSV, sheet.getvalue()), (JSON, json.dumps(records)), (JSON_LINES, lines)):
        parsed = parse_rows(body.encode(), kind)
        assert parsed.rows == transactions(rows)


@pytest.mark.parametrize(
    ("content_type", "accept", "kind"),
    [
        ("text/csv", "", CSV),
        ("Text/CSV; header=present; Charset=UTF-8", "*/*", CSV),
        ('application/json;charset="utf-8"', "text/html, application/*;q=0.1", JSON),
        ("application/jsonlines", "APPLICATION/JSONLINES", JSON_LINES),
        ("text/csv", "text/csv;q=0.01", CSV),
    ],
)
def test_the_answer_has_the_requests_type(content_type: str, accept: str, kind: str) -> None:
    assert media_type(content_type, accept) == kind


@pytest.mark.parametrize(
    ("content_type", "accept", "status"),
    [
        ("", "", 415),
        ("text/plain", "", 415),
        ("application/jsonlines2", "", 415),
        ("text/csv, application/json", "", 415),
        ("text/csv; charset=latin-1", "", 415),
        ("text/csv", "application/json", 406),
        ("application/json", "application/jsonlines", 406),
        ("text/csv", "text/csv; q=0", 406),
        ("text/csv", ",;=", 406),
    ],
)
def test_other_types_are_refused(content_type: str, accept: str, status: int) -> None:
    with pytest.raises(RequestError) as caught:
        media_type(content_type, accept)
    assert caught.value.status == status


def prediction(category: str, **probabilities: float) -> Prediction:
    return Prediction(category, probabilities[category], probabilities, review=True)


def test_csv_answers_with_the_label_and_ten_decimals_a_class() -> None:
    answers = [prediction("b", a=0.0000068826, b=0.9999931174), prediction("a", a=1.0, b=1e-12)]
    assert render_answers(answers, CSV, single=False) == (
        b"__label__b,0.0000068826,0.9999931174\n__label__a,1.0000000000,0.0000000000\n"
    )


def test_csv_quotes_a_label_where_it_must() -> None:
    answer = prediction('food, "out"', **{'food, "out"': 1.0})
    body = render_answers([answer], CSV, single=False).decode()
    assert next(csv.reader([body])) == ['__label__food, "out"', "1.0000000000"]


def test_json_answers_one_object_a_list_or_lines() -> None:
    answer = prediction("é", é=0.25, z=0.125)
    expected = {
        "category": "é",
        "probability": 0.25,
        "probabilities": {"é": 0.25, "z": 0.125},
        "review": True,
        "source": "model",
    }
    assert json.loads(render_answers([answer], JSON, single=True)) == expected
    assert json.loads(render_answers([answer], JSON, single=False)) == [expected]
    lines = render_answers([answer, answer], JSON_LINES, single=False).decode()
    assert [json.loads(line) for line in lines.splitlines()] == [expected, expected]
    assert lines.endswith("\n")
