"""`make load`: the server under load, beside MLflow's scoring server and a constant answer.

Read the ratios: rates depend on the machine, whose cores the servers share with this driver, and on
what else it does. Held-out rows are asked for over loopback, bounded in count and time. It fails
where an answer is not 200 or does not come; a target that is missed is only shown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from bench.load.driver import failures
from bench.load.requests import ROWS_OF_KIND
from bench.load.run import find
from bench.load.servers import WITH_RULES
from bench.load.tables import meaning, rates_table, targets_table
from bench.many_rules import RULES
from categoriser import paths
from categoriser.command import run_command
from categoriser.errors import UserError
from categoriser.model.package import Categoriser


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
        "MLflow: as installed alone; MLflow*: with this project's uvloop and httptools.\n"
        f"{WITH_RULES}: {RULES:,} rules before the model, every other for prices that no row has."
    )
    console.print(*(rates_table(found, kind) for kind in ROWS_OF_KIND))
    console.print(targets_table(found))
    console.print(meaning(found))
    if found.errors:
        raise UserError(failures(found.errors))


if __name__ == "__main__":
    run_command(main)
