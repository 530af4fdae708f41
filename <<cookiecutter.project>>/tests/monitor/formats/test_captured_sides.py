"""Input and output of a captured call, in every encoding."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from monitor_helpers.made_captures import (
    ANSWERED,
    CLASSES,
    answers,
    change,
    json_line,
    line,
    read_captures,
    write,
)

from categoriser.contract import CSV, JSON, JSON_LINES
from categoriser.monitor.formats.captured_sides import read_answer
from categoriser.serving.capture import ENCODINGS
from categoriser.serving.protocol import parse_rows, render_answers


@pytest.mark.parametrize("kind", [CSV, JSON, JSON_LINES])
@pytest.mark.parametrize("encoding", ["plain", "BASE64"])
@pytest.mark.parametrize("parameters", ["", "; charset=UTF-8"])
def test_all_encodings_say_the_same(
    tmp_path: Path, kind: str, encoding: str, parameters: str
) -> None:
    rows = [('cafe "x", perth\nwa', -4.5), ("élan\u2028vital", 1e300), ("aldi", 3)]
    if kind == CSV:
        sheet = io.StringIO(newline="")
        csv.writer(sheet).writerows([("text", "price"), *rows])
        asked = sheet.getvalue()
    else:
        objects = [json.dumps({"text": text, "price": price}) for text, price in rows]
        asked = f"[{','.join(objects)}]" if kind == JSON else "\n".join(objects) + "\n"
    answered = render_answers(answers(0.75, 0.5, 0.125), kind, single=False).decode()
    encoding = ENCODINGS[kind] if encoding == "plain" else encoding
    event = line(asked, answered, kind=kind + parameters, encoding=encoding)

    frame, problems = read_captures(write(tmp_path, event))
    assert frame.select("text", "price").rows() == rows
    assert frame["label"].to_list() == [CLASSES[0], CLASSES[0], CLASSES[1]]
    assert frame["probabilities"].to_list() == [[0.75, 0.25], [0.5, 0.5], [0.125, 0.875]]
    assert frame.select("id", "row", "rows").rows() == [("e-1", row, 3) for row in range(3)]
    assert not problems.counts


@pytest.mark.parametrize("encoding", ["CSV", "BASE64"])
def test_a_byte_order_mark_and_windows_line_ends_are_no_data(tmp_path: Path, encoding: str) -> None:
    asked = "\ufefftext,price\r\naldi,1\r\n\r\ncafe,2\r\n"
    event = line(asked, ANSWERED * 2, encoding=encoding)
    frame, problems = read_captures(write(tmp_path, event))
    assert frame.select("text", "price").rows() == [("aldi", 1), ("cafe", 2)]
    assert not problems.counts


@pytest.mark.parametrize("asked", ["aldi,1 \n \t\r\n\n", 'aldi,1\n"cafe, x",2\r\n \r\n'])
def test_blanks_after_the_last_row_are_no_row_as_for_the_server(tmp_path: Path, asked: str) -> None:
    strings = [row.text for row in parse_rows(asked.encode(), CSV).rows]
    frame, problems = read_captures(write(tmp_path, line(asked, ANSWERED * len(strings))))
    assert (frame["text"].to_list(), problems.counts) == (strings, {})


def test_one_object_is_one_row(tmp_path: Path) -> None:
    answered = render_answers(answers(0.75), JSON, single=True).decode()
    event = line('{"text":"a","price":1}', answered, kind=JSON, encoding="JSON")
    assert read_captures(write(tmp_path, event))[0].select("text", "rows").rows() == [("a", 1)]


def said(probabilities: Any, label: Any = "groceries") -> dict[str, Any]:
    """Make a record whose answer is not as it should be."""
    return json_line({}, {"category": label, "probabilities": probabilities})


def deep(name: str) -> dict[str, Any]:
    return change(json_line({}), **{name: "[" * 100_000})


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (b"\xff\xfe{}", "not JSON"),
        (b'{"captureData": {"endpointInput', "not JSON"),
        (b'{"x":' + b"[" * 100_000, "not JSON"),
        (b'{"eventMetadata":{"eventId":"\\ud800"}}', "not JSON"),
        (b"\0\0\0\0", "not JSON"),
        (b"[]", "not of the format"),
        (b"17", "not of the format"),
        (b'{"eventMetadata":{"eventId":7}}', "not of the format"),
        (line() | {"captureData": "x"}, "not of the format"),
        (line() | {"captureData": {}}, "neither input nor output"),
        (line(time=None), "no readable inferenceTime"),
        (line(time=1795377732), "no readable inferenceTime"),
        (line(time="yesterday"), "no readable inferenceTime"),
        (line(time="0001-01-01T00:00:00+14:00"), "no readable inferenceTime"),
        (line(encoding="XML"), "unknown encoding"),
        (line(encoding="BASE64", kind="text/html"), "unknown encoding"),
        (change(line(encoding="BASE64"), input_data="%"), "unreadable input"),
        (change(line(encoding="BASE64"), output_data="/w=="), "unreadable output"),
        (change(line(), input_data='"aldi" x,1'), "unreadable input"),
        (change(line(), input_data="aldi"), "unreadable input"),
        (change(line(), input_data="aldi,1,2"), "unreadable input"),
        (change(line(), output_data='"'), "unreadable output"),
        (change(line(), input_data=""), "input and output of different row counts"),
        (change(line(), input_data="text,price"), "input and output of different row counts"),
        (change(line(), input_data="a,1\nb,2"), "input and output of different row counts"),
        (json_line([], []), "input and output of different row counts"),
        (
            change(json_line({}), input_data="a,1", input_encoding="CSV"),
            "input and output of different encodings",
        ),
        (json_line([["a", 1]]), "unreadable input"),
        (json_line("a"), "unreadable input"),
        (json_line({"text": "a", "price": float("nan")}), "unreadable input"),
        (json_line({"text": "\ud800", "price": 1}), "unreadable input"),
        (deep("input_data"), "unreadable input"),
        (deep("output_data"), "unreadable output"),
        (json_line({}, 7), "unreadable output"),
        (json_line({}, {"category": "x"}), "unreadable output"),
        (said(dict.fromkeys(CLASSES, 0.5), label=7), "unreadable output"),
        (said(7), "unreadable output"),
        (said([0.5, 0.5]), "wrong number of probabilities"),
        (said({"other": 0.5, "groceries": 0.5}), "answers of other classes"),
        (line(answered="__label__x,1"), "wrong number of probabilities"),
        (line(answered='__label__x,"0.5,0.5"'), "wrong number of probabilities"),
        (line(answered="__label__x,0.2,0.3,0.5"), "wrong number of probabilities"),
        (line(answered="__label__x"), "wrong number of probabilities"),
        (line(answered="__label__x,0.5,nan"), "probabilities are not numbers in 0..1"),
        (line(answered="__label__x,0.5,1.1"), "probabilities are not numbers in 0..1"),
        (line(answered="__label__x,0.5,-0.1"), "probabilities are not numbers in 0..1"),
        (line(answered="__label__x,0.5,"), "probabilities are not numbers in 0..1"),
        (said(dict.fromkeys(CLASSES, "0.5")), "probabilities are not numbers in 0..1"),
        (said(dict.fromkeys(CLASSES, 10**30)), "probabilities are not numbers in 0..1"),
    ],
)
def test_what_cannot_be_read_is_counted_and_placed(tmp_path: Path, event: Any, kind: str) -> None:
    file = write(tmp_path, line(name="before"), b" ", event, line(name="after"))
    frame, problems = read_captures(file)
    assert frame["id"].to_list() == ["before", "after"]
    assert problems.counts == {kind: 1}
    (place,) = problems.places[kind]
    assert place.split(" (")[0] == f"{file}:3"
    assert "aldi" not in place


@pytest.mark.parametrize(
    ("asked", "text", "price", "problem"),
    [
        ("aldi,", "aldi", None, None),
        (",5", None, 5, None),
        ("aldi,5 AUD", "aldi", None, "price is not a number"),
        ("aldi,inf", "aldi", None, "price is not a number"),
        ({"text": "aldi"}, "aldi", None, None),
        ({"text": None, "price": None}, None, None, None),
        ({"text": "aldi", "price": "5"}, "aldi", 5, None),
        ({"text": "aldi", "price": "five"}, "aldi", None, "price is not a number"),
        ({"text": "aldi", "price": True}, "aldi", None, "price is not a number"),
        ({"text": "aldi", "price": [5]}, "aldi", None, "price is not a number"),
        ({"text": 7, "price": 5}, None, 5, "text is not a string"),
        ({"text": "a\0b", "price": 10**30}, "a\0b", 1e30, None),
    ],
)
def test_a_missing_text_or_price_is_null_and_the_row_stays(
    tmp_path: Path, asked: Any, text: str | None, price: float | None, problem: str | None
) -> None:
    event = line(asked) if isinstance(asked, str) else json_line(asked)
    frame, problems = read_captures(write(tmp_path, event))
    assert frame.select("text", "price").rows() == [(text, price)]
    assert problems.counts == ({problem: 1} if problem else {})


@pytest.mark.parametrize("kind", [CSV, JSON, JSON_LINES])
def test_where_only_answers_are_captured_they_are_kept(tmp_path: Path, kind: str) -> None:
    answered = render_answers(answers(0.75, 0.125), kind, single=False).decode()
    only = line(answered=answered, kind=kind, encoding=ENCODINGS[kind])
    del only["captureData"]["endpointInput"]
    none = line(answered="")
    none["captureData"]["endpointInput"] = None
    frame, problems = read_captures(write(tmp_path, only, none))
    assert frame.select("text", "price", "label").rows() == [
        (None, None, "eating, out"),
        (None, None, "groceries"),
    ]
    assert frame["probabilities"].to_list() == [[0.75, 0.25], [0.125, 0.875]]
    assert problems.counts == {"input and output of different row counts": 1}


@pytest.mark.parametrize("kind", [CSV, JSON])
def test_where_only_questions_are_captured_they_are_kept(tmp_path: Path, kind: str) -> None:
    only = line() if kind == CSV else json_line({"text": "aldi", "price": 5})
    del only["captureData"]["endpointOutput"]
    frame, problems = read_captures(write(tmp_path, only))
    assert frame["text"].null_count() == frame["price"].null_count() == 0
    assert frame["label"].null_count() == frame["probabilities"].null_count() == frame.height > 0
    assert problems.counts == {}
    assert problems.seen["records"] == 1
    assert problems.seen["without_output"] == frame.height


def test_a_message_says_which_class_an_answer_lacks_and_what_was_too_long(tmp_path: Path) -> None:
    renamed = said({"food": 0.5, "groceries": 0.5})
    long = change(line(), input_data=f'"{"x" * 131_073}",1')
    problems = read_captures(write(tmp_path, renamed, long))[1]
    assert "no probability of 'eating, out'" in problems.places["answers of other classes"][0]
    assert "field larger than field limit (131072)" in problems.places["unreadable input"][0]


@pytest.mark.parametrize("more", [{}, {"source": "model"}, {"source": "rule"}])
def test_answers_are_read_with_and_without_their_source(more: dict[str, str]) -> None:
    answer = {"category": "b", "probability": 1.0, "probabilities": {"a": 0.0, "b": 1.0}}
    assert read_answer(answer | {"review": False} | more, ["a", "b"]) == ("b", [0.0, 1.0])
