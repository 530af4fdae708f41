"""Bodies to rows and back; a real server over HTTP, and the application for its faults."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import http.client
import io
import json
import logging
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import httpx
import numpy as np
import polars as pl
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import KNOBS

from categoriser.contract import (
    CSV,
    JSON,
    JSON_LINES,
    MAX_BODY_BYTES,
    MAX_ROWS,
    TEXT_CHARACTERS,
    VARIANT,
    Prediction,
    Transaction,
    transactions,
)
from categoriser.errors import UserError
from categoriser.features import VERSION, features
from categoriser.model.classifier import Classifier
from categoriser.model.package import Categoriser
from categoriser.monitor.formats.captures import captured_rows
from categoriser.monitor.formats.event_files import find_files
from categoriser.monitor.formats.problems import Problems
from categoriser.serving import app as server
from categoriser.serving import json_rows
from categoriser.serving.app import BATCH, ROUTES, SMALL_BODY, App, main
from categoriser.serving.connection import AHEAD, HEAD_BYTES
from categoriser.serving.log import JsonLine, lines
from categoriser.serving.parent import listen
from categoriser.serving.problem import RequestError
from categoriser.serving.protocol import Rows, media_type, parse, render

# categoriser.serving.protocol


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
    assert parse(body.encode(), kind) == rows


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


COLONS = st.text('ab:"\\,{}', max_size=6).filter(str.strip)


@settings(deadline=None)
@given(st.lists(st.tuples(COLONS, st.integers(-9, 9)), min_size=1), st.booleans())
def test_texts_like_json_are_read_at_once_and_one_by_one(
    rows: list[tuple[str, float]], escaped: bool
) -> None:
    body = json.dumps([{"text": text, "price": price} for text, price in rows])
    body = body.replace(": ", "\n :").replace("a", "\\u0061") if escaped else body
    expected = transactions(rows)
    assert list(json_rows.read_body(body, 0)[0]) == expected
    assert list(json_rows.Reader(body).rows()) == expected
    assert list(json_rows.read_body(body, MAX_ROWS)[0]) == expected


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
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(RequestError):
        parse(body, kind)
    took, (_, most) = time.process_time() - began, tracemalloc.get_traced_memory()
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
    parsed, problem = None, {}
    try:
        parsed = parse(body, kind)
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
        parsed = parse(body.encode(), kind)
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
    lines = render([answer, answer], JSON_LINES, single=False).decode()
    assert [json.loads(line) for line in lines.splitlines()] == [expected, expected]
    assert lines.endswith("\n")


# categoriser.serving.app


@pytest.fixture(autouse=True)
def log_is_written() -> Iterator[None]:
    """Leave no line of a test's to the next one's stderr."""
    yield
    lines.flush(60)


ROWS = [
    ("spotify p0d3d89b19 sydney au", 11.99),
    ('cafe "x", perth', -4.5),
    ("aldi\n0042 perth", 1e300),
    ("élan vital", 0.0),
] * 50
SECRET = "ZEBRA 99"
HEAD = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serving") / "model"
    texts = ["spotify sydney", "cafe perth", "aldi sydney", "netflix au", "pizza perth", "coles au"]
    labels = ["entertainment", "eating, out", "groceries"] * 2
    lines = features(transactions(zip(texts, [11.99, 4.5, 80, 15, 25, 60], strict=True))) * 20
    classifier = Classifier.fit(lines, labels * 20, KNOBS)
    metadata = {"features_version": VERSION, "temperature": 1.3, "review_threshold": 0.6}
    Categoriser(classifier, metadata).save(folder)
    return folder


@pytest.fixture(scope="module")
def categoriser(folder: Path) -> Categoriser:
    return Categoriser.load(folder)


def until(come: Callable[[], bool]) -> None:
    """Wait for what must come, a minute at most."""
    end = time.monotonic() + 60
    while not come():
        assert time.monotonic() < end
        time.sleep(0.005)


class Server:
    """A server process on a port of its own; its log is a file, which no writer waits for.

    `change` is Python that it runs first; `started` workers are waited for, or all.
    """

    def __init__(
        self, model: Path, *options: str, change: str = "", started: int | None = None
    ) -> None:
        program = (
            f"import os; from categoriser.serving import app, parent, worker\n{change}\napp.main()"
        )
        command = [sys.executable, "-c", program, "--model", str(model)]
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as log:
            self.log = Path(log.name).open(encoding="utf-8")  # noqa: SIM115  # stop() closes it
            self.process = subprocess.Popen([*command, "--port", "0", *options], stderr=log)
        listening = self.line()
        assert listening["event"] == "listening"
        self.port: int = listening["port"]
        for _ in range(listening["workers"] if started is None else started):
            assert self.line()["event"] == "worker started"

    def line(self) -> dict[str, Any]:
        text = ""

        def whole() -> bool:
            nonlocal text
            text += self.log.readline()
            assert text or self.process.poll() is None
            return text.endswith("\n")

        until(whole)
        line: dict[str, Any] = json.loads(text)
        return line

    def request(
        self, body: str | bytes = b"", kind: str = "text/csv", **headers: str
    ) -> httpx.Response:
        return httpx.post(
            f"http://127.0.0.1:{self.port}/invocations",
            content=body,
            headers={"content-type": kind} | {k.replace("_", "-"): v for k, v in headers.items()},
            timeout=60,
        )

    def stop(self) -> tuple[int, list[str]]:
        """Ask it to stop; return the exit status and the rest of its log."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        with self.log:
            return status, self.log.read().splitlines()


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Server]:
    running = Server(folder)
    yield running
    running.stop()


