"""statistics.json is written as Model Monitor's container writes it, and anyone's is read."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monitor_helpers.made_statistics import NUMBER, VALUE, batch, feature

from categoriser.errors import UserError
from categoriser.monitor.formats.feature_statistics import Statistics
from categoriser.monitor.formats.statistics_file import dump_statistics, load_statistics
from categoriser.monitor.summaries.summary import summarise
from categoriser.monitor.summaries.summary_statistics import statistics_of

# As the prebuilt container writes it: bare NaN, levels that are not sorted, keys not known here.
FOREIGN = """
{"version": 0.0, "dataset": {"item_count": 7}, "features": [
  {"name": "price", "inferred_type": "Fractional", "numerical_statistics": {
    "common": {"num_present": 6, "num_missing": 1},
    "mean": 4.0, "sum": 24.0, "std_dev": 2.0, "min": 1.0, "max": 9.5,
    "distribution": {"kll": {
      "buckets": [{"lower_bound": 1.0, "upper_bound": 9.5, "count": 6.0}],
      "sketch": {"parameters": {"c": 0.64, "k": 2048.0}, "data": [[9.5, NaN, 1.0], [7.25, 3]]}}}}},
  {"name": "Day Mins", "inferred_type": "Integral", "numerical_statistics": {
    "common": {"num_present": 7, "num_missing": 0}, "mean": NaN, "completeness": 1.0,
    "approximate_num_distinct_values": 5, "distribution": {}}},
  {"name": "category", "inferred_type": "String", "string_statistics": {
    "common": {"num_present": 7, "num_missing": 0}, "distinct_count": 2.0, "completeness": 1.0,
    "distribution": {"categorical": {"buckets": [
      {"value": "travel", "count": 5}, {"value": "groceries", "count": 2}]}}}},
  {"name": "city", "inferred_type": "String", "string_statistics": {
    "common": {"num_present": 7, "num_missing": 0}, "distinct_count": 7.0, "completeness": 1.0}},
  {"name": "nothing", "inferred_type": "Unknown"}]}
