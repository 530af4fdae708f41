"""Workers share the connections, and lose nothing that they have taken when they end."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
from pathlib import Path

import pytest
from serving_helpers.load import Load, NewConnections, load, sockets
from serving_helpers.running_server import HEAD, Server, children

from categoriser.serving import worker


def test_workers_share_connections_evenly(model: Path) -> None:
    running = Server(model, "--workers", "2")
    loads, ended = load(running, 8)
    held = [sockets(worker) for worker in children(running.process.pid)]
    assert len(held) == 2
    # Four each, but for a worker that slept while it was waited for.
    assert abs(held[0] - held[1]) <= 2
    ended.set()
    for thread in loads:
        thread.join(60)
    assert running.stop()[0] == 0


def test_sigterm_finishes_what_is_in_flight(model: Path) -> None:
    running = Server(model)
    body = b"spotify,1\n"
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
        stream = connection.makefile("rwb")
        stream.write(HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
        stream.flush()
        # The server is reading the request.
        assert b"100 Continue" in stream.readline()
        running.process.send_signal(signal.SIGTERM)
        refused = False
        while not refused:
            try:
                socket.create_connection(("127.0.0.1", running.port)).close()
            except ConnectionError:
                refused = True
        stream.write(body)
        stream.flush()
        answer = stream.read()
    assert b"HTTP/1.1 200 OK" in answer
    assert b"__label__" in answer
    assert running.process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("stop", "kind"), [("SIGTERM", Load), ("SIGINT", Load), ("SIGTERM", NewConnections)]
)
def test_a_stop_under_load_loses_nothing_that_was_accepted(
    model: Path, stop: str, kind: type[Load]
) -> None:
    running = Server(model, "--workers", "2")
    loads, ended = load(running, 8, kind)
    # Ctrl-C reaches the workers and, by their parent, reaches them again.
    for process in (
        *(children(running.process.pid) if stop == "SIGINT" else ()),
        running.process.pid,
    ):
        os.kill(process, signal.Signals[stop])
    for thread in loads:
        thread.join(60)
    assert [thread.lost for thread in loads] == [None] * 8
    assert {status for thread in loads for status in thread.answers} == {200}
    assert not ended.is_set()
    status, log = running.stop()
    assert status == 0
    assert json.loads(log[-1])["event"] == "stopped"


# Long enough for many a client to come just before the socket is closed.
SLOW_CLOSE = """
import time
def accept_the_rest(self, accept=worker.Worker.accept_the_rest):
    accept(self)
    time.sleep(0.3)
worker.Worker.accept_the_rest = accept_the_rest
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the filter of packets is Linux's")
def test_nobody_comes_in_between_the_last_look_and_the_close(model: Path) -> None:
    running = Server(model, "--workers", "2", change=SLOW_CLOSE)
    loads, _ = load(running, 8, NewConnections)
    running.process.terminate()
    for thread in loads:
        thread.join(60)
    assert [thread.lost for thread in loads] == [None] * 8
    assert running.stop()[0] == 0


# The clock is read as a worker heeds a signal; here a second signal comes just then.
SIGNAL_IN_A_SIGNAL = """
import signal, sys, time, types
def monotonic():
    if sys._getframe(1).f_code.co_name == "handle_exit" and not monotonic.sent:
        monotonic.sent = True
        os.kill(os.getpid(), signal.SIGINT)
    return time.monotonic()
monotonic.sent = False
worker.time = types.SimpleNamespace(monotonic=monotonic)
"""


def test_a_stop_that_comes_during_a_stop_closes_each_connection_once(model: Path) -> None:
    running = Server(model, "--workers", "1", change=SIGNAL_IN_A_SIGNAL)
    loads, _ = load(running, 2)
    running.process.terminate()
    for thread in loads:
        thread.join(60)
    assert [thread.lost for thread in loads] == [None] * 2
    assert running.stop()[0] == 0


def test_a_stop_tells_who_has_not_sent_all(model: Path) -> None:
    running = Server(model, change="worker.GRACE_SECONDS = 1")
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
        connection.sendall(HEAD + b"Content-Length: 9\r\n\r\na,1")
        # That it has come, so that it is not a connection on which nothing is under way.
        assert running.request("a,1").status_code == 200
        running.process.terminate()
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer
    status, log = running.stop()
    assert status == 0
    (fault,) = [line["event"] for line in map(json.loads, log) if line["level"] == "error"]
    assert fault.endswith("timeout graceful shutdown exceeded")


def test_no_bound_of_open_files_is_no_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    unbounded = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda _: (unbounded, unbounded))
    assert worker.open_files() > 10**6
