"""Captures and ground truth: what is read, what is not and is said, and what the server writes."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from categoriser.errors import UserError
from categoriser.model.package import Prediction
from categoriser.monitor.formats import capture
from categoriser.monitor.formats.capture import Problems, batches, fetch, find, record, truths
from categoriser.monitor.watching import load_postprocessor, load_preprocessor
from categoriser.serving import capture as serving
from categoriser.serving.capture import Writer
from categoriser.serving.protocol import CSV, JSON, LINES, parse, render

CLASSES = ["eating, out", "groceries"]
TIME = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ASKED, ANSWERED = "aldi 12 perth,12.5", '"__label__eating, out",0.75,0.25\n'
# As SageMaker wrote it, but for the names of the classes.
VERBATIM = (
    '{"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":'
    '"spotify p0d3d89b19 sydney au,11.99","encoding":"CSV"},"endpointOutput":'
    '{"observedContentType":"text/csv; charset=utf-8","mode":"OUTPUT","data":'
    '"__label__groceries,0.0000068826,0.9999931174\\n","encoding":"CSV"}},"eventMetadata":'
    '{"eventId":"feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9","inferenceId":"order-7",'
    '"customAttributes":["a=b"],"inferenceTime":"2026-11-22T00:00:00Z"},"eventVersion":"0"}'
)
# The example of AWS's page on preprocessing scripts.
FOREIGN = (
    '{"captureData": {"endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", '
    '"data": "132,25,113.2,96,269.9,107,,0,0,0,0,0,0,1,0,1,0,0,1", "encoding": "CSV"}, '
    '"endpointOutput": {"observedContentType": "text/csv; charset=utf-8", "mode": "OUTPUT", '
    '"data": "0.01076381653547287", "encoding": "CSV"}}, "eventMetadata": {"eventId": '
    '"feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9", "inferenceTime": "2019-11-20T23:33:12Z"}, '
    '"eventVersion": "0"}'
)


def answers(*probabilities: float) -> list[Prediction]:
    return [
        Prediction(
            CLASSES[first < 0.5],
            max(first, 1 - first),
            dict(zip(CLASSES, (first, 1 - first), strict=True)),
            review=False,
        )
        for first in probabilities
    ]


def side(data: str, kind: str, encoding: str, mode: str) -> dict[str, Any]:
    if encoding == "BASE64":
        data = base64.b64encode(data.encode()).decode()
    return {"observedContentType": kind, "mode": mode, "data": data, "encoding": encoding}


def line(
    asked: str = ASKED,
    answered: str = ANSWERED,
    *,
    kind: str = CSV,
    encoding: str = "CSV",
    name: str = "e-1",
    time: Any = "2026-11-22T09:30:00Z",
) -> dict[str, Any]:
    return {
        "captureData": {
            "endpointInput": side(asked, kind, encoding, "INPUT"),
            "endpointOutput": side(answered, kind, encoding, "OUTPUT"),
        },
        "eventMetadata": {"eventId": name, "inferenceTime": time},
        "eventVersion": "0",
    }


def change(event: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Change one side: `input_data="x"` or `output_encoding="y"`; None takes it away."""
    for name, value in changes.items():
        which, _, key = name.partition("_")
        of_side = event["captureData"]["endpoint" + which.capitalize()]
        of_side[key] = value
    return event


def write(folder: Path, *events: Any, name: str = "0.jsonl") -> str:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    file.write_bytes(b"\n".join(lines))
    return str(file)


def read(*files: str, **options: Any) -> tuple[pl.DataFrame, Problems]:
    problems = Problems()
    frames = [batch.frame for batch in batches(files, CLASSES, problems, **options)]
    return pl.concat(frames) if frames else pl.DataFrame(), problems


def test_a_record_of_sagemakers_is_read(tmp_path: Path) -> None:
    frame, problems = read(write(tmp_path, VERBATIM.encode()))
    assert frame.rows() == [
        (
            "order-7",
            0,
            1,
            datetime(2026, 11, 22, tzinfo=UTC),
            "spotify p0d3d89b19 sydney au",
            11.99,
            "groceries",
            [0.0000068826, 0.9999931174],
        )
    ]
    assert frame.schema == {
        "id": pl.String,
        "row": pl.Int64,
        "rows": pl.Int64,
        "time": pl.Datetime("us", "UTC"),
        "text": pl.String,
        "price": pl.Float64,
        "label": pl.String,
        "probabilities": pl.Array(pl.Float64, 2),
    }
    assert problems == Problems(seen={"records": 1, "probes": 0, "outside": 0, "dropped": 0})


