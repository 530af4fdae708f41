"""`make load`: the server under load, beside MLflow's scoring server and a constant answer.

Read the ratios: rates depend on the machine, whose cores the servers share with this driver, and on
what else it does. Held-out rows are asked for over loopback, bounded in count and time. It fails
where an answer is not 200 or does not come; a target that is missed is only shown.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, product
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import polars as pl
import uvloop
from rich import box
from rich.console import Console
from rich.table import Table

from categoriser import paths
from categoriser.command import run_command
from categoriser.contract import CSV, FIELDS, JSON
from categoriser.data.split import HELD_OUT_PARTS
from categoriser.errors import UserError
from categoriser.model.package import Categoriser
from categoriser.tracking import track

HOST = "127.0.0.1"
CONNECTIONS = (1, 8, 64)
ONE, MANY_CSV, MANY = "1 row, JSON", "100 rows, CSV", "100 rows, JSON"
ROWS = {ONE: 1, MANY_CSV: 100, MANY: 100}
BODIES = 10_000
OURS, CONSTANT = "ours", "constant"
# MLflow's server as MLflow alone installs it, and with the libraries that this project brings.
# Without them asyncio does not switch Nagle's algorithm off, and each answer waits some 40 ms.
MLFLOW, MLFLOW_FAST = "MLflow", "MLflow*"
PLAIN = {"UVICORN_LOOP": "asyncio", "UVICORN_HTTP": "h11"}

# Of fewer cores the clients take from the server what they measure.
CORES = 4

ROUNDS = 5
WARM_SECONDS = 1.0
STARTS = 5
WARM, MEASURED = 20_000, 200_000  # requests before the memory is taken, and until it is again
# Bounds: of a round's requests, of the memory's seconds, of a start, and of a last answer.
MOST = 1_000_000
MEMORY_SECONDS = 120.0
START_SECONDS = 90.0
ANSWER_SECONDS = 30.0

HEAD = re.compile(
    rb"HTTP/1\.1 (\d+) .*?content-length: *(\d+)(?=\r).*?\r\n\r\n", re.DOTALL | re.IGNORECASE
)
LISTENING = r'"event": ?"listening"[^\n]*"port": ?(\d+)'
PSS = re.compile(r"^Pss: +(\d+) kB", re.MULTILINE)

# Answers POST /300 with 300 bytes, by our server's own workers.
CONSTANTLY = """
import json, sys
from categoriser.serving.parent import listen, serve

answers = {}

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise ValueError("there is nothing to start")
    while (await receive())["more_body"]:
        pass
    path = scope["path"]
    body = answers.get(path) or answers.setdefault(path, b" " * int(path[1:]))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

listener = listen("127.0.0.1", 0)
print(json.dumps({"event": "listening", "port": listener.getsockname()[1]}), flush=True)
serve(app, listener, int(sys.argv[1]))
"""


# The driver: one process and uvloop cost as little a request as a bare epoll loop.


class Server(NamedTuple):
    name: str
    pid: int  # and its session's number
    port: int


class Load(NamedTuple):
    """What is asked of a server: requests of one kind, over and over."""

    kind: str
    server: Server
    requests: Iterator[bytes]


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
        self.requests, self.left, self.size = requests, count, 0
        self.end = time.perf_counter() + seconds
        self.waits = array("d")
        self.errors: Counter[str] = Counter()


class Client(asyncio.Protocol):
    """A connection that sends its next request once an answer is complete."""

    def __init__(self, drive: Drive) -> None:
        self.drive, self.data, self.asked = drive, b"", 0.0
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
        now, drive = time.perf_counter(), self.drive
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
    loop, clients = asyncio.get_running_loop(), []
    for _ in range(connections):
        clients.append((await loop.create_connection(lambda: Client(drive), HOST, port))[1])
    left = drive.end - time.perf_counter() + ANSWER_SECONDS
    late = (await asyncio.wait([client.closed for client in clients], timeout=left))[1]
    drive.errors["no answer"] += len(late)


def told(errors: Errors) -> str:
    found = "; ".join(f"{', '.join(map(str, key))}: {n:,}" for key, n in errors.items())
    return f"{errors.total():,} requests failed ({found})"


def measure(
    load: Load, connections: int, errors: Errors, seconds: float, count: int = MOST
) -> Round:
    """Keep so many connections busy for these seconds, or until so many requests were sent.

    Raises `UserError` where the server takes no connection.
    """
    name, port = load.server.name, load.server.port
    before = cpu_seconds(load.server), time.process_time(), time.perf_counter()
    drive = Drive(load.requests, seconds, count)
    try:
        uvloop.run(converse(drive, port, connections))
    except OSError as error:
        raise UserError(f"{name} takes no connection: {error}; {told(errors)}") from None
    after = cpu_seconds(load.server), time.process_time(), time.perf_counter()
    server, driver, taken = (end - begin for end, begin in zip(after, before, strict=True))
    for what, number in (+drive.errors).items():
        errors[load.kind, connections, name, what] += number
    answers = len(drive.waits)
    p50, p95, p99 = (1000 * np.percentile(drive.waits or [np.nan], [50, 95, 99])).tolist()
    cpu, size = 1e6 * server / max(answers, 1), drive.size / max(answers, 1)
    return Round(answers, answers / taken, p50, p95, p99, cpu, driver / taken, size)


# Requests.


def held_out() -> pl.DataFrame:
    """Return the held-out rows' `FIELDS`. Raises `UserError` where they are missing."""
    files = [paths.PREPARED / f"{part}.parquet" for part in HELD_OUT_PARTS]
    try:
        rows = pl.concat([pl.read_parquet(file, columns=list(FIELDS)) for file in files])
    except OSError as error:
        raise UserError(f"{paths.PREPARED}: {error}; `dvc repro` makes it") from None
    if len(rows) < max(ROWS.values()):
        raise UserError(f"{paths.PREPARED} holds out {len(rows)} rows, too few for a request")
    return rows


