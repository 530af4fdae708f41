"""report.json has a line a feature."""

from __future__ import annotations

import pytest
from monitor_helpers.made_results import result

from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.reporting.report_document import ReportedFeature, reported_features


def line(found: CheckResult, name: str) -> ReportedFeature:
    (one,) = [line for line in reported_features(found) if line.feature == name]
    return one


def test_the_table_has_a_line_a_feature_and_one_for_what_is_missing() -> None:
    found = result()
    assert [line.feature for line in reported_features(found)] == [
        "price",
        "tokens",
        "bank",
        "text",
        "gone",
    ]
    price = line(found, "price")
    assert price.data_type == "Fractional"
    assert price.baseline_drift == found.drifts["price"].distance
    assert (price.threshold, price.method) == (0.05, "Simple")
    assert price.violations.keys() == {"baseline_drift_check"}
    assert line(found, "bank").categorical_values == pytest.approx(2 / 3)
    assert line(found, "text").categorical_values is None
    assert line(found, "gone").data_type is None
    assert line(found, "gone").violations.keys() == {"missing_column_check"}
