"""Distances, and constraints suggested, read, written and checked."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from categoriser.errors import UserError
from categoriser.monitor.formats import constraints, distances, statistics
from categoriser.monitor.formats.constraints import Constraints, Drift, Violation
from categoriser.monitor.formats.sketch import Sketch
from categoriser.monitor.formats.statistics import Feature, Statistics
from categoriser.monitor.summary import summarise

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
FOREIGN_CONSTRAINTS = """
{"version": 0.0, "features": [
  {"name": "price", "inferred_type": "Integral", "completeness": 1.0,
   "num_constraints": {"is_non_negative": true}, "monitoring_config_overrides": {
     "distribution_constraints": {
       "comparison_threshold": 0.9, "comparison_method": "linf_simple"}}},
  {"name": "city", "inferred_type": "String", "completeness": 0.5},
  {"name": "bank", "inferred_type": "String", "completeness": 1.0,
   "string_constraints": {"domains": ["a", "b"]}, "note": "ours",
   "monitoringConfigOverrides": {"domain_content_threshold": 0.5}}],
 "monitoring_config": {"evaluate_constraints": "Enabled", "emit_metrics": "Enabled",
   "datatype_check_threshold": 1.0, "domain_content_threshold": 1.0, "since": 2019,
   "distribution_constraints": {"perform_comparison": "Enabled", "comparison_threshold": 0.1,
     "comparison_method": "Robust"}}}