def request(kind: str, server: str, path: str, rows: pl.DataFrame) -> bytes:
    """Return a request for these rows, as the server takes them."""
    if kind == MANY_CSV:
        media, text = CSV, rows.write_csv(include_header=False)
    elif server in (MLFLOW, MLFLOW_FAST):
        frame = {"columns": rows.columns, "data": rows.rows()}
        media, text = JSON, json.dumps({"dataframe_split": frame})
    else:
        asked = rows.to_dicts()
        media, text = JSON, json.dumps(asked[0] if kind == ONE else asked)
    body = text.encode()
    head = f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: {media}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def make_load(kind: str, server: Server, path: str, rows: pl.DataFrame) -> Load:
    """Make a server's requests of a kind, from all rows in turn."""
    size = ROWS[kind]
    parts = [rows[first : first + size] for first in range(0, len(rows) - size + 1, size)]
    made = [request(kind, server.name, path, part) for part in parts[:BODIES]]
    return Load(kind, server, cycle(made))


# Servers.


@contextlib.contextmanager
def started(
    name: str, command: list[str], scratch: Path, ready: str = LISTENING, **settings: str
) -> Iterator[Server]:
    """Start a Python command with these settings in its environment; end it and its children.

    It can answer once `ready` is found in its log, with its port as the first group. Raises
    `UserError` with the log's end where that does not happen.
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    log = scratch / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdout=out,
            stderr=out,
            env=os.environ | settings | {"PATH": path},
            start_new_session=True,
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not (found := re.search(ready, text := log.read_text(errors="replace"), re.DOTALL)):
            if process.poll() is not None or time.monotonic() > end:
                raise UserError(f"{name} did not start: {text[-2000:]}")
            time.sleep(0.005)
        yield Server(name, process.pid, int(found[1]))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def save_for_mlflow(model: Path, folder: Path) -> None:
    """Save the model as the project logs it."""
    # After `categoriser.tracking`, whose settings it reads when it is imported.
    import mlflow.pyfunc

    source = Path(track.__file__)
    mlflow.pyfunc.save_model(
        str(folder),
        python_model=str(source.with_name("pyfunc.py")),
        artifacts={"model": str(model)},
        code_paths=[str(source.parents[1])],
        input_example=track.EXAMPLE,
        pip_requirements=[],
    )


def start_mlflow(
    name: str, model: Path, workers: int, scratch: Path
) -> contextlib.AbstractContextManager[Server]:
    with socket.create_server((HOST, 0)) as listener:
        port = str(listener.getsockname()[1])
    command = ["-m", "mlflow", "models", "serve", "--env-manager", "local", "--host", HOST]
    command += ["--port", port, "--workers", f"{workers}", "--model-uri", str(model)]
    ready = rf"running on http://{HOST}:(\d+)" + ".*?Application startup complete" * workers
    return started(name, command, scratch, ready, **(PLAIN if name == MLFLOW else {}))


def cold_start(command: list[str], scratch: Path) -> float:
    """Return the seconds from a server's start to its first good answer."""
    begin = time.perf_counter()
    with started(OURS, command, scratch) as server:
        connection = http.client.HTTPConnection(HOST, server.port, timeout=ANSWER_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", "/ping")
            if (status := connection.getresponse().status) != 200:
                raise UserError(f"the server answers GET /ping with {status}")
        return time.perf_counter() - begin


def of_processes(server: Server, file: str) -> list[str]:
    """Return a file of each of a server's processes in /proc."""
    texts = []
    for folder in Path("/proc").glob("[0-9]*"):
        # Other processes come and go meanwhile.
        with contextlib.suppress(OSError):
            if os.getsid(int(folder.name)) == server.pid:
                texts.append((folder / file).read_text())
    return texts


def cpu_seconds(server: Server) -> float:
    """Return what its processes have used, ended ones too: proc_pid_stat(5), utime to cstime."""
    stats = [text.rpartition(")")[2].split() for text in of_processes(server, "stat")]
    return sum(sum(map(int, stat[11:15])) for stat in stats) / os.sysconf("SC_CLK_TCK")


def memory(server: Server) -> int:
    """Return the bytes that its processes hold: of a page that n share, each has 1/n."""
    texts = "".join(of_processes(server, "smaps_rollup"))
    return 1024 * sum(map(int, PSS.findall(texts)))


# The run.


class Found(NamedTuple):
    rounds: dict[tuple[str, int, str], Round]  # medians, by kind, connections and server
    errors: Errors
    starts: list[float]  # seconds
    memory: list[int]  # bytes: at the start, after `WARM` requests, and after `more`
    more: float


def find(model: Path, workers: int, seconds: float, console: Console) -> Found:
    """Measure all, the servers in turns. No line moves: that would cost the driver time."""
    rows, errors = held_out(), Errors()
    ours = ["-m", "categoriser.serving.app", "--port", "0", "--model", str(model)]
    ours += ["--workers", f"{workers}"]
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        console.print(f"{STARTS} cold starts")
        starts = [cold_start(ours, scratch) for _ in range(STARTS)]

        console.print(f"{WARM + MEASURED:,} requests, for the memory")
        server = stack.enter_context(started(OURS, ours, scratch))
        loads = [make_load(kind, server, "/invocations", rows) for kind in ROWS]
        held = [memory(server)]
        for count in (WARM, MEASURED):
            more = measure(loads[0], 8, errors, MEMORY_SECONDS, count).answers
            held.append(memory(server))

        console.print("the peers' start")
        sizes = [round(measure(load, 8, errors, WARM_SECONDS).size) for load in loads]
        command = ["-c", CONSTANTLY, f"{workers}"]
        server = stack.enter_context(started(CONSTANT, command, scratch))
        peers = [
            make_load(kind, server, f"/{size}", rows)
            for kind, size in zip(ROWS, sizes, strict=True)
        ]
        save_for_mlflow(model, scratch / "pyfunc")
        for name in (MLFLOW, MLFLOW_FAST):
            starting = start_mlflow(name, scratch / "pyfunc", workers, scratch)
            server = stack.enter_context(starting)
            peers += [make_load(kind, server, "/invocations", rows) for kind in (ONE, MANY)]
        for load in peers:
            measure(load, 8, errors, WARM_SECONDS)

        rounds: dict[tuple[str, int, str], list[Round]] = {}
        for number in range(ROUNDS):
            console.print(f"round {number + 1} of {ROUNDS}")
            for kind, connections in product(ROWS, CONNECTIONS):
                for load in (each for each in loads + peers if each.kind == kind):
                    done = measure(load, connections, errors, seconds / ROUNDS)
                    rounds.setdefault((kind, connections, load.server.name), []).append(done)
    medians = {
        key: Round(*map(statistics.median, zip(*of, strict=True))) for key, of in rounds.items()
    }
    return Found(medians, errors, starts, held, more)


def rates_table(found: Found, kind: str) -> Table:
    names = ("requests/s", "rows/s", "p50 ms", "p95 ms", "p99 ms", "errors", "CPU µs", "driver")
    table = Table("conn.", "server", title=kind, box=box.SIMPLE, padding=0)
    for name in names:
        table.add_column(name, justify="right")
    for cell, of in found.rounds.items():
        if cell[0] == kind:
            errors = sum(n for key, n in found.errors.items() if key[:3] == cell)
            shown = [f"{of.rate:,.0f}", f"{ROWS[kind] * of.rate:,.0f}"]
            shown += [f"{each:.2f}" for each in (of.p50, of.p95, of.p99)]
            shown += [f"{errors:,}", f"{of.cpu:,.0f}", f"{of.driver:.0%}"]
            table.add_row(f"{cell[1]}", cell[2], *shown)
    return table


def targets_table(found: Found) -> Table:
    table = Table("", "measured", "target", "met", title="targets, at 8 connections")

    missed = "no" if cores() >= CORES else "not judged"

    def add(what: str, measured: str, target: str = "", met: bool | None = None) -> None:
        table.add_row(what, measured, target, {True: "yes", False: missed, None: ""}[met])

    ours = found.rounds[ONE, 8, OURS]
    times, fast, share = (
        ours.rate / found.rounds[ONE, 8, peer].rate for peer in (MLFLOW, MLFLOW_FAST, CONSTANT)
    )
    add("1 row: rate to MLflow's", f"{times:.1f} times", "from 50", times >= 50)
    add("1 row: rate to MLflow*'s", f"{fast:.1f} times")
    add("1 row: rate to the constant's", f"{share:.0%}", "from 60%", share >= 0.6)
    add("1 row: p99", f"{ours.p99:.2f} ms", "under 5 ms", ours.p99 < 5)
    for kind in (MANY_CSV, MANY):
        rows = ROWS[kind] * found.rounds[kind, 8, OURS].rate
        add(kind, f"{rows:,.0f} rows/s", "from 150,000", rows >= 150_000)
    start, warm, end = (each / 1e6 for each in found.memory)
    add(
        f"memory: start, +{WARM:,}, +{found.more:,.0f}",
        f"{start:.1f}, {warm:.1f}, {end:.1f} MB: {end / warm - 1:+.1%}",
        f"within 5% at +{MEASURED:,}",
        abs(end / warm - 1) <= 0.05 and found.more == MEASURED,
    )
    seconds = statistics.median(found.starts)
    add(f"cold start, median of {STARTS}", f"{seconds:.2f} s", "under 1.5 s", seconds < 1.5)
    return table


def cores() -> int:
    return len(os.sched_getaffinity(0))


def meaning(found: Found) -> str:
    """Say what the figures mean on this machine."""
    driver = found.rounds[ONE, 8, OURS].driver
    here = f"These are {cores()} cores, of which the clients alone took {driver:.0%} of one."
    if cores() < CORES:
        here = (
            f"Targets are for {CORES} idle cores or more, and are not judged here. {here} "
            "The rest of a laptop's work takes from the rates too."
        )
    return (
        f"{here} What holds anywhere are the ratios to the others: the constant's server does all "
        "but the model's work. An endpoint's figures are those of its instance."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2, help="processes of each server")
    parser.add_argument("--seconds", type=float, default=4, help="for each line of the tables")
    parser.add_argument("--model", type=Path, default=paths.MODEL, help="the model's folder")
    arguments = parser.parse_args()
    if not (1 <= arguments.workers <= 64 and 0.5 <= arguments.seconds <= 60):
        raise UserError("--workers must be from 1 to 64, --seconds from 0.5 to 60")
    if not Path("/proc/self/smaps_rollup").exists():
        raise UserError("this needs Linux, which tells in /proc what memory processes share")
    # Refuses a bad model, and brings it into the page cache.
    Categoriser.load(arguments.model)
    console = Console()
    found = find(arguments.model, arguments.workers, arguments.seconds, console)
    console.print(
        "Medians of rounds. CPU: the server's, a request; driver: its share of a core.\n"
        "MLflow: as installed alone; MLflow*: with this project's uvloop and httptools."
    )
    console.print(*(rates_table(found, kind) for kind in ROWS))
    console.print(targets_table(found))
    console.print(meaning(found))
    if found.errors:
        raise UserError(told(found.errors))


if __name__ == "__main__":
    run_command(main)
