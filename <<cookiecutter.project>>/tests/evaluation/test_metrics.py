"""How good answers are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from categoriser.evaluation import metrics, scores
from categoriser.evaluation.evaluation_file import CalibrationBin
from categoriser.model.calibration import LEAST

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


def test_a_class_the_model_does_not_know_is_an_error_and_no_crash() -> None:
    labels = ["a", "b", "new"]
    truth = metrics.codes_of(["a", "new", "b"], labels)
    table = metrics.spread(np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]), ["a", "b"], labels)
    found = scores.scores(scores.confusion(truth, table.argmax(axis=1), 3))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["recall"].tolist() == [1, 1, 0]
    expected = -np.mean(np.log([0.9, LEAST, 0.7]))
    assert metrics.log_loss(truth, table) == pytest.approx(expected)


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(KeyError):
        metrics.codes_of(["b"], ["a"])


def test_log_loss_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    table = random.dirichlet(np.ones(4), size=50)
    truth = random.integers(4, size=50)
    assert metrics.log_loss(truth, table) == pytest.approx(log_loss(truth, table, labels=range(4)))


def test_the_calibration_error_of_a_worked_example() -> None:
    # Two bins: 0.95 three times, right twice; 0.55 once, wrong.
    table = np.array([[0.95, 0.05]] * 3 + [[0.55, 0.45]])
    bins = metrics.calibration(np.array([0, 0, 1, 1]), table)
    assert [b.rows for b in bins] == [1, 3]
    expected = (1 * 0.55 + 3 * abs(2 / 3 - 0.95)) / 4
    assert metrics.calibration_error(bins) == pytest.approx(expected)


def test_a_certain_answer_is_in_the_last_bin() -> None:
    [only] = metrics.calibration(np.array([0]), np.array([[1.0, 0.0]]))
    assert only == CalibrationBin(rows=1, confidence=1, accuracy=1)


def test_coverage_counts_what_reaches_the_threshold() -> None:
    table = np.array([[0.6, 0.4], [0.59, 0.41], [0.1, 0.9]])
    known = np.ones(3, dtype=bool)
    found = metrics.coverage(np.array([0, 1, 0]), table, 0.6, known)
    assert found.coverage == pytest.approx(2 / 3)
    assert found.covered_accuracy == 0.5
    assert metrics.coverage(np.array([0, 1, 0]), table, 0.95, known).covered_accuracy == 0
    # A text without a known word is never answered without review.
    known[0] = False
    found = metrics.coverage(np.array([0, 1, 0]), table, 0.6, known)
    assert found.coverage == pytest.approx(1 / 3)
    assert found.covered_accuracy == 0
