"""A server of several workers that is watched, and its answers read byte by byte."""

from __future__ import annotations

import json
import re
import select
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from serving_helpers.fuzz_cases import SECRET
from serving_helpers.running_server import Server

HANG_SECONDS = 60
# The server waits for the rest of a request when nothing has come from it for so long.
QUIET_SECONDS = 0.1
WORKERS = 2
ANSWER_HEAD = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [ -~]*\r\n((?:[!-9;-~]+: [ -~]*\r\n)*)\r\n")


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Watched(Server):
    """A server of several workers that is watched."""

    def __init__(self, model: Path) -> None:
        super().__init__(model, "--workers", str(WORKERS))
        while len(self.workers()) < WORKERS:
            time.sleep(0.01)

    def workers(self) -> list[int]:
        process = self.process.pid
        children = Path(f"/proc/{process}/task/{process}/children").read_text()
        return [int(child) for child in children.split()]

    def memory(self) -> int:
        """Return the workers' memory in kB; of pages that they share, each its share."""
        sizes = [Path(f"/proc/{worker}/smaps_rollup").read_text() for worker in self.workers()]
        return sum(int(size) for size in re.findall(r"^Pss: *([0-9]+)", "".join(sizes), re.M))

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=HANG_SECONDS)

    def exchange(self, pieces: Sequence[bytes], patience: float = QUIET_SECONDS) -> bytes:
        """Send pieces; where no more comes, end the sending; return all that came."""
        received = b""
        with self.connect() as connection:
            # What it refuses it does not read to the end.
            with suppress(ConnectionError):
                for piece in pieces:
                    connection.sendall(piece)
            with suppress(ConnectionError):
                while select.select([connection], [], [], patience)[0]:
                    data = connection.recv(2**16)
                    if not data:
                        return received
                    received += data
                connection.shutdown(socket.SHUT_WR)
                while data := connection.recv(2**16):
                    received += data
        return received

    def ask(self, request: bytes) -> Answer:
        """Return the one answer to a request after which the connection ends."""
        with self.connect() as connection, connection.makefile("rb") as stream:
            connection.sendall(request)
            (answer,) = answers(stream.read())
        return answer


def answers(received: bytes, *, heads: bool = False) -> list[Answer]:
    """Read what came on a connection, all of it; `heads`: answers to HEAD may be among them."""
    found = []
    while received:
        head = ANSWER_HEAD.match(received)
        assert head, received[:200]
        lines = head[2].decode().lower().splitlines()
        headers = dict(line.split(": ", 1) for line in lines)
        assert len(headers) == len(lines)
        status = int(head[1])
        received = received[head.end() :]
        if status != 100:
            size = int(headers["content-length"])
            if heads and (not received or received.startswith(b"HTTP/1.1 ")):
                size = 0
            assert len(received) >= size
            found.append(Answer(status, headers, received[:size]))
            received = received[size:]
    return found


def problem(answer: Answer) -> dict[str, Any]:
    """Check a refusal, and return its problem; of a stand-in for an endpoint, the model's."""
    body = answer.body
    status = answer.status
    if status == 424:
        assert answer.headers["x-amzn-errortype"] == "modelerror"
        told = json.loads(body)
        body = told["OriginalMessage"]
        status = told["OriginalStatusCode"]
    else:
        assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = json.loads(body)
    assert {"type", "title", "status", "detail"} <= set(problem)
    assert 400 <= problem["status"] == status < 500
    row = re.match("row ([0-9]+)", problem["detail"])
    assert problem.get("row") == (int(row[1]) if row else None)
    return problem


def amiss(lines: Sequence[str]) -> list[str]:
    """Return what a log should not have: faults, and what somebody sent."""
    assert lines
    return [line for line in lines if json.loads(line)["level"] == "error" or SECRET in line]