def as_csv(rows: Sequence[tuple[str, float]]) -> str:
    sheet = io.StringIO(newline="")
    csv.writer(sheet).writerows(rows)
    return sheet.getvalue()


def test_ping_is_answered(running: Server) -> None:
    assert httpx.get(f"http://127.0.0.1:{running.port}/ping").status_code == 200


def test_answers_are_the_packaged_classifiers_own(
    running: Server, categoriser: Categoriser
) -> None:
    expected = categoriser.predict_proba(transactions(ROWS))
    records = [{"text": text, "price": price} for text, price in ROWS]
    lines = "\n".join(json.dumps(record) for record in records)

    answer = running.request(as_csv(ROWS))
    assert answer.headers["content-type"] == "text/csv"
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert [row[1:] for row in rows] == [[f"{value:.10f}" for value in row] for row in expected]
    labels = [f"__label__{categoriser.classes[best]}" for best in expected.argmax(axis=1)]
    assert [row[0] for row in rows] == labels

    listed = running.request(json.dumps(records), "application/json").json()
    lined = running.request(lines, "application/jsonlines").text.splitlines()
    single = running.request(json.dumps(records[0]), "application/json").json()
    assert [json.loads(line) for line in lined] == listed
    assert single == listed[0]
    # Where no word is one of training, a person looks, however sure the price alone is.
    known = [text != "élan vital" for text, _ in ROWS]
    for row, answered, told in zip(expected, listed, known, strict=True):
        assert answered["probabilities"] == dict(zip(categoriser.classes, row, strict=True))
        assert answered["category"] == categoriser.classes[row.argmax()]
        assert answered["probability"] == row.max()
        assert answered["review"] == (row.max() < 0.6 or not told)


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", "/", {}, b"", 404),
        ("GET", "/ping/", {}, b"", 404),
        ("POST", "/ping", {}, b"", 405),
        ("GET", "/invocations", {}, b"", 405),
        ("POST", "/invocations", {}, b"a,1", 415),
        ("POST", "/invocations", {"Content-Type": "text/csv; charset=utf-16"}, b"a,1", 415),
        ("POST", "/invocations", {"Content-Type": "text/csv\xff"}, b"a,1", 415),
        ("POST", "/invocations", {"Content-Type": "text/csv", "Accept": "image/png"}, b"a,1", 406),
        ("POST", "/invocations", {"Content-Type": "text/csv"}, b"a,1\nb,x", 400),
        ("POST", "/invocations", {"Content-Type": "application/json"}, b"[" * 100_000, 400),
        ("POST", "/invocations", {"Content-Type": "text/csv"}, b"a" * (MAX_BODY_BYTES + 1), 413),
    ],
)
def test_a_bad_request_is_answered_with_a_problem(
    running: Server, method: str, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    problem = json.loads(answer.read())
    assert (answer.status, problem["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 400 and body.startswith(b"a,1"):
        assert (problem["row"], problem["field"]) == (2, "price")
    if status == 404:
        assert all(f"{allowed} {route}" in problem["detail"] for route, allowed in ROUTES.items())
    if status == 405:
        assert answer.headers["allow"] == {"/ping": "GET", "/invocations": "POST"}[path]


def test_a_body_of_unknown_length_is_bounded(running: Server) -> None:
    chunks = (b"a" * 65536 for _ in range(MAX_BODY_BYTES // 65536 + 1))
    headers = {"content-type": "text/csv"}
    url = f"http://127.0.0.1:{running.port}/invocations"
    assert httpx.post(url, content=chunks, headers=headers).status_code == 413


def test_what_would_take_too_long_is_refused(running: Server) -> None:
    # Combining marks, which Unicode's forms sort by insertion.
    worst = "a" + "\u0301\u0316" * (TEXT_CHARACTERS // 2 - 1)
    rows = [{"text": worst, "price": 1}] * 100
    assert running.request(json.dumps(rows), "application/json").status_code == 200
    rows[50] = {"text": worst + "\u0301\u0316", "price": 1}
    answer = running.request(json.dumps(rows), "application/json")
    assert (answer.status_code, answer.json()["row"], answer.json()["field"]) == (400, 51, "text")
    assert running.request("a,1\n" * MAX_ROWS).text.count("\n") == MAX_ROWS
    answer = running.request("a,1\n" * (MAX_ROWS + 1))
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_request_ids_and_a_log_without_texts(folder: Path) -> None:
    running = Server(folder)
    given = running.request(f"{SECRET},1", x_request_id="order-7.a:b")
    made = [
        running.request(f"{SECRET},{SECRET}", x_request_id=bad).headers["x-request-id"]
        for bad in ("", "a b", "x" * 129, 'a"}')
    ]
    status, log = running.stop()
    lines = [json.loads(line) for line in log]

    assert given.headers["x-request-id"] == "order-7.a:b"
    assert len(set(made)) == 4
    assert all(len(request_id) == 32 for request_id in made)
    requests = [line for line in lines if line["event"] == "request"]
    # Each worker writes its own lines: those of two have no order.
    assert sorted(line["id"] for line in requests) == sorted(["order-7.a:b", *made])
    assert sorted(line["status"] for line in requests) == [200, 400, 400, 400, 400]
    assert requests[0] | {"method": "POST", "path": "/invocations", "level": "info"} == requests[0]
    assert not any("ZEBRA" in line for line in log)
    assert lines[-1]["event"] == "stopped"
    assert status == 0


def test_sigterm_finishes_what_is_in_flight(folder: Path) -> None:
    running = Server(folder)
    body = b"spotify,1\n"
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
        stream = connection.makefile("rwb")
        stream.write(HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
        stream.flush()
        # The server is reading the request.
        assert b"100 Continue" in stream.readline()
        running.process.send_signal(signal.SIGTERM)
        refused = False
        while not refused:
            try:
                socket.create_connection(("127.0.0.1", running.port)).close()
            except ConnectionError:
                refused = True
        stream.write(body)
        stream.flush()
        answer = stream.read()
    assert b"HTTP/1.1 200 OK" in answer
    assert b"__label__" in answer
    assert running.process.wait(timeout=60) == 0


def test_all_that_is_answered_is_captured(
    folder: Path, categoriser: Categoriser, tmp_path: Path
) -> None:
    running = Server(folder, "--capture", str(tmp_path), "--endpoint-name", "shop")
    running.request(as_csv(ROWS), x_amzn_sagemaker_inference_id="order-7")
    body = json.dumps({"text": "aldi", "price": 1})
    for kind in ("application/json", "application/jsonlines"):
        running.request(body, kind, x_amzn_sagemaker_inference_id=kind)
    running.request("refused,x", x_amzn_sagemaker_inference_id="refused")
    for _ in range(50):
        running.request("coles,1")
    status, log = running.stop()
    assert status == 0
    assert json.loads(log[-1])["event"] == "stopped"

    problems = Problems()
    files = find_files(str(tmp_path))
    assert all(file.startswith(f"{tmp_path}/shop/{VARIANT}/") for file in files)
    frame = pl.concat(b.frame for b in captured_rows(files, categoriser.classes, problems))
    assert not problems.counts
    assert frame.height == len(ROWS) + 2 + 50
    batch = frame.filter(id="order-7")
    assert batch.select("text", "price").rows() == ROWS
    expected = categoriser.predict_proba(transactions(ROWS))
    np.testing.assert_allclose(batch["probabilities"].to_numpy(), expected, atol=1e-10)
    assert {"application/json", "application/jsonlines"} < {*frame["id"]}
    assert frame["id"].n_unique() == 3 + 50


class Faulty(Categoriser):
    """A model that fails, and says in its message what it should not."""

    def predict(self, rows: Sequence[Transaction]) -> list[Prediction]:
        raise RuntimeError(f"cannot read {rows}")

    def predict_proba(self, rows: Sequence[Transaction]) -> Any:
        if self.metadata["silent"]:
            return np.full((1, 3), np.nan)
        raise RuntimeError(f"cannot read {rows}")


async def ask(model: Categoriser, method: str, path: str, body: str = "") -> httpx.Response:
    transport = httpx.ASGITransport(App(model))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        headers = {"content-type": "text/csv"}
        return await client.request(method, path, content=body, headers=headers)


@pytest.mark.parametrize("silent", [False, True])
def test_ping_fails_when_the_model_cannot_answer(categoriser: Categoriser, silent: bool) -> None:
    model = Faulty(categoriser.classifier, {"silent": silent})
    answer = asyncio.run(ask(model, "GET", "/ping"))
    assert (answer.status_code, answer.json()["status"]) == (500, 500)


def test_a_models_fault_is_500_and_logged_without_the_text(
    categoriser: Categoriser, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    model = Faulty(categoriser.classifier, {"silent": False})
    answer = asyncio.run(ask(model, "POST", "/invocations", f"{SECRET},1"))
    assert (answer.status_code, answer.json()["title"]) == (500, "Internal Server Error")
    failure = next(record for record in caplog.records if record.levelno == logging.ERROR)
    JsonLine().emit(failure)
    lines.flush(60)
    line = capfd.readouterr().err.splitlines()[-1]
    assert SECRET not in line
    logged = json.loads(line)
    assert (logged["level"], logged["event"], logged["error"]) == (
        "error",
        "failure",
        "RuntimeError",
    )
    assert Path(__file__).name in logged["trace"]
    assert logged["id"] == answer.headers["x-request-id"]


def test_another_librarys_record_is_a_line_too(capfd: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, "%d\nbad", (3,), None)
    JsonLine().emit(record)
    lines.flush(60)
    logged = json.loads(capfd.readouterr().err)
    assert (logged["level"], logged["event"]) == ("warning", "3\nbad")


def test_ping_is_answered_while_a_large_batch_is_at_work(categoriser: Categoriser) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Categoriser):
        def predict(self, rows: Sequence[Transaction]) -> list[Prediction]:
            begun.set()
            assert go_on.wait(60)
            return super().predict(rows)

    model = Slow(categoriser.classifier, categoriser.metadata)

    async def both() -> tuple[int, int]:
        transport = httpx.ASGITransport(App(model))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            batch = asyncio.create_task(
                client.post(
                    "/invocations",
                    content="cafe,1\n" * (SMALL_BODY // 2),
                    headers={"content-type": "text/csv"},
                )
            )
            await asyncio.to_thread(begun.wait, 60)
            ping = await client.get("/ping")
            assert not batch.done()
            go_on.set()
            return ping.status_code, (await batch).status_code

    assert asyncio.run(both()) == (200, 200)


def test_a_client_that_hangs_up_is_no_failure(folder: Path) -> None:
    running = Server(folder)
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.sendall(HEAD + b"Content-Length: 7\r\nExpect: 100-continue\r\n\r\n")
        assert b"100 Continue" in connection.recv(100)
    line = running.line()
    assert (line["level"], line["event"], line["status"]) == ("info", "request", 400)
    assert running.request("a,1").status_code == 200
    assert running.stop()[0] == 0


def test_small_requests_that_come_together_are_answered_by_one_call(
    categoriser: Categoriser,
) -> None:
    sizes = []

    class Counting(Categoriser):
        def predict(self, rows: Sequence[Transaction]) -> list[Prediction]:
            sizes.append(len(rows))
            return super().predict(rows)

    bodies = [as_csv(ROWS[number : number + 3]) for number in range(BATCH)]
    bodies[1] = "refused"

    async def together() -> list[httpx.Response]:
        model = Counting(categoriser.classifier, categoriser.metadata)
        transport = httpx.ASGITransport(App(model))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            headers = {"content-type": "text/csv"}
            posts = (client.post("/invocations", content=b, headers=headers) for b in bodies)
            return await asyncio.gather(*posts)

    answers = asyncio.run(together())
    assert sizes == [3 * (BATCH - 1)]
    assert [answer.status_code for answer in answers] == [200, 400, *[200] * (BATCH - 2)]
    for number, answer in enumerate(answers):
        if number != 1:
            assert (
                answer.text
                == asyncio.run(ask(categoriser, "POST", "/invocations", bodies[number])).text
            )


@pytest.mark.parametrize(("bound", "most"), [("WAITING", 4), ("HELD_BYTES", 4 * 2 * SMALL_BODY)])
def test_more_than_may_wait_is_told_to_come_again(
    categoriser: Categoriser, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(server, bound, most)
    go_on = threading.Event()

    class Slow(Categoriser):
        def predict(self, rows: Sequence[Transaction]) -> list[Prediction]:
            assert go_on.wait(60)
            return super().predict(rows)

    app = App(Slow(categoriser.classifier, categoriser.metadata))
    body = "cafe,12\n" * (2 * SMALL_BODY // 8)

    async def flood() -> tuple[list[httpx.Response], httpx.Response]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://test"
        ) as client:
            posts = [
                asyncio.create_task(
                    client.post("/invocations", content=body, headers={"content-type": "text/csv"})
                )
                for _ in range(10)
            ]
            done, _ = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
            while len(done) < 6:
                done, _ = await asyncio.wait(posts, timeout=0.01)
            assert {post.result().status_code for post in done} == {429}
            go_on.set()
            answers = await asyncio.gather(*posts)
            late = await client.post(
                "/invocations", content="cafe,1", headers={"content-type": "text/csv"}
            )
            return answers, late

    answers, late = asyncio.run(flood())
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [429] * 6
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["title"] == "Too Many Requests"
    assert late.status_code == 200
    assert (app.waiting, app.held) == (0, 0)


def children(process: int) -> list[int]:
    found = list[int]()
    for task in Path(f"/proc/{process}/task").iterdir():
        # A thread may have ended just now.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def sockets(process: int) -> int:
    """Count a process's open sockets."""
    files = Path(f"/proc/{process}/fd").iterdir()
    return sum(file.readlink().name.startswith("socket:") for file in files)


class Load(threading.Thread):
    """A connection that asks, one request after the other, until `ended` or the server closes.

    `answers` holds the status codes; `lost` says where a request that was sent got no answer.
    """

    def __init__(self, port: int, ended: threading.Event) -> None:
        super().__init__()
        self.port, self.ended = port, ended
        self.answers: list[int] = []
        self.lost: Exception | None = None

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            while not self.ended.is_set():
                connection.request("POST", "/invocations", b"a,1", {"content-type": "text/csv"})
                answer = connection.getresponse()
                answer.read()
                self.answers.append(answer.status)
                if answer.headers["connection"]:
                    # Once, though the signal may come twice.
                    assert answer.headers.get_all("connection") == ["close"]
                    return
        except (AssertionError, OSError, http.client.HTTPException) as error:
            self.lost = error


class NewConnections(Load):
    """The same with a connection for each request, until one is refused."""

    def run(self) -> None:
        headers = {"content-type": "text/csv", "connection": "close"}
        while not self.ended.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.connect()
            except ConnectionError:
                return
            try:
                connection.request("POST", "/invocations", b"a,1", headers)
                with connection.getresponse() as answer:
                    self.answers.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                self.lost = error
                return


def load(
    running: Server, count: int, kind: type[Load] = Load
) -> tuple[list[Load], threading.Event]:
    ended = threading.Event()
    loads = [kind(running.port, ended) for _ in range(count)]
    for thread in loads:
        thread.start()
    until(lambda: all(len(thread.answers) > 20 for thread in loads))
    return loads, ended


def test_workers_share_connections_evenly(folder: Path) -> None:
    running = Server(folder, "--workers", "2")
    loads, ended = load(running, 8)
    held = [sockets(worker) for worker in children(running.process.pid)]
    assert len(held) == 2
    # Four each, but for a worker that slept while it was waited for.
    assert abs(held[0] - held[1]) <= 2
    ended.set()
    for thread in loads:
        thread.join(60)
    assert running.stop()[0] == 0


def test_a_worker_that_dies_is_replaced_and_others_lose_nothing(folder: Path) -> None:
    running = Server(folder, "--workers", "2")
    loads, ended = load(running, 8)
    before = children(running.process.pid)
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(after := children(running.process.pid)) == 2 and before[0] not in after)
    for number in range(20):
        assert running.request(f"a,{number}").status_code == 200
    ended.set()
    for thread in loads:
        thread.join(60)
    # Those of the other worker.
    assert 2 <= sum(thread.lost is None for thread in loads) <= 6
    assert {status for thread in loads for status in thread.answers} == {200}
    status, log = running.stop()
    assert status == 0
    (died,) = [json.loads(line) for line in log if "worker died" in line]
    assert (died["worker"], died["status"]) == (before[0], -signal.SIGKILL)


@pytest.mark.parametrize(
    ("stop", "kind"), [("SIGTERM", Load), ("SIGINT", Load), ("SIGTERM", NewConnections)]
)
def test_a_stop_under_load_loses_nothing_that_was_accepted(
    folder: Path, stop: str, kind: type[Load]
) -> None:
    running = Server(folder, "--workers", "2")
    loads, ended = load(running, 8, kind)
    # Ctrl-C reaches the workers and, by their parent, reaches them again.
    for process in (
        *(children(running.process.pid) if stop == "SIGINT" else ()),
        running.process.pid,
    ):
        os.kill(process, signal.Signals[stop])
    for thread in loads:
        thread.join(60)
    assert [thread.lost for thread in loads] == [None] * 8
    assert {status for thread in loads for status in thread.answers} == {200}
    assert not ended.is_set()
    status, log = running.stop()
    assert status == 0
    assert json.loads(log[-1])["event"] == "stopped"


def test_others_children_that_end_are_no_workers(folder: Path) -> None:
    # The first process of a container inherits what others leave behind.
    running = Server(folder, change="if not os.fork(): os._exit(3)")
    assert running.request("a,1").status_code == 200
    status, log = running.stop()
    assert status == 0
    assert not [line for line in log if "error" in line]


def test_a_worker_that_cannot_be_forked_is_tried_again(folder: Path) -> None:
    change = """
# The process that watches the loading, two workers, and then no room twice.
fork, results = os.fork, [True, True, True, False, False]
def seldom():
    if results and not results.pop(0):
        raise BlockingIOError("no room")
    return fork()
os.fork = seldom
"""
    running = Server(folder, "--workers", "2", change=change)
    killed, other = children(running.process.pid)
    os.kill(killed, signal.SIGKILL)
    until(lambda: children(running.process.pid) == [other])
    assert running.request("a,1").status_code == 200
    until(lambda: len(children(running.process.pid)) == 2)
    assert other in children(running.process.pid)
    status, log = running.stop()
    assert status == 0
    assert sum("no room" in line for line in log) == 2


def test_a_stop_is_heard_whichever_thread_it_comes_to(folder: Path) -> None:
    change = """
import signal, threading
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
def take_the_stop():
    signal.sigwait([signal.SIGUSR1])
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
threading.Thread(target=take_the_stop, daemon=True).start()
"""
    running = Server(folder, "--workers", "1", change=change)
    running.process.send_signal(signal.SIGUSR1)
    assert running.process.wait(timeout=60) == 0
    with running.log:
        assert json.loads(running.log.read().splitlines()[-1])["event"] == "stopped"


def test_a_stop_tells_who_has_not_sent_all(folder: Path) -> None:
    running = Server(folder, change="worker.GRACE_SECONDS = 1")
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
        connection.sendall(HEAD + b"Content-Length: 9\r\n\r\na,1")
        # That it has come, so that it is not a connection on which nothing is under way.
        assert running.request("a,1").status_code == 200
        running.process.terminate()
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer
    status, log = running.stop()
    assert status == 0
    (fault,) = [line["event"] for line in map(json.loads, log) if line["level"] == "error"]
    assert fault.endswith("timeout graceful shutdown exceeded")


def test_workers_end_with_their_parent(folder: Path) -> None:
    running = Server(folder, "--workers", "2")
    workers = children(running.process.pid)
    running.process.kill()
    running.process.wait()
    until(lambda: not any(Path(f"/proc/{worker}/fd").exists() for worker in workers))
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", running.port))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /ping HTTP/1.1\r\nx: " + b"y" * 5 * HEAD_BYTES, 431),
        (b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n" * 50_000, 400),
        (
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
            400,
        ),
        (b"spotify p0d3d89b19\r\n\r\n", 400),
    ],
)
def test_what_uvicorn_would_not_bound_is_refused(running: Server, sent: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent)
        answers = b""
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65536):
                answers += part
    head, _, body = answers.rpartition(b"\r\n\r\n")
    assert b"content-type: application/problem+json\r\n" in head
    assert json.loads(body)["status"] == status


@pytest.fixture
def hasty(folder: Path) -> Iterator[Server]:
    hasty = Server(folder, "--workers", "1", change="worker.REQUEST_SECONDS = 0.3")
    yield hasty
    assert hasty.stop()[0] == 0


PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "then"),
    [
        (b"", b""),
        (b"GET /pi", b"n"),
        (HEAD + b"Content-Length: 9\r\n\r\na,1", b"1"),
        (PING, b"\r\n"),
    ],
)
def test_a_request_that_never_comes_is_not_waited_for(
    hasty: Server, sent: bytes, then: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=60) as connection:
        connection.sendall(sent)
        answer = connection.recv(1000) if sent == PING else b""
        connection.sendall(then)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_an_answer_that_nobody_takes_is_dropped(hasty: Server) -> None:
    body = b"a,1\n" * MAX_ROWS
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", hasty.port))
        connection.settimeout(60)
        # More than what the kernel holds of them.
        for _ in range(AHEAD):
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        until(lambda: hasty.line()["event"] == "answer not taken")
        # What the kernel had is still there.
        assert connection.makefile("rb").read().count(b"__label__") < AHEAD * MAX_ROWS


def test_what_came_before_a_fault_is_answered_before_it(running: Server) -> None:
    body = b"a,1\n" * 9000
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body + PING)
        connection.sendall(b"spotify p0d3d89b19\r\n\r\n")
        answers = connection.makefile("rb").read()
    assert re.findall(rb"^HTTP/1.1 (\d+) ", answers, re.MULTILINE) == [b"200", b"200", b"400"]


def test_a_client_that_ends_its_side_alone_is_answered(running: Server) -> None:
    body = b"a,1\n" * 9000
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
        connection.sendall(PING + HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        connection.shutdown(socket.SHUT_WR)
        answers = connection.makefile("rb").read()
    assert re.findall(rb"^HTTP/1.1 (\d+) ", answers, re.MULTILINE) == [b"200", b"200"]


def test_two_headers_are_one_list_and_encodings_are_refused(running: Server) -> None:
    url = f"http://127.0.0.1:{running.port}/invocations"
    both = [("content-type", "text/csv"), ("accept", "image/png"), ("accept", "text/csv")]
    assert (
        httpx.post(
            url, content="a,1", headers=[*both, ("content-encoding", "Identity")]
        ).status_code
        == 200
    )
    packed = {"content-type": "text/csv", "content-encoding": "gzip"}
    assert httpx.post(url, content="a,1", headers=packed).status_code == 415


def test_what_came_before_a_fault_is_answered_though_the_client_has_ended_its_side(
    running: Server,
) -> None:
    body = b"a,1\n" * 9000
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body + b"no HTTP\r\n")
        connection.shutdown(socket.SHUT_WR)
        answers = connection.makefile("rb").read()
    assert answers.startswith(b"HTTP/1.1 200 ")
    assert answers.count(b"__label__") == 9000


# As an endpoint


def endpoint(running: Server) -> Any:
    return boto3.client(
        "sagemaker-runtime",
        region_name="ap-southeast-2",
        endpoint_url=f"http://127.0.0.1:{running.port}",
        aws_access_key_id="none",
        aws_secret_access_key="none",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_boto3_asks_it_as_an_endpoint(running: Server) -> None:
    body = '{"text": "aldi", "price": 1}'
    reply = endpoint(running).invoke_endpoint(
        EndpointName="shop", Body=body, ContentType=JSON, Accept=JSON
    )
    assert reply["Body"].read() == running.request(body, JSON).content
    assert (reply["ContentType"], reply["InvokedProductionVariant"]) == (JSON, VARIANT)
    with pytest.raises(ClientError) as caught:
        endpoint(running).invoke_endpoint(EndpointName="shop", Body="{}", ContentType=JSON)
    response: dict[str, Any] = {**caught.value.response}
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == 400
    problem = json.loads(response["OriginalMessage"])
    assert (problem["row"], problem["field"]) == (1, "text")


def test_the_apis_lambda_runs_against_it_unchanged(running: Server) -> None:
    program = """
import json, sys, prediction_api
for body in sys.argv[1:]:
    event = {"path": "/predict", "httpMethod": "POST", "body": body}
    class Context:
        function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"
    print(json.dumps(prediction_api.handler(event, Context())))
"""
    good, bad = '{"text": "aldi", "price": 1}', '[{"text": "aldi", "price": "1"}]'
    settings = {
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": f"http://127.0.0.1:{running.port}",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "ap-southeast-2",
        "ENDPOINT_NAME": "shop",
        "RELEASE_ID": "r1",
        "LIVE_BUCKET": "none",
        "POWERTOOLS_METRICS_NAMESPACE": "shop",
        "POWERTOOLS_SERVICE_NAME": "api",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    done = subprocess.run(
        [sys.executable, "-c", program, good, bad],
        env={**os.environ, **settings},
        cwd=Path(__file__).resolve().parents[2] / "lambdas",
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines() if "statusCode" in line]
    assert [answer["statusCode"] for answer in answers] == [200, 400]
    predicted = running.request(good, JSON).json()
    assert predicted.items() <= json.loads(answers[0]["body"]).items()
    problem = json.loads(answers[1]["body"])
    assert (problem["row"], problem["field"]) == (1, "price")


def test_a_sample_is_captured(folder: Path, tmp_path: Path) -> None:
    running = Server(folder, "--capture", str(tmp_path), "--capture-percent", "20")
    with httpx.Client() as client:
        url = f"http://127.0.0.1:{running.port}/invocations"
        for _ in range(500):
            assert client.post(url, content="a,1", headers={"content-type": CSV}).is_success
    running.stop()
    lines = sum(len(file.read_bytes().splitlines()) for file in tmp_path.rglob("*.jsonl"))
    # 100 +- 9: five deviations to each side.
    assert 55 < lines < 145


def test_a_worker_that_cannot_capture_says_so(folder: Path, tmp_path: Path) -> None:
    running = Server(folder, "--workers", "1", "--capture", str(tmp_path / "captures"))
    (old,) = children(running.process.pid)
    (tmp_path / "captures").rename(tmp_path / "away")
    (tmp_path / "captures").write_text("in the way")
    os.kill(old, signal.SIGKILL)
    while running.line()["event"] != "worker started":
        pass
    assert running.request("a,1").status_code == 200
    while running.line()["event"] != "capture failed":
        pass
    assert running.stop()[0] == 0


@pytest.mark.parametrize("option", [("--workers", "0"), ("--capture-percent", "101")])
def test_a_number_beyond_its_bounds_is_said(folder: Path, option: tuple[str, str]) -> None:
    command = [sys.executable, "-m", "categoriser.serving.app", "--model", str(folder), *option]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert option[0] in done.stderr


def test_a_port_in_use_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr("sys.argv", ["app", "--model", str(folder), "--port", str(port)])
        with pytest.raises(UserError, match=rf"port {port} .*--port"):
            main()
    for host, port in (("127.0.0.1", 65536), ("192.0.2.1", 0)):
        with pytest.raises(UserError, match="cannot listen"):
            listen(host, port)


def test_a_missing_model_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "categoriser.serving.app", "--model", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "dvc repro" in done.stderr
    assert "Traceback" not in done.stderr
