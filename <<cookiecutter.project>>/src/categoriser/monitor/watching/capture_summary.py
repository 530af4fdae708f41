"""Captures summarised by this machine's processes; `spark` has Spark's workers do it."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.summaries.summary import Summary
from categoriser.monitor.watching.capture_shares import summarise_shares
from categoriser.monitor.watching.watched_captures import Watching

# Fewer bytes of captures are read in less time than a second process takes to start.
WORTH_A_PROCESS = 20_000_000


def summarise_captures(files: Sequence[str], watching: Watching) -> tuple[Summary, Problems]:
    """Summarise captures on this machine's cores."""
    size = sum(Path(file).stat().st_size if Path(file).exists() else 10**6 for file in files)
    workers = min(os.cpu_count() or 1, len(files))
    if workers < 2 or size < WORTH_A_PROCESS:
        return summarise_shares([files], lambda shares: map(watching.summarise, shares))
    # Few files a task, so that the processes end together. They are spawned, since Polars' threads
    # do not survive a fork.
    step = max(1, len(files) // (workers * 8))
    tasks = [files[at : at + step] for at in range(0, len(files), step)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return summarise_shares(tasks, lambda shares: pool.map(watching.summarise, shares))
