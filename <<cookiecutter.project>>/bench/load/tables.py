"""What was measured, as tables, with what it means on this machine."""

from __future__ import annotations

import os
import statistics

from rich import box
from rich.table import Table

from bench.load.requests import MANY_CSV, MANY_JSON, ONE_JSON, ROWS_OF_KIND
from bench.load.run import MEMORY_REQUESTS, STARTS, WARM_REQUESTS, Found
from bench.load.servers import CATEGORISER, CONSTANT, MLFLOW, MLFLOW_FAST, WITH_RULES
from bench.many_rules import RULES

# With fewer cores the clients take from the server what they measure.
CORES = 4
JUDGED_CONNECTIONS = 8


def rates_table(found: Found, kind: str) -> Table:
    names = ("requests/s", "rows/s", "p50 ms", "p95 ms", "p99 ms", "errors", "CPU µs", "driver")
    table = Table("conn.", "server", title=kind, box=box.SIMPLE, padding=0)
    for name in names:
        table.add_column(name, justify="right")
    for line, medians in found.rounds.items():
        line_kind, connections, server = line
        if line_kind != kind:
            continue
        errors = sum(number for key, number in found.errors.items() if key[:3] == line)
        table.add_row(
            str(connections),
            server,
            f"{medians.rate:,.0f}",
            f"{ROWS_OF_KIND[kind] * medians.rate:,.0f}",
            f"{medians.p50:.2f}",
            f"{medians.p95:.2f}",
            f"{medians.p99:.2f}",
            f"{errors:,}",
            f"{medians.cpu:,.0f}",
            f"{medians.driver:.0%}",
        )
    return table


def targets_table(found: Found) -> Table:
    table = Table(
        "", "measured", "target", "met", title=f"targets, at {JUDGED_CONNECTIONS} connections"
    )
    missed = "no" if cores() >= CORES else "not judged"

    def add(what: str, measured: str, target: str = "", met: bool | None = None) -> None:
        table.add_row(what, measured, target, {True: "yes", False: missed, None: ""}[met])

    def rate(kind: str, server: str) -> float:
        return found.rounds[kind, JUDGED_CONNECTIONS, server].rate

    ours = rate(ONE_JSON, CATEGORISER)
    times = ours / rate(ONE_JSON, MLFLOW)
    add("1 row: rate to MLflow's", f"{times:.1f} times", "from 50", times >= 50)
    add("1 row: rate to MLflow*'s", f"{ours / rate(ONE_JSON, MLFLOW_FAST):.1f} times")
    share = ours / rate(ONE_JSON, CONSTANT)
    add("1 row: rate to the constant's", f"{share:.0%}", "from 60%", share >= 0.6)
    p99 = found.rounds[ONE_JSON, JUDGED_CONNECTIONS, CATEGORISER].p99
    add("1 row: p99", f"{p99:.2f} ms", "under 5 ms", p99 < 5)
    for kind in (MANY_CSV, MANY_JSON):
        rows = ROWS_OF_KIND[kind] * rate(kind, CATEGORISER)
        add(kind, f"{rows:,.0f} rows/s", "from 150,000", rows >= 150_000)
    for kind in ROWS_OF_KIND:
        share = rate(kind, WITH_RULES) / rate(kind, CATEGORISER)
        add(f"{kind}: rate with {RULES:,} rules", f"{share:.0%}", "from 90%", share >= 0.9)
    held = found.memory
    growth = held.at_end / held.warm - 1
    megabytes = ", ".join(f"{each / 1e6:.1f}" for each in (held.at_start, held.warm, held.at_end))
    add(
        f"memory: start, +{WARM_REQUESTS:,}, +{held.further:,.0f}",
        f"{megabytes} MB: {growth:+.1%}",
        f"within 5% at +{MEMORY_REQUESTS:,}",
        abs(growth) <= 0.05 and held.further == MEMORY_REQUESTS,
    )
    seconds = statistics.median(found.starts)
    add(f"cold start, median of {STARTS}", f"{seconds:.2f} s", "under 1.5 s", seconds < 1.5)
    return table


def cores() -> int:
    return len(os.sched_getaffinity(0))


def meaning(found: Found) -> str:
    """Say what the figures mean on this machine."""
    driver = found.rounds[ONE_JSON, JUDGED_CONNECTIONS, CATEGORISER].driver
    here = f"This machine has {cores()} cores, and the clients alone took {driver:.0%} of one."
    if cores() < CORES:
        here = (
            f"Targets are for {CORES} idle cores or more, and are not judged here. {here} "
            "The rest of a laptop's work takes from the rates too."
        )
    return (
        f"{here} What holds anywhere are the ratios to the others: the constant's server does all "
        "but the model's work. An endpoint's figures are those of its instance."
    )