@pytest.mark.parametrize("kind", [CSV, JSON, LINES])
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
    answered = render(answers(0.75, 0.5, 0.125), kind, single=False).decode()
    encoding = capture.ENCODINGS[kind] if encoding == "plain" else encoding
    event = line(asked, answered, kind=kind + parameters, encoding=encoding)

    frame, problems = read(write(tmp_path, event))
    assert frame.select("text", "price").rows() == rows
    assert frame["label"].to_list() == [CLASSES[0], CLASSES[0], CLASSES[1]]
    assert frame["probabilities"].to_list() == [[0.75, 0.25], [0.5, 0.5], [0.125, 0.875]]
    assert frame.select("id", "row", "rows").rows() == [("e-1", row, 3) for row in range(3)]
    assert not problems.counts


@pytest.mark.parametrize("encoding", ["CSV", "BASE64"])
def test_a_byte_order_mark_and_windows_line_ends_are_no_data(tmp_path: Path, encoding: str) -> None:
    asked = "\ufefftext,price\r\naldi,1\r\n\r\ncafe,2\r\n"
    event = line(asked, ANSWERED * 2, encoding=encoding)
    frame, problems = read(write(tmp_path, event))
    assert frame.select("text", "price").rows() == [("aldi", 1), ("cafe", 2)]
    assert not problems.counts


@pytest.mark.parametrize("asked", ["aldi,1 \n \t\r\n\n", 'aldi,1\n"cafe, x",2\r\n \r\n'])
def test_blanks_after_the_last_row_are_no_row_as_for_the_server(tmp_path: Path, asked: str) -> None:
    texts = parse(asked.encode(), CSV).texts
    frame, problems = read(write(tmp_path, line(asked, ANSWERED * len(texts))))
    assert (frame["text"].to_list(), problems.counts) == (texts, {})


def test_one_object_is_one_row(tmp_path: Path) -> None:
    answered = render(answers(0.75), JSON, single=True).decode()
    event = line('{"text":"a","price":1}', answered, kind=JSON, encoding="JSON")
    assert read(write(tmp_path, event))[0].select("text", "rows").rows() == [("a", 1)]


def json_line(asked: Any, answered: Any = None) -> dict[str, Any]:
    said = {"category": "groceries", "probabilities": dict.fromkeys(CLASSES, 0.5)}
    answered = said if answered is None else answered
    return line(json.dumps(asked), json.dumps(answered), kind=JSON, encoding="JSON")


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
        (line() | {"captureData": {}}, "no output"),
        (line() | {"captureData": {"endpointInput": side("a,1", CSV, "CSV", "")}}, "no output"),
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
        (said({"other": 0.5, "groceries": 0.5}), "wrong number of probabilities"),
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
    frame, problems = read(file)
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
    frame, problems = read(write(tmp_path, event))
    assert frame.select("text", "price").rows() == [(text, price)]
    assert problems.counts == ({problem: 1} if problem else {})


@pytest.mark.parametrize("kind", [CSV, JSON, LINES])
def test_where_only_answers_are_captured_they_are_kept(tmp_path: Path, kind: str) -> None:
    answered = render(answers(0.75, 0.125), kind, single=False).decode()
    only = line(answered=answered, kind=kind, encoding=capture.ENCODINGS[kind])
    del only["captureData"]["endpointInput"]
    none = line(answered="")
    none["captureData"]["endpointInput"] = None
    frame, problems = read(write(tmp_path, only, none))
    assert frame.select("text", "price", "label").rows() == [
        (None, None, "eating, out"),
        (None, None, "groceries"),
    ]
    assert frame["probabilities"].to_list() == [[0.75, 0.25], [0.125, 0.875]]
    assert problems.counts == {"input and output of different row counts": 1}


def test_only_the_first_places_are_kept_and_problems_add_up(tmp_path: Path) -> None:
    file = write(tmp_path, *[b"{"] * 8, line())
    one, other = read(file)[1], read(file, start=TIME + timedelta(hours=1))[1]
    assert [place.split(" ")[0] for place in one.places["not JSON"]] == [
        f"{file}:{number}" for number in range(1, 6)
    ]
    one.merge(other)
    assert one.counts == {"not JSON": 16}
    assert len(one.places["not JSON"]) == 5
    assert one.seen == {"records": 1, "probes": 0, "outside": 1, "dropped": 0}


