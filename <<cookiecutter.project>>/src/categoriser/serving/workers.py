"""Worker processes on one listening socket: forked, replaced when they die, drained on SIGTERM.

They run uvicorn, with bounds that it lacks. They are forked from a process that has loaded the
model, whose pages they share. A connection that no worker has taken yet waits in the socket's
backlog, which outlives any of them; the last one takes what waits there before it ends.
"""

import asyncio
import gc
import logging
import mmap
import os
import resource
import select
import signal
import socket
import sys
import time
from collections import deque
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, NamedTuple, NoReturn, Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from categoriser.errors import UserError
from categoriser.serving.log import lines
from categoriser.serving.problem import RequestError

# A worker that is to end answers for so long with `Connection: close`, and takes new connections:
# what is under way to it then is answered, and its clients go elsewhere by themselves.
LINGER_SECONDS = 1
# SageMaker sends SIGKILL 30 s after SIGTERM. What has not ended after linger, grace and the time to
# tell who was still waiting, such as a worker that is stopped or hangs, is killed.
GRACE_SECONDS = 25
LAST_SECONDS = 2
# The log has so long to be written at the end.
LAST_WORDS_SECONDS = 0.5
# Longer than load balancers keep a connection, who would else send on one that is closing.
IDLE_SECONDS = 75
# A request is here by then, and its answer taken; SageMaker waits no longer.
REQUEST_SECONDS = 60
# Of a worker, at once; more wait to be accepted.
CONNECTIONS = 4096
# Of a request's head, or of what stands between the chunks of its body; more that comes in one
# piece with the rest is taken.
HEAD_BYTES = 64 * 2**10
# Requests sent ahead on a connection, each of which uvicorn holds.
AHEAD = 8
# So long a connection waits for a worker with fewer ones, who may be busy.
PATIENCE_SECONDS = 0.01
# One that dies sooner is replaced only then.
SHORTEST_LIFE = 1
# So many that end before they can take a connection, while no other can, end the server.
FAILED_STARTS = 5
# Open files of a worker besides its connections, and the fewest connections worth serving.
OTHER_FILES = 64
FEWEST_CONNECTIONS = 16
STOPS = {signal.SIGTERM, signal.SIGINT}
# More wake the loop again.
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


