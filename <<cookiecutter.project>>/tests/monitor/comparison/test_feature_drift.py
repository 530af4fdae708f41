"""Which distance is taken of a feature, and which threshold it is held against."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from monitor_helpers.made_statistics import (
    FOREIGN_CONSTRAINTS,
    checks,
    descriptions,
    of,
    read_config,
)

from categoriser.monitor.comparison.constraint_checks import check_constraints
from categoriser.monitor.comparison.feature_drift import FeatureDrift, drifts_from
from categoriser.monitor.comparison.suggested_constraints import suggest_constraints
from categoriser.monitor.formats.constraints import Constraints, load_constraints
from categoriser.monitor.formats.feature_statistics import FeatureStatistics, Statistics
from categoriser.monitor.formats.sketch import Sketch
from categoriser.monitor.formats.statistics_file import dump_statistics, load_statistics

# As the prebuilt container writes them: a baseline of sketches, without types of its values.
FOREIGN_STATISTICS = """
{"version": 0.0, "dataset": {"item_count": 8}, "features": [
  {"name": "price", "inferred_type": "Integral", "numerical_statistics": {
    "common": {"num_present": 8, "num_missing": 0}, "mean": 4.5, "sum": 36.0, "std_dev": 2.29,
    "min": 1.0, "max": 8.0, "distribution": {"kll": {"buckets": [],
      "sketch": {"parameters": {"c": 0.64, "k": 2048.0}, "data": [[8.0, 7.0], [2.0, 4.0, 6.0]]}}}}},
  {"name": "city", "inferred_type": "String", "string_statistics": {
    "common": {"num_present": 8, "num_missing": 0}, "distinct_count": 2477.0}},
  {"name": "bank", "inferred_type": "String", "string_statistics": {
    "common": {"num_present": 8, "num_missing": 0}, "distinct_count": 2.0,
    "distribution": {"categorical": {"buckets": [
      {"value": "a", "count": 6}, {"value": "b", "count": 2}]}}}}]}
"""


def many(rows: int, **columns: Any) -> Statistics:
    numbers = np.arange(rows)
    return of(
        pl.DataFrame({"price": numbers / rows, "bank": np.where(numbers % 4, "a", "b")} | columns)
    )


def test_methods_and_thresholds_come_from_the_constraints_unless_given() -> None:
    before = many(1000)
    now = many(1000, price=np.arange(1000) / 1000 + 0.2, bank=["a"] * 1000)
    chance = 1.8 * math.sqrt(2 / 1000)
    drifts = drifts_from(now, before, Constraints())
    assert drifts["price"].distance == pytest.approx(0.2 - chance, abs=3e-3)
    assert (drifts["price"].threshold, drifts["price"].method) == (0.1, "Robust")
    assert drifts["bank"].distance == pytest.approx(0.25 - chance)

    simple = read_config(distribution_constraints={"comparison_method": "Simple"})
    (price, bank) = drifts_from(now, before, simple).values()
    assert price.distance == pytest.approx(0.2, abs=3e-3)
    assert (price.threshold, price.method) == (0.1, "Simple")
    assert bank.distance == pytest.approx(0.25)

    drifts = drifts_from(now, before, Constraints(), {"price": 0.3})
    assert drifts["price"] == replace(price, threshold=0.3)
    assert drifts["bank"] == replace(bank, threshold=None)
    assert not drifts["bank"].exceeded
    assert checks(check_constraints(now, suggest_constraints(before), drifts)) == []

    off = read_config(distribution_constraints={"perform_comparison": "Disabled"})
    assert drifts_from(now, before, off) == {}
    assert drifts_from(now, None, Constraints()) == {}


def test_more_is_more_drift_in_a_chi_squared_test_too() -> None:
    def drift(now: Statistics, method: str) -> FeatureDrift:
        limits = read_config(
            distribution_constraints={
                "comparison_method": method,
                "categorical_drift_method": "ChiSquared",
                "categorical_comparison_threshold": 0.05,
            }
        )
        return drifts_from(now, many(1000), limits)["bank"]

    same = many(1000)
    other = many(1000, bank=["a", "b"] * 500)
    assert drift(same, "Robust") == FeatureDrift("bank", 0.0, 0.95, "ChiSquared")
    assert drift(other, "Robust").distance == pytest.approx(1)
    assert drift(other, "Robust").exceeded
    # 500 and 500 where 750 and 250 are expected.
    assert drift(other, "Simple").distance == pytest.approx(250**2 / 750 + 250**2 / 250)
    numbers = of(pl.DataFrame({"bank": [1, 2]}))
    assert drift(numbers, "Robust").distance is None


def test_a_foreign_baseline_of_sketches_is_compared_with() -> None:
    baseline = load_statistics(json.loads(FOREIGN_STATISTICS))
    limits = load_constraints(json.loads(FOREIGN_CONSTRAINTS))
    now = of(pl.DataFrame({"price": [1.5, 9.0], "city": ["x", "y"], "bank": ["a", "c"]}))
    drifts = drifts_from(now, baseline, limits)
    # At 8 all of the baseline's values are there and half of the window's.
    assert drifts["price"] == FeatureDrift("price", 0.5, 0.9, "Simple")
    assert drifts["city"].distance is None
    assert drifts["bank"].distance == 0
    assert checks(check_constraints(now, limits, drifts)) == [("price", "data_type_check")]
    # The window's own statistics, read back, tell no types: the inferred one stands for all.
    again = load_statistics(dump_statistics(now))
    found = check_constraints(again, limits, drifts)
    assert "Only 0.0% of data is Integral" in descriptions(found)["data_type_check"]


@pytest.mark.parametrize("thresholds", [None, {"a": 0.0}])
def test_a_string_against_a_number_is_a_matter_of_types_alone(thresholds: Any) -> None:
    words, numbers = (of(pl.DataFrame({"a": values})) for values in (["x", "y"], [1, 2]))
    for now, before in ((words, numbers), (numbers, words)):
        limits = suggest_constraints(before)
        drifts = drifts_from(now, before, limits, thresholds)
        assert drifts["a"].distance is None
        assert checks(check_constraints(now, limits, drifts)) == [("a", "data_type_check")]


def test_statistics_without_distributions_are_no_drift() -> None:
    bare = Statistics(9, {"a": FeatureStatistics("a", "Fractional", 9, 0, 1.0)})
    empty = replace(bare.features["a"], sketch=Sketch({}, []))
    for before in (bare, Statistics(9, {"a": empty})):
        drifts = drifts_from(of(pl.DataFrame({"a": [1.0]})), before, Constraints())
        assert drifts["a"].distance is None
