"""What the server captures: its files, their bounds, and a disk that fails."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from monitor_helpers.made_captures import ANSWERED, ASKED, TIME, VERBATIM, read_captures, write

from categoriser.contract import CSV, VARIANT
from categoriser.errors import UserError
from categoriser.monitor.formats.event_files import find_files
from categoriser.serving import capture as serving
from categoriser.serving.capture import Writer, capture_folder, capture_line


def test_a_record_is_written_as_sagemaker_writes_it() -> None:
    written = capture_line(
        b"spotify p0d3d89b19 sydney au,11.99",
        b"__label__groceries,0.0000068826,0.9999931174\n",
        CSV,
        event_id="feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9",
        time=datetime(2026, 11, 22, tzinfo=UTC),
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
    writer = Writer(capture_folder(tmp_path, "shop"))
    for number in range(8):
        writer.put(b"a,%d" % number, ANSWERED.encode(), CSV, None)
    writer.close()
    files = find_files(str(tmp_path))
    assert [
        re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", file) for file in files
    ] == [
        f"{tmp_path}/shop/{VARIANT}/2026/11/23/08/{name}-007-UUID.jsonl"
        for name in ("30-00", "31-15", "32-05")
    ]
    frame, problems = read_captures(*files)
    assert frame["price"].to_list() == list(range(8))
    assert frame["id"].n_unique() == 8
    assert not problems.counts


def test_a_file_of_the_writers_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "FILE_BYTES", 1000)
    writer = Writer(capture_folder(tmp_path, "shop"))
    for _ in range(20):
        writer.put(ASKED.encode(), ANSWERED.encode(), CSV, None)
    writer.close()
    files = find_files(str(tmp_path))
    assert max(Path(file).stat().st_size for file in files) < 2000
    assert len(files) > 5
    assert read_captures(*files)[0].height == 20


def test_a_line_may_be_larger_than_the_input_and_the_output_of_a_call(tmp_path: Path) -> None:
    writer = Writer(capture_folder(tmp_path, "shop"))
    rows = 24_000
    request = b"%s,1\n" % (b"x" * 1_000)
    answer = b"%s,0.5,0.5\n" % (b"y" * 1_000)
    writer.put(request * rows, answer * rows, CSV, None)
    writer.close()
    frame, problems = read_captures(*find_files(str(tmp_path)))
    assert (frame.height, problems.counts) == (rows, {})


@pytest.mark.parametrize("bound", ["MOST_WAITING_BYTES", "LONGEST_CAPTURE"])
def test_what_is_too_large_is_dropped_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, bound: str
) -> None:
    monkeypatch.setattr(serving, bound, 5_000)
    writer = Writer(capture_folder(tmp_path, "shop"))
    for size in (1, 8_000, 1):
        writer.put(b"%s,1" % (b"x" * size), ANSWERED.encode(), CSV, None)
        while writer.waiting:
            time.sleep(0.001)
    writer.close()
    assert read_captures(*find_files(str(tmp_path)))[0]["text"].to_list() == ["x", "x"]
    told = [record.msg for record in caplog.records]
    assert told == [{"event": "capture dropped", "calls": 1}]


def test_a_disk_that_fails_stops_neither_server_nor_writer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UserError, match="--capture"):
        capture_folder(Path(write(tmp_path, b"", name="file")), "shop")
    writer = Writer(capture_folder(tmp_path, "shop"))
    writer.files.folder.rmdir()
    writer.files.folder.write_text("in the way")
    writer.put(ASKED.encode(), ANSWERED.encode(), CSV, None)
    while len(caplog.records) < 2:
        time.sleep(0.001)
    writer.files.folder.unlink()
    writer.put(ASKED.encode(), ANSWERED.encode(), CSV, None)
    writer.close()
    assert read_captures(*find_files(str(tmp_path / "shop")))[0].height == 1
    assert [record.msg for record in caplog.records] == [
        {"event": "capture failed"},
        {"event": "capture dropped", "calls": 1},
    ]