class Connection(HttpToolsProtocol):
    """uvicorn's connection, bounded in time and bytes; what it refuses gets a JSON problem."""

    since = 0.0  # when what is not yet complete began
    answered = 0.0  # when the last answer was
    head = 0  # bytes since the last piece of a body
    refusal: tuple[int, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.since, self.cycles = time.monotonic(), deque[RequestResponseCycle]()

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn tells the newest only.
        for cycle in self.cycles:
            cycle.disconnected = True
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what has come whole, since a client may end its own side alone; then close."""
        self.shutdown()
        return not self.since or bool(self.refusal and self.cycles)

    def data_received(self, data: bytes) -> None:
        self.head += len(data)
        self.since = self.since or time.monotonic()
        if not self.refusal:
            super().data_received(data)
        if self.head > HEAD_BYTES:
            self.refuse(431, f"the head of a request must be at most {HEAD_BYTES} bytes")

    def on_message_begin(self) -> None:
        self.since = time.monotonic()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.head = 0
        if self.parser.should_upgrade() or len(self.pipeline) >= AHEAD:
            # httptools leaves out the body of a request that asks for an upgrade.
            raise ValueError("an upgrade, or too many requests ahead of their answers")
        # RFC 9112, section 3.2.
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            self.refusal = 400, f"a request must have one Host header, but this has {hosts}"
            raise ValueError(self.refusal[1])
        super().on_headers_complete()
        self.cycles.append(self.cycle)
        # What comes from now on are trailers, which are no headers: RFC 9110, section 6.5.1.
        self.headers = []

    def on_response_complete(self) -> None:
        self.answered = time.monotonic()
        self.cycles.popleft()
        super().on_response_complete()
        if self.refusal:
            self.refuse(*self.refusal)

    def on_body(self, body: bytes) -> None:
        self.head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.head, self.since = 0, 0.0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or raised in one of the above."""
        self.refuse(400, "the request is not HTTP/1.1, asks for an upgrade, or is one of too many")

    def refuse(self, status: int, detail: str) -> None:
        """Answer what cannot be read, once what came before it is answered, and close."""
        self.refusal = self.refusal or (status, detail)
        if self.cycles and self.cycles[-1].more_body:
            self.cycles[-1].disconnected = True
            self.cycles.pop().message_event.set()
        if not self.cycles and not self.transport.is_closing():
            status, detail = self.refusal
            log.warning({"event": "refused", "status": status})
            body = RequestError(status, detail).body()
            head = b"content-type: application/problem+json\r\ncontent-length: %d\r\n" % len(body)
            self.transport.write(STATUS_LINE[status] + head + b"connection: close\r\n\r\n" + body)
            self.transport.close()


class Shared(NamedTuple):
    """What the workers and their parent share, by a worker's place."""

    loads: memoryview  # connections
    ready: memoryview  # 1 where a worker takes connections

    @classmethod
    def of(cls, workers: int) -> Self:
        loads, ready = (memoryview(mmap.mmap(-1, 8 * workers)).cast("q") for _ in range(2))
        return cls(loads, ready)


class Worker(uvicorn.Server):
    """uvicorn's server, which takes its share of the connections, and lingers before it closes.

    It tells the others, in memory that all of them share, how many connections it holds.
    """

    end = 0.0

    def __init__(
        self, config: uvicorn.Config, listener: socket.socket, shared: Shared, place: int
    ) -> None:
        super().__init__(config)
        self.listener, self.shared, self.place = listener, shared, place
        self.parent, self.taken = os.getppid(), set[asyncio.Task[Any]]()
        self.most = min(CONNECTIONS, open_files() - OTHER_FILES)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        self.watch()
        # Until here nobody would have heeded them.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        self.shared.ready[self.place] = 1
        log.info({"event": "worker started", "worker": os.getpid()})

    def watch(self) -> None:
        asyncio.get_running_loop().add_reader(self.listener, self.take)

    def take(self, patient: bool = True) -> None:
        """Accept a connection, but not before those who have fewer could, nor one too many."""
        if not self.most:
            return
        loop, held = asyncio.get_running_loop(), len(self.server_state.connections)
        self.shared.loads[self.place] = held
        loop.remove_reader(self.listener)
        if patient and held > min(self.shared.loads):
            loop.call_later(PATIENCE_SECONDS, self.take, False)
        elif held < self.most:
            with suppress(OSError):
                self.accept()
            self.watch()

    def accept(self) -> None:
        loop, (connection, _) = asyncio.get_running_loop(), self.listener.accept()
        accepted = loop.connect_accepted_socket(
            partial(Connection, self.config, self.server_state, {}), connection
        )
        # Held, since the loop itself would let it be collected.
        self.taken = {task for task in self.taken if not task.done()}
        self.taken.add(loop.create_task(accepted))
        self.shared.loads[self.place] += 1

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.most = 0
        asyncio.get_running_loop().remove_reader(self.listener)
        with suppress(OSError):
            for _ in range(CONNECTIONS):
                self.accept()
        self.listener.close()
        # Their requests are under way.
        await asyncio.sleep(LINGER_SECONDS)
        await super().shutdown([])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Ctrl-C comes twice: from the terminal, and as the parent's SIGTERM.
        if not self.end:
            self.end, state = time.monotonic() + LINGER_SECONDS, self.server_state
            state.default_headers = [*state.default_headers, (b"connection", b"close")]

    async def on_tick(self, counter: int) -> bool:
        self.shared.loads[self.place] = len(self.server_state.connections)
        late = time.monotonic() - REQUEST_SECONDS
        for connection in [*self.server_state.connections]:
            assert isinstance(connection, Connection)  # noqa: S101  # for mypy
            if 0 < connection.since < late:
                connection.refuse(408, f"the request took over {REQUEST_SECONDS} s to come")
            if connection.answered < late and connection.transport.get_write_buffer_size():
                log.warning({"event": "answer not taken"})
                connection.transport.abort()
        if os.getppid() != self.parent and not self.end:
            self.handle_exit(signal.SIGTERM, None)
        # For one that had too many.
        self.watch()
        return time.monotonic() > self.end if self.end else await super().on_tick(counter)


class Parent:
    """Starts workers, replaces those that die, and ends them.

    A signal only writes its number into a socket, and the loop of `run` reads it from there: one
    that comes just before the loop waits wakes it too, whichever thread it came to.
    """

    def __init__(self, app: Any, listener: socket.socket, workers: int) -> None:
        self.app, self.listener, self.workers = app, listener, workers
        self.shared = Shared.of(workers)
        self.started: dict[int, tuple[int, float]] = {}  # by process: its place, and since when
        self.stopping = self.killing = self.hopeless = False
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
                self.bury()
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
        for place in {*range(self.workers)} - taken:
            self.shared.loads[place] = self.shared.ready[place] = 0
            if process := start(self.app, self.listener, self.shared, place):
                self.started[process] = place, time.monotonic()
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
        if not select.select([signals], [], [], timeout)[0]:
            return set()
        return {*signals.recv(SIGNALS_AT_ONCE)}

    def bury(self) -> None:
        """Take leave of the workers that have ended, and say so where they should not have."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                # Others' children come to the first process of a container.
                if ended[0] in self.started:
                    self.ended(*ended)

    def ended(self, process: int, status: int) -> None:
        place, since = self.started.pop(process)
        was_ready, self.shared.ready[place] = self.shared.ready[place], 0
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
        self.kill_at = time.monotonic() + LINGER_SECONDS + GRACE_SECONDS + LAST_SECONDS
        # The workers have theirs; with this one open new connections would wait for nobody.
        self.listener.close()
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        self.killing = True
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        for process in self.started:
            # It may have ended just now.
            with suppress(ProcessLookupError):
                os.kill(process, number)


def leave_to_the_loop(*_: Any) -> None:
    """Handle a signal, so that it is neither ignored nor ends the process."""


def serve(app: Any, listener: socket.socket, workers: int) -> None:
    """Answer with an ASGI application until SIGTERM or SIGINT came and all is answered.

    Raises `UserError` where no worker can start.
    """
    listener.setblocking(False)
    gc.freeze()
    Parent(app, listener, workers).run()


def open_files() -> int:
    """Return how many files a process may have open."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


def start(app: Any, listener: socket.socket, shared: Shared, place: int) -> int:
    """Fork a worker and return its process; 0 where there is no room for one: the log says so."""
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


def work(app: Any, listener: socket.socket, shared: Shared, place: int) -> NoReturn:
    """Be a worker until it ends, and this process with it."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        off = {"log_config": None} | dict.fromkeys(
            ("access_log", "proxy_headers", "server_header"), False
        )
        times = {"timeout_keep_alive": IDLE_SECONDS, "timeout_graceful_shutdown": GRACE_SECONDS}
        settings: dict[str, Any] = {"loop": "uvloop", "ws": "none", **off, **times}
        Worker(uvicorn.Config(app, **settings), listener, shared, place).run()
        status = 0
    except BaseException:
        log.exception({"event": "failure"})
    lines.flush(LAST_WORDS_SECONDS)
    os._exit(status)
