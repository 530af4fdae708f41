"""One server that all these tests ask, and that none of them may harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_helpers.fuzz_cases import GOOD
from serving_helpers.running_server import until
from serving_helpers.watched_server import Watched, amiss


@pytest.fixture(scope="session")
def server(model: Path) -> Iterator[Watched]:
    server = Watched(model)
    yield server
    status, lines = server.stop()
    assert status == 0
    assert not amiss(lines)


@pytest.fixture(autouse=True)
def unharmed(server: Watched) -> Iterator[None]:
    """After a test the workers are the same, answer as before, and have not told what they read."""
    workers = server.workers()
    expected = server.ask(GOOD).body
    yield
    assert [server.ask(GOOD).body for _ in range(4)] == [expected] * 4
    assert server.workers() == workers
    log = ""

    def told() -> bool:
        nonlocal log
        log += server.log.read()
        return log.endswith("\n")

    # It is written a moment later.
    until(told)
    assert not amiss(log.splitlines())
