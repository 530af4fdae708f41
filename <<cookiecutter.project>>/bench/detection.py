"""`make detection`: how often the monitor alarms at nothing, and what it finds within one week.

Rows are of later months than the pipeline's own, drawn by the generator with other seeds; the
pipeline's model answers them, and the monitor's own code judges them against the pipeline's
baseline. Every week is made of rows of its own. The tables go into docs/monitoring.md, between two
marks.
"""

from __future__ import annotations

import datetime
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.special import betaincinv

from categoriser import paths
from categoriser.command import run_command
from categoriser.contract import FIELDS, transactions
from categoriser.data.generate import generate
from categoriser.data.generation.world import Drift
from categoriser.errors import UserError
from categoriser.features import features
from categoriser.io.documents import read_json
from categoriser.io.replacing import write_text
from categoriser.model.package import Categoriser, calibrate
from categoriser.monitor.baseline import answer_rows
from categoriser.monitor.calibration.thresholds import CalibratedThresholds
from categoriser.monitor.comparison.constraint_checks import check_constraints
from categoriser.monitor.comparison.feature_drift import drifts_from
from categoriser.monitor.formats.constraints import Constraints, load_constraints
from categoriser.monitor.formats.feature_statistics import Statistics
from categoriser.monitor.formats.statistics_file import load_statistics
from categoriser.monitor.monitor_settings import read_monitor_settings
from categoriser.monitor.summaries.summary import summarise
from categoriser.monitor.summaries.summary_statistics import statistics_of
from categoriser.monitor.watching.watched_features import SeenInTraining, watch
from categoriser.params import read_params, read_sections

PAGE = Path("docs/monitoring.md")
MARKS = "<!-- detection: make detection writes from here -->", "<!-- detection: to here -->"
SIZES = (500, 5000)
WEEKS = 1000
SEEDS, ENOUGH = 30, 29
MONTHS = 24  # later ones, over and over
IN_MONTH = 4  # weeks of a month: days 1 to 28
ROWS = 24_000  # of a month, so that every week of it has 5,000
CONFIDENCE = 0.95

Change = Callable[[pl.DataFrame, float, np.random.Generator], pl.DataFrame]


class Scenario(NamedTuple):
    """What happens, how strongly: `usual` in the table, and the strengths that are tried, rising.

    Rows are drawn with a drift, or those without are changed before the model answers, or the
    answers are.
    """

    name: str
    words: str  # with the strength in it
    usual: float
    strengths: tuple[float, ...]
    drift: Callable[[float], Drift] | None = None
    change: Change | None = None
    answers: Callable[[pl.DataFrame, float], pl.DataFrame] | None = None


def some(rows: pl.DataFrame, share: float, random: np.random.Generator) -> pl.Series:
    return pl.Series(random.random(rows.height) < share)


def altered(expression: pl.Expr) -> Change:
    """Give `expression` to so large a share of the rows."""

    def change(rows: pl.DataFrame, share: float, random: np.random.Generator) -> pl.DataFrame:
        name = expression.meta.output_name()
        chosen = pl.when(some(rows, share, random))
        return rows.with_columns(chosen.then(expression).otherwise(pl.col(name)).alias(name))

    return change


def nulls(answers: pl.DataFrame, share: float) -> pl.DataFrame:
    missing = some(answers, share, np.random.default_rng(0))
    return answers.with_columns(price=pl.when(~missing).then("price"))


def tempered(answers: pl.DataFrame, temperature: float) -> pl.DataFrame:
    table = calibrate(answers["probabilities"].to_numpy(), temperature)
    return answers.with_columns(
        probabilities=pl.Series(table, dtype=answers.schema["probabilities"])
    )


def mixed(category: str, scale: Callable[[float], float]) -> Callable[[float], Drift]:
    return lambda strength: Drift(mix={category: scale(strength)})


SHARES = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0)
FACTORS = (1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0, 2.25, 2.5, 3.0, 4.0, 5.0)


