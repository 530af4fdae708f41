"""The log is written beside the service: a reader that stalls stops nobody."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from categoriser.serving import log
from categoriser.serving.log import JsonLine, Lines, joined_pieces, json_line, lines


def test_a_reader_that_stalls_does_not_stop_the_service(model: Path) -> None:
    program = """
from categoriser.serving import log
from categoriser.serving.__main__ import main
log.MOST_UNWRITTEN_BYTES = 20_000
main()
"""
    options = ["--model", str(model), "--port", "0", "--workers", "1"]
    process = subprocess.Popen([sys.executable, "-c", program, *options], stderr=subprocess.PIPE)
    assert process.stderr
    listening = json.loads(process.stderr.readline())
    url = f"http://127.0.0.1:{listening['port']}/invocations"
    headers = {"content-type": "text/csv"}
    with httpx.Client(timeout=10) as client:
        # Over 200 bytes a line: more than a pipe holds, and the server.
        for _ in range(1000):
            assert client.post(url, content="a,1", headers=headers).status_code == 200
    process.terminate()
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = [json.loads(line) for line in rest.splitlines()]
    written = sum(line["event"] == "request" for line in lines)
    dropped = sum(line["lines"] for line in lines if line["event"] == "log lines dropped")
    assert written < 1000
    assert written + dropped >= 1000
    assert lines[-1]["event"] == "stopped"


def test_a_reader_that_stalls_for_ever_does_not_stop_the_end(model: Path) -> None:
    options = ["-m", "categoriser.serving", "--model", str(model), "--port", "0"]
    process = subprocess.Popen([sys.executable, *options], stderr=subprocess.PIPE)
    assert process.stderr
    listening = json.loads(process.stderr.readline())
    url = f"http://127.0.0.1:{listening['port']}/invocations"
    with httpx.Client(timeout=10) as client:
        for _ in range(700):
            client.post(url, content="a,1", headers={"content-type": "text/csv"})
    process.terminate()
    assert process.wait(20) == 0
    process.stderr.close()


def test_lines_are_dropped_beyond_the_bound_and_counted(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(log, "MOST_UNWRITTEN_BYTES", 100)
    begun = threading.Event()
    go_on = threading.Event()
    write = os.write

    def slow(descriptor: int, piece: bytes) -> int:
        begun.set()
        assert go_on.wait(60)
        return write(descriptor, piece)

    monkeypatch.setattr(os, "write", slow)
    lines = Lines()
    lines.put(b"first\n")
    assert begun.wait(60)
    for number in range(30):
        lines.put(b"line %04d\n" % number)
    go_on.set()
    lines.flush(60)
    *whole, told = capfd.readouterr().err.splitlines()
    assert whole == ["first", *(f"line {number:04d}" for number in range(10))]
    dropped = json.loads(told)
    assert (dropped["event"], dropped["lines"]) == ("log lines dropped", 20)


def test_a_child_neither_repeats_nor_waits_for_its_parents_lines(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(log, "REST_SECONDS", 0.2)
    lines = Lines()
    lines.put(b"parent\n")
    # Its thread is there, and this one waits for it.
    lines.put(b"parent again\n")
    child = os.fork()
    if not child:
        lines.put(b"child\n")
        lines.flush(10)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    lines.flush(10)
    assert sorted(capfd.readouterr().err.split("\n")) == ["", "child", "parent", "parent again"]


def test_lines_are_joined_up_to_what_is_written_in_one_piece() -> None:
    long = b"x" * 5000 + b"\n"
    short = [b"%999d\n" % number for number in range(9)]
    joined = joined_pieces([*short, long, *short])
    assert b"".join(joined) == b"".join([*short, long, *short])
    assert [len(piece) for piece in joined] == [4000, 4000, 1000, 5001, 4000, 4000, 1000]
    assert joined_pieces([b"a\n"]) == [b"a\n"]


def test_a_line_has_its_time_and_level() -> None:
    line = json_line("info", {"event": "x"})
    assert line.endswith(b"}\n")
    assert json.loads(line)["level"] == "info"
    assert json.loads(line)["time"] > 1e9


def test_another_librarys_record_is_a_line_too(capfd: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, "%d\nbad", (3,), None)
    JsonLine().emit(record)
    lines.flush(60)
    logged = json.loads(capfd.readouterr().err)
    assert (logged["level"], logged["event"]) == ("warning", "3\nbad")
