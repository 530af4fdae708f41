"""A connection's bounds of time and bytes, and what the head of a request must be."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_helpers.running_server import HEAD, PING, Server, until

from categoriser.contract import MAX_ROWS
from categoriser.serving.connection import HEAD_BYTES, MOST_AHEAD


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
def hasty(model: Path) -> Iterator[Server]:
    hasty = Server(model, "--workers", "1", change="worker.REQUEST_SECONDS = 0.3")
    yield hasty
    assert hasty.stop()[0] == 0


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
        for _ in range(MOST_AHEAD):
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        until(lambda: hasty.line()["event"] == "answer not taken")
        # What the kernel had is still there.
        assert connection.makefile("rb").read().count(b"__label__") < MOST_AHEAD * MAX_ROWS


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


START = b"POST /invocations HTTP/1.1\r\n"
CLOSE = b"Content-Type: text/csv\r\nConnection: close\r\n"


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
