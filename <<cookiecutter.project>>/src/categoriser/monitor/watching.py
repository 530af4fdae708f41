"""Captures to a summary of what is watched: by this machine's processes, or by Spark's workers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

import msgspec
import polars as pl

from categoriser.files import read_json
from categoriser.monitor import scripts
from categoriser.monitor.features import Seen, watch
from categoriser.monitor.formats import capture
from categoriser.monitor.formats.capture import Problems
from categoriser.monitor.summary import Summary

FACTS = "facts.json"
MADE_BY = "dvc repro baseline"

# Fewer bytes of captures are read in less time than a second process takes to start.
WORTH_A_PROCESS = 20_000_000


@dataclass(frozen=True)
class Watching:
    """How captures are watched: what a process or a worker needs to know, and can be sent.

    `baseline` is the folder that the stage `baseline` writes, `preprocessor` the team's script.
    """

    baseline: Path
    start: datetime | None = None
    end: datetime | None = None
    preprocessor: Path | None = None
    leave_out: tuple[str, ...] = ()

    def batches(
        self, files: Sequence[str], problems: Problems
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Yield captured rows (`capture.Batch.frame`), and as many rows of watched features."""
        facts, seen = (
            read_json(self.baseline / FACTS, "dvc repro baseline"),
            Seen.load(self.baseline),
        )
        script = scripts.load_preprocessor(self.preprocessor) if self.preprocessor else None
        classes, threshold = facts["classes"], facts["review_threshold"]
        for batch in capture.batches(
            files, classes, problems, start=self.start, end=self.end, preprocess=script
        ):
            watched = watch(batch.frame, seen, classes, threshold)
            if batch.extra is not None:
                watched = watched.with_columns(batch.extra)
            yield batch.frame, watched.drop(self.leave_out, strict=False)

    def summarise(self, files: Sequence[str]) -> bytes:
        """Summarise files; the result can be sent, and `gather` adds it up."""
        summary, problems = Summary(), Problems()
        for _, watched in self.batches(files, problems):
            for batch in watched.to_arrow().to_batches():
                summary.add(batch)
        return msgspec.msgpack.encode((summary.to_bytes(), problems))


def gather(parts: Iterable[bytes]) -> tuple[Summary, Problems]:
    """Add up what `Watching.summarise` returned."""
    summary, problems = Summary(), Problems()
    for part in parts:
        data, found = msgspec.msgpack.decode(part, type=tuple[bytes, Problems])
        summary.merge(Summary.from_bytes(data))
        problems.merge(found)
    return summary, problems


def summarise_captures(files: Sequence[str], watching: Watching) -> tuple[Summary, Problems]:
    """Summarise captures on this machine's cores."""
    size = sum(Path(file).stat().st_size if Path(file).exists() else 10**6 for file in files)
    workers = min(os.cpu_count() or 1, len(files))
    if workers < 2 or size < WORTH_A_PROCESS:
        return gather([watching.summarise(files)])
    # Few files a task, so that the processes end together. They are spawned, since Polars' threads
    # do not survive a fork.
    step = max(1, len(files) // (workers * 8))
    tasks = [files[at : at + step] for at in range(0, len(files), step)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return gather(pool.map(watching.summarise, tasks))
