"""Bodies to rows, predictions to bodies: the forms of the contract, and everything else refused."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from categoriser.model.package import Prediction
from categoriser.serving.protocol import (
    CSV,
    JSON,
    LINES,
    RequestError,
    Rows,
    media_type,
    parse,
    render,
)

KINDS = (CSV, JSON, LINES)
GOOD = '{"text": "a", "price": 1}'


def one(text: str, price: float, *, single: bool = False) -> Rows:
    return Rows([text], [price], single)


@pytest.mark.parametrize(
    ("kind", "body", "rows"),
    [
        (CSV, "spotify p0d3d89b19 sydney au,11.99", one("spotify p0d3d89b19 sydney au", 11.99)),
        (CSV, "text,price\na,1\n", one("a", 1)),
        (CSV, '"text","price"\r\na,1\r\n', one("a", 1)),
        (CSV, '"a, ""b""\nc", -1e2 \n', one('a, "b"\nc', -100)),
        (CSV, "a,1\nb,.5\rc,+2.\n", Rows(["a", "b", "c"], [1, 0.5, 2], False)),
        (CSV, "\ufeffcafé,1", one("café", 1)),
        (CSV, "a,1\r\n\r\n \n", one("a", 1)),
        (CSV, "price,1\n", one("price", 1)),
        (JSON, GOOD, one("a", 1, single=True)),
        (JSON, f"[{GOOD}]", one("a", 1)),
        (JSON, f"\ufeff [{GOOD},{GOOD}]\n", Rows(["a", "a"], [1, 1], False)),
        (JSON, '{"price": -1e2, "text": "\\u00e9\\ud83d\\ude00"}', one("é😀", -100, single=True)),
        (LINES, GOOD, one("a", 1)),
        (LINES, f"{GOOD}\r\n{GOOD}\n", Rows(["a", "a"], [1, 1], False)),
        (LINES, f"{GOOD}\n\n\r\n", one("a", 1)),
        # A line separator of Unicode's is part of a string, and no end of a line.
        (LINES, '{"text": "a\u2028b", "price": 1}', one("a\u2028b", 1)),
    ],
)
def test_rows_are_read(kind: str, body: str, rows: Rows) -> None:
    assert parse(body.encode(), kind) == rows


@pytest.mark.parametrize(
    ("kind", "body", "row", "field"),
    [
        *((kind, body, None, None) for kind in (CSV, LINES) for body in ("", "\n\n")),
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
        (JSON, "[" * 1_000_000, None, None),
        (JSON, '{"a":' * 1_000_000, None, None),
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
        (LINES, f"{GOOD}\n\n{GOOD}", 2, None),
        (LINES, f'{GOOD}\n{{"text": "a"', 2, None),
        (LINES, f"{GOOD}\n" + "[" * 1_000_000, 2, None),
        (LINES, f"[{GOOD}]", 1, None),
    ],
)
def test_a_malformed_body_is_refused_by_row_and_field(
    kind: str, body: str, row: int | None, field: str | None
) -> None:
    with pytest.raises(RequestError) as caught:
        parse(body.encode(), kind)
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
        parse(f"{header}\na,1\n".encode(), CSV)
    assert (caught.value.status, caught.value.row, caught.value.field) == (400, 1, field)
    with pytest.raises(RequestError) as caught:
        parse(f"a,1\n{header}\n".encode(), CSV)
    assert "header" not in caught.value.detail


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [b"caf\xe9,1", b"\xff\xfea\0", b"\xed\xa0\x80"])
def test_a_body_must_be_utf8(kind: str, body: bytes) -> None:
    with pytest.raises(RequestError, match="not UTF-8 at byte"):
        parse(body, kind)


def test_a_problem_is_json_of_rfc_9457() -> None:
    error = RequestError(400, "row 2: price is \ud800", 2, "price")
    assert json.loads(error.body()) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "row 2: price is \ud800",
        "row": 2,
        "field": "price",
    }
    assert "row" not in json.loads(RequestError(415, "no").body())


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
    rows, problem = None, {}
    try:
        rows = parse(body, kind)
    except RequestError as error:
        problem = json.loads(error.body())
    if rows is None:
        assert problem["status"] == 400
        assert problem["detail"]
    else:
        assert len(rows.texts) == len(rows.prices) > 0
        assert all(type(text) is str and text.strip() for text in rows.texts)
        assert all(type(price) is float and math.isfinite(price) for price in rows.prices)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
ROWS = st.lists(
    st.tuples(TEXTS.filter(str.strip), st.floats(allow_nan=False, allow_infinity=False)),
    min_size=1,
)


@settings(deadline=None)
@given(ROWS)
def test_rows_come_through_every_form_unchanged(rows: list[tuple[str, float]]) -> None:
    sheet = io.StringIO(newline="")
    csv.writer(sheet, quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    records = [{"text": text, "price": price} for text, price in rows]
    lines = "\n".join(map(json.dumps, records))
    for kind, body in ((CSV, sheet.getvalue()), (JSON, json.dumps(records)), (LINES, lines)):
        parsed = parse(body.encode(), kind)
        assert list(zip(parsed.texts, parsed.prices, strict=True)) == rows


@pytest.mark.parametrize(
    ("content_type", "accept", "kind"),
    [
        ("text/csv", "", CSV),
        ("Text/CSV; header=present; Charset=UTF-8", "*/*", CSV),
        ('application/json;charset="utf-8"', "text/html, application/*;q=0.1", JSON),
        ("application/jsonlines", "APPLICATION/JSONLINES", LINES),
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
    assert render(answers, CSV, single=False) == (
        b"__label__b,0.0000068826,0.9999931174\n__label__a,1.0000000000,0.0000000000\n"
    )


def test_csv_quotes_a_label_where_it_must() -> None:
    answer = prediction('food, "out"', **{'food, "out"': 1.0})
    body = render([answer], CSV, single=False).decode()
    assert next(csv.reader([body])) == ['__label__food, "out"', "1.0000000000"]


def test_json_answers_one_object_a_list_or_lines() -> None:
    answer = prediction("é", é=0.25, z=0.125)
    expected = {
        "category": "é",
        "probability": 0.25,
        "probabilities": {"é": 0.25, "z": 0.125},
        "review": True,
    }
    assert json.loads(render([answer], JSON, single=True)) == expected
    assert json.loads(render([answer], JSON, single=False)) == [expected]
    lines = render([answer, answer], LINES, single=False).decode()
    assert [json.loads(line) for line in lines.splitlines()] == [expected, expected]
    assert lines.endswith("\n")
