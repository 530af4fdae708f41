"""Requests at the bounds and beyond them, and clients that send in pieces or leave."""

from __future__ import annotations

import socket
import struct
import sys
import time

import pytest
from serving_helpers.fuzz_cases import (
    GOOD,
    PATHS,
    SECRET,
    request,
)
from serving_helpers.watched_server import HANG_SECONDS, Watched, answers, problem

from categoriser.contract import CSV, JSON, MAX_BODY_BYTES, MAX_ROWS, TEXT_CHARACTERS
from categoriser.serving.answer_queue import SMALL_BODY

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are seen in /proc")


def head(*lines: str) -> bytes:
    return "\r\n".join(["POST /invocations HTTP/1.1", "Host: x", *lines, "", ""]).encode()


def of_text(text: str, count: int = 1) -> bytes:
    return request(f"{text},1\n".encode() * count)


PADDED = b"coles,1".ljust
CHUNKED = head("Content-Type: text/csv", "Transfer-Encoding: chunked")
MUCH = 2**20
BY_HAND = {
    "as many bytes as are small": (request(PADDED(SMALL_BODY)), 200),
    "one more than are small": (request(PADDED(SMALL_BODY + 1)), 200),
    "as many bytes as are taken": (request(PADDED(MAX_BODY_BYTES)), 200),
    "one more than are taken": (request(PADDED(MAX_BODY_BYTES + 1)), 413),
    "as many rows as are taken": (of_text("coles", MAX_ROWS), 200),
    "a row more": (of_text("coles", MAX_ROWS + 1), 413),
    "as many rows as fit": (of_text("a", MAX_BODY_BYTES // 4), 413),
    "the longest text": (of_text("a" * TEXT_CHARACTERS), 200),
    "texts slow to fold": (
        of_text("a" + "\u0316\u0301" * (TEXT_CHARACTERS // 2 - 1), MAX_ROWS),
        200,
    ),
    "texts slow to search": (of_text("1 x" * (TEXT_CHARACTERS // 3), MAX_ROWS), 200),
    "one long text": (of_text("x" * (MAX_BODY_BYTES - 3)), 400),
    "one long number": (
        request(b'{"text":"a","price":0.%s}' % (b"1" * (MAX_BODY_BYTES - 30)), JSON),
        200,
    ),
    "nesting": (request(b"[" * MAX_BODY_BYTES, JSON), 400),
    "lists": (request(b"[" + b"[]," * (MAX_BODY_BYTES // 3 - 1) + b"1]", JSON), 400),
    "one long name": (request(b'{"' + b"x" * MUCH + b'":1}', JSON), 400),
    "a long target": (b"GET /" + b"x" * MUCH + b" HTTP/1.1\r\n\r\n", 431),
    "a long header": (head("X: " + "y" * MUCH), 431),
    "a long name of a header": (head("X" * MUCH + ": y"), 431),
    "many headers": (head(*["X: y"] * (MUCH // 6)), 431),
    "a long extension": (CHUNKED + b"7;x=" + b"y" * MUCH + b"\r\ncoles,1\r\n0\r\n\r\n", 431),
    "many trailers": (CHUNKED + b"7\r\ncoles,1\r\n0\r\n" + b"X: y\r\n" * (MUCH // 6), 431),
    "an upgrade": (request(b"coles,1", CSV, PATHS[0], "Upgrade: h2c", "Connection: Upgrade"), 400),
    "two lengths": (head("Content-Length: 7", "Content-Length: 8") + b"coles,1", 400),
    "two framings": (head("Content-Length: 7", "Transfer-Encoding: chunked") + b"coles,1", 400),
    "a name of a route": (GOOD.replace(b"/invocations", b"/" + SECRET.encode()), 404),
}


@pytest.mark.parametrize(("sent", "status"), BY_HAND.values(), ids=BY_HAND)
def test_bounds_and_traps(server: Watched, sent: bytes, status: int) -> None:
    (answer,) = answers(server.exchange([sent], HANG_SECONDS))
    assert answer.status == status
    assert status == 200 or problem(answer)


def test_requests_ahead_of_their_answers_are_bounded(server: Watched) -> None:
    *found, last = answers(server.exchange([b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n" * 100_000]))
    assert {answer.status for answer in found} == {200}
    assert problem(last)["status"] == 400


def test_a_request_may_end_anywhere(server: Watched) -> None:
    for end in range(len(GOOD)):
        for ended in (b"\0" * 8, struct.pack("ii", 1, 0)):  # a close, a reset
            with server.connect() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ended)
                connection.sendall(GOOD[:end])


def test_a_client_may_leave_before_its_answers(server: Watched) -> None:
    several = (request(b"coles,1\n" * 9000) + GOOD).replace(b"close", b"keep-alive")
    for _ in range(20):
        with server.connect() as connection:
            connection.sendall(several)
            time.sleep(0.01)


def test_a_request_may_come_byte_by_byte(server: Watched) -> None:
    with server.connect() as connection, connection.makefile("rb") as stream:
        for byte in GOOD:
            connection.sendall(bytes([byte]))
            time.sleep(0.001)
        (answer,) = answers(stream.read())
    assert answer.status == 200
