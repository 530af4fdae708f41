"""What one week finds by the calibrated thresholds."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from monitor_helpers.made_baseline import HOW, distances, made, rows

from categoriser.monitor.calibration.thresholds import DetectableShift
from categoriser.monitor.calibration.undrifted_weeks import calibrate_thresholds


def figures(line: DetectableShift) -> dict[str, float]:
    """Return the figures that there are."""
    return {rows: figure for rows, figure in line.by_rows.items() if figure is not None}


def test_the_power_table_says_what_a_week_finds() -> None:
    frame, thresholds = made()
    power = {(line.feature, line.shift): figures(line) for line in thresholds.power}
    price = power["price", "all, times"]
    assert 1 < price["1500"] < price["300"]
    days = np.random.default_rng(1).integers(730, size=1500)
    found = 0
    for seed in range(30):
        week = rows(days, seed).with_columns(pl.col("price") * price["1500"])
        found += distances(week)["price"] > thresholds.at(1500)["price"]
    assert found >= 28
    [grown] = [line for (_, shift), line in power.items() if shift.startswith("rows of d,")]
    assert 1.2 < grown["1500"] < grown["300"]
    assert power["length", "share of the rows that move"]["300"] > thresholds.at(300)["length"]
    assert frame.columns == [line.feature for line in thresholds.power[: frame.width]]


def test_no_growth_is_large_enough_for_a_class_that_is_all() -> None:
    frame = pl.DataFrame({"class_predictions": ["a"] * 300, "price": [1.0] * 300})
    dates = pl.Series([date(2026, 1, 1)] * 300)
    thresholds = calibrate_thresholds((frame, dates), (frame, dates), HOW)
    assert thresholds.power[-1].model_dump() == {
        "feature": "class_predictions",
        "shift": "rows of a, 100.0% of all, times",
        "300": None,
        "1500": None,
    }