def scenarios(shares: Mapping[str, float]) -> list[Scenario]:
    """Return the scenarios for classes of these shares of the training rows."""

    def near(share: float) -> str:
        return min(shares, key=lambda name: abs(shares[name] - share))

    def doubled(share: float) -> Scenario:
        name = near(share)
        return Scenario(
            f"A class of {shares[name]:.0%} doubled",
            f"{name} × {{:g}}",
            2,
            FACTORS,
            drift=mixed(name, lambda factor: factor),
        )

    gone = near(0.05)
    return [
        Scenario(
            "New merchants",
            "{:.0%} of rows",
            0.2,
            SHARES,
            drift=lambda share: Drift(new_merchants=share),
        ),
        Scenario(
            "Prices × 1.5",
            "× {:g}",
            1.5,
            (1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0, 2.5),
            drift=lambda factor: Drift(price_scale=factor),
        ),
        doubled(0.05),
        doubled(0.1),
        doubled(0.2),
        Scenario(
            f"A class of {shares[gone]:.0%} removed",
            f"{{:.0%}} of {gone}",
            1,
            SHARES,
            drift=mixed(gone, lambda share: 1 - share),
        ),
        Scenario(
            "Text cut at 15 characters",
            "{:.0%} of rows",
            1,
            SHARES,
            change=altered(pl.col("text").str.slice(0, 15)),
        ),
        Scenario(
            "Casing lost",
            "{:.0%} of rows",
            1,
            SHARES,
            change=altered(pl.col("text").str.to_lowercase()),
        ),
        Scenario(
            "A new prefix",
            "{:.0%} of rows",
            0.15,
            SHARES,
            drift=lambda share: Drift(new_bank=share),
        ),
        Scenario(
            "Another country",
            "{:.0%} of rows; half say so",
            0.2,
            SHARES,
            change=altered(pl.col("text").str.replace(r"(?i) (au|gb|nz|us)$", " FR")),
        ),
        Scenario(
            "Nulls in price",
            "{:.1%} of rows",
            0.02,
            (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
            answers=nulls,
        ),
        Scenario(
            "Confidence collapsed",
            "temperature {:g}",
            2,
            (1.05, 1.1, 1.15, 1.2, 1.3, 1.4, 1.5, 1.75, 2.0, 3.0),
            answers=tempered,
        ),
    ]


@dataclass(frozen=True)
class Monitor:
    """All that judging a week takes."""

    categoriser: Categoriser
    seen: SeenInTraining
    baseline: Statistics
    constraints: Constraints
    thresholds: CalibratedThresholds
    labels: dict[str, float]

    def judge(self, answers: pl.DataFrame) -> tuple[list[str], ...]:
        """Return the violations in windows of the first rows, of each size.

        The last is the largest window again, by the profile compat. A violation is named by its
        feature and check.
        """
        watched = watch(
            answers, self.seen, self.categoriser.classes, self.categoriser.review_threshold
        )
        judged = []
        for rows in SIZES:
            current = statistics_of(summarise(watched.head(rows).to_arrow().to_batches()))
            judged.append(self.violations(current, self.thresholds.at(rows)))
        return (*judged, self.violations(current, None))

    def violations(self, current: Statistics, thresholds: Mapping[str, float] | None) -> list[str]:
        drifts = drifts_from(current, self.baseline, self.constraints, thresholds)
        return [
            f"{found.feature_name} ({found.constraint_check_type})"
            for found in check_constraints(current, self.constraints, drifts)
        ]


@cache
def monitor() -> Monitor:
    """Read the pipeline's model and baseline, once in each process."""
    folder, made_by = paths.BASELINE, "dvc repro"
    return Monitor(
        Categoriser.load(paths.MODEL),
        SeenInTraining.load(folder),
        load_statistics(read_json(folder / "statistics.json", made_by)),
        load_constraints(read_json(folder / "constraints.json", made_by)),
        read_sections(paths.THRESHOLDS, CalibratedThresholds),
        read_json(folder / "facts.json", made_by)["labels"],
    )


def weeks(month: int, seed: int, drift: Drift | None = None) -> Iterator[pl.DataFrame]:
    """Yield 5,000 rows for each of four weeks of a later month, in an order without meaning."""
    settings = read_params().generate
    first = settings.start.year * 12 + settings.start.month - 1 + settings.months + month % MONTHS
    later = {
        "rows": ROWS,
        "seed": 2_000_000 + seed,
        "start": datetime.date(first // 12, first % 12 + 1, 1),
        "months": 1,
    }
    rows = generate(settings.model_copy(update=later), drift)[0]
    day = pl.col("date").dt.day() - 1
    for number in range(IN_MONTH):
        week = rows.filter(day // 7 == number).sample(fraction=1, shuffle=True, seed=seed)
        if week.height < max(SIZES):
            raise UserError(f"a week of {later['start']} has {week.height} rows: raise ROWS")
        yield week.head(max(SIZES))


def answer(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows as captures would have them."""
    lines = features(transactions(rows.select(FIELDS).iter_rows()))
    return answer_rows(rows.with_columns(features=pl.Series(lines)), monitor().categoriser)


def undrifted(number: int) -> list[tuple[list[str], ...]]:
    """Return the violations in each of four undrifted weeks."""
    return [monitor().judge(answer(rows)) for rows in weeks(number, seed=number)]


def drifted(scenario: int, strength: float, number: int) -> list[tuple[list[str], ...]]:
    """Return the violations in each of four weeks with a scenario."""
    one = scenarios(monitor().labels)[scenario]
    random = np.random.default_rng(number)
    drift = one.drift(strength) if one.drift else None
    judged = []
    # Months in steps of five reach all seasons.
    for rows in weeks(number * 5, seed=10_000 + number, drift=drift):
        answers = answer(one.change(rows, strength, random) if one.change else rows)
        judged.append(monitor().judge(one.answers(answers, strength) if one.answers else answers))
    return judged


def upper(count: int, total: int) -> float:
    """Return the upper end of a one-sided exact interval (Clopper and Pearson 1934)."""
    return float(betaincinv(count + 1, total - count, CONFIDENCE)) if count < total else 1.0


def false_alarms(pool: Executor) -> Iterator[str]:
    groups = pool.map(undrifted, range(WEEKS // IN_MONTH))
    judged = [week for group in groups for week in group]
    yield "| rows in a week | weeks | with any violation | share | 95 % upper bound | of |"
    yield "|---:|---:|---:|---:|---:|:---|"
    names = [f"{size:,}" for size in SIZES] + ["5,000, at Model Monitor's 0.1"]
    for name, found in zip(names, zip(*judged, strict=True), strict=True):
        alarms = sum(map(bool, found))
        features = Counter(violation for week in found for violation in week)
        of = ", ".join(f"`{feature}` {count}" for feature, count in features.most_common(5))
        share, bound = alarms / len(found), upper(alarms, len(found))
        yield f"| {name} | {len(found):,} | {alarms} | {share:.2%} | {bound:.2%} | {of} |"


def detection(pool: Executor) -> Iterator[str]:
    yield (
        "| scenario | strength | found at 500 | at 5,000 | at 5,000 by 0.1 "
        "| smallest at 500 | smallest at 5,000 | by |"
    )
    yield "|:---|:---|---:|---:|---:|:---|:---|:---|"
    for number, one in enumerate(scenarios(monitor().labels)):

        @cache
        def found(strength: float, number: int = number) -> tuple[tuple[int, ...], Counter[str]]:
            groups = pool.map(partial(drifted, number, strength), range(-(-SEEDS // IN_MONTH)))
            judged = list(islice((week for group in groups for week in group), SEEDS))
            counts = tuple(sum(map(bool, weeks)) for weeks in zip(*judged, strict=True))
            return counts, Counter(name for week in judged for name in week[1])

        def smallest(size: int, one: Scenario = one) -> str:
            """Halve the strengths: more of a thing is found more often."""
            low, high = 0, len(one.strengths)
            while low < high:
                middle = (low + high) // 2
                enough = found(one.strengths[middle])[0][size] >= ENOUGH
                low, high = (low, middle) if enough else (middle + 1, high)
            return one.words.format(one.strengths[low]) if low < len(one.strengths) else "none"

        counts, features = found(one.usual)
        by = ", ".join(f"`{feature}` {count}" for feature, count in features.most_common(3))
        cells = [one.name, one.words.format(one.usual), *map(str, counts), smallest(0), smallest(1)]
        line = f"| {' | '.join([*cells, by])} |"
        sys.stderr.write(f"{line}\n")
        yield line


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    if any(text.count(mark) != 1 for mark in MARKS):
        raise UserError(f"{PAGE} must have each of these lines once: {'; '.join(MARKS)}")
    how = read_monitor_settings().thresholds
    context = multiprocessing.get_context("spawn")
    os.environ.setdefault("POLARS_MAX_THREADS", "1")  # of a process: there is one for each core
    with ProcessPoolExecutor(mp_context=context) as pool:
        lines = [
            f"Weeks without drift; the settings ask for {how.false_alarms:.2%}:",
            "",
            *false_alarms(pool),
            "",
            f"Weeks with drift, of {SEEDS}; the smallest is found in {ENOUGH}:",
            "",
            *detection(pool),
        ]
    before, after = text.split(MARKS[0])[0], text.split(MARKS[1])[1]
    write_text(PAGE, "\n".join([before + MARKS[0], "", *lines, "", MARKS[1] + after]))


if __name__ == "__main__":
    run_command(main)
