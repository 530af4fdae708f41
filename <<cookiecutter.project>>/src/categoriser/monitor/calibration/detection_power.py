"""What one week can detect by the calibrated thresholds."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from categoriser.monitor.calibration.thresholds import CalibratedThresholds, DetectableShift
from categoriser.monitor.formats.sketch import Floats

# 29 weeks of 30 find a shift of so many standard deviations over the threshold.
DETECTED = 1.83
PRICE_FACTORS = np.geomspace(1.01, 10, 500)


def detection_power(
    features: pl.DataFrame, thresholds: CalibratedThresholds, sizes: Sequence[int]
) -> list[DetectableShift]:
    """Return the smallest shifts that a week of each size finds in 29 cases of 30."""
    limits = {rows: thresholds.at(rows) for rows in sizes}

    def moves(name: str, rows: int, share: float = 0.5) -> float:
        return _detectable_move(limits[rows][name], share, rows, thresholds.baseline_rows)

    def shift(name: str, what: str, figures: Iterable[float | None]) -> DetectableShift:
        rounded = [None if figure is None else round(figure, 3) for figure in figures]
        by_rows = dict(zip(map(str, sizes), rounded, strict=True))
        return DetectableShift.model_validate({"feature": name, "shift": what} | by_rows)

    shifts = [
        shift(name, "share of the rows that move", [moves(name, rows) for rows in sizes])
        for name in features.columns
    ]
    if "price" in features.columns:
        prices = np.sort(features["price"].drop_nulls().to_numpy())
        factors = [_price_factor(prices, moves("price", rows)) for rows in sizes]
        shifts.append(shift("price", "all, times", factors))
    if "class_predictions" in features.columns:
        shares = features["class_predictions"].value_counts(normalize=True)
        for label, share in shares.sort("class_predictions").iter_rows():
            ends = [share + moves("class_predictions", rows, share) for rows in sizes]
            what = f"rows of {label}, {share:.1%} of all, times"
            shifts.append(shift("class_predictions", what, [_growth(share, end) for end in ends]))
    return shifts


def _detectable_move(threshold: float, share: float, rows: int, baseline_rows: int) -> float:
    """Return by how much a share of the rows must move so that chance seldom hides it."""
    end = min(share + threshold, 1)
    chance = end * (1 - end) * (1 / rows + 1 / baseline_rows)
    return threshold + DETECTED * math.sqrt(chance)


def _growth(share: float, end: float) -> float | None:
    """Return how many times its rows a class has when its share grows from `share` to `end`."""
    return end / (1 - end) * (1 - share) / share if end < 1 else None


def _price_factor(prices: Floats, distance: float) -> float | None:
    """Return the smallest factor that moves sorted prices so far from themselves."""

    def moved(factor: float) -> float:
        below_shifted = np.searchsorted(prices, prices / factor, side="right")
        below = np.searchsorted(prices, prices, side="right")
        return float(np.abs(below - below_shifted).max() / len(prices))

    at = bisect_left(PRICE_FACTORS, distance, key=moved)
    return float(PRICE_FACTORS[at]) if at < len(PRICE_FACTORS) else None