"""


@given(st.lists(st.tuples(VALUE, NUMBER, st.sampled_from(["a", None])), max_size=300))
@settings(deadline=None, max_examples=100)
def test_what_is_written_reads_back(rows: list[tuple[Any, ...]]) -> None:
    schema = {"text": pl.String, "price": pl.Float64, "country": pl.String}
    table = pl.DataFrame(rows, schema=schema, orient="row")
    before = statistics_of(summarise(table.to_arrow().to_batches()))
    after = load_statistics(json.loads(json.dumps(dump_statistics(before), allow_nan=False)))
    typeless = {name: dataclasses.replace(one, types={}) for name, one in before.features.items()}
    assert after == Statistics(before.item_count, typeless)


def test_the_document_has_the_containers_form() -> None:
    parts = batch(price=[0.0, 1.0, 10.0, None], category=["b", "a", "b", "a"], nothing=[None] * 4)
    document = dump_statistics(statistics_of(summarise([parts])))
    bounds = [float(n) for n in range(11)]
    counts = [1.0, 1.0, *[0.0] * 7, 1.0]
    assert document == {
        "version": 0.0,
        "dataset": {"item_count": 4},
        "features": [
            {
                "name": "price",
                "inferred_type": "Fractional",
                "numerical_statistics": {
                    "common": {"num_present": 3, "num_missing": 1},
                    "mean": pytest.approx(11 / 3),
                    "sum": pytest.approx(11),
                    "std_dev": pytest.approx(np.std([0, 1, 10])),
                    "min": 0.0,
                    "max": 10.0,
                    "approximate_num_distinct_values": 3,
                    "completeness": 0.75,
                    "distribution": {
                        "kll": {
                            "buckets": [
                                {"lower_bound": low, "upper_bound": high, "count": count}
                                for low, high, count in zip(
                                    bounds[:-1], bounds[1:], counts, strict=True
                                )
                            ],
                            "sketch": {
                                "parameters": {"c": 0.64, "k": 2048.0},
                                "data": [[10.0, 1.0, 0.0]],
                            },
                        }
                    },
                },
            },
            {
                "name": "category",
                "inferred_type": "String",
                "string_statistics": {
                    "common": {"num_present": 4, "num_missing": 0},
                    "distinct_count": 2.0,
                    "completeness": 1.0,
                    "distribution": {
                        "categorical": {
                            "buckets": [{"value": "a", "count": 2}, {"value": "b", "count": 2}]
                        }
                    },
                },
            },
            {
                "name": "nothing",
                "inferred_type": "Unknown",
                "string_statistics": {
                    "common": {"num_present": 0, "num_missing": 4},
                    "distinct_count": 0.0,
                    "completeness": 0.0,
                },
            },
        ],
    }


def test_buckets_count_every_value_also_where_there_is_one() -> None:
    for values in ([5.0] * 9, np.random.default_rng(5).normal(size=50_000)):
        document = dump_statistics(statistics_of(summarise([batch(x=values)])))
        numeric = document["features"][0]["numerical_statistics"]
        buckets = numeric["distribution"]["kll"]["buckets"]
        assert len(buckets) == 10
        assert sum(bucket["count"] for bucket in buckets) == len(values)
        assert buckets[0]["lower_bound"] == numeric["min"]
        assert buckets[-1]["upper_bound"] == numeric["max"]


def test_buckets_edges_are_deequs_to_the_last_bit() -> None:
    low = 0.1
    high = 1234.7
    document = dump_statistics(statistics_of(summarise([batch(x=[low, 7.0, high])])))
    numeric = document["features"][0]["numerical_statistics"]
    lower = [bucket["lower_bound"] for bucket in numeric["distribution"]["kll"]["buckets"]]
    assert lower == [low + (high - low) * n / 10 for n in range(10)]


def test_text_with_deequs_blank_has_a_numbers_statistics() -> None:
    found = feature([" 5", "- 7.5", "1"])
    assert (found.min, found.max) == (-7.5, 5.0)
    assert found.mean == pytest.approx(-0.5)


def test_the_containers_file_reads_as_a_baseline() -> None:
    found = load_statistics(json.loads(FOREIGN))
    price, day, category, city, nothing = found.features.values()
    assert found.item_count == 7
    assert price.completeness == pytest.approx(6 / 7)
    assert price.distinct is None
    assert price.sketch is not None
    items, weights = price.sketch.weighted()
    assert (items.tolist(), weights.tolist()) == ([1.0, 3.0, 7.25, 9.5], [1, 2, 2, 1])
    assert (day.name, day.mean, day.distinct, day.sketch) == ("Day Mins", None, 5, None)
    assert category.categories == {"travel": 5, "groceries": 2}
    assert (city.distinct, city.categories) == (7, None)
    assert (nothing.present, nothing.missing, nothing.completeness) == (0, 7, 0.0)
    assert load_statistics(dump_statistics(found)) == found


@pytest.mark.parametrize(
    "distribution", [None, {"kll": None, "categorical": None}, {"kll": {"sketch": None}}]
)
def test_a_distribution_that_is_null_is_none(distribution: Any) -> None:
    document = json.loads(FOREIGN)
    document["features"][0]["numerical_statistics"]["distribution"] = distribution
    document["features"][2]["string_statistics"]["distribution"] = distribution
    found = load_statistics(document).features
    assert (found["price"].sketch, found["price"].mean) == (None, 4.0)
    assert (found["category"].categories, found["category"].distinct) == (None, 2)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ('"item_count": 7', "dataset.item_count"),
        ('"num_present": 6', "features.0.numerical_statistics.common.num_present"),
        ('"inferred_type": "Integral"', "features.1.inferred_type"),
        ('"data": [[9.5, NaN, 1.0], [7.25, 3]]', "features.0.*data"),
        ('"count": 5', "features.2.*count"),
    ],
)
def test_nonsense_is_refused_by_its_key(change: str, named: str) -> None:
    key = change.split(":")[0]
    with pytest.raises(UserError, match=named):
        load_statistics(json.loads(FOREIGN.replace(change, f'{key}: "nonsense"')))


@pytest.mark.parametrize("document", [None, [], {}, {"dataset": {}, "features": 1}])
def test_a_document_of_another_kind_is_refused(document: Any) -> None:
    with pytest.raises(UserError, match=r"statistics\.json"):
        load_statistics(document)