"""


def of(frame: pl.DataFrame) -> Statistics:
    return statistics.of_summary(summarise(frame.to_arrow().to_batches()))


def read(**config: Any) -> Constraints:
    return constraints.load({"monitoring_config": config})


def checks(found: list[Violation]) -> list[tuple[str, str]]:
    return [(violation.feature_name, violation.constraint_check_type) for violation in found]


def judge(
    current: Statistics, baseline: Statistics, limits: Constraints, thresholds: Any = None
) -> list[Violation]:
    drifts = constraints.compare(current, baseline, limits, thresholds)
    return constraints.check(current, limits, drifts)


# Distances.

WEIGHTED = st.lists(
    st.tuples(
        st.sampled_from([-3.5, -1.0, 0.0, 1.0, 1.5, 2.0, 7.0]) | st.floats(-1e9, 1e9),
        st.integers(1, 8),
    ),
    min_size=1,
    max_size=20,
)
COUNTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 50), min_size=1)


def expanded(pairs: list[tuple[float, int]]) -> list[float]:
    return [value for value, weight in pairs for _ in range(weight)]


def arrays(pairs: list[tuple[float, int]]) -> distances.Weighted:
    values, weights = zip(*sorted(pairs), strict=True)
    return np.array(values, dtype=float), np.array(weights, dtype=float)


@settings(deadline=None)
@given(WEIGHTED, WEIGHTED)
def test_the_simple_distance_is_the_largest_gap_of_the_distribution_functions(
    one: list[tuple[float, int]], other: list[tuple[float, int]]
) -> None:
    rows, more = expanded(one), expanded(other)
    gaps = [
        abs(sum(v <= at for v in rows) / len(rows) - sum(v <= at for v in more) / len(more))
        for at in {*rows, *more}
    ]
    assert distances.linf_simple(arrays(one), arrays(other)) == pytest.approx(max(gaps), abs=1e-12)


def test_a_distance_to_nothing_is_not_a_number() -> None:
    some, none = arrays([(1.0, 1)]), (np.array([]), np.array([]))
    assert math.isnan(distances.linf_simple(some, none))
    assert math.isnan(distances.linf_simple(none, some))
    assert math.isnan(distances.linf_categories({}, {"a": 1}))
    assert math.isnan(distances.linf_robust(0.5, 0, 9))
    assert math.isnan(distances.linf_robust(math.nan, 9, 9))
    assert math.isnan(distances.psi([0, 0], [1, 2]))


def test_the_robust_distance_takes_off_what_chance_gives() -> None:
    assert distances.linf_robust(0.5, 100, 400) == pytest.approx(0.5 - 1.8 * math.sqrt(500 / 40000))
    # Two samples of Kolmogorov and Smirnov at 5 %: the tables' 1.358.
    assert distances.linf_robust(0.5, 100, 400, alpha=0.05) == pytest.approx(
        0.5 - 1.3581 * math.sqrt(500 / 40000), abs=1e-5
    )
    assert distances.linf_robust(0.1, 10, 10) == 0


@settings(deadline=None)
@given(COUNTS, COUNTS)
def test_the_categorical_distance_is_the_largest_difference_of_shares(
    one: dict[str, int], other: dict[str, int]
) -> None:
    rows, more = ([name for name, n in counts.items() for _ in range(n)] for counts in (one, other))
    largest = max(
        abs(rows.count(name) / len(rows) - more.count(name) / len(more)) for name in "abcdefgh"
    )
    assert distances.linf_categories(one, other) == pytest.approx(largest, abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(50, 90)), min_size=2, max_size=8))
def test_chi_squared_is_scipys_where_no_category_is_small(pairs: list[tuple[int, int]]) -> None:
    seen, expected = (np.array(column) for column in zip(*pairs, strict=True))
    if (expected * seen.sum() / expected.sum()).min() < 10:
        return
    names = "abcdefgh"[: len(seen)]
    test = distances.chi_squared(
        dict(zip(names, seen.tolist(), strict=True)),
        dict(zip(names, expected.tolist(), strict=True)),
    )
    theirs = stats.chisquare(seen, expected * seen.sum() / expected.sum())
    assert test.statistic == pytest.approx(theirs.statistic)
    assert test.p_value == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize(
    ("seen", "expected", "groups"),
    [
        # One of five may be under five.
        (
            {"a": 30, "b": 20, "c": 20, "d": 20, "e": 10},
            {"a": 28, "b": 22, "c": 24, "d": 22, "e": 4},
            [(30, 28), (20, 22), (20, 24), (20, 22), (10, 4)],
        ),
        # Two of five may not: e joins d, and their sum is large enough.
        (
            {"a": 30, "b": 30, "c": 30, "d": 4, "e": 6},
            {"a": 32, "b": 31, "c": 30, "d": 4, "e": 3},
            [(30, 32), (30, 31), (30, 30), (10, 7)],
        ),
        # Three become two, which need ten each: a group of nine joins what is left.
        ({"a": 90, "b": 5, "c": 5}, {"a": 91, "b": 5, "c": 4}, None),
        # Expected counts are scaled to the sample's, whose unknown category is left out.
        ({"a": 60, "b": 40, "x": 99}, {"a": 500, "b": 500}, [(60, 50), (40, 50)]),
        # All in one category is drift, and no reason to give up.
        ({"a": 100}, {"a": 50, "b": 50}, [(100, 50), (0, 50)]),
        ({"a": 100}, {"a": 100}, None),
        ({"x": 100}, {"a": 50, "b": 50}, None),
        ({}, {"a": 50, "b": 50}, None),
    ],
)
def test_small_categories_are_merged(
    seen: dict[str, int], expected: dict[str, int], groups: list[tuple[int, int]] | None
) -> None:
    test = distances.chi_squared(seen, expected)
    if groups is None:
        assert all(map(math.isnan, test))
    else:
        observed, scaled = zip(*groups, strict=True)
        theirs = stats.chisquare(observed, scaled)
        assert test.statistic == pytest.approx(theirs.statistic)
        assert test.p_value == pytest.approx(theirs.pvalue)


def test_the_stability_index_is_its_formulas() -> None:
    p, q = (0.6, 0.4), (0.5, 0.5)
    value = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert distances.psi([60, 40], [100, 100]) == pytest.approx(value)
    assert distances.psi([3, 7], [30, 70]) == pytest.approx(0)
    assert math.isfinite(distances.psi([0, 9], [9, 0]))


# Reading and writing.


def test_a_foreign_file_is_read_and_what_is_unknown_in_it_stays() -> None:
    limits = constraints.load(json.loads(FOREIGN_CONSTRAINTS))
    price = limits.config("price").distribution_constraints
    assert (price.comparison_threshold, price.comparison_method) == (0.9, "Simple")
    assert price.perform_comparison == "Enabled"
    assert limits.config("city").distribution_constraints.comparison_threshold == 0.1
    assert limits.config("bank").domain_content_threshold == 0.5
    assert limits.config("bank").distribution_constraints.comparison_method == "Robust"
    written = constraints.dump(limits)
    assert written["features"][2]["note"] == "ours"
    assert written["monitoring_config"]["since"] == 2019
    assert "monitoringConfigOverrides" in written["features"][0]
    assert constraints.load(json.loads(json.dumps(written))) == limits


def test_an_override_changes_what_it_names_and_no_more() -> None:
    config = constraints.load(
        {
            "monitoring_config": {
                "datatype_check_threshold": 0.5,
                "distribution_constraints": {"comparison_threshold": 0.3},
            },
            "features": [
                {
                    "name": "a",
                    "monitoringConfigOverrides": {
                        "emit_metrics": "Disabled",
                        "distribution_constraints": {"comparison_method": "Simple"},
                    },
                }
            ],
        }
    ).config("a")
    assert (config.emit_metrics, config.datatype_check_threshold) == ("Disabled", 0.5)
    assert config.distribution_constraints.comparison_method == "Simple"
    assert config.distribution_constraints.comparison_threshold == 0.3


@pytest.mark.parametrize("spelling", ["Robust", "robust", "linf_robust", "LINF_ROBUST"])
def test_methods_are_read_in_every_spelling(spelling: str) -> None:
    config = read(
        distribution_constraints={
            "comparison_method": spelling,
            "categorical_drift_method": "chisquared",
        }
    ).config("any")
    assert config.distribution_constraints.comparison_method == "Robust"
    assert config.distribution_constraints.categorical_drift_method == "ChiSquared"


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ([], "the whole"),
        ({"features": [{"inferred_type": "String"}]}, "features.0.name"),
        (
            {"features": [{"name": "a", "inferred_type": "Text"}]},
            "features.0.inferred_type",
        ),
        (
            {"features": [{"name": "a", "monitoringConfigOverrides": {"emit_metrics": "no"}}]},
            "features.0.monitoringConfigOverrides.emit_metrics",
        ),
        (
            {"monitoring_config": {"distribution_constraints": {"comparison_threshold": "x"}}},
            "monitoring_config.distribution_constraints.comparison_threshold",
        ),
    ],
)
def test_an_error_names_the_key(document: object, key: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"{key}: ")):
        constraints.load(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["features", "monitoring_config", "name", "domains", "overrides", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(JSON)
def test_any_document_is_read_or_refused(document: Any) -> None:
    try:
        limits = constraints.load(document)
    except UserError:
        return
    assert constraints.load(constraints.dump(limits)).config("x")


# Suggesting.


def frame(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame(
        {"price": [1.5, 2.0, None, 4.0], "count": [1, 2, 3, -4], "bank": ["a", "a", "b", "c"]}
        | columns
    )


def test_constraints_are_suggested_that_the_baseline_meets() -> None:
    baseline = of(frame(price=[0.0, 0.5, None, 4.0], id=[f"{n}x" for n in range(4)]))
    limits = constraints.suggest(baseline, {"bank": ["a", "b", "c", "d"]})
    assert constraints.dump(limits)["features"] == [
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
    config = constraints.dump(limits)["monitoring_config"]
    assert config["distribution_constraints"]["comparison_method"] == "Robust"
    assert judge(baseline, baseline, limits) == []


def test_a_string_of_many_values_gets_no_domain() -> None:
    baseline = of(pl.DataFrame({"id": [f"row {n}" for n in range(101)]}))
    assert constraints.suggest(baseline).features[0].string_constraints is None


def test_a_string_of_many_values_has_a_distance_and_a_share_in_a_known_domain() -> None:
    values = [f"row {n}" for n in range(100)]
    baseline = of(pl.DataFrame({"id": values}))
    now = of(pl.DataFrame({"id": [*values, *[f"new {n}" for n in range(25)]]}))
    limits = constraints.suggest(baseline)
    assert constraints.in_domain(now.features["id"], limits.features[0]) == 0.8
    drift = constraints.compare(now, baseline, limits, {})["id"]
    assert drift.distance == pytest.approx(1 / 125)


# Checking.


def texts(found: list[Violation]) -> dict[str, str]:
    return {violation.constraint_check_type: violation.description for violation in found}


def test_the_violations_have_the_containers_wording() -> None:
    before = frame(price=[1.0, 2.0, 3.0, 4.0], text=["a b", "c d", "e f", "g h"], gone=[1, 2, 3, 4])
    limits = constraints.suggest(of(before), {"text": ["a b", "c d"]})
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
    said = texts(found)
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
    assert constraints.dump_violations(found)["violations"][0] == {
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
    limits = constraints.load({"features": [{"name": "a", "inferred_type": expected}]})
    found = texts(constraints.check(now, limits, {}))
    if match == 1:
        assert found == {}
    else:
        assert f"Only {100 * match}% of data is {expected}." in found["data_type_check"]
        lenient = limits.model_copy(
            update={"monitoring_config": read(datatype_check_threshold=match).monitoring_config}
        )
        assert constraints.check(now, lenient, {}) == []


def test_a_window_without_rows_breaks_nothing() -> None:
    before = of(frame())
    empty = Statistics(0, {name: Feature(name, "Unknown", 0, 0, 0.0) for name in before.features})
    drifts = constraints.compare(empty, before, constraints.suggest(before))
    assert {drift.distance for drift in drifts.values()} == {None}
    assert constraints.check(empty, constraints.suggest(before), drifts) == []
    assert constraints.check(Statistics(0, {}), constraints.suggest(before), {}) == []


def test_checks_are_switched_off_for_all_or_for_one() -> None:
    before, now = of(frame()), of(frame(bank=["x"] * 4, price=["a", "b", "c", "d"]))
    document = constraints.dump(constraints.suggest(before))
    assert checks(judge(now, before, constraints.load(document))) == [
        ("price", "data_type_check"),
        ("bank", "categorical_values_check"),
    ]
    document["features"][2]["monitoringConfigOverrides"] = {"evaluate_constraints": "disabled"}
    assert checks(judge(now, before, constraints.load(document))) == [("price", "data_type_check")]
    document["monitoring_config"]["evaluate_constraints"] = "Disabled"
    assert judge(now, before, constraints.load(document)) == []


def many(rows: int, **columns: Any) -> Statistics:
    numbers = np.arange(rows)
    return of(
        pl.DataFrame({"price": numbers / rows, "bank": np.where(numbers % 4, "a", "b")} | columns)
    )


def test_methods_and_thresholds_come_from_the_constraints_unless_given() -> None:
    before, now = many(1000), many(1000, price=np.arange(1000) / 1000 + 0.2, bank=["a"] * 1000)
    chance = 1.8 * math.sqrt(2 / 1000)
    drifts = constraints.compare(now, before, Constraints())
    assert drifts["price"].distance == pytest.approx(0.2 - chance, abs=3e-3)
    assert (drifts["price"].threshold, drifts["price"].method) == (0.1, "Robust")
    assert drifts["bank"].distance == pytest.approx(0.25 - chance)

    simple = read(distribution_constraints={"comparison_method": "Simple"})
    (price, bank) = constraints.compare(now, before, simple).values()
    assert price.distance == pytest.approx(0.2, abs=3e-3)
    assert (price.threshold, price.method) == (0.1, "Simple")
    assert bank.distance == pytest.approx(0.25)

    drifts = constraints.compare(now, before, Constraints(), {"price": 0.3})
    assert drifts["price"] == replace(price, threshold=0.3)
    assert drifts["bank"] == replace(bank, threshold=None)
    assert not drifts["bank"].exceeded
    assert checks(constraints.check(now, constraints.suggest(before), drifts)) == []

    off = read(distribution_constraints={"perform_comparison": "Disabled"})
    assert constraints.compare(now, before, off) == {}
    assert constraints.compare(now, None, Constraints()) == {}


def test_more_is_more_drift_in_a_chi_squared_test_too() -> None:
    def drift(now: Statistics, method: str) -> Drift:
        limits = read(
            distribution_constraints={
                "comparison_method": method,
                "categorical_drift_method": "ChiSquared",
                "categorical_comparison_threshold": 0.05,
            }
        )
        return constraints.compare(now, many(1000), limits)["bank"]

    same, other = many(1000), many(1000, bank=["a", "b"] * 500)
    assert drift(same, "Robust") == Drift("bank", 0.0, 0.95, "ChiSquared")
    assert drift(other, "Robust").distance == pytest.approx(1)
    assert drift(other, "Robust").exceeded
    # 500 and 500 where 750 and 250 are expected.
    assert drift(other, "Simple").distance == pytest.approx(250**2 / 750 + 250**2 / 250)
    numbers = of(pl.DataFrame({"bank": [1, 2]}))
    assert drift(numbers, "Robust").distance is None


def test_a_foreign_baseline_of_sketches_is_compared_with() -> None:
    baseline = statistics.load(json.loads(FOREIGN_STATISTICS))
    limits = constraints.load(json.loads(FOREIGN_CONSTRAINTS))
    now = of(
        pl.DataFrame({"price": [1.5, 9.0], "city": ["x", "y"], "bank": ["a", "c"]}),
    )
    drifts = constraints.compare(now, baseline, limits)
    # At 8 all of the baseline's values are there and half of the window's.
    assert drifts["price"] == Drift("price", 0.5, 0.9, "Simple")
    assert drifts["city"].distance is None
    assert drifts["bank"].distance == 0
    assert checks(constraints.check(now, limits, drifts)) == [("price", "data_type_check")]
    # The window's own statistics, read back, tell no types: the inferred one stands for all.
    again = statistics.load(statistics.dump(now))
    found = constraints.check(again, limits, drifts)
    assert "Only 0.0% of data is Integral" in texts(found)["data_type_check"]


@pytest.mark.parametrize("thresholds", [None, {"a": 0.0}])
def test_a_string_against_a_number_is_a_matter_of_types_alone(thresholds: Any) -> None:
    words, numbers = (of(pl.DataFrame({"a": values})) for values in (["x", "y"], [1, 2]))
    for now, before in ((words, numbers), (numbers, words)):
        limits = constraints.suggest(before)
        drifts = constraints.compare(now, before, limits, thresholds)
        assert drifts["a"].distance is None
        assert checks(constraints.check(now, limits, drifts)) == [("a", "data_type_check")]


def test_statistics_without_distributions_are_no_drift() -> None:
    bare = Statistics(9, {"a": Feature("a", "Fractional", 9, 0, 1.0)})
    empty = replace(bare.features["a"], sketch=Sketch({}, []))
    for before in (bare, Statistics(9, {"a": empty})):
        drifts = constraints.compare(of(pl.DataFrame({"a": [1.0]})), before, Constraints())
        assert drifts["a"].distance is None


def test_too_many_values_to_count_are_in_no_domain() -> None:
    limits = constraints.load(
        {"features": [{"name": "a", "string_constraints": {"domains": ["x"]}}]}
    )
    now = Statistics(9, {"a": Feature("a", "String", 9, 0, 1.0)})
    assert checks(constraints.check(now, limits, {})) == [("a", "categorical_values_check")]


# Model quality.

METRICS = {
    "accuracy": {"value": 0.9, "standard_deviation": 0.01},
    "weighted_f2": {"value": 0.43, "standard_deviation": 0.01},
    "accuracy_best_constant_classifier": {"value": 0.2, "standard_deviation": 0.01},
}


def test_model_quality_may_not_fall() -> None:
    limits = constraints.suggest_quality(METRICS)
    assert constraints.dump(limits) == {
        "version": 0.0,
        "multiclass_classification_constraints": {
            "accuracy": {"threshold": 0.9, "comparison_operator": "LessThanThreshold"},
            "weighted_f2": {"threshold": 0.43, "comparison_operator": "LessThanThreshold"},
        },
    }
    assert constraints.check_quality(METRICS, limits) == []
    document = constraints.dump(limits)
    document["multiclass_classification_constraints"]["weighted_f2"]["threshold"] = 0.5
    document["multiclass_classification_constraints"]["accuracy"] |= {
        "threshold": 0.8,
        "comparison_operator": "GreaterThanThreshold",
    }
    document["multiclass_classification_constraints"]["not_measured"] = {
        "threshold": 0.5,
        "comparison_operator": "LessThanThreshold",
    }
    found = constraints.check_quality(METRICS, constraints.load_quality(document))
    assert constraints.dump_violations(found) == {
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


def test_an_error_in_quality_constraints_names_the_key() -> None:
    with pytest.raises(UserError, match=r"multiclass_classification_constraints\.f1\.threshold: "):
        constraints.load_quality({"multiclass_classification_constraints": {"f1": {}}})
