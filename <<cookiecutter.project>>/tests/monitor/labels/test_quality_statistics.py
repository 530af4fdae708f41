"""The figures are scikit-learn's, and Model Monitor's own example's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from msgspec import to_builtins
from sklearn.metrics import accuracy_score, fbeta_score, precision_score, recall_score

from categoriser.monitor.labels.quality_statistics import quality_statistics


@settings(deadline=None, max_examples=25)
@given(arrays(np.int64, st.integers(2, 5).map(lambda k: (k, k)), elements=st.integers(0, 6)))
def test_the_figures_are_scikit_learns(counts: Any) -> None:
    if not counts.sum():
        return
    size = len(counts)
    truth, answers = (
        np.repeat(codes.ravel(), counts.ravel()) for codes in np.indices((size, size))
    )
    labels = [f"class {n}" for n in range(size)]
    statistics = quality_statistics(truth, answers, np.arange(len(truth)), labels)
    found = {name: figure.value for name, figure in statistics.figures().items()}
    best = np.full_like(truth, counts.sum(axis=1).argmax())
    how: dict[str, Any] = {"average": "weighted", "zero_division": 0, "labels": np.arange(size)}
    expected: dict[str, float] = {}
    for end, given_answers in (("", answers), ("_best_constant_classifier", best)):
        expected |= {
            f"accuracy{end}": accuracy_score(truth, given_answers),
            f"weighted_precision{end}": precision_score(truth, given_answers, **how),
            f"weighted_recall{end}": recall_score(truth, given_answers, **how),
        } | {
            f"weighted_{name}{end}": fbeta_score(truth, given_answers, beta=beta, **how)
            for name, beta in (("f0_5", 0.5), ("f1", 1), ("f2", 2))
        }
    assert found == pytest.approx(expected)
    matrix = statistics.multiclass_classification_metrics.confusion_matrix
    assert [list(row.values()) for row in matrix.values()] == counts.tolist()
    # With a right answer anywhere, no figure of the model is 0.
    assert (np.trace(counts) > 0) == all(found[name] > 0 for name in list(found)[:6])


def test_the_figures_are_those_of_model_monitors_own_example() -> None:
    """The page of AWS named in `statistics`: its confusion matrix and its figures."""
    cells = [((0, 0), 1180), ((0, 1), 510), ((1, 0), 268), ((1, 1), 138)]
    truth, answers = np.array([cell for cell, times in cells for _ in range(times)]).T
    found = quality_statistics(truth, answers, np.arange(len(truth)), ["0", "1"])
    figures = to_builtins(found)["multiclass_classification_metrics"]
    assert figures["confusion_matrix"] == {"0": {"0": 1180, "1": 510}, "1": {"0": 268, "1": 138}}
    assert figures["weighted_precision"]["value"] == pytest.approx(0.6983172269629505)
    assert figures["weighted_f0_5"]["value"] == pytest.approx(0.6803947317178771)
    assert figures["weighted_f1"]["value"] == pytest.approx(0.6571162346664904)
    assert figures["weighted_f2"]["value"] == pytest.approx(0.6384024354394601)
    # Rows that are alone in their group: the binomial's standard error.
    error = (0.62882 * 0.37118 / 2096) ** 0.5
    assert figures["accuracy"]["standard_deviation"] == pytest.approx(error, rel=0.15)


def test_merchants_not_rows_are_what_a_standard_deviation_counts() -> None:
    truth = np.zeros(4000, dtype=np.int64)
    answers = np.repeat(np.arange(40) % 4 == 0, 100).astype(np.int64)
    alone, together = (
        quality_statistics(truth, answers, groups, ["a", "b"]).figures()["accuracy"]
        for groups in (np.arange(4000), np.repeat(np.arange(40), 100))
    )
    assert alone.value == together.value == 0.75
    assert together.standard_deviation > 7 * alone.standard_deviation
