"""The tables of docs/monitoring.md: false alarms, and what is found."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor
from functools import cache, partial
from typing import NamedTuple

from scipy.special import betaincinv

from bench.detection.judged_weeks import (
    WEEK_SIZES,
    WEEKS_A_MONTH,
    JudgedWeek,
    drifted,
    undrifted,
    week_judge,
)
from bench.detection.scenarios import Scenario, scenarios

UNDRIFTED_WEEKS = 1000
DRIFTED_WEEKS = 30
# A shift is detectable that is found in so many of the drifted weeks.
DETECTED_WEEKS = 29
CONFIDENCE = 0.95


def upper_bound(count: int, total: int) -> float:
    """Return the upper end of a one-sided exact interval (Clopper and Pearson 1934)."""
    return float(betaincinv(count + 1, total - count, CONFIDENCE)) if count < total else 1.0


def named_counts(names: Counter[str], most: int) -> str:
    return ", ".join(f"`{name}` {count}" for name, count in names.most_common(most))


def false_alarms(pool: Executor) -> Iterator[str]:
    """Yield the lines of the table of weeks without drift."""
    months = pool.map(undrifted, range(UNDRIFTED_WEEKS // WEEKS_A_MONTH))
    judged = [week for month in months for week in month]
    yield "| rows in a week | weeks | with any violation | share | 95 % upper bound | of |"
    yield "|---:|---:|---:|---:|---:|:---|"
    names = [f"{size:,}" for size in WEEK_SIZES] + ["5,000, at Model Monitor's 0.1"]
    for name, found in zip(names, zip(*judged, strict=True), strict=True):
        alarms = sum(map(bool, found))
        of = named_counts(Counter(violation for week in found for violation in week), most=5)
        share = alarms / len(found)
        bound = upper_bound(alarms, len(found))
        yield f"| {name} | {len(found):,} | {alarms} | {share:.2%} | {bound:.2%} | {of} |"


class FoundWeeks(NamedTuple):
    """In how many weeks something was found, as `JudgedWeek` has them, and what at 5,000 rows."""

    counts: tuple[int, ...]
    violations: Counter[str]


def count_found(judged: list[JudgedWeek]) -> FoundWeeks:
    counts = tuple(sum(map(bool, weeks)) for weeks in zip(*judged, strict=True))
    largest = len(WEEK_SIZES) - 1
    return FoundWeeks(counts, Counter(name for week in judged for name in week[largest]))


def detection(pool: Executor) -> Iterator[str]:
    """Yield the lines of the table of weeks with drift; each is shown when it is known."""
    yield (
        "| scenario | strength | found at 500 | at 5,000 | at 5,000 by 0.1 "
        "| smallest at 500 | smallest at 5,000 | by |"
    )
    yield "|:---|:---|---:|---:|---:|:---|:---|:---|"
    for number, scenario in enumerate(scenarios(week_judge().labels)):
        line = scenario_line(number, scenario, pool)
        sys.stderr.write(f"{line}\n")
        yield line


def scenario_line(number: int, scenario: Scenario, pool: Executor) -> str:
    @cache
    def found(strength: float) -> FoundWeeks:
        months = range(math.ceil(DRIFTED_WEEKS / WEEKS_A_MONTH))
        judged = pool.map(partial(drifted, number, strength), months)
        weeks = [week for month in judged for week in month]
        return count_found(weeks[:DRIFTED_WEEKS])

    def smallest(size: int) -> str:
        """Halve the strengths: more of a thing is found more often."""
        low = 0
        high = len(scenario.strengths)
        while low < high:
            middle = (low + high) // 2
            if found(scenario.strengths[middle]).counts[size] >= DETECTED_WEEKS:
                high = middle
            else:
                low = middle + 1
        if low == len(scenario.strengths):
            return "none"
        return scenario.words.format(scenario.strengths[low])

    counts, violations = found(scenario.usual)
    cells = [
        scenario.name,
        scenario.words.format(scenario.usual),
        *map(str, counts),
        *(smallest(size) for size in range(len(WEEK_SIZES))),
        named_counts(violations, most=3),
    ]
    return f"| {' | '.join(cells)} |"
