"""The run: cold starts, memory, then rounds in which the servers take turns."""

from __future__ import annotations

import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import polars as pl
from rich.console import Console

from bench.load.driver import Errors, Round, measure
from bench.load.requests import MANY_JSON, ONE_JSON, ROWS_OF_KIND, Load, held_out, make_load
from bench.load.servers import (
    CATEGORISER,
    CONSTANT,
    MLFLOW,
    MLFLOW_FAST,
    WITH_RULES,
    categoriser_command,
    cold_start,
    constant_command,
    memory,
    save_for_mlflow,
    start_mlflow,
    started,
)
from bench.many_rules import with_many_rules
from categoriser.model.package import Categoriser

CONNECTIONS = (1, 8, 64)
TURNS = 5
STARTS = 5
WARM_SECONDS = 1.0
WARM_CONNECTIONS = 8
# Requests before the memory is taken, and until it is taken again.
WARM_REQUESTS = 20_000
MEMORY_REQUESTS = 200_000
MEMORY_SECONDS = 120.0

# A line of the tables: kind of request, connections, and the server's name.
Line = tuple[str, int, str]


@dataclass(frozen=True)
class Memory:
    """The bytes that a server held, as it took more and more requests."""

    at_start: int
    warm: int  # after `WARM_REQUESTS`
    at_end: int  # after `further` requests more
    further: float


@dataclass(frozen=True)
class Found:
    rounds: dict[Line, Round]  # medians
    errors: Errors
    starts: list[float]  # seconds
    memory: Memory


def find(model: Path, workers: int, seconds: float, console: Console) -> Found:
    """Measure all that the tables show. No line moves: that would cost the driver time."""
    rows = held_out()
    errors = Errors()
    command = categoriser_command(model, workers)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        console.print(f"{STARTS} cold starts")
        starts = [cold_start(command, scratch) for _ in range(STARTS)]

        console.print(f"{WARM_REQUESTS + MEMORY_REQUESTS:,} requests, for the memory")
        server = stack.enter_context(started(CATEGORISER, command, scratch))
        loads = [make_load(kind, server, "/invocations", rows) for kind in ROWS_OF_KIND]
        held = measure_memory(loads[0], errors)

        console.print("the peers' start")
        sizes = [
            round(measure(load, WARM_CONNECTIONS, errors, WARM_SECONDS).size) for load in loads
        ]
        peers = start_constant(sizes, workers, rows, scratch, stack)
        peers += start_with_rules(model, workers, rows, scratch, stack)
        peers += start_mlflows(model, workers, rows, scratch, stack)
        for load in peers:
            measure(load, WARM_CONNECTIONS, errors, WARM_SECONDS)

        rounds = take_turns(loads + peers, seconds, errors, console)
    return Found(rounds, errors, starts, held)


def measure_memory(load: Load, errors: Errors) -> Memory:
    at_start = memory(load.server)
    measure(load, WARM_CONNECTIONS, errors, MEMORY_SECONDS, WARM_REQUESTS)
    warm = memory(load.server)
    further = measure(load, WARM_CONNECTIONS, errors, MEMORY_SECONDS, MEMORY_REQUESTS).answers
    return Memory(at_start, warm, memory(load.server), further)


def start_constant(
    sizes: list[int], workers: int, rows: pl.DataFrame, scratch: Path, stack: ExitStack
) -> list[Load]:
    """Start the server whose answers have these sizes, in bytes, by kind of request."""
    server = stack.enter_context(started(CONSTANT, constant_command(workers), scratch))
    return [
        make_load(kind, server, f"/{size}", rows)
        for kind, size in zip(ROWS_OF_KIND, sizes, strict=True)
    ]


def start_with_rules(
    model: Path, workers: int, rows: pl.DataFrame, scratch: Path, stack: ExitStack
) -> list[Load]:
    """Start the same server and model, with many rules before it."""
    folder = scratch / "with-rules"
    with_many_rules(Categoriser.load(model), rows["text"].to_list()).save(folder)
    command = categoriser_command(folder, workers)
    server = stack.enter_context(started(WITH_RULES, command, scratch))
    return [make_load(kind, server, "/invocations", rows) for kind in ROWS_OF_KIND]


def start_mlflows(
    model: Path, workers: int, rows: pl.DataFrame, scratch: Path, stack: ExitStack
) -> list[Load]:
    """Start MLflow's server in both forms."""
    saved = scratch / "pyfunc"
    save_for_mlflow(model, saved)
    loads = []
    for name in (MLFLOW, MLFLOW_FAST):
        server = stack.enter_context(start_mlflow(name, saved, workers, scratch))
        loads += [make_load(kind, server, "/invocations", rows) for kind in (ONE_JSON, MANY_JSON)]
    return loads


def take_turns(
    loads: list[Load], seconds: float, errors: Errors, console: Console
) -> dict[Line, Round]:
    """Return the medians of `TURNS` rounds, which take so many seconds a line together."""
    rounds: dict[Line, list[Round]] = {}
    for turn in range(TURNS):
        console.print(f"round {turn + 1} of {TURNS}")
        for kind, connections in product(ROWS_OF_KIND, CONNECTIONS):
            for load in loads:
                if load.kind == kind:
                    done = measure(load, connections, errors, seconds / TURNS)
                    line = (kind, connections, load.server.name)
                    rounds.setdefault(line, []).append(done)
    return {line: median_round(done) for line, done in rounds.items()}


def median_round(rounds: list[Round]) -> Round:
    figures = zip(*rounds, strict=True)
    return Round(*map(statistics.median, figures))