def test_probes_are_left_out_and_counted(tmp_path: Path) -> None:
    probe = line(name="e-2")
    probe["eventMetadata"]["inferenceId"] = "probe-7-1"
    frame, problems = read(write(tmp_path, line(name="probe-1"), probe, line(name="my-probe-1")))
    assert frame["id"].to_list() == ["my-probe-1"]
    assert (problems.seen["probes"], problems.counts) == (2, {})


def test_the_window_holds_its_start_and_not_its_end(tmp_path: Path) -> None:
    times = ["2026-11-22T08:59:59.999Z", "2026-11-22T09:00:00Z", "2026-11-22T12:59:59+03:00"]
    times += ["2026-11-22T09:59:59.999999", "2026-11-22T10:00:00Z", "2026-11-22T09:00:00-01:00"]
    file = write(tmp_path, *(line(name=time, time=time) for time in times))
    start = TIME.replace(minute=0)
    frame, problems = read(file, start=start, end=start + timedelta(hours=1))
    assert frame["id"].to_list() == times[1:4]
    assert problems.seen["outside"] == 3
    melbourne = start.astimezone(timezone(timedelta(hours=11)))
    assert read(file, start=melbourne)[0]["id"].to_list() == times[1:]
    assert read(file, end=start.replace(tzinfo=None))[0]["id"].to_list() == times[:1]


def test_identifiers_given_twice_are_kept(tmp_path: Path) -> None:
    assert read(write(tmp_path, line(), line()))[0]["id"].to_list() == ["e-1", "e-1"]


def test_batches_are_about_the_size_asked_for(tmp_path: Path) -> None:
    files = [write(tmp_path, *[line()] * 5, name=name) for name in ("a", "b")]
    heights = [batch.frame.height for batch in batches(files, CLASSES, Problems(), size=4)]
    assert heights == [4, 4, 2]


def test_files_that_cannot_be_read_are_a_problem_and_the_rest_goes_on(tmp_path: Path) -> None:
    plain = write(tmp_path, line(name="plain"))
    zipped = tmp_path / "1.jsonl.gz"
    packed = gzip.compress((json.dumps(line(name="zipped")) + "\n").encode() * 3)
    zipped.write_bytes(packed)
    cut = tmp_path / "2.jsonl.gz"
    cut.write_bytes(packed[:-4])
    no_gzip = write(tmp_path, line(), name="3.jsonl.gz")
    empty = write(tmp_path, name="4.jsonl")
    files = [str(tmp_path / "missing"), str(zipped), str(cut), no_gzip, empty, str(tmp_path), plain]
    frame, problems = read(*files)
    assert frame["id"].to_list() == ["zipped"] * 6 + ["plain"]
    assert problems.counts == {"file not readable": 4, "empty file": 1}
    assert problems.places["empty file"] == [f"{empty}:1"]
    assert problems.places["file not readable"][0] == f"{files[0]}:1 (FileNotFoundError)"


@pytest.mark.parametrize("name", ["0.jsonl", "0.jsonl.gz"])
def test_a_byte_order_mark_costs_no_record(tmp_path: Path, name: str) -> None:
    lines = b"\n".join(json.dumps(line(name=name)).encode() for name in "ab")
    marked = b"\xef\xbb\xbf" + lines
    (tmp_path / name).write_bytes(gzip.compress(marked) if name.endswith(".gz") else marked)
    frame, problems = read(str(tmp_path / name))
    assert (frame["id"].to_list(), problems.counts) == (["a", "b"], {})


def test_a_line_without_an_end_fills_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = len(json.dumps(line())) + 1
    monkeypatch.setattr(capture, "LONGEST_LINE", longest)
    long = json.dumps(line()).encode() + b" " * longest * 3
    file = write(tmp_path, line(), long, line(), b"x" * longest)
    frame, problems = read(file)
    assert frame.height == 2
    assert problems.counts == {"line too long": 2}
    assert problems.places["line too long"] == [f"{file}:2", f"{file}:4"]


