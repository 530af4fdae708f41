"""Workers that stop, hang, or cannot start; and what a request's head must be."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving.test_serving import Server, children, until

from categoriser.serving import parent, worker

QUICK = "worker.LINGER_SECONDS, worker.GRACE_SECONDS, parent.LAST_SECONDS = 0.2, 0.5, 0.5"


def test_the_end_comes_before_sagemaker_kills() -> None:
    longest = worker.LINGER_SECONDS + worker.GRACE_SECONDS + parent.LAST_SECONDS
    assert longest + 2 * worker.LAST_WORDS_SECONDS < 30


@pytest.mark.parametrize("how", ["stopped", "hung"])
def test_a_worker_that_does_not_end_is_killed_after_the_grace(model: Path, how: str) -> None:
    hang = "\nimport time; worker.Worker.handle_exit = lambda *_: time.sleep(60)"
    change = QUICK + hang if how == "hung" else QUICK
    running = Server(model, "--workers", "2", change=change)
    started = children(running.process.pid)
    if how == "stopped":
        os.kill(started[0], signal.SIGSTOP)
    began = time.monotonic()
    status, log = running.stop()
    assert status == 0
    assert 1.2 <= time.monotonic() - began < 10
    killed = [line["worker"] for line in map(json.loads, log) if line["event"] == "worker killed"]
    assert set(killed) == ({started[0]} if how == "stopped" else set(started))
    until(lambda: not any(Path(f"/proc/{worker}/fd").exists() for worker in started))


def failing(model: Path, change: str) -> tuple[int, str]:
    """Start a server that ends by itself; return its status and its log."""
    program = (
        f"import os, resource; from categoriser.serving import app, parent, worker\n{change}\n"
    )
    program += "from categoriser.command import run_command; run_command(app.main)"
    options = ["--model", str(model), "--port", "0", "--workers", "2"]
    done = subprocess.run(
        [sys.executable, "-c", program, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "change",
    [
        "worker.Worker.watch = lambda _: 1 / 0",
        "worker.Worker.watch = lambda _: os._exit(7)",
        "parent.os.fork = lambda: (_ for _ in ()).throw(BlockingIOError('no room'))",
    ],
)
def test_a_server_whose_workers_cannot_start_ends_and_says_so(model: Path, change: str) -> None:
    status, log = failing(model, f"parent.SHORTEST_LIFE = 0.05\n{change}")
    assert status == 1
    assert re.search(r"^error: no worker could start, \d+ times in a row", log, re.MULTILINE)
    assert 5 <= log.count('"event":"worker died"') + log.count('"event":"no worker"') < 20


def test_too_few_open_files_are_said_at_once(model: Path) -> None:
    status, log = failing(model, "resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))")
    assert status == 1
    assert log.splitlines()[-1] == (
        "error: a process may have 12 files open here, and the server needs 80; "
        "raise it with `ulimit -n`"
    )
    assert "worker died" not in log


def test_a_model_that_takes_too_long_to_load_is_said(model: Path) -> None:
    # As foreign code does that never gives the interpreter back.
    change = """
import ctypes
from categoriser.model.package import Categoriser
app.LOAD_SECONDS = 0.2
Categoriser.load = lambda _: ctypes.PyDLL(None).sleep(60)
"""
    status, log = failing(model, change)
    assert status == 1
    [line] = log.splitlines()
    assert line.startswith(f"error: {model} could not be loaded within 0.2 s")


def test_a_model_that_is_overwritten_while_it_serves_changes_nothing(
    model: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(model, tmp_path / "model")
    running = Server(folder, "--workers", "1")
    before = running.request("aldi,1").content
    for file in folder.rglob("*.*"):
        size = file.stat().st_size
        with file.open("r+b") as stream:
            stream.write(b"\xff" * size)
            stream.truncate(size // 2)
    for _ in range(20):
        assert running.request("aldi,1").content == before
    # And a worker that begins now has the same model.
    os.kill(children(running.process.pid)[0], signal.SIGKILL)
    while running.line()["event"] != "worker started":
        pass
    assert running.request("aldi,1").content == before
    assert running.stop()[0] == 0


def test_no_bound_of_open_files_is_no_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    unbounded = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda _: (unbounded, unbounded))
    assert worker.open_files() > 10**6


def test_a_worker_that_fails_while_another_serves_is_tried_on(model: Path) -> None:
    change = """
parent.SHORTEST_LIFE = 0.02
start = parent.start
def seldom(app, listener, shared, place):
    # Until the first can take connections, and from then on, the second dies.
    while place and not shared.ready[0]:
        pass
    return os.fork() or os._exit(7) if place else start(app, listener, shared, place)
parent.start = seldom
"""
    running = Server(model, "--workers", "2", change=change, started=0)
    died = 0
    while died < 12:
        died += running.line()["event"] == "worker died"
    assert running.request("a,1").status_code == 200
    assert running.stop()[0] == 0


def ask(running: Server, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
        connection.sendall(request)
        return connection.makefile("rb").read()


@pytest.fixture(scope="module")
def capturing(
    model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Path]]:
    folder = tmp_path_factory.mktemp("captures")
    running = Server(model, "--workers", "1", "--capture", str(folder))
    yield running, folder
    assert running.stop()[0] == 0


START = b"POST /invocations HTTP/1.1\r\n"
CLOSE = b"Content-Type: text/csv\r\nConnection: close\r\n"


def test_trailers_are_no_headers(capturing: tuple[Server, Path]) -> None:
    running, folder = capturing
    head = START + b"Host: x\r\n" + CLOSE + b"Transfer-Encoding: chunked\r\n"
    trailers = b"X-Amzn-SageMaker-Inference-Id: probe-1\r\nX-Request-Id: made-up\r\n"
    trailers += b"Content-Encoding: gzip\r\nContent-Type: image/png\r\n"
    answer = ask(running, head + b"\r\n9\r\nits own,1\r\n0\r\n" + trailers + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"made-up" not in answer

    def captured() -> list[str]:
        files = [file.read_text() for file in folder.rglob("*.jsonl")]
        return [line for line in "".join(files).splitlines() if "its own" in line]

    until(lambda: bool(captured()))
    (line,) = captured()
    assert "inferenceId" not in json.loads(line)["eventMetadata"]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (START, 400),
        (START + b"Host: a\r\nHost: a\r\n", 400),
        (START + b"HOST: a\r\nhost: b\r\n", 400),
        (START + b"Host:\r\n", 200),
        (START.replace(b"1.1", b"1.0"), 200),
        (START.replace(b"1.1", b"1.0") + b"Host: a\r\nHost: a\r\n", 400),
    ],
)
def test_a_request_has_one_host(capturing: tuple[Server, Path], head: bytes, status: int) -> None:
    answer = ask(capturing[0], head + CLOSE + b"Content-Length: 3\r\n\r\na,1")
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    if status == 400:
        assert "one Host header" in json.loads(answer.rpartition(b"\r\n\r\n")[2])["detail"]


def test_a_request_behind_one_with_trailers_has_its_own_headers(
    capturing: tuple[Server, Path],
) -> None:
    first = START + b"Host: x\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
    first += b"3\r\na,1\r\n0\r\nX-Request-Id: trailer\r\n\r\n"
    second = START + b"Host: x\r\nX-Request-Id: second\r\n" + CLOSE
    second += b"Content-Length: 3\r\n\r\na,1"
    answers = ask(capturing[0], first + second)
    assert re.findall(rb"^HTTP/1.1 (\d+) ", answers, re.MULTILINE) == [b"200", b"200"]
    assert answers.count(b"x-request-id: second") == 1
    assert b"trailer" not in answers
