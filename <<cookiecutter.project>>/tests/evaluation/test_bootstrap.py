"""Intervals, by drawing whole merchants."""

from __future__ import annotations

import numpy as np
import pytest

from categoriser.evaluation import bootstrap, scores


def spread_of_accuracy(groups: np.ndarray, right: np.ndarray, resamples: int = 4000) -> float:
    drawn = bootstrap.resampled_scores(np.zeros_like(right), 1 - right, 2, groups, resamples)
    return float(np.std(drawn["accuracy"]))


def test_resamples_of_single_rows_have_the_binomial_spread() -> None:
    right = (np.arange(400) < 300).astype(int)
    expected = np.sqrt(0.75 * 0.25 / 400)
    assert spread_of_accuracy(np.arange(400), right) == pytest.approx(expected, rel=0.05)


def test_rows_that_stand_or_fall_together_give_the_spread_of_their_groups() -> None:
    right = np.repeat((np.arange(100) < 75).astype(int), 4)
    expected = np.sqrt(0.75 * 0.25 / 100)
    assert spread_of_accuracy(np.repeat(np.arange(100), 4), right) == pytest.approx(
        expected, rel=0.05
    )


def test_resamples_are_the_same_every_time_and_hold_the_groups_together() -> None:
    groups = np.array([0, 0, 0, 1, 1, 2])
    cells = np.array([0, 0, 0, 1, 1, 2])
    first = list(scores.resample(cells, 3, groups, 50))
    np.testing.assert_array_equal(first, list(scores.resample(cells, 3, groups, 50)))
    for counts in first:
        assert counts[0] % 3 == counts[1] % 2 == 0
        assert counts[0] / 3 + counts[1] / 2 + counts[2] == 3


def test_differences_of_two_models_are_paired() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(3, size=200)
    groups = random.integers(40, size=200)
    groups = np.unique(groups, return_inverse=True)[1]
    first = np.where(random.random(200) < 0.7, truth, 0)
    second = first.copy()
    second[groups == 0] = truth[groups == 0]
    a, b = (
        bootstrap.resampled_scores(truth, x, 3, groups, 500)["accuracy"] for x in (second, first)
    )
    # They differ on one group alone, so that the difference is never the other way round.
    assert (a - b).min() == 0
    assert np.std(a - b) < np.std(a) / 3


def test_an_interval_holds_the_confidence_and_leaves_out_what_does_not_exist() -> None:
    drawn = np.append(np.linspace(0, 1, 1001), np.nan)
    found = bootstrap.interval(0.4, drawn, 0.9)
    assert found.value == 0.4
    assert found.low == pytest.approx(0.05)
    assert found.high == pytest.approx(0.95)
