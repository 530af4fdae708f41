"""The stage's settings, and a small pipeline's prepared rows and model."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
import polars as pl
from measured import PARAMS

from categoriser.monitor.calibration.thresholds import CalibratedThresholds
from categoriser.monitor.calibration.undrifted_weeks import calibrate_thresholds
from categoriser.monitor.comparison.distances import linf_categories, linf_simple
from categoriser.monitor.monitor_settings import read_monitor_settings

OWN = read_monitor_settings(PARAMS.with_name("monitoring") / "monitoring.yaml")
HOW = OWN.thresholds.model_copy(
    update={"false_alarms": 0.02, "window_rows": [300, 1500], "weeks": 400, "floor": 0.01}
)

LABELS = np.array(["a", "b", "c", "d"])


def rows(days: np.ndarray, seed: int, factor: float = 1) -> pl.DataFrame:
    """Draw rows of a world where class a grows in winter; `factor` is to the rows of class d."""
    random = np.random.default_rng(seed)
    winter = 1 + 0.2 * np.cos(2 * np.pi * days / 365.25)
    shares = np.stack([winter, *np.ones((2, len(days))), 0.3 * factor * np.ones(len(days))])
    ends = np.cumsum(shares / shares.sum(axis=0), axis=0)
    label = (random.random(len(days)) > ends).sum(axis=0)
    size = random.lognormal(3, 1, len(days)) * np.array([1, 2, 1, 1])[label]
    return pl.DataFrame(
        {
            "class_predictions": LABELS[label],
            "price": size.round(2),
            "refund": (random.random(len(days)) < 0.03).astype(np.int64),
            "length": random.poisson(20, len(days)),
            "weekend": (days % 7 < 2).astype(np.int64),
            "still": np.zeros(len(days)),
        }
    )


def dated(count: int, seed: int) -> tuple[pl.DataFrame, pl.Series]:
    """Return rows of two years and their days."""
    days = np.sort(np.random.default_rng(seed).integers(730, size=count))
    start = date(2024, 1, 1)
    return rows(days, seed), pl.Series([start + timedelta(days=int(day)) for day in days])


@cache
def made(false_alarms: float = 0.02) -> tuple[pl.DataFrame, CalibratedThresholds]:
    """Return a baseline, and its thresholds."""
    how = HOW.model_copy(update={"false_alarms": false_alarms})
    return dated(8000, seed=0)[0], calibrate_thresholds(
        dated(8000, seed=0), dated(30_000, seed=1), how
    )


@cache
def ordered(name: str) -> tuple[np.ndarray, np.ndarray]:
    values = np.sort(made()[0][name].to_numpy())
    return values, np.ones(len(values))


def distances(week: pl.DataFrame) -> dict[str, float]:
    """Return the distances as the check has them, of all values."""
    found = {}
    for name, column in made()[0].to_dict().items():
        if column.dtype == pl.String:
            counts = (dict(one.value_counts().iter_rows()) for one in (week[name], column))
            found[name] = linf_categories(*counts)
        else:
            values = np.sort(week[name].to_numpy())
            found[name] = linf_simple((values, np.ones(len(values))), ordered(name))
    return found
