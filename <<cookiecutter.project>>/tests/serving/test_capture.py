"""Captures: of all that is answered, or of a sample; on a folder that goes away, or a bad disk."""

from __future__ import annotations

import json
import logging
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from serving_helpers.rows import ROWS, as_csv
from serving_helpers.running_server import Server, children, until

from categoriser.contract import (
    CSV,
    VARIANT,
    transactions,
)
from categoriser.model.package import Categoriser
from categoriser.monitor.formats.captures import captured_rows
from categoriser.monitor.formats.event_files import find_files
from categoriser.monitor.formats.problems import Problems
from categoriser.serving import capture
from categoriser.serving.capture import CaptureFiles, Writer


def test_all_that_is_answered_is_captured(
    model: Path, categoriser: Categoriser, tmp_path: Path
) -> None:
    running = Server(model, "--capture", str(tmp_path), "--endpoint-name", "shop")
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


def test_a_sample_is_captured(model: Path, tmp_path: Path) -> None:
    running = Server(model, "--capture", str(tmp_path), "--capture-percent", "20")
    with httpx.Client() as client:
        url = f"http://127.0.0.1:{running.port}/invocations"
        for _ in range(500):
            assert client.post(url, content="a,1", headers={"content-type": CSV}).is_success
    running.stop()
    lines = sum(len(file.read_bytes().splitlines()) for file in tmp_path.rglob("*.jsonl"))
    # 100 +- 9: five deviations to each side.
    assert 55 < lines < 145


def test_a_worker_that_cannot_capture_says_so(model: Path, tmp_path: Path) -> None:
    running = Server(model, "--workers", "1", "--capture", str(tmp_path / "captures"))
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


NOW = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [line for line in lines if line["event"] == name]


def captured(folder: Path) -> list[bytes]:
    return [line for file in folder.rglob("*.jsonl") for line in file.read_bytes().splitlines(True)]


def lines(count: int, size: int = 100, at: datetime = NOW) -> list[capture.TimedLine]:
    return [(at, b"%0*d\n" % (size - 1, number)) for number in range(count)]


def test_a_server_whose_captures_are_taken_away_goes_on_capturing(
    model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "captures"
    running = Server(model, "--workers", "1", "--capture", str(folder))
    ways: list[Callable[[], Any]] = [
        lambda: next(folder.rglob("*.jsonl")).unlink(),
        lambda: shutil.rmtree(folder),
        lambda: folder.rename(tmp_path / "moved"),
    ]
    for number, take_away in enumerate(ways, 1):
        for _ in range(number):
            assert running.request("a,1").status_code == 200
        until(lambda: folder.exists() and len(captured(folder)) == number)  # noqa: B023
        take_away()
    assert running.request("a,1").status_code == 200
    until(lambda: folder.exists() and len(captured(folder)) == 1)
    status, log = running.stop()
    assert status == 0
    gone = [line for line in map(json.loads, log) if line["event"] == "capture file gone"]
    assert [(line["level"], line["calls"]) for line in gone] == [("warning", n) for n in (1, 2, 3)]


@contextmanager
def files_of(most: int) -> Iterator[None]:
    """Let no file of this process become larger: a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_a_full_disk_took_whole_is_kept_and_the_rest_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = CaptureFiles(tmp_path)
    with files_of(1050):
        assert files.write(lines(25)) == 15
        assert captured(tmp_path) == [line for _, line in lines(10)]
        assert files.write(lines(3)) == 3
    assert files.write(lines(4)) == 0
    files.close()
    assert captured(tmp_path) == [line for _, line in lines(10) + lines(4)]
    assert len([*tmp_path.rglob("*.jsonl")]) == 1
    assert len(events(caplog, "capture failed")) == 2


def test_a_disk_that_takes_nothing_keeps_no_file(tmp_path: Path) -> None:
    files = CaptureFiles(tmp_path)
    with files_of(50):
        assert files.write(lines(5)) == 5
        assert files.write(lines(5)) == 5
    files.close()
    assert not [*tmp_path.rglob("*.jsonl")]


def test_a_writer_waits_longer_after_each_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(capture, "WRITE_EVERY_SECONDS", 0.01)
    (tmp_path / "captures").write_text("in the way")
    writer = Writer(tmp_path / "captures")
    end = time.monotonic() + 0.5
    taken = 0
    while time.monotonic() < end:
        writer.put(b"a,1", b"x", CSV, None)
        taken += 1
        time.sleep(0.001)
    # 0.01 s, then 0.02, 0.04, and so on: five are over in half a second.
    assert 1 <= len(events(caplog, "capture failed")) <= 6
    writer.close()
    assert sum(line["calls"] for line in events(caplog, "capture dropped")) == taken


def test_a_writer_captures_again_once_the_disk_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(capture, "WRITE_EVERY_SECONDS", 0.01)
    folder = tmp_path / "captures"
    folder.write_text("in the way")
    writer = Writer(folder)
    writer.put(b"lost,1", b"x", CSV, None)
    until(lambda: bool(events(caplog, "capture failed")))
    folder.unlink()
    for _ in range(2):
        writer.put(b"kept,1", b"x", CSV, None)
    until(lambda: folder.is_dir() and len(captured(folder)) == 2)
    writer.close()
    assert all(b"kept" in line for line in captured(folder))


def test_a_file_holds_a_minute_and_no_more_than_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "FILE_BYTES", 500)
    files = CaptureFiles(tmp_path)
    assert files.write([*lines(10), *lines(2, at=NOW + timedelta(minutes=1))]) == 0
    files.close()
    sizes = [(file.name[:2], file.stat().st_size) for file in tmp_path.rglob("*.jsonl")]
    assert sorted(sizes) == [("30", 400), ("30", 600), ("31", 200)]


def test_a_killed_writer_loses_only_its_last_moment(tmp_path: Path) -> None:
    program = """
import os, signal, sys, time
from pathlib import Path
from categoriser.serving import capture
writer = capture.Writer(Path(sys.argv[1]))
for number in range(100):
    writer.put(b"a,%d" % number, b"x", "text/csv", None)
time.sleep(5 * capture.WRITE_EVERY_SECONDS)
writer.put(b"late,1", b"x", "text/csv", None)
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    requests = [json.loads(line)["captureData"]["endpointInput"] for line in captured(tmp_path)]
    assert [request["data"] for request in requests] == [f"a,{number}" for number in range(100)]


def test_nothing_is_said_where_all_is_well(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = Writer(tmp_path)
    writer.put(b"a,1", b"x", CSV, None)
    writer.close()
    assert len(captured(tmp_path)) == 1
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [file.stat().st_size > 0 for file in tmp_path.rglob("*.jsonl")] == [True]