bad_lines = st.one_of(
    st.binary(max_size=80),
    st.builds(lambda at: VERBATIM.encode()[:at], st.integers(0, len(VERBATIM) - 1)),
    st.builds(
        lambda at, junk: VERBATIM.encode()[:at] + junk + VERBATIM.encode()[at:],
        st.integers(0, len(VERBATIM)),
        st.binary(min_size=1, max_size=4),
    ),
    st.builds(lambda data: json.dumps(change(line(), input_data=data)).encode(), st.text()),
    st.builds(lambda data: json.dumps(change(line(), output_data=data)).encode(), st.text()),
    st.builds(
        lambda data: json.dumps(change(line(encoding="BASE64"), input_data=data)).encode(),
        st.binary().map(lambda data: base64.b64encode(data).decode()),
    ),
    st.recursive(
        st.none() | st.floats() | st.text(),
        lambda of: st.lists(of) | st.dictionaries(st.text(), of),
    ).map(lambda value: json.dumps(json_line(value, value)).encode()),
).map(lambda data: data.replace(b"\n", b""))


@given(st.lists(st.none() | bad_lines, max_size=12), st.booleans())
@settings(deadline=None, max_examples=150)
def test_no_bytes_lose_a_good_record(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes | None], ended: bool
) -> None:
    good = [json.dumps(line(name=f"good-{at}")).encode() for at in range(len(lines))]
    written = [good[at] if bad is None else bad for at, bad in enumerate(lines)]
    file = tmp_path_factory.mktemp("bytes") / "0.jsonl"
    file.write_bytes(b"\n".join(written) + (b"\n" if ended else b""))
    frame, problems = read(str(file))

    names = frame.filter(row=0)["id"].to_list() if frame.height else []
    expected = [f"good-{at}" for at, bad in enumerate(lines) if bad is None]
    assert [name for name in names if name.startswith("good-")] == expected
    # Every line that is not blank is either kept, or left out, or has one problem.
    kept_with = ("price is not a number", "text is not a string")
    lost = sum(times for kind, times in problems.counts.items() if kind not in kept_with)
    told = sum(not data.isspace() and data != b"" for data in written)
    told += Path(file).stat().st_size == 0
    assert len(names) + lost + problems.seen["probes"] == told


@given(st.binary(max_size=2000))
@settings(deadline=None, max_examples=200)
def test_no_bytes_crash_the_reading_of_any_file(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    for name in ("0.jsonl", "1.jsonl.gz"):
        (folder / name).write_bytes(data)
    read(*find(str(folder)))
    list(truths(find(str(folder)), Problems()))


# Where the files are.

HOURS = ["shop/AllTraffic/2026/11/21/23", "shop/AllTraffic/2026/11/22/08"]
HOURS += [f"shop/AllTraffic/2026/11/22/{hour:02}" for hour in range(9, 13)]
HOURS += ["old/AllTraffic/2025/11/22/10", "2026/Blue/2026/11/22/10", "x/2026/13/45/10"]


def test_only_the_windows_hours_and_those_beside_them_are_listed(tmp_path: Path) -> None:
    names = [f"{hour}/30-00-000-a.jsonl" for hour in HOURS] + ["loose.jsonl"]
    for name in names:
        write(tmp_path, line(), name=name)
    (tmp_path / ".hidden").write_text("")
    start, end = TIME.replace(hour=10, minute=0), TIME.replace(hour=11, minute=0)

    def found(**window: Any) -> list[str]:
        return [
            Path(file).relative_to(tmp_path).as_posix() for file in find(str(tmp_path), **window)
        ]

    assert found() == sorted(names)
    elsewhere = ["2026/Blue/2026/11/22/10", "loose.jsonl", "x/2026/13/45/10"]
    near = [name for name in names if re.search("22/(09|10|11)/|" + "|".join(elsewhere), name)]
    assert found(start=start, end=end) == sorted(name for name in near if "2025" not in name)
    assert "shop/AllTraffic/2026/11/22/12/30-00-000-a.jsonl" in found(start=start)
    assert "shop/AllTraffic/2026/11/22/08/30-00-000-a.jsonl" not in found(start=start)
    # What the source itself is called says nothing.
    dated = tmp_path / "2025/01/01/00"
    kept = write(dated, line(), name="shop/2026/11/22/10/0.jsonl")
    write(dated, line(), name="shop/2026/11/20/10/0.jsonl")
    assert find(str(dated), start, end) == find(f"{dated}/", start, end) == [kept]
    assert find(str(tmp_path / "loose.jsonl")) == [str(tmp_path / "loose.jsonl")]
    with pytest.raises(UserError, match="nowhere"):
        find(str(tmp_path / "nowhere"))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    capture._s3.cache_clear()
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="captures")
        yield client
    capture._s3.cache_clear()


