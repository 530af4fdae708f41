from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_recall_fscore_support

from categoriser.model import metrics

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@settings(deadline=None)
@given(pairs)
def test_scores_are_those_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    truth, answers = np.array(rows).T
    found = metrics.scores(metrics.confusion(truth, answers, 5))
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, answers))
    present = np.unique(truth)
    assert found["macro_f1"] == pytest.approx(
        f1_score(truth, answers, labels=present, average="macro", zero_division=0)
    )
    by_class = precision_recall_fscore_support(truth, answers, labels=range(5), zero_division=0)
    for name, expected in zip(("precision", "recall", "f1", "support"), by_class, strict=True):
        np.testing.assert_allclose(found[name], expected)


def test_a_class_the_model_does_not_know_is_an_error_and_no_crash() -> None:
    labels = ["a", "b", "new"]
    truth = metrics.encode(["a", "new", "b"], labels)
    table = metrics.spread(np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]), ["a", "b"], labels)
    found = metrics.scores(metrics.confusion(truth, table.argmax(axis=1), 3))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["recall"].tolist() == [1, 1, 0]
    expected = -np.mean(np.log([0.9, metrics.LEAST, 0.7]))
    assert metrics.log_loss(truth, table) == pytest.approx(expected)


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(KeyError):
        metrics.encode(["b"], ["a"])


def test_log_loss_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    table = random.dirichlet(np.ones(4), size=50)
    truth = random.integers(4, size=50)
    assert metrics.log_loss(truth, table) == pytest.approx(log_loss(truth, table, labels=range(4)))


def test_the_calibration_error_of_a_worked_example() -> None:
    # Two bins: 0.95 three times, right twice; 0.55 once, wrong.
    table = np.array([[0.95, 0.05]] * 3 + [[0.55, 0.45]])
    bins = metrics.calibration(np.array([0, 0, 1, 1]), table)
    assert [b["rows"] for b in bins] == [1, 3]
    expected = (1 * 0.55 + 3 * abs(2 / 3 - 0.95)) / 4
    assert metrics.calibration_error(bins) == pytest.approx(expected)


def test_a_certain_answer_is_in_the_last_bin() -> None:
    [only] = metrics.calibration(np.array([0]), np.array([[1.0, 0.0]]))
    assert only == {"rows": 1, "confidence": 1, "accuracy": 1}


def test_coverage_counts_what_reaches_the_threshold() -> None:
    table = np.array([[0.6, 0.4], [0.59, 0.41], [0.1, 0.9]])
    found = metrics.coverage(np.array([0, 1, 0]), table, 0.6)
    assert found == {"coverage": pytest.approx(2 / 3), "covered_accuracy": 0.5}
    assert metrics.coverage(np.array([0, 1, 0]), table, 0.95)["covered_accuracy"] == 0


def spread_of_accuracy(groups: np.ndarray, right: np.ndarray, resamples: int = 4000) -> float:
    drawn = metrics.resampled_scores(np.zeros_like(right), 1 - right, 2, groups, resamples)
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
    first = list(metrics.resample(cells, 3, groups, 50))
    np.testing.assert_array_equal(first, list(metrics.resample(cells, 3, groups, 50)))
    for counts in first:
        assert counts[0] % 3 == counts[1] % 2 == 0
        assert counts[0] / 3 + counts[1] / 2 + counts[2] == 3


def test_differences_of_two_models_are_paired() -> None:
    random = np.random.default_rng(0)
    truth, groups = random.integers(3, size=200), random.integers(40, size=200)
    groups = np.unique(groups, return_inverse=True)[1]
    first = np.where(random.random(200) < 0.7, truth, 0)
    second = first.copy()
    second[groups == 0] = truth[groups == 0]
    a, b = (metrics.resampled_scores(truth, x, 3, groups, 500)["accuracy"] for x in (second, first))
    # They differ on one group alone, so that the difference is never the other way round.
    assert (a - b).min() == 0
    assert np.std(a - b) < np.std(a) / 3


def test_an_interval_holds_the_confidence_and_leaves_out_what_does_not_exist() -> None:
    drawn = np.append(np.linspace(0, 1, 1001), np.nan)
    assert metrics.interval(0.4, drawn, 0.9) == {
        "value": 0.4,
        "low": pytest.approx(0.05),
        "high": pytest.approx(0.95),
    }
