"""Whatever is sent, the server answers well, goes on, and keeps to itself what it read.

`make test` sends a sample, the same each time. `make fuzz` sends FUZZ new cases of each kind, and
watches the memory.
"""

from __future__ import annotations

import sys

import pytest
from serving_helpers.fuzz_bodies import body_is_answered
from serving_helpers.fuzz_cases import CASES
from serving_helpers.fuzz_faults import fault_is_named
from serving_helpers.fuzz_streams import stream_is_answered
from serving_helpers.watched_server import Watched

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are seen in /proc")


def test_a_fault_is_named_by_row_and_field(server: Watched) -> None:
    fault_is_named(server)


def test_any_body_is_answered(server: Watched) -> None:
    body_is_answered(server)


def test_whatever_comes_on_a_connection_is_answered(server: Watched) -> None:
    stream_is_answered(server)


@pytest.mark.skipif(CASES < 1000, reason="fewer only warm it up")
def test_the_same_again_takes_no_more_memory(server: Watched) -> None:
    # Before the large bodies: what they leave free would hide a leak.
    before = server.memory()
    for again in (fault_is_named, body_is_answered, stream_is_answered):
        again(server)
    assert server.memory() < 1.05 * before
