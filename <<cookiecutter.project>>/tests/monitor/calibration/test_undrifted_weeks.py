"""Fresh weeks alarm at the rate that is set; drift is found."""

from __future__ import annotations

import numpy as np
import pytest
from monitor_helpers.made_baseline import HOW, distances, made, rows

from categoriser.monitor.calibration.thresholds import CalibratedThresholds
from categoriser.monitor.calibration.undrifted_weeks import BinnedFeatures


def test_distances_in_bins_are_those_of_the_values() -> None:
    frame = made()[0]
    taken = np.flatnonzero(frame["class_predictions"].is_in(["b", "d"]).to_numpy())[:400]
    binned = BinnedFeatures(frame)
    found = binned.distances(binned.distribution(taken))
    # Between two of the quantiles a distance may be larger, by less than their share of the rows.
    assert found == pytest.approx(list(distances(frame[taken]).values()), abs=1 / 512)


def alarms(thresholds: CalibratedThresholds, size: int, weeks: int = 200, factor: float = 1) -> int:
    """Count the fresh weeks in which any feature is beyond its threshold."""
    random = np.random.default_rng(5)
    limits = thresholds.at(size)
    count = 0
    for number in range(weeks):
        days = random.integers(104) * 7 + random.integers(7, size=size)
        found = distances(rows(days, seed=100 + number, factor=factor))
        count += any(found[name] > limits[name] for name in limits)
    return count


@pytest.mark.parametrize("size", [300, 1500])
def test_fresh_weeks_alarm_at_the_rate_that_is_set_over_all_features(size: int) -> None:
    # Of 200 weeks, 4 are allowed and 40; by chance seldom more than 10 and 60.
    assert alarms(made()[1], size) <= 10
    assert 5 <= alarms(made(0.2)[1], size) <= 60


def test_a_doubled_class_is_found() -> None:
    assert alarms(made()[1], 1500, weeks=30, factor=3) >= 29


def test_the_season_is_allowed_for() -> None:
    limits = made()[1].features
    assert limits["class_predictions"].season > 0.01
    assert limits["length"].season < 0.01


def test_thresholds_fall_with_the_rows_to_season_or_floor() -> None:
    thresholds = made()[1]
    sizes = [thresholds.at(rows) for rows in (50, 300, 1000, 1500, 10**9)]
    for name, limit in thresholds.features.items():
        figures = [at[name] for at in sizes]
        assert figures == sorted(figures, reverse=True)
        assert figures[-1] >= max(limit.floor, limit.season)
        assert limit.at == {"300": sizes[1][name], "1500": sizes[3][name]}
    assert sizes[0]["still"] == HOW.floor
