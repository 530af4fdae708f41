"""`make detection`: how often the monitor alarms at nothing, and what it finds within one week.

Rows are of later months than the pipeline's own, drawn by the generator with other seeds; the
pipeline's model answers them, and the monitor's own code judges them against the pipeline's
baseline. The tables go into docs/monitoring.md, between two marks.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.detection.tables import DETECTED_WEEKS, DRIFTED_WEEKS, detection, false_alarms
from categoriser.command import run_command
from categoriser.errors import UserError
from categoriser.io.replacing import write_text
from categoriser.monitor.monitor_settings import read_monitor_settings

PAGE = Path("docs/monitoring.md")
BEGIN = "<!-- detection: make detection writes from here -->"
END = "<!-- detection: to here -->"


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    if any(text.count(mark) != 1 for mark in (BEGIN, END)):
        raise UserError(f"{PAGE} must have each of these lines once: {BEGIN}; {END}")
    how = read_monitor_settings().thresholds
    context = multiprocessing.get_context("spawn")
    os.environ.setdefault("POLARS_MAX_THREADS", "1")  # of a process: there is one for each core
    with ProcessPoolExecutor(mp_context=context) as pool:
        lines = [
            f"Weeks without drift; the settings ask for {how.false_alarms:.2%}:",
            "",
            *false_alarms(pool),
            "",
            f"Weeks with drift, of {DRIFTED_WEEKS}; the smallest is found in {DETECTED_WEEKS}:",
            "",
            *detection(pool),
        ]
    before = text.split(BEGIN)[0]
    after = text.split(END)[1]
    write_text(PAGE, "\n".join([before + BEGIN, "", *lines, "", END + after]))


if __name__ == "__main__":
    run_command(main)
