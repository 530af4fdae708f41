"""Weeks of later months, drawn by the generator, answered by the model and judged by the monitor.

A month is drawn with a seed of its own, so that every week is made of rows of its own.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from bench.detection.scenarios import scenarios
from categoriser import paths
from categoriser.contract import FIELDS, transactions
from categoriser.data.generate import generate
from categoriser.data.generation.world import Drift
from categoriser.errors import UserError
from categoriser.features import features
from categoriser.io.documents import read_json
from categoriser.model.package import Categoriser
from categoriser.monitor.baseline import answer_rows
from categoriser.monitor.calibration.thresholds import CalibratedThresholds
from categoriser.monitor.comparison.constraint_checks import check_constraints
from categoriser.monitor.comparison.feature_drift import drifts_from
from categoriser.monitor.formats.baseline_facts import BASELINE_MADE_BY, read_baseline_facts
from categoriser.monitor.formats.constraints import CONSTRAINTS_FILE, Constraints, load_constraints
from categoriser.monitor.formats.feature_statistics import Statistics
from categoriser.monitor.formats.statistics_file import STATISTICS_FILE, read_statistics
from categoriser.monitor.summaries.summary import summarise
from categoriser.monitor.summaries.summary_statistics import statistics_of
from categoriser.monitor.watching.watched_features import SeenInTraining, watch
from categoriser.params import read_params, read_sections

WEEK_SIZES = (500, 5000)
WEEKS_A_MONTH = 4  # of days 1 to 28
MONTHS = 24  # later ones, over and over
ROWS_A_MONTH = 24_000  # so that every week of it has 5,000
UNDRIFTED_SEED = 2_000_000
# Seeds of weeks with a drift begin so far from those of weeks without.
DRIFTED_SEED = 10_000
# Months in steps of five reach all seasons.
MONTH_STEP = 5

# The violations in a week, by feature and check: in its first rows, for each size, and last in the
# largest size again by the profile compat.
JudgedWeek = tuple[list[str], ...]


@dataclass(frozen=True)
class WeekJudge:
    """All that judging a week takes."""

    categoriser: Categoriser
    seen: SeenInTraining
    baseline: Statistics
    constraints: Constraints
    thresholds: CalibratedThresholds
    labels: dict[str, float]

    def judge(self, answers: pl.DataFrame) -> JudgedWeek:
        watched = watch(
            answers, self.seen, self.categoriser.classes, self.categoriser.review_threshold
        )
        judged = []
        for rows in WEEK_SIZES:
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
def week_judge() -> WeekJudge:
    """Read the pipeline's model and baseline, once in each process."""
    folder = paths.BASELINE
    return WeekJudge(
        categoriser=Categoriser.load(paths.MODEL),
        seen=SeenInTraining.load(folder),
        baseline=read_statistics(folder / STATISTICS_FILE, BASELINE_MADE_BY),
        constraints=load_constraints(read_json(folder / CONSTRAINTS_FILE, BASELINE_MADE_BY)),
        thresholds=read_sections(paths.THRESHOLDS, CalibratedThresholds),
        labels=read_baseline_facts(folder).labels,
    )


def drawn_weeks(month: int, seed: int, drift: Drift | None = None) -> Iterator[pl.DataFrame]:
    """Yield 5,000 rows for each of four weeks of a later month, in an order without meaning."""
    settings = read_params().generate
    first = settings.start.year * 12 + settings.start.month - 1 + settings.months + month % MONTHS
    later = {
        "rows": ROWS_A_MONTH,
        "seed": UNDRIFTED_SEED + seed,
        "start": datetime.date(first // 12, first % 12 + 1, 1),
        "months": 1,
    }
    rows = generate(settings.model_copy(update=later), drift)[0]
    day = pl.col("date").dt.day() - 1
    for number in range(WEEKS_A_MONTH):
        week = rows.filter(day // 7 == number).sample(fraction=1, shuffle=True, seed=seed)
        if week.height < max(WEEK_SIZES):
            raise UserError(
                f"a week of {later['start']} has {week.height} rows: raise ROWS_A_MONTH"
            )
        yield week.head(max(WEEK_SIZES))


def answered_week(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows as captures would have them."""
    lines = features(transactions(rows.select(FIELDS).iter_rows()))
    return answer_rows(rows.with_columns(features=pl.Series(lines)), week_judge().categoriser)


def undrifted(number: int) -> list[JudgedWeek]:
    """Judge four undrifted weeks."""
    return [week_judge().judge(answered_week(rows)) for rows in drawn_weeks(number, seed=number)]


def drifted(scenario: int, strength: float, number: int) -> list[JudgedWeek]:
    """Judge four weeks with a scenario, which is told by its place: processes are sent numbers."""
    one = scenarios(week_judge().labels)[scenario]
    random = np.random.default_rng(number)
    drift = one.drift(strength) if one.drift else None
    judged = []
    for rows in drawn_weeks(number * MONTH_STEP, seed=DRIFTED_SEED + number, drift=drift):
        changed = one.change(rows, strength, random) if one.change else rows
        answers = answered_week(changed)
        seen = one.answers(answers, strength) if one.answers else answers
        judged.append(week_judge().judge(seen))
    return judged
