"""What one week can detect by the calibrated thresholds."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from categoriser.io.documents import Json
from categoriser.monitor.calibration.thresholds import CalibratedThresholds
from categoriser.monitor.formats.sketch import Floats

# 29 weeks of 30 find a shift of so many standard deviations over the threshold.
DETECTED = 1.83
FACTORS = np.geomspace(1.01, 10, 500)


def detection_power(
    features: pl.DataFrame, thresholds: CalibratedThresholds, sizes: Sequence[int]
) -> list[Json]:
    """Return the smallest shifts that a week finds in 29 cases of 30.

    A line has `feature`, `shift` (what its figures are), and the figure by the week's rows, which
    is None where no shift of the kind is large enough.
    """

    def needed(name: str, rows: int, share: float = 0.5) -> float:
        """Return by how much a share of the rows must move so that chance seldom hides it."""
        threshold = thresholds.at(rows)[name]
        end = min(share + threshold, 1)
        chance = end * (1 - end) * (1 / rows + 1 / thresholds.baseline_rows)
        return threshold + DETECTED * math.sqrt(chance)

    def growth(share: float, rows: int) -> float | None:
        end = share + needed("class_predictions", rows, share)
        return end / (1 - end) * (1 - share) / share if end < 1 else None

    def line(name: str, shift: str, figures: Iterable[float | None]) -> Json:
        rounded = (figure and round(figure, 3) for figure in figures)
        return {"feature": name, "shift": shift} | dict(zip(map(str, sizes), rounded, strict=True))

    lines, moved = [], "share of the rows that move"
    for name in features.columns:
        lines.append(line(name, moved, (needed(name, rows) for rows in sizes)))
    if "price" in features.columns:
        prices = np.sort(features["price"].drop_nulls().to_numpy())
        factors = (_factor(prices, needed("price", rows)) for rows in sizes)
        lines.append(line("price", "all, times", factors))
    if "class_predictions" in features.columns:
        shares = features["class_predictions"].value_counts(normalize=True)
        for label, share in shares.sort("class_predictions").iter_rows():
            shift = f"rows of {label}, {share:.1%} of all, times"
            lines.append(line("class_predictions", shift, (growth(share, rows) for rows in sizes)))
    return lines


def _factor(prices: Floats, distance: float) -> float | None:
    """Return the smallest factor that moves sorted prices so far from themselves."""

    def moved(factor: float) -> float:
        below = [np.searchsorted(prices, at, side="right") for at in (prices / factor, prices)]
        return float(np.abs(below[1] - below[0]).max() / len(prices))

    at = bisect_left(FACTORS, distance, key=moved)
    return float(FACTORS[at]) if at < len(FACTORS) else None
