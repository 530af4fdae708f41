"""Two things timed in turns, so that what slows one slows the other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

TURNS = 5


def seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def in_turns(
    ours: Callable[[], float], theirs: Callable[[], float], turns: int
) -> tuple[float, float]:
    """Return the medians of what both say that they took, in seconds."""
    our_times = []
    their_times = []
    for _ in range(turns):
        our_times.append(ours())
        their_times.append(theirs())
    return statistics.median(our_times), statistics.median(their_times)


def seconds_of_both(ours: Callable[[], object], bare: Callable[[], object]) -> tuple[float, float]:
    """Return the median seconds of two calls."""
    return in_turns(lambda: seconds(ours), lambda: seconds(bare), TURNS)
