"""`make bench [FILE=my.csv]`: the project against the bare libraries, Evidently and Spark.

Read the ratios: seconds depend on the machine and on what else it does. Nothing passes or fails.
The pipeline runs in a copy, where FILE (.csv or .csv.gz) takes the place of the generated data; the
monitor's part asks the project's own model and baseline.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from rich.console import Console

from bench.compare.monitor import check_table, statistics_table
from bench.compare.pipeline import compare_pipeline
from categoriser.command import run_command


def main() -> None:
    file = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        compare_pipeline(Path(scratch), file, console)
    with tempfile.TemporaryDirectory() as scratch:
        console.print(check_table(Path(scratch)))
        console.print(statistics_table(Path(scratch)))


if __name__ == "__main__":
    run_command(main)
