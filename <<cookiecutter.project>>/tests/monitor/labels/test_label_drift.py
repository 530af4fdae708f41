"""Labels unlike training's are a violation."""

from __future__ import annotations

import pytest
from monitor_helpers.made_labels import measured

from categoriser.monitor.formats.violations import Violation
from categoriser.params import Params


def test_labels_unlike_trainings_are_a_violation_in_model_monitors_words(params: Params) -> None:
    same = ["bills"] * 200 + ["food"] * 500 + ["travel"] * 300
    assert measured(same, same, params).violations == []
    other = ["bills"] * 400 + ["food"] * 300 + ["travel"] * 300
    found = measured(other, other, params)
    [violation] = found.violations
    # A class of half the rows varies most.
    threshold = 0.05 + 3 * (0.25 * (1 / 1000 + 1 / 10_000)) ** 0.5
    assert found.drift.distance == pytest.approx(0.2)
    assert found.drift.threshold == pytest.approx(threshold)
    assert violation == Violation(
        "ground_truth",
        "baseline_drift_check",
        f"Baseline drift distance: 0.2 exceeds threshold: {threshold:.6g}",
    )
