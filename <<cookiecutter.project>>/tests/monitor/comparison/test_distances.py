"""Distances of two distributions, against their formulas and SciPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from categoriser.monitor.comparison.distances import (
    chi_squared,
    linf_categories,
    linf_robust,
    linf_simple,
    psi,
)
from categoriser.monitor.formats.sketch import Weighted

WEIGHTED = st.lists(
    st.tuples(
        st.sampled_from([-3.5, -1.0, 0.0, 1.0, 1.5, 2.0, 7.0]) | st.floats(-1e9, 1e9),
        st.integers(1, 8),
    ),
    min_size=1,
    max_size=20,
)
COUNTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 50), min_size=1)


def expanded(pairs: list[tuple[float, int]]) -> list[float]:
    return [value for value, weight in pairs for _ in range(weight)]


def weighted(pairs: list[tuple[float, int]]) -> Weighted:
    values, weights = zip(*sorted(pairs), strict=True)
    return np.array(values, dtype=float), np.array(weights, dtype=float)


@settings(deadline=None)
@given(WEIGHTED, WEIGHTED)
def test_the_simple_distance_is_the_largest_gap_of_the_distribution_functions(
    one: list[tuple[float, int]], other: list[tuple[float, int]]
) -> None:
    rows = expanded(one)
    more = expanded(other)
    gaps = [
        abs(sum(v <= at for v in rows) / len(rows) - sum(v <= at for v in more) / len(more))
        for at in {*rows, *more}
    ]
    assert linf_simple(weighted(one), weighted(other)) == pytest.approx(max(gaps), abs=1e-12)


def test_a_distance_to_nothing_is_not_a_number() -> None:
    some = weighted([(1.0, 1)])
    none = (np.array([]), np.array([]))
    assert math.isnan(linf_simple(some, none))
    assert math.isnan(linf_simple(none, some))
    assert math.isnan(linf_categories({}, {"a": 1}))
    assert math.isnan(linf_robust(0.5, 0, 9))
    assert math.isnan(linf_robust(math.nan, 9, 9))
    assert math.isnan(psi([0, 0], [1, 2]))


def test_the_robust_distance_takes_off_what_chance_gives() -> None:
    assert linf_robust(0.5, 100, 400) == pytest.approx(0.5 - 1.8 * math.sqrt(500 / 40000))
    assert linf_robust(0.1, 10, 10) == 0


@settings(deadline=None)
@given(COUNTS, COUNTS)
def test_the_categorical_distance_is_the_largest_difference_of_shares(
    one: dict[str, int], other: dict[str, int]
) -> None:
    rows, more = ([name for name, n in counts.items() for _ in range(n)] for counts in (one, other))
    largest = max(
        abs(rows.count(name) / len(rows) - more.count(name) / len(more)) for name in "abcdefgh"
    )
    assert linf_categories(one, other) == pytest.approx(largest, abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(50, 90)), min_size=2, max_size=8))
def test_chi_squared_is_scipys_where_no_category_is_small(pairs: list[tuple[int, int]]) -> None:
    seen, expected = (np.array(column) for column in zip(*pairs, strict=True))
    if (expected * seen.sum() / expected.sum()).min() < 10:
        return
    names = "abcdefgh"[: len(seen)]
    test = chi_squared(
        dict(zip(names, seen.tolist(), strict=True)),
        dict(zip(names, expected.tolist(), strict=True)),
    )
    theirs = stats.chisquare(seen, expected * seen.sum() / expected.sum())
    assert test.statistic == pytest.approx(theirs.statistic)
    assert test.p_value == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize(
    ("seen", "expected", "groups"),
    [
        # One of five may be under five.
        (
            {"a": 30, "b": 20, "c": 20, "d": 20, "e": 10},
            {"a": 28, "b": 22, "c": 24, "d": 22, "e": 4},
            [(30, 28), (20, 22), (20, 24), (20, 22), (10, 4)],
        ),
        # Two of five may not: e joins d, and their sum is large enough.
        (
            {"a": 30, "b": 30, "c": 30, "d": 4, "e": 6},
            {"a": 32, "b": 31, "c": 30, "d": 4, "e": 3},
            [(30, 32), (30, 31), (30, 30), (10, 7)],
        ),
        # Three become two, which need ten each: a group of nine joins what is left.
        ({"a": 90, "b": 5, "c": 5}, {"a": 91, "b": 5, "c": 4}, None),
        # Expected counts are scaled to the sample's, whose unknown category is left out.
        ({"a": 60, "b": 40, "x": 99}, {"a": 500, "b": 500}, [(60, 50), (40, 50)]),
        # All in one category is drift, and no reason to give up.
        ({"a": 100}, {"a": 50, "b": 50}, [(100, 50), (0, 50)]),
        ({"a": 100}, {"a": 100}, None),
        ({"x": 100}, {"a": 50, "b": 50}, None),
        ({}, {"a": 50, "b": 50}, None),
    ],
)
def test_small_categories_are_merged(
    seen: dict[str, int], expected: dict[str, int], groups: list[tuple[int, int]] | None
) -> None:
    test = chi_squared(seen, expected)
    if groups is None:
        assert all(map(math.isnan, test))
    else:
        observed, scaled = zip(*groups, strict=True)
        theirs = stats.chisquare(observed, scaled)
        assert test.statistic == pytest.approx(theirs.statistic)
        assert test.p_value == pytest.approx(theirs.pvalue)


def test_the_stability_index_is_its_formulas() -> None:
    p = (0.6, 0.4)
    q = (0.5, 0.5)
    value = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert psi([60, 40], [100, 100]) == pytest.approx(value)
    assert psi([3, 7], [30, 70]) == pytest.approx(0)
    assert math.isfinite(psi([0, 9], [9, 0]))
