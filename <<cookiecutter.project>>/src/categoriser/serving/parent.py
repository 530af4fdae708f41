"""The parent of the workers: they are forked, replaced when they die, and drained on SIGTERM.

They are forked from a process that has loaded the model, whose pages they share. A connection that
no worker has taken yet waits in the socket's backlog, which outlives any of them; the last one
takes what waits there before it ends.
"""

import gc
import logging
import os
import select
import signal
import socket
import time
from contextlib import suppress
from typing import Any

from categoriser.errors import UserError
from categoriser.serving import worker
from categoriser.serving.worker import OTHER_FILES, STOPS, SharedState, open_files, work

# What has not ended after linger, grace and the time to tell who was still waiting, such as a
# worker that is stopped or hangs, is killed.
LAST_SECONDS = 2
# A worker that dies sooner is replaced only then.
SHORTEST_LIFE = 1
# So many that end before they can take a connection, while no other can, end the server.
FAILED_STARTS = 5
# The fewest connections worth serving.
FEWEST_CONNECTIONS = 16
# Signals that are read at once; more wake the loop again.
SIGNALS_AT_ONCE = 4096

log = logging.getLogger("categoriser.serving")


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises `UserError` where host and port cannot be had, and where too few files may be open.
    """
    fewest = OTHER_FILES + FEWEST_CONNECTIONS
    if open_files() < fewest:
        raise UserError(
            f"a process may have {open_files()} files open here, and the server needs {fewest}; "
            "raise it with `ulimit -n`"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"cannot listen on {host}, port {port} ({error}); choose another --host or --port"
        ) from None


class Parent:
    """Starts workers, replaces those that die, and ends them.

    A signal only writes its number into a socket, and the loop of `run` reads it from there: one
    that comes just before the loop waits wakes it too, whichever thread it came to.
    """

    def __init__(self, app: Any, listener: socket.socket, workers: int) -> None:
        self.app = app
        self.listener = listener
        self.workers = workers
        self.shared = SharedState.of(workers)
        self.started: dict[int, tuple[int, float]] = {}  # by process: its place, and since when
        self.stopping = False
        self.killing = False
        self.hopeless = False
        self.failed = 0  # starts in a row
        self.next_start = 0.0  # not before
        self.kill_at = 0.0  # once it is stopping

    def run(self) -> None:
        """Return once a signal has come and all workers have ended.

        Raises `UserError` where no worker can start.
        """
        signals, written = socket.socketpair()
        with signals, written:
            signals.setblocking(False)
            written.setblocking(False)
            signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
            for number in (*STOPS, signal.SIGCHLD):
                signal.signal(number, leave_to_the_loop)
            while self.started or not self.stopping:
                self.fill()
                if STOPS & self.wait(signals):
                    self.stop()
                self.reap()
                no_start = self.failed >= FAILED_STARTS and not any(self.shared.ready)
                if no_start and not self.stopping:
                    self.hopeless = True
                    self.stop()
                if self.stopping and time.monotonic() >= self.kill_at:
                    self.kill()
            signal.set_wakeup_fd(-1)
        if self.hopeless:
            raise UserError(
                f"no worker could start, {self.failed} times in a row; the log above says why"
            )

    def fill(self) -> None:
        """Start the workers that are missing, unless this is to end or the last ended too soon."""
        if self.stopping or time.monotonic() < self.next_start:
            return
        taken = {place for place, _ in self.started.values()}
        for place in set(range(self.workers)) - taken:
            self.shared.loads[place] = 0
            self.shared.ready[place] = 0
            process = fork_worker(self.app, self.listener, self.shared, place)
            if process:
                self.started[process] = (place, time.monotonic())
            else:
                self.failed += 1
                self.next_start = time.monotonic() + SHORTEST_LIFE

    def wait(self, signals: socket.socket) -> set[int]:
        """Wait for signals, or until a start or an end is due; return the signals' numbers."""
        until = None
        if self.stopping:
            until = None if self.killing else self.kill_at
        elif len(self.started) < self.workers:
            until = self.next_start
        timeout = None if until is None else max(0.0, until - time.monotonic())
        readable, _, _ = select.select([signals], [], [], timeout)
        return set(signals.recv(SIGNALS_AT_ONCE)) if readable else set()

    def reap(self) -> None:
        """Take leave of the workers that have ended, and say so where they should not have."""
        with suppress(ChildProcessError):
            while True:
                process, status = os.waitpid(-1, os.WNOHANG)
                if not process:
                    return
                # The first process of a container inherits the children of others.
                if process in self.started:
                    self.ended(process, status)

    def ended(self, process: int, status: int) -> None:
        """Free a worker's place, and say so in the log where it should not have ended."""
        place, since = self.started.pop(process)
        was_ready = bool(self.shared.ready[place])
        self.shared.ready[place] = 0
        if not self.stopping:
            self.failed = 0 if was_ready else self.failed + 1
            self.next_start = max(self.next_start, since + SHORTEST_LIFE)
            died = {"event": "worker died", "worker": process}
            log.error(died | {"status": os.waitstatus_to_exitcode(status)})
        elif self.killing:
            log.error({"event": "worker killed", "worker": process})

    def stop(self) -> None:
        """Ask the workers to end, and see to it that they do."""
        if self.stopping:
            return
        self.stopping = True
        self.shared.stopping[0] = 1
        self.kill_at = (
            time.monotonic() + worker.LINGER_SECONDS + worker.GRACE_SECONDS + LAST_SECONDS
        )
        # The workers have sockets of their own; if this one stayed open, new connections would wait
        # for nobody.
        self.listener.close()
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        """End at once the workers that have not ended."""
        self.killing = True
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to every worker."""
        for process in self.started:
            # It may have ended just now.
            with suppress(ProcessLookupError):
                os.kill(process, number)


def leave_to_the_loop(*_: Any) -> None:
    """Handle a signal, so that it is neither ignored nor ends the process."""


def serve_with_workers(app: Any, listener: socket.socket, workers: int) -> None:
    """Answer with an ASGI application until SIGTERM or SIGINT came and all is answered.

    Raises `UserError` where no worker can start.
    """
    listener.setblocking(False)
    gc.freeze()
    Parent(app, listener, workers).run()


def fork_worker(app: Any, listener: socket.socket, shared: SharedState, place: int) -> int:
    """Fork a worker and return its process; 0, and a line in the log, where there is no room."""
    # Until the worker has handlers of its own, a signal to it waits.
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        process = os.fork()
        if not process:
            work(app, listener, shared, place)
    except OSError as error:
        log.error({"event": "no worker", "error": str(error)})
        return 0
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
    return process
