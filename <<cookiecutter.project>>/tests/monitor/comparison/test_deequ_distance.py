"""Deequ's distance of numbers, to the last digit that the real container printed."""

from __future__ import annotations

import math

import polars as pl
import pytest
from monitor_helpers.made_statistics import of, read_config

from categoriser.monitor.comparison.deequ_distance import numerical_distance
from categoriser.monitor.comparison.feature_drift import drifts_from
from categoriser.monitor.formats.constraints import Constraints
from categoriser.monitor.formats.sketch import Sketch

# Distances that Model Monitor's container printed in a real run (Robust), and the numbers of
# distinct values in the window and in the baseline, whatever they were in rows.
PUBLISHED = [
    (0.17354640931273702, 64, 233),
    (0.14440240796849557, 57, 215),
    (0.11630482464065406, 119, 303),
    (0.11238588915222741, 72, 233),
]


def apart(steps: int, n: int, m: int) -> tuple[list[int], list[int]]:
    """Return `n` and `m` distinct values whose distribution functions differ by steps/lcm(n, m).

    The functions grow together, but for one value at which the first is so far ahead.
    """
    common = math.lcm(n, m)
    one = common // n
    other = common // m
    # So many of the first have come when they are furthest ahead, and so many of the other.
    ahead, behind = next(
        (i, (i * one - steps) // other)
        for i in range(1, n + 1)
        if i * one >= steps and (i * one - steps) % other == 0
    )
    values: tuple[list[int], list[int]] = ([], [])
    i = j = 0
    for end in ((ahead, behind), (n, m)):
        while (i, j) != end:
            first = i < end[0] and (i + 1) * one - j * other <= steps
            values[0 if first else 1].append(i + j)
            i = i + first
            j = j + (not first)
    return values


@pytest.mark.parametrize(("published", "n", "m"), PUBLISHED)
def test_distances_that_the_real_container_printed_are_found_to_the_last_digit(
    published: float, n: int, m: int
) -> None:
    common = math.lcm(n, m)
    steps = (published + 1.8 * math.sqrt((n + m) / (n * m))) * common
    assert steps == pytest.approx(round(steps), abs=1e-6), "a step is 1 / lcm(n, m)"
    now, before = apart(round(steps), n, m)
    # Every value lies in many rows, and the first ones in the most: that changes nothing.
    rows = [value for place, value in enumerate(now) for _ in range(1 + (n - place) // 4)]
    more = [value for place, value in enumerate(before) for _ in range(1 + place % 5)]
    current, baseline = (of(pl.DataFrame({"a": values})) for values in (rows, more))
    drift = drifts_from(current, baseline, Constraints())["a"]
    assert drift.method == "Robust"
    assert drift.distance == pytest.approx(published, abs=1e-15)
    # The distance of the rows is another.
    thresholds = {"a": 0.1}
    assert drifts_from(current, baseline, Constraints(), thresholds)["a"].distance != (
        pytest.approx(round(steps) / common, abs=0.01)
    )


def test_by_deequs_arithmetic_a_column_of_0_and_1_never_drifts_and_by_the_rows_it_does() -> None:
    before = of(pl.DataFrame({"refund": [0] * 1890 + [1] * 110}))
    now = of(pl.DataFrame({"refund": [0, 1] * 1000}))
    for method in ("Simple", "Robust"):
        limits = read_config(distribution_constraints={"comparison_method": method})
        assert drifts_from(now, before, limits)["refund"].distance == 0
    by_rows = drifts_from(now, before, Constraints(), {"refund": 0.05})["refund"]
    assert by_rows.distance == pytest.approx(0.445)
    assert by_rows.exceeded


def test_by_deequs_arithmetic_prices_in_tens_drift_more_than_their_rows_do() -> None:
    """17 of the window's 40 distinct prices, and 96 of its 1,000 rows, are above the baseline's."""
    known = [10 * n for n in range(1, 24)]
    new = [230 + 10 * n for n in range(1, 18)]
    old_rows = [known[n % len(known)] for n in range(904)]
    new_rows = [new[n % len(new)] for n in range(96)]
    before = of(pl.DataFrame({"price": known * 40}))
    now = of(pl.DataFrame({"price": old_rows + new_rows}))
    simple = read_config(distribution_constraints={"comparison_method": "Simple"})
    assert drifts_from(now, before, simple)["price"].distance == pytest.approx(0.425)
    by_rows = drifts_from(now, before, Constraints(), {"price": 0.1})["price"]
    assert by_rows.distance == pytest.approx(0.096)
    assert not by_rows.exceeded


def test_a_value_in_several_compactors_counts_once_at_its_highest_weight() -> None:
    # As Deequ's map from value to weight: 1 → 4, 2 → 1, 3 → 2; 2 → 2, 9 → 1.
    current = Sketch({}, [[1.0, 2.0, 1.0], [3.0, 1.0], [1.0]])
    baseline = Sketch({}, [[9.0, 2.0], [2.0]])
    found = numerical_distance(current, baseline)
    assert (found.current, found.baseline) == (7, 3)
    assert found.simple == pytest.approx(4 / 7)  # at 1; at 2 it is 5/7 and 2/3
