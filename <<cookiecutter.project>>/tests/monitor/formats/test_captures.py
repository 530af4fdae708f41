"""Captured calls are read into rows; what cannot be read is counted, and the rest goes on."""

from __future__ import annotations

import base64
import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monitor_helpers.made_captures import (
    CLASSES,
    TIME,
    VERBATIM,
    answers,
    change,
    json_line,
    line,
    read_captures,
    write,
)

from categoriser.contract import CSV, JSON, JSON_LINES
from categoriser.monitor.formats import event_frames
from categoriser.monitor.formats.captures import captured_rows
from categoriser.monitor.formats.event_files import find_files
from categoriser.monitor.formats.ground_truth import ground_truth_rows
from categoriser.monitor.formats.problems import SEEN, Problems
from categoriser.serving.capture import capture_line
from categoriser.serving.protocol import parse_rows, render_answers


def test_a_record_of_sagemakers_is_read(tmp_path: Path) -> None:
    frame, problems = read_captures(write(tmp_path, VERBATIM.encode()))
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
    assert problems == Problems(seen=dict.fromkeys(SEEN, 0) | {"records": 1})


def test_a_record_whose_event_id_came_before_is_dropped_and_counted(tmp_path: Path) -> None:
    events = [line(), line(), line()]
    for number, event in enumerate(events):
        event["eventMetadata"] |= {"eventId": f"event-{number % 2}", "inferenceId": f"{number}"}
    seen: set[str] = set()

    def fresh(event_id: str) -> bool:
        known = event_id in seen
        seen.add(event_id)
        return not known

    frame, problems = read_captures(write(tmp_path, *events), fresh=fresh)
    assert frame["id"].to_list() == ["0", "1"]
    assert problems.seen == dict.fromkeys(SEEN, 0) | {"records": 2, "repeated": 1}


def test_merged_records_without_a_time_take_the_windows(tmp_path: Path) -> None:
    """Model Monitor's merge job leaves those of a batch without one, and calls the output so."""
    merged = line()
    del merged["eventMetadata"]["inferenceTime"]
    sides = merged["captureData"]
    sides["batchTransformOutput"] = sides.pop("endpointOutput")
    merged["groundTruthData"] = {"data": "groceries", "encoding": "CSV"}
    file = write(tmp_path, merged)
    frame, problems = read_captures(file, start=TIME, end=TIME + timedelta(hours=1))
    assert problems.counts == {}
    assert frame["time"].to_list() == [TIME]
    frame, _ = read_captures(file)
    assert frame["time"].to_list() == [None]


def test_probes_are_left_out_and_counted(tmp_path: Path) -> None:
    probe = line(name="e-2")
    probe["eventMetadata"]["inferenceId"] = "probe-7-1"
    frame, problems = read_captures(
        write(tmp_path, line(name="probe-1"), probe, line(name="my-probe-1"))
    )
    assert frame["id"].to_list() == ["my-probe-1"]
    assert (problems.seen["probes"], problems.counts) == (2, {})


def test_the_window_holds_its_start_and_not_its_end(tmp_path: Path) -> None:
    times = ["2026-11-22T08:59:59.999Z", "2026-11-22T09:00:00Z", "2026-11-22T12:59:59+03:00"]
    times += ["2026-11-22T09:59:59.999999", "2026-11-22T10:00:00Z", "2026-11-22T09:00:00-01:00"]
    file = write(tmp_path, *(line(name=time, time=time) for time in times))
    start = TIME.replace(minute=0)
    frame, problems = read_captures(file, start=start, end=start + timedelta(hours=1))
    assert frame["id"].to_list() == times[1:4]
    assert problems.seen["outside"] == 3
    melbourne = start.astimezone(timezone(timedelta(hours=11)))
    assert read_captures(file, start=melbourne)[0]["id"].to_list() == times[1:]
    assert read_captures(file, end=start.replace(tzinfo=None))[0]["id"].to_list() == times[:1]


def test_identifiers_given_twice_are_kept(tmp_path: Path) -> None:
    assert read_captures(write(tmp_path, line(), line()))[0]["id"].to_list() == ["e-1", "e-1"]


def test_batches_are_about_the_size_that_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_frames, "ROWS_IN_FRAME", 4)
    files = [write(tmp_path, *[line()] * 5, name=name) for name in ("a", "b")]
    heights = [batch.frame.height for batch in captured_rows(files, CLASSES, Problems())]
    assert heights == [4, 4, 2]


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
    frame, problems = read_captures(str(file))

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
    read_captures(*find_files(str(folder)))
    list(ground_truth_rows(find_files(str(folder)), Problems()))


strings = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
rows = st.tuples(strings.filter(str.strip), st.floats(allow_nan=False, allow_infinity=False))


@given(
    st.lists(st.tuples(rows, st.floats(0, 1)), min_size=1), st.sampled_from([CSV, JSON, JSON_LINES])
)
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
    assert [row.text for row in parse_rows(request, kind).rows] == [text for text, _ in asked]
    answer = render_answers(answers(*(number for _, number in calls)), kind, single=False)
    written = capture_line(request, answer, kind, event_id="e-1", time=TIME, inference_id="order-7")
    assert written.count(b"\n") == 1
    file = tmp_path_factory.mktemp("written") / "0.jsonl"
    file.write_bytes(written)

    frame, problems = read_captures(str(file))
    assert not problems.counts
    assert frame.select("text", "price").rows() == asked
    assert frame["id"].unique().to_list() == ["order-7"]
    assert frame["probabilities"].explode()[::2].to_list() == pytest.approx(
        [number for _, number in calls], abs=1e-10
    )
