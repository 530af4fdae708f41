"""The parent replaces workers that die, and ends those that do not."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest
from serving_helpers.ending_server import QUICK, failing
from serving_helpers.load import load
from serving_helpers.running_server import Server, children, until

from categoriser.serving import parent, worker


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


def test_a_worker_that_dies_is_replaced_and_others_lose_nothing(model: Path) -> None:
    running = Server(model, "--workers", "2")
    loads, ended = load(running, 8)
    before = children(running.process.pid)
    os.kill(before[0], signal.SIGKILL)

    def is_replaced() -> bool:
        after = children(running.process.pid)
        return len(after) == 2 and before[0] not in after

    until(is_replaced)
    for number in range(20):
        assert running.request(f"a,{number}").status_code == 200
    ended.set()
    for thread in loads:
        thread.join(60)
    # Those of the other worker.
    assert 2 <= sum(thread.lost is None for thread in loads) <= 6
    assert {status for thread in loads for status in thread.answers} == {200}
    status, log = running.stop()
    assert status == 0
    (died,) = [json.loads(line) for line in log if "worker died" in line]
    assert (died["worker"], died["status"]) == (before[0], -signal.SIGKILL)


def test_a_worker_that_fails_while_another_serves_is_tried_on(model: Path) -> None:
    change = """
parent.SHORTEST_LIFE = 0.02
fork_worker = parent.fork_worker
def seldom(app, listener, shared, place):
    # Until the first can take connections, and from then on, the second dies.
    while place and not shared.ready[0]:
        pass
    return os.fork() or os._exit(7) if place else fork_worker(app, listener, shared, place)
parent.fork_worker = seldom
"""
    running = Server(model, "--workers", "2", change=change, started=0)
    died = 0
    while died < 12:
        died += running.line()["event"] == "worker died"
    assert running.request("a,1").status_code == 200
    assert running.stop()[0] == 0


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


def test_others_children_that_end_are_no_workers(model: Path) -> None:
    # The first process of a container inherits what others leave behind.
    running = Server(model, change="if not os.fork(): os._exit(3)")
    assert running.request("a,1").status_code == 200
    status, log = running.stop()
    assert status == 0
    assert not [line for line in log if "error" in line]


def test_a_worker_that_cannot_be_forked_is_tried_again(model: Path) -> None:
    change = """
# The process that watches the loading, two workers, and then no room twice.
fork, results = os.fork, [True, True, True, False, False]
def seldom():
    if results and not results.pop(0):
        raise BlockingIOError("no room")
    return fork()
os.fork = seldom
"""
    running = Server(model, "--workers", "2", change=change)
    killed, other = children(running.process.pid)
    os.kill(killed, signal.SIGKILL)
    until(lambda: children(running.process.pid) == [other])
    assert running.request("a,1").status_code == 200
    until(lambda: len(children(running.process.pid)) == 2)
    assert other in children(running.process.pid)
    status, log = running.stop()
    assert status == 0
    assert sum("no room" in line for line in log) == 2


def test_a_stop_is_heard_whichever_thread_it_comes_to(model: Path) -> None:
    change = """
import signal, threading
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
def take_the_stop():
    signal.sigwait([signal.SIGUSR1])
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
threading.Thread(target=take_the_stop, daemon=True).start()
"""
    running = Server(model, "--workers", "1", change=change)
    running.process.send_signal(signal.SIGUSR1)
    assert running.process.wait(timeout=60) == 0
    with running.log:
        assert json.loads(running.log.read().splitlines()[-1])["event"] == "stopped"


def test_workers_end_with_their_parent(model: Path) -> None:
    running = Server(model, "--workers", "2")
    workers = children(running.process.pid)
    running.process.kill()
    running.process.wait()
    until(lambda: not any(Path(f"/proc/{worker}/fd").exists() for worker in workers))
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", running.port))


def test_too_few_open_files_are_said_at_once(model: Path) -> None:
    status, log = failing(model, "resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))")
    assert status == 1
    assert log.splitlines()[-1] == (
        "error: a process may have 12 files open here, and the server needs 80; "
        "raise it with `ulimit -n`"
    )
    assert "worker died" not in log
