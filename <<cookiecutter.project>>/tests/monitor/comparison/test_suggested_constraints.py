"""Constraints that a baseline suggests."""

from __future__ import annotations

import polars as pl
from monitor_helpers.made_statistics import frame, judge, of

from categoriser.monitor.comparison.suggested_constraints import suggest_constraints


def test_constraints_are_suggested_that_the_baseline_meets() -> None:
    baseline = of(frame(price=[0.0, 0.5, None, 4.0], id=[f"{n}x" for n in range(4)]))
    limits = suggest_constraints(baseline, {"bank": ["a", "b", "c", "d"]})
    assert limits.plain()["features"] == [
        {
            "name": "price",
            "inferred_type": "Fractional",
            "completeness": 0.75,
            "num_constraints": {"is_non_negative": True},
        },
        {
            "name": "count",
            "inferred_type": "Integral",
            "completeness": 1.0,
            "num_constraints": {"is_non_negative": False},
        },
        {
            "name": "bank",
            "inferred_type": "String",
            "completeness": 1.0,
            "string_constraints": {"domains": ["a", "b", "c", "d"]},
        },
        {
            "name": "id",
            "inferred_type": "String",
            "completeness": 1.0,
            "string_constraints": {"domains": ["0x", "1x", "2x", "3x"]},
        },
    ]
    config = limits.plain()["monitoring_config"]
    assert config["distribution_constraints"]["comparison_method"] == "Robust"
    assert judge(baseline, baseline, limits) == []


def test_a_string_of_many_values_gets_no_domain() -> None:
    baseline = of(pl.DataFrame({"id": [f"row {n}" for n in range(101)]}))
    assert suggest_constraints(baseline).features[0].string_constraints is None
