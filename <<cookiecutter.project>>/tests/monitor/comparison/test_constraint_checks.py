"""What is against the constraints, in the container's words."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest
from monitor_helpers.made_statistics import checks, descriptions, frame, judge, of, read_config
from msgspec import to_builtins

from categoriser.monitor.comparison.constraint_checks import (
    check_constraints,
    check_quality_constraints,
    in_domain,
)
from categoriser.monitor.comparison.feature_drift import drifts_from
from categoriser.monitor.comparison.suggested_constraints import (
    suggest_constraints,
    suggest_quality_constraints,
)
from categoriser.monitor.formats.constraints import (
    load_constraints,
    load_quality_constraints,
)
from categoriser.monitor.formats.feature_statistics import FeatureStatistics, Statistics
from categoriser.monitor.formats.quality_figures import QualityFigure
from categoriser.monitor.formats.violations import violations_file


def test_a_string_of_many_values_has_a_distance_and_a_share_in_a_known_domain() -> None:
    values = [f"row {n}" for n in range(100)]
    baseline = of(pl.DataFrame({"id": values}))
    now = of(pl.DataFrame({"id": [*values, *[f"new {n}" for n in range(25)]]}))
    limits = suggest_constraints(baseline)
    assert in_domain(now.features["id"], limits.features[0]) == 0.8
    drift = drifts_from(now, baseline, limits, {})["id"]
    assert drift.distance == pytest.approx(1 / 125)


def test_the_violations_have_the_containers_wording() -> None:
    before = frame(price=[1.0, 2.0, 3.0, 4.0], text=["a b", "c d", "e f", "g h"], gone=[1, 2, 3, 4])
    limits = suggest_constraints(of(before), {"text": ["a b", "c d"]})
    now = of(
        frame(
            price=[None, 2.0, 3.0, 4.0],
            count=["1.5", "2", "3.5", "-4"],
            text=["a b", "c d", "x", "y"],
            new=[1, 1, 1, 1],
        )
    )
    found = judge(now, of(before), limits, {"count": 0.2})
    assert sorted(checks(found)) == sorted(
        [
            ("gone", "missing_column_check"),
            ("price", "completeness_check"),
            ("count", "data_type_check"),
            ("count", "baseline_drift_check"),
            ("text", "categorical_values_check"),
            ("new", "extra_column_check"),
        ]
    )
    said = descriptions(found)
    assert said["data_type_check"] == (
        "Data type match requirement is not met. Expected data type: Integral, "
        "Expected match: 100.0%. Observed: Only 50.0% of data is Integral."
    )
    assert said["missing_column_check"] == (
        "There are missing columns in current dataset. Number of columns in current dataset: 5, "
        "Number of columns in baseline constraints: 5"
    )
    assert said["extra_column_check"].startswith("There are extra columns in current dataset. Num")
    assert "Expected completeness: 100.0%. Observed: Only 75.0%" in said["completeness_check"]
    assert "Expected match: 100.0%. Observed: Only 50.0%" in said["categorical_values_check"]
    drift = re.search("distance: (.+) exceeds threshold: (.+)", said["baseline_drift_check"])
    assert drift
    assert [float(group) for group in drift.groups()] == [0.25, 0.2]
    assert to_builtins(violations_file(found))["violations"][0] == {
        "feature_name": "price",
        "constraint_check_type": "completeness_check",
        "description": said["completeness_check"],
    }


@pytest.mark.parametrize(
    ("expected", "values", "match"),
    [
        ("Integral", [1, 2], 1.0),
        ("Fractional", [1, 2], 1.0),
        ("Fractional", [1.5, 2.0], 1.0),
        ("Integral", ["1.5", "2"], 0.5),
        ("Integral", [1.5, 2.0], 0.0),
        ("Integral", ["1", "x"], 0.5),
        ("String", ["1", "x"], 1.0),
        ("String", ["1", "2"], 0.0),
        ("String", [1.5, 2.5], 0.0),
        ("Unknown", ["x"], 1.0),
        ("Integral", [None, 3], 1.0),
        ("Integral", [None, None], 1.0),
    ],
)
def test_data_types_match_as_in_deequ(expected: str, values: list[Any], match: float) -> None:
    now = of(pl.DataFrame({"a": values}, strict=False))
    limits = load_constraints({"features": [{"name": "a", "inferred_type": expected}]})
    found = descriptions(check_constraints(now, limits, {}))
    if match == 1:
        assert found == {}
    else:
        assert f"Only {100 * match}% of data is {expected}." in found["data_type_check"]
        lenient = limits.model_copy(
            update={
                "monitoring_config": read_config(datatype_check_threshold=match).monitoring_config
            }
        )
        assert check_constraints(now, lenient, {}) == []


def test_a_window_without_rows_breaks_nothing() -> None:
    before = of(frame())
    empty = Statistics(
        0, {name: FeatureStatistics(name, "Unknown", 0, 0, 0.0) for name in before.features}
    )
    drifts = drifts_from(empty, before, suggest_constraints(before))
    assert {drift.distance for drift in drifts.values()} == {None}
    assert check_constraints(empty, suggest_constraints(before), drifts) == []
    assert check_constraints(Statistics(0, {}), suggest_constraints(before), {}) == []


def test_checks_are_switched_off_for_all_or_for_one() -> None:
    before = of(frame())
    now = of(frame(bank=["x"] * 4, price=["a", "b", "c", "d"]))
    document = suggest_constraints(before).plain()
    assert checks(judge(now, before, load_constraints(document))) == [
        ("price", "data_type_check"),
        ("bank", "categorical_values_check"),
    ]
    document["features"][2]["monitoringConfigOverrides"] = {"evaluate_constraints": "disabled"}
    assert checks(judge(now, before, load_constraints(document))) == [("price", "data_type_check")]
    document["monitoring_config"]["evaluate_constraints"] = "Disabled"
    assert judge(now, before, load_constraints(document)) == []


def test_too_many_values_to_count_are_in_no_domain() -> None:
    limits = load_constraints(
        {"features": [{"name": "a", "string_constraints": {"domains": ["x"]}}]}
    )
    now = Statistics(9, {"a": FeatureStatistics("a", "String", 9, 0, 1.0)})
    assert checks(check_constraints(now, limits, {})) == [("a", "categorical_values_check")]


FIGURES = {
    "accuracy": QualityFigure(0.9, 0.01),
    "weighted_f2": QualityFigure(0.43, 0.01),
    "accuracy_best_constant_classifier": QualityFigure(0.2, 0.01),
}


def test_model_quality_may_not_fall() -> None:
    limits = suggest_quality_constraints({name: figure.value for name, figure in FIGURES.items()})
    assert limits.plain() == {
        "version": 0.0,
        "multiclass_classification_constraints": {
            "accuracy": {"threshold": 0.9, "comparison_operator": "LessThanThreshold"},
            "weighted_f2": {"threshold": 0.43, "comparison_operator": "LessThanThreshold"},
        },
    }
    assert check_quality_constraints(FIGURES, limits) == []
    document = limits.plain()
    document["multiclass_classification_constraints"]["weighted_f2"]["threshold"] = 0.5
    document["multiclass_classification_constraints"]["accuracy"] |= {
        "threshold": 0.8,
        "comparison_operator": "GreaterThanThreshold",
    }
    document["multiclass_classification_constraints"]["not_measured"] = {
        "threshold": 0.5,
        "comparison_operator": "LessThanThreshold",
    }
    found = check_quality_constraints(FIGURES, load_quality_constraints(document))
    assert to_builtins(violations_file(found)) == {
        "violations": [
            {
                "metric_name": "accuracy",
                "constraint_check_type": "GreaterThanThreshold",
                "description": "Metric accuracy with 0.9 +/- 0.01 was GreaterThanThreshold '0.8'",
            },
            {
                "metric_name": "weighted_f2",
                "constraint_check_type": "LessThanThreshold",
                "description": "Metric weighted_f2 with 0.43 +/- 0.01 was LessThanThreshold '0.5'",
            },
        ]
    }
