"""Figures of confusion matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from categoriser.evaluation import scores

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@settings(deadline=None)
@given(pairs)
def test_scores_are_those_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    truth, answers = np.array(rows).T
    found = scores.scores(scores.confusion(truth, answers, 5))
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, answers))
    present = np.unique(truth)
    assert found["macro_f1"] == pytest.approx(
        f1_score(truth, answers, labels=present, average="macro", zero_division=0)
    )
    by_class = precision_recall_fscore_support(truth, answers, labels=range(5), zero_division=0)
    for name, expected in zip(("precision", "recall", "f1", "support"), by_class, strict=True):
        np.testing.assert_allclose(found[name], expected)


def test_the_means_of_resamples_are_those_of_the_rows_of_the_drawn_groups() -> None:
    groups = np.array([0, 0, 0, 1, 2, 2])
    right = np.array([1.0, 0, 1, 1, 0, 0])
    # A row's cell says whether it is right: the same draws count both.
    counts = list(scores.resample(right.astype(np.int64), 2, groups, 50))
    shares = [cells[1] / cells.sum() for cells in counts]
    np.testing.assert_allclose(scores.resampled_means(right, groups, 50), shares)
    assert len(set(shares)) > 5
