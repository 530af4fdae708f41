"""A worker: uvicorn's server on a listening socket that it shares with others.

It overrides what is not uvicorn's interface: the version is pinned, and
tests/serving/test_uvicorn.py notices another.
"""

import asyncio
import logging
import mmap
import os
import resource
import signal
import socket
import sys
import time
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, NamedTuple, NoReturn, Self

import uvicorn

from categoriser.serving.connection import Connection
from categoriser.serving.log import lines
from categoriser.serving.syn_filter import refuse_new_connections

# A worker that is to end answers for so long with `Connection: close`, and takes new connections:
# what is under way to it then is answered, and its clients go elsewhere by themselves. uvicorn
# closes at once, and a client that has just sent a request would hear nothing.
LINGER_SECONDS = 1
# SageMaker sends SIGKILL 30 s after SIGTERM, so all must be over before.
GRACE_SECONDS = 25
# The log has so long to be written at the end.
LAST_WORDS_SECONDS = 0.5
# Longer than load balancers keep a connection: they would otherwise send on one that is closing.
IDLE_SECONDS = 75
# By then a request must be here, and its answer taken; SageMaker waits no longer. uvicorn waits for
# ever, and so also for clients that send slowly to hold connections.
REQUEST_SECONDS = 60
# Connections of a worker at once; more wait to be accepted, where uvicorn's own bound answers 503.
MOST_CONNECTIONS = 4096
# So long a connection waits for a worker that has fewer, and may be busy. Without this wait the
# kernel may give one worker nearly all.
PATIENCE_SECONDS = 0.01
# Open files of a worker besides its connections.
OTHER_FILES = 64
STOPS = {signal.SIGTERM, signal.SIGINT}
# The header that asks a client to send no more on its connection.
CLOSE = (b"connection", b"close")

log = logging.getLogger("categoriser.serving")


class SharedState(NamedTuple):
    """What the workers and their parent share, by a worker's place."""

    loads: memoryview  # connections
    ready: memoryview  # 1 where a worker takes connections
    stopping: memoryview  # one place: 1 once all of them are to end

    @classmethod
    def of(cls, workers: int) -> Self:
        return cls(
            loads=_shared_integers(workers),
            ready=_shared_integers(workers),
            stopping=_shared_integers(1),
        )


def _shared_integers(count: int) -> memoryview:
    """Return so many integers of 64 bits, all 0, in memory that forked processes share."""
    return memoryview(mmap.mmap(-1, 8 * count)).cast("q")


class Worker(uvicorn.Server):
    """uvicorn's server, which takes its share of the connections, and lingers before it closes.

    It tells the others, in memory that all of them share, how many connections it holds.
    """

    end = 0.0

    def __init__(
        self, config: uvicorn.Config, listener: socket.socket, shared: SharedState, place: int
    ) -> None:
        super().__init__(config)
        self.listener = listener
        self.shared = shared
        self.place = place
        self.parent = os.getppid()
        self.taken = set[asyncio.Task[Any]]()
        self.most = min(MOST_CONNECTIONS, open_files() - OTHER_FILES)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        self.watch()
        # Before this line nobody would have heeded the signals.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        self.shared.ready[self.place] = 1
        log.info({"event": "worker started", "worker": os.getpid()})

    def watch(self) -> None:
        """Take the next connection that comes."""
        asyncio.get_running_loop().add_reader(self.listener, self.take)

    def take(self, patient: bool = True) -> None:
        """Accept a connection, but not before workers that have fewer could, nor one too many."""
        if not self.most:
            return
        loop = asyncio.get_running_loop()
        held = len(self.server_state.connections)
        self.shared.loads[self.place] = held
        loop.remove_reader(self.listener)
        if patient and held > min(self.shared.loads):
            loop.call_later(PATIENCE_SECONDS, self.take, False)
        elif held < self.most:
            with suppress(OSError):
                self.accept()
            self.watch()

    def accept(self) -> None:
        """Accept a connection. Raises `OSError` where none waits, or no file can be opened."""
        loop = asyncio.get_running_loop()
        connection, _ = self.listener.accept()
        accepted = loop.connect_accepted_socket(
            partial(Connection, self.config, self.server_state, {}), connection
        )
        # The tasks are held here, since the loop itself would let them be collected.
        self.taken = {task for task in self.taken if not task.done()}
        self.taken.add(loop.create_task(accepted))
        self.shared.loads[self.place] += 1

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.most = 0
        asyncio.get_running_loop().remove_reader(self.listener)
        # A worker that ends alone leaves the socket to the others.
        if self.shared.stopping[0]:
            refuse_new_connections(self.listener)
        self.accept_the_rest()
        self.listener.close()
        # Their requests are under way.
        await asyncio.sleep(LINGER_SECONDS)
        await super().shutdown([])

    def accept_the_rest(self) -> None:
        """Accept the connections that wait."""
        with suppress(OSError):
            for _ in range(MOST_CONNECTIONS):
                self.accept()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Ctrl-C comes twice, from the terminal and as the parent's SIGTERM, and the second may come
        # while this runs for the first. So this sets one number, and the next tick does the rest.
        self.end = self.end or time.monotonic() + LINGER_SECONDS

    async def on_tick(self, counter: int) -> bool:
        self.shared.loads[self.place] = len(self.server_state.connections)
        late = time.monotonic() - REQUEST_SECONDS
        for connection in list(self.server_state.connections):
            assert isinstance(connection, Connection)  # noqa: S101  # for mypy
            if 0 < connection.since < late:
                connection.refuse(408, f"the request took over {REQUEST_SECONDS} s to come")
            if connection.answered < late and connection.transport.get_write_buffer_size():
                log.warning({"event": "answer not taken"})
                connection.transport.abort()
        if os.getppid() != self.parent and not self.end:
            self.handle_exit(signal.SIGTERM, None)
        # It may have stopped watching when it had too many connections.
        self.watch()
        if not self.end:
            return await super().on_tick(counter)
        headers = self.server_state.default_headers
        if CLOSE not in headers:
            self.server_state.default_headers = [*headers, CLOSE]
        return time.monotonic() > self.end


def open_files() -> int:
    """Return how many files a process may have open."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


def work(app: Any, listener: socket.socket, shared: SharedState, place: int) -> NoReturn:
    """Be a worker until it ends, and this process with it."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        config = uvicorn.Config(
            app,
            loop="uvloop",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        Worker(config, listener, shared, place).run()
        status = 0
    except BaseException:
        log.exception({"event": "failure"})
    lines.flush(LAST_WORDS_SECONDS)
    os._exit(status)
