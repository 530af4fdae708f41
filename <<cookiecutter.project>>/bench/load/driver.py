"""The clients: one process with uvloop, which costs as little a request as bare epoll would."""

from __future__ import annotations

import asyncio
import re
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple, cast

import numpy as np
import uvloop

from bench.load.requests import Load
from bench.load.servers import ANSWER_SECONDS, HOST, cpu_seconds
from categoriser.errors import UserError

# Bounds the requests of a round.
MOST_REQUESTS = 1_000_000

HEAD = re.compile(
    rb"HTTP/1\.1 (\d+) .*?content-length: *(\d+)(?=\r).*?\r\n\r\n", re.DOTALL | re.IGNORECASE
)


class Round(NamedTuple):
    """What came of a load, or medians of that. Only good answers count."""

    answers: float
    rate: float  # a second
    p50: float  # milliseconds, as the next two
    p95: float
    p99: float
    cpu: float  # the server's microseconds on a core, a request
    driver: float  # the driver's share of a core
    size: float  # an answer's body, in bytes


# By a load's kind, connections and server, and by what happened.
Errors = Counter[tuple[str, int, str, str]]


class Drive:
    """What the clients of a round share."""

    def __init__(self, requests: Iterator[bytes], seconds: float, count: int) -> None:
        self.requests = requests
        self.left = count
        self.size = 0
        self.end = time.perf_counter() + seconds
        self.waits = array("d")
        self.errors: Counter[str] = Counter()


class Client(asyncio.Protocol):
    """A connection that sends its next request once an answer is complete."""

    def __init__(self, drive: Drive) -> None:
        self.drive = drive
        self.data = b""
        self.asked = 0.0
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.ask(time.perf_counter())

    def ask(self, now: float) -> None:
        drive = self.drive
        if drive.left and now < drive.end:
            drive.left -= 1
            self.asked = now
            self.transport.write(next(drive.requests))
        else:
            self.asked = 0.0
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        self.data += data
        head = HEAD.match(self.data)
        if not head or len(self.data) < head.end() + int(head[2]):
            return
        now = time.perf_counter()
        drive = self.drive
        if head[1] == b"200":
            drive.waits.append(now - self.asked)
            drive.size += int(head[2])
        else:
            drive.errors[f"status {head[1].decode()}"] += 1
        self.data = b""
        self.ask(now)

    def connection_lost(self, error: Exception | None) -> None:
        if self.asked:
            self.drive.errors["connection lost"] += 1
        self.closed.set_result(None)


async def converse(drive: Drive, port: int, connections: int) -> None:
    """Return when each client has its last answer, or has waited too long for it."""
    loop = asyncio.get_running_loop()
    closed = []
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: Client(drive), HOST, port)
        closed.append(client.closed)
    left = drive.end - time.perf_counter() + ANSWER_SECONDS
    _, late = await asyncio.wait(closed, timeout=left)
    drive.errors["no answer"] += len(late)


def failures(errors: Errors) -> str:
    """Say how many requests failed, and how many of each line of the tables."""
    found = "; ".join(f"{', '.join(map(str, key))}: {n:,}" for key, n in errors.items())
    return f"{errors.total():,} requests failed ({found})"


def measure(
    load: Load, connections: int, errors: Errors, seconds: float, count: int = MOST_REQUESTS
) -> Round:
    """Keep so many connections busy for these seconds, or until so many requests were sent.

    Raises `UserError` where the server takes no connection.
    """
    server = load.server
    drive = Drive(load.requests, seconds, count)
    cpu_before = cpu_seconds(server)
    driver_before = time.process_time()
    begin = time.perf_counter()
    try:
        uvloop.run(converse(drive, server.port, connections))
    except OSError as error:
        raise UserError(f"{server.name} takes no connection: {error}; {failures(errors)}") from None
    taken = time.perf_counter() - begin
    driver = time.process_time() - driver_before
    cpu = cpu_seconds(server) - cpu_before
    for what, number in drive.errors.items():
        if number:
            errors[load.kind, connections, server.name, what] += number
    answers = len(drive.waits)
    p50, p95, p99 = np.percentile(drive.waits or [np.nan], [50, 95, 99]).tolist()
    return Round(
        answers=answers,
        rate=answers / taken,
        p50=1000 * p50,
        p95=1000 * p95,
        p99=1000 * p99,
        cpu=1e6 * cpu / max(answers, 1),
        driver=driver / taken,
        size=drive.size / max(answers, 1),
    )