def test_captures_are_read_from_s3_and_only_the_window_is_listed(
    bucket: Any, tmp_path: Path
) -> None:
    for hour in HOURS:
        body = json.dumps(line(name=hour, time="2026-11-22T10:30:00Z")).encode()
        bucket.put_object(Bucket="captures", Key=f"in/{hour}/1.jsonl.gz", Body=gzip.compress(body))
    bucket.put_object(Bucket="captures", Key="in/shop/", Body=b"")
    bucket.put_object(Bucket="captures", Key="in/none.jsonl", Body=b"")
    bucket.put_object(Bucket="captures", Key="into/other.jsonl", Body=b"{}")
    listed = []
    capture._s3().meta.events.register(
        "before-parameter-build.s3.ListObjectsV2",
        lambda params, **_: listed.append(params["Prefix"]),
    )
    start, end = TIME.replace(hour=10, minute=0), TIME.replace(hour=11, minute=0)
    files = find("s3://captures/in", start, end)

    near = [f"shop/AllTraffic/2026/11/22/{hour}" for hour in ("09", "10", "11")]
    expected = sorted([*near, "2026/Blue/2026/11/22/10", "x/2026/13/45/10"])
    empty = "s3://captures/in/none.jsonl"
    assert files == sorted([*(f"s3://captures/in/{hour}/1.jsonl.gz" for hour in expected), empty])
    assert "in/shop/AllTraffic/2026/11/22/09/" in listed
    assert not {"in/shop/AllTraffic/2026/11/21/", "in/shop/AllTraffic/2026/11/22/12/"} & {*listed}
    frame, problems = read(*files, "s3://captures/in/gone", start=start, end=end)
    assert frame["id"].to_list() == expected
    assert problems.places == {
        "empty file": [f"{empty}:1"],
        "file not readable": ["s3://captures/in/gone:1 (NoSuchKey)"],
    }
    assert len(find("s3://captures/")) == len(HOURS) + 2

    fetch("s3://captures/into/other.jsonl", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"{}"
    with pytest.raises(UserError, match="gone"):
        fetch("s3://captures/in/gone", tmp_path / "copy")
    with pytest.raises(UserError, match="s3://no-such-bucket"):
        find("s3://no-such-bucket/in")


# The team's scripts.


def script(folder: Path, code: str) -> Callable[[dict[str, Any]], Any]:
    file = folder / "script.py"
    file.write_text(code)
    return load_preprocessor(file)


def extras(
    folder: Path, code: str, *events: Any
) -> tuple[pl.DataFrame, list[dict[str, Any]] | None, Problems]:
    problems = Problems()
    handler = script(folder, code)
    files = [write(folder, *events)]
    (batch,) = batches(files, CLASSES, problems, preprocess=handler)
    given = None if batch.extra is None else batch.extra.rows(named=True)
    return batch.frame, given, problems


TWO = line("aldi,1\ncafe,2", ANSWERED * 2, name="two")


def test_a_script_for_the_prebuilt_container_runs(tmp_path: Path) -> None:
    code = """
import json
def preprocess_handler(inference_record, logger):
    logger.info(f"at work on {inference_record}")
    asked, answered = inference_record.endpoint_input, inference_record.endpoint_output
    about = inference_record.event_metadata
    assert json.loads(json.dumps(inference_record.as_dict())) == inference_record.event_dict
    assert inference_record.ground_truth is inference_record.batch_transform_output is None
    names = (asked.encoding, asked.mode, asked.observedContentType, asked.observed_content_type)
    values = [about.event_id, about.inference_id, about.event_time, about.custom_attribute[0]]
    values += [inference_record.event_version, *names, *asked.data.split(","), answered.mode]
    return {str(i).zfill(20): value for i, value in enumerate(values)}
"""
    _, given, problems = extras(tmp_path, code, VERBATIM.encode())
    assert given
    assert list(given[0].values()) == [
        *("feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9", "order-7", "2026-11-22T00:00:00Z", "a=b", "0"),
        *("CSV", "INPUT", "text/csv", "text/csv"),
        *("spotify p0d3d89b19 sydney au", "11.99", "OUTPUT"),
    ]
    assert not problems.counts


def test_a_script_reads_what_others_captured(tmp_path: Path) -> None:
    code = """
def preprocess_handler(inference_record):
    output = inference_record.endpoint_output.data.rstrip("\\n")
    data = output + "," + inference_record.endpoint_input.data
    return {i: None if x == "" else x for i, x in enumerate(data.split(","))}
"""
    frame, given, problems = extras(tmp_path, code, line(), FOREIGN.encode())
    assert frame["text"].to_list() == ["aldi 12 perth", None]
    assert frame.select("price", "label", "probabilities").row(1) == (None, None, None)
    assert frame["probabilities"].to_list() == [[0.75, 0.25], None]
    assert given
    assert given[1]["0"] == "0.01076381653547287"
    assert given[1]["7"] is None
    assert given[0]["7"] is None
    assert problems.counts == {"readable by the preprocessor only": 1}


def test_a_dict_is_for_each_row_a_list_for_its_own_and_nothing_drops_the_record(
    tmp_path: Path,
) -> None:
    code = """
def preprocess_handler(inference_record):
    name = inference_record.event_metadata.event_id
    given = {"two": [{"a": 1}, {"b": 2.5}], "all": {"a": True}, "none": []}
    return given.get(name, [{"a": chr(0xD800)}, {}, {}])
"""
    events = [TWO, change_name(TWO, "all"), change_name(TWO, "none"), change_name(TWO, "many")]
    frame, given, problems = extras(tmp_path, code, *events, change_name(FOREIGN, "many"))
    assert frame["id"].to_list() == ["two"] * 2 + ["all"] * 2 + ["many"] * 5
    assert given
    assert [row["a"] for row in given] == ["1", None, "True", "True", None, None, "?", None, None]
    assert [row["b"] for row in given] == [None, "2.5", *[None] * 7]
    assert problems.seen["dropped"] == 1
    assert problems.counts["preprocessor gave another number of rows"] == 1


def change_name(event: dict[str, Any] | str, name: str) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(event if isinstance(event, str) else json.dumps(event))
    changed["eventMetadata"]["eventId"] = name
    return changed


def test_a_script_that_fails_is_told_and_the_record_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
def preprocess_handler(inference_record):
    if inference_record.event_metadata.event_id == "none":
        return None
    raise KeyError("x")
"""
    frame, given, problems = extras(tmp_path, code, line(), line(), change_name(line(), "none"))
    assert (frame.height, given) == (3, None)
    assert problems.counts == {"preprocessor failed": 2, "preprocessor gave no dict": 1}
    assert problems.places["preprocessor failed"][0].endswith("0.jsonl:1 (KeyError)")
    # Once, with the line of the script.
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert 'raise KeyError("x")' in caplog.text


@pytest.mark.parametrize("given", ["{'a': 10**5000}", "[{Mute(): 1}]", "{'a': Mute()}", "exit(3)"])
def test_values_that_are_no_text_and_exits_are_failures_of_a_script(
    tmp_path: Path, given: str
) -> None:
    code = f"""
class Mute:
    def __str__(self): raise RuntimeError("no")
def preprocess_handler(inference_record):
    return {given} if inference_record.event_metadata.event_id == "bad" else {{"a": 10**4000}}
"""
    frame, extra, problems = extras(tmp_path, code, line(), change_name(line(), "bad"), line())
    assert frame["id"].to_list() == ["e-1", "bad", "e-1"]
    assert extra
    assert [row["a"] for row in extra] == [str(10**4000), None, str(10**4000)]
    assert problems.counts == {"preprocessor failed": 1}
    assert problems.places["preprocessor failed"][0].partition(" ")[0].endswith("0.jsonl:2")


def test_scripts_that_cannot_be_loaded_are_said(tmp_path: Path) -> None:
    cases = {
        "missing.py": (None, "missing.py cannot be imported"),
        "script.txt": ("", "no Python file"),
        "broken.py": ("import no_such_module", "no_such_module"),
        "exit.py": ("raise SystemExit(3)", r"SystemExit\(3\)"),
        "empty.py": ("x = 1", "no function preprocess_handler"),
    }
    for name, (code, message) in cases.items():
        if code is not None:
            (tmp_path / name).write_text(code)
        with pytest.raises(UserError, match=message):
            load_preprocessor(tmp_path / name)


def test_a_postprocessor_is_called_and_its_fault_is_told(tmp_path: Path) -> None:
    script, written = tmp_path / "post.py", tmp_path / "written"
    script.write_text(f"def postprocess_handler():\n    open({str(written)!r}, 'w').close()\n")
    load_postprocessor(script)()
    assert written.exists()
    for code, fault in {"1 / 0": "ZeroDivisionError", "exit(3)": "SystemExit"}.items():
        script.write_text(f"def postprocess_handler():\n    {code}\n")
        with pytest.raises(UserError, match=f"postprocess_handler failed: {fault}"):
            load_postprocessor(script)()
    script.write_text("def postprocess_handler(result):\n    pass\n")
    with pytest.raises(UserError, match="postprocess_handler must take 0 arguments"):
        load_postprocessor(script)


# Ground truth.


def truth(label: str, name: str, encoding: str = "CSV", **more: str) -> dict[str, Any]:
    return {
        "groundTruthData": {"data": label, "encoding": encoding},
        "eventMetadata": {"eventId": name} | more,
        "eventVersion": "0",
    }


def test_ground_truth_is_read(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        truth("groceries", "a"),
        truth('"eating, out"\n', "b#0"),
        truth('"eating, out"', "c#12", "JSON"),
        truth("__label__groceries", "d#x"),
        truth("groceries", "e", inferenceId="order-7#3"),
        truth("groceries", "probe-1"),
        truth("groceries", "a"),
        truth("groceries", "#5"),
        name="2026/11/22/09/labels.jsonl",
    )
    loose = write(tmp_path, truth("groceries", "f"), name="labels.jsonl")
    problems = Problems()
    frames = list(truths([file, loose], problems, size=5))
    assert [frame.height for frame in frames] == [5, 3]
    frame, hour = pl.concat(frames), datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert frame.rows() == [
        ("a", 0, "groceries", hour),
        ("b", 0, "eating, out", hour),
        ("c", 12, "eating, out", hour),
        ("d#x", 0, "groceries", hour),
        ("order-7", 3, "groceries", hour),
        ("a", 0, "groceries", hour),
        ("#5", 0, "groceries", hour),
        ("f", 0, "groceries", None),
    ]
    assert (problems.seen["records"], problems.seen["probes"], problems.counts) == (8, 1, {})


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (b"{", "not JSON"),
        (line(), "unknown encoding"),
        (truth("groceries", "a", "BASE64"), "unknown encoding"),
        (truth("eating, out", "a"), "unreadable label"),
        (truth("a\nb", "a"), "unreadable label"),
        (truth('"', "a"), "unreadable label"),
        (truth(" ", "a"), "unreadable label"),
        (truth("", "a"), "unreadable label"),
        (truth("7", "a", "JSON"), "unreadable label"),
        (truth("[" * 100_000, "a", "JSON"), "unreadable label"),
    ],
)
def test_ground_truth_that_cannot_be_read_is_counted(tmp_path: Path, event: Any, kind: str) -> None:
    file = write(tmp_path, event, truth("groceries", "a"))
    problems = Problems()
    assert pl.concat(truths([file], problems)).height == 1
    assert problems.counts == {kind: 1}
    assert problems.places[kind][0].split(" (")[0] == f"{file}:1"


# Writing.

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
rows = st.tuples(texts.filter(str.strip), st.floats(allow_nan=False, allow_infinity=False))


@given(st.lists(st.tuples(rows, st.floats(0, 1)), min_size=1), st.sampled_from([CSV, JSON, LINES]))
@settings(deadline=None, max_examples=150)
def test_what_the_server_takes_and_gives_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    calls: list[tuple[tuple[str, float], float]],
    kind: str,
) -> None:
    asked = [row for row, _ in calls]
    if kind == CSV:
        sheet = io.StringIO(newline="")
        csv.writer(sheet).writerows(asked)
        request = sheet.getvalue().encode()
    else:
        objects = [{"text": text, "price": price} for text, price in asked]
        lines = [json.dumps(value, ensure_ascii=False) for value in objects]
        request = (json.dumps(objects) if kind == JSON else "\n".join(lines)).encode()
    assert parse(request, kind).texts == [text for text, _ in asked]
    answer = render(answers(*(number for _, number in calls)), kind, single=False)
    written = record(request, answer, kind, event_id="e-1", time=TIME, inference_id="order-7")
    assert written.count(b"\n") == 1
    file = tmp_path_factory.mktemp("written") / "0.jsonl"
    file.write_bytes(written)

    frame, problems = read(str(file))
    assert not problems.counts
    assert frame.select("text", "price").rows() == asked
    assert frame["id"].unique().to_list() == ["order-7"]
    assert frame["probabilities"].explode()[::2].to_list() == pytest.approx(
        [number for _, number in calls], abs=1e-10
    )


def test_a_record_is_written_as_sagemaker_writes_it() -> None:
    written = record(
        b"spotify p0d3d89b19 sydney au,11.99",
        b"__label__groceries,0.0000068826,0.9999931174\n",
        CSV,
        event_id="feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9",
        time=datetime(2026, 11, 22, 11, tzinfo=timezone(timedelta(hours=11))),
        inference_id="order-7",
    )
    expected = json.loads(VERBATIM)
    del expected["eventMetadata"]["customAttributes"]
    expected["captureData"]["endpointOutput"]["observedContentType"] = CSV
    assert json.loads(written) == expected


class Clock(datetime):
    """A clock that moves on by 25 s each time it is read."""

    seconds = count(0, 25)

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return TIME + timedelta(hours=23, seconds=next(cls.seconds), milliseconds=7)


def test_the_writer_files_by_the_minute_under_the_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "datetime", Clock)
    writer = Writer(tmp_path, "shop")
    for number in range(8):
        writer.put(b"a,%d" % number, ANSWERED.encode(), CSV, None)
    writer.close()
    files = find(str(tmp_path))
    assert [
        re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", file) for file in files
    ] == [
        f"{tmp_path}/shop/AllTraffic/2026/11/23/08/{name}-007-UUID.jsonl"
        for name in ("30-00", "31-15", "32-05")
    ]
    frame, problems = read(*files)
    assert frame["price"].to_list() == list(range(8))
    assert frame["id"].n_unique() == 8
    assert not problems.counts


def test_a_file_of_the_writers_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "FILE_BYTES", 1000)
    writer = Writer(tmp_path, "shop")
    for _ in range(20):
        writer.put(ASKED.encode(), ANSWERED.encode(), CSV, None)
    writer.close()
    files = find(str(tmp_path))
    assert max(Path(file).stat().st_size for file in files) < 2000
    assert len(files) > 5
    assert read(*files)[0].height == 20


def test_a_line_may_be_larger_than_the_input_and_the_output_of_a_call(tmp_path: Path) -> None:
    writer, rows = Writer(tmp_path, "shop"), 24_000
    request, answer = (b"%s,1\n" % (b"x" * 1_000), b"%s,0.5,0.5\n" % (b"y" * 1_000))
    writer.put(request * rows, answer * rows, CSV, None)
    writer.close()
    frame, problems = read(*find(str(tmp_path)))
    assert (frame.height, problems.counts) == (rows, {})


@pytest.mark.parametrize("bound", ["WAITING_BYTES", "LONGEST_LINE"])
def test_what_is_too_large_is_dropped_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, bound: str
) -> None:
    monkeypatch.setattr(serving, bound, 5_000)
    writer = Writer(tmp_path, "shop")
    for size in (1, 8_000, 1):
        writer.put(b"%s,1" % (b"x" * size), ANSWERED.encode(), CSV, None)
        while writer.waiting:
            time.sleep(0.001)
    writer.close()
    assert read(*find(str(tmp_path)))[0]["text"].to_list() == ["x", "x"]
    told = [record.msg for record in caplog.records]
    assert told == [{"event": "capture dropped", "calls": 1}]


def test_a_disk_that_fails_stops_neither_server_nor_writer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UserError, match="--capture"):
        Writer(Path(write(tmp_path, b"", name="file")), "shop")
    writer = Writer(tmp_path, "shop")
    writer.folder.rmdir()
    writer.folder.write_text("in the way")
    writer.put(ASKED.encode(), ANSWERED.encode(), CSV, None)
    while len(caplog.records) < 2:
        time.sleep(0.001)
    writer.folder.unlink()
    writer.put(ASKED.encode(), ANSWERED.encode(), CSV, None)
    writer.close()
    assert read(*find(str(tmp_path / "shop")))[0].height == 1
    assert [record.msg for record in caplog.records] == [
        {"event": "capture failed"},
        {"event": "capture dropped", "calls": 1},
    ]
