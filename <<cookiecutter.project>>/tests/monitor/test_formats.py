"""Summaries, statistics.json, constraints.json, distances; captures and ground truth."""

from __future__ import annotations

import base64
import csv
import dataclasses
import gzip
import io
import itertools
import json
import logging
import math
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from datasketches import kll_doubles_sketch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from moto import mock_aws
from scipy import stats

from categoriser.contract import CSV, JSON, JSON_LINES, VARIANT, Prediction
from categoriser.errors import UserError
from categoriser.io.storage import fetch, s3_client
from categoriser.monitor.comparison.constraint_checks import (
    check_constraints,
    check_quality_constraints,
    in_domain,
)
from categoriser.monitor.comparison.deequ_distance import numerical_distance
from categoriser.monitor.comparison.distances import (
    chi_squared,
    linf_categories,
    linf_robust,
    linf_simple,
    psi,
)
from categoriser.monitor.comparison.feature_drift import FeatureDrift, drifts_from
from categoriser.monitor.comparison.suggested_constraints import (
    suggest_constraints,
    suggest_quality_constraints,
)
from categoriser.monitor.formats import event_frames, events
from categoriser.monitor.formats.captures import captured_rows
from categoriser.monitor.formats.constraints import (
    Constraints,
    dump_constraints,
    load_constraints,
    load_quality_constraints,
)
from categoriser.monitor.formats.event_files import event_files, find_files
from categoriser.monitor.formats.ground_truth import ground_truth_rows
from categoriser.monitor.formats.problems import SEEN, Problems
from categoriser.monitor.formats.sketch import SKETCH_SIZE, Sketch, Weighted
from categoriser.monitor.formats.statistics import (
    FeatureStatistics,
    Statistics,
    dump_statistics,
    load_statistics,
)
from categoriser.monitor.formats.violations import Violation, dump_violations
from categoriser.monitor.summaries.hyperloglog import estimate_distinct
from categoriser.monitor.summaries.summary import (
    MAX_CATEGORIES,
    ColumnSummary,
    Summary,
    summarise,
    summarise_dataset,
)
from categoriser.monitor.summaries.summary_statistics import sketch_of, statistics_of
from categoriser.monitor.watching.team_scripts import load_postprocessor, load_preprocessor
from categoriser.serving import capture as serving
from categoriser.serving.capture import ENCODINGS, Writer, folder_of, record
from categoriser.serving.protocol import parse, render

# categoriser.monitor.summaries.summary and statistics


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


def batch(**columns: Any) -> pa.RecordBatch:
    return pa.record_batch(columns)


def feature(values: Any) -> FeatureStatistics:
    return statistics_of(summarise([batch(x=values)])).features["x"]


def rank_error(sketch: Sketch, values: np.ndarray[Any, Any]) -> float:
    """Return the largest difference of the two cumulative distributions, at the sketch's items."""
    items, weights = sketch.weighted()
    ranks = np.cumsum(weights) / sketch.size
    ends = np.append(np.flatnonzero(np.diff(items)), len(items) - 1)
    truth = np.searchsorted(np.sort(values), items[ends], side="right") / len(values)
    return float(np.abs(ranks[ends] - truth).max())


# Sketches.


@pytest.mark.parametrize("n", [0, 1, 2, 3, 2047, 2048, 2049, 5000, 100_000, 1_000_000])
def test_a_decoded_sketch_stands_for_each_value_once_and_ranks_within_its_bound(n: int) -> None:
    values = np.random.default_rng(n).lognormal(size=n)
    kll = kll_doubles_sketch(SKETCH_SIZE)
    kll.update(values)
    sketch = sketch_of(kll)
    items, weights = sketch.weighted()
    assert sketch.size == weights.sum() == n
    assert (np.diff(items) >= 0).all()
    assert set(items) <= set(values)
    if n:
        assert rank_error(sketch, values) <= kll.normalized_rank_error(False)


def test_a_small_sketch_is_exact() -> None:
    kll = kll_doubles_sketch(SKETCH_SIZE)
    kll.update(np.array([3.0, 1.0, 2.0, 1.0]))
    items, weights = sketch_of(kll).weighted()
    assert items.tolist() == [1, 1, 2, 3]
    assert weights.tolist() == [1, 1, 1, 1]


@given(st.lists(st.integers(0, 3000), max_size=12), st.integers(0, 2**32))
@settings(deadline=None, max_examples=40)
def test_a_merged_sketch_decodes_too(lengths: list[int], seed: int) -> None:
    generator, whole = np.random.default_rng(seed), kll_doubles_sketch(SKETCH_SIZE)
    for length in lengths:
        part = kll_doubles_sketch(SKETCH_SIZE)
        part.update(generator.normal(size=length))
        whole.merge(part)
    assert sketch_of(whole).size == sum(lengths)


def test_an_item_of_level_i_weighs_2_to_the_i() -> None:
    items, weights = Sketch({}, [[5.0], [], [4.0, 1.0]]).weighted()
    assert items.tolist() == [1, 4, 5]
    assert weights.tolist() == [4, 4, 1]


# Summaries.

VALUE = st.one_of(
    st.none(),
    st.sampled_from(["", "a", "b", "12", "-3", "0.5", "1e3", "nan", "inf", "1_0", "007"]),
    st.integers(0, 150).map(lambda n: f"value {n}"),
)
NUMBER = st.one_of(st.none(), st.just(math.nan), st.just(math.inf), st.floats(-1e6, 1e6))


def same(one: Statistics, other: Statistics) -> None:
    """Assert that statistics are equal but for rounding and for the sketches' choices."""
    assert one.item_count == other.item_count
    assert one.features.keys() == other.features.keys()
    for name, left in one.features.items():
        right = other.features[name]
        for moment in ("mean", "sum", "std_dev"):
            value = getattr(right, moment)
            close = None if value is None else pytest.approx(value, rel=1e-9, abs=1e-6)
            assert getattr(left, moment) == close
        loose = {"mean": None, "sum": None, "std_dev": None, "sketch": None}
        assert dataclasses.replace(left, **loose) == dataclasses.replace(right, **loose)  # type: ignore[arg-type]
        assert (left.sketch and left.sketch.size) == (right.sketch and right.sketch.size)


@given(
    st.lists(st.tuples(VALUE, NUMBER), max_size=400),
    st.lists(st.integers(0, 400), max_size=6),
    st.randoms(use_true_random=False),
)
@settings(deadline=None, max_examples=100)
def test_a_split_anywhere_merges_in_any_order_to_the_same(
    rows: list[tuple[str | None, float | None]], cuts: list[int], shuffle: random.Random
) -> None:
    table = pl.DataFrame(rows, schema={"text": pl.String, "price": pl.Float64}, orient="row")
    whole = summarise(table.to_arrow().to_batches())
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts = [
        summarise(table[low:high].rechunk().to_arrow().to_batches())
        for low, high in itertools.pairwise(edges)
    ]
    while len(parts) > 1:
        shuffle.shuffle(parts)
        part = Summary.from_bytes(parts.pop().to_bytes())
        parts[0].merge(part)
    same(statistics_of(parts[0]), statistics_of(whole))


@given(arrays(np.float64, st.integers(1, 300), elements=st.floats(-1e9, 1e9)))
@settings(deadline=None, max_examples=100)
def test_moments_are_those_of_all_values(values: np.ndarray[Any, Any]) -> None:
    summary = summarise(batch(x=part) for part in np.array_split(values, 7))
    found = statistics_of(summary).features["x"]
    assert found.mean == pytest.approx(values.mean(), rel=1e-9, abs=1e-5)
    assert found.std_dev == pytest.approx(values.std(), rel=1e-9, abs=1e-5)
    assert found.sum == pytest.approx(math.fsum(values), rel=1e-9, abs=1e-3)
    assert (found.min, found.max) == (values.min(), values.max())


def test_the_standard_deviation_is_the_populations() -> None:
    assert feature([1.0, 3.0]).std_dev == 1.0


def test_moments_of_small_spread_about_a_large_mean_are_exact() -> None:
    values = 1e9 + np.random.default_rng(1).normal(size=10_000)
    summary = summarise(batch(x=part) for part in np.array_split(values, 31))
    found = statistics_of(summary).features["x"]
    assert found.std_dev == pytest.approx(values.std(), rel=1e-6)


@pytest.mark.parametrize("n", [0, 1, 10, 1000, 30_000, 300_000])
@pytest.mark.parametrize("kind", ["numbers", "text"])
def test_distinct_values_are_counted_within_the_bound_however_often_they_come(
    n: int, kind: str
) -> None:
    values = pl.Series(np.random.default_rng(n).permutation(np.tile(np.arange(n) * 0.5, 2)))
    column = ColumnSummary.of(values if kind == "numbers" else "v" + values.cast(pl.String))
    column.merge(
        ColumnSummary.of(values.head(n) if kind == "numbers" else "v" + values.cast(pl.String))
    )
    # Three standard errors.
    assert estimate_distinct(column.registers) == pytest.approx(n, rel=3 * 1.04 / 2**7, abs=1e-2)


def test_integers_beyond_a_doubles_precision_stay_distinct() -> None:
    assert feature([2**60 + n for n in range(1000)]).distinct == pytest.approx(1000, rel=0.03)
    assert feature([1, 2, 2, -4]).distinct == 3


def test_nan_and_infinity_are_missing() -> None:
    found = feature([1.0, math.nan, math.inf, -math.inf, None, 3.0])
    assert (found.present, found.missing, found.mean, found.max) == (2, 4, 2.0, 3.0)
    assert found.completeness == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("values", "kind", "types"),
    [
        (["1", "-2", "+3", "007", None], "Integral", (4, 0, 0)),
        (["1", "2.5", ".5", "6.8e-06"], "Fractional", (1, 3, 0)),
        # As Deequ's patterns have it.
        ([".5", "5.", "+.5", "-5.", " 5.5", "- .5"], "Fractional", (0, 6, 0)),
        ([" 5", "- 5", "+ 07"], "Integral", (3, 0, 0)),
        (["  5", "5 ", ".", "-", "- ", "+ -5"], "String", (0, 0, 6)),
        (["1", "2.5", "au"], "String", (1, 1, 1)),
        (["nan", "inf", "1e999", "", "1_0", "٣", "true"], "String", (0, 0, 7)),
        ([None, None], "Unknown", (0, 0, 0)),
        ([1, 2, None], "Integral", (2, 0, 0)),
        ([1.0, 2.0], "Fractional", (0, 2, 0)),
        ([True, None], "String", (0, 0, 1)),
        ([[1, 2], None], "String", (0, 0, 1)),
        ([b"\xff", b"a"], "String", (0, 0, 2)),
        ([{"a": 1}, {"a": 2}], "String", (0, 0, 2)),
    ],
)
def test_each_value_has_a_type_and_the_column_the_widest(
    values: list[Any], kind: str, types: tuple[int, int, int]
) -> None:
    found = feature(values)
    assert found.inferred_type == kind
    assert tuple(found.types[name] for name in ("Integral", "Fractional", "String")) == types
    assert found.present == sum(types)
    assert found.missing == len(values) - sum(types)


def test_text_that_spells_numbers_has_a_numbers_statistics() -> None:
    spelt, stored = feature(["1.5", "2.5", None]), feature([1.5, 2.5, None])
    assert dataclasses.replace(spelt, types={}) == dataclasses.replace(stored, types={})
    assert spelt.categories is None


def test_rows_of_batches_without_the_column_are_missing() -> None:
    parts = [batch(x=[1.0]), batch(y=["a", "b"]), batch(x=[3.0], y=["a"]), batch()]
    found = statistics_of(summarise(parts))
    assert found.item_count == 4
    x, y = found.features["x"], found.features["y"]
    assert (x.present, x.missing, x.mean) == (2, 2, 2.0)
    assert (y.present, y.missing, y.categories) == (3, 1, {"a": 2, "b": 1})


def test_a_column_that_changes_from_numbers_to_text_is_text_of_no_known_categories() -> None:
    for parts in ([[1, 2], ["a"]], [["a"], [1, 2]]):
        found = statistics_of(summarise(batch(x=part) for part in parts)).features["x"]
        assert (found.inferred_type, found.present, found.categories) == ("String", 3, None)
        assert found.mean is None
        assert found.distinct == 3


def test_a_column_that_changes_from_integers_to_fractions_is_fractional() -> None:
    found = statistics_of(summarise([batch(x=[1, 2]), batch(x=[1.0, 0.5])])).features["x"]
    assert (found.inferred_type, found.distinct) == ("Fractional", 3)


def test_categories_stand_up_to_the_cap_and_fall_above_it() -> None:
    values = [f"value {n}" for n in range(MAX_CATEGORIES)]
    assert feature(values).categories == dict.fromkeys(values, 1)
    assert feature([*values, "one more"]).categories is None
    parts = [batch(x=values[:600]), batch(x=[*values[600:], "one more"]), batch(x=["one more"])]
    found = statistics_of(summarise(parts)).features["x"]
    assert found.categories is None
    assert found.distinct == pytest.approx(MAX_CATEGORIES + 1, rel=0.03)


def test_moments_that_overflow_are_none_and_the_rest_stands() -> None:
    found = statistics_of(summarise([batch(x=[1.7e308, -1.7e308]), batch(x=[1.7e308] * 9)]))
    price = found.features["x"]
    assert (price.std_dev, price.sum, price.min, price.max) == (None, None, -1.7e308, 1.7e308)
    buckets = dump_statistics(found)["features"][0]["numerical_statistics"]["distribution"]["kll"]
    assert [bucket["count"] for bucket in buckets["buckets"]] == [1, *[0] * 8, 10]
    json.dumps(dump_statistics(found), allow_nan=False)


def test_another_polars_hashes_of_which_differ_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = summarise([batch(x=[1])]).to_bytes()
    monkeypatch.setattr(pl, "__version__", "0.1")
    with pytest.raises(UserError, match=r"driver 0\.1"):
        Summary.from_bytes(data)


# Data sets.


def test_a_dataset_is_the_same_by_csv_json_and_parquet(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    frame = pl.DataFrame(
        {
            "price": generator.lognormal(size=30_000).round(2),
            "count": generator.integers(-3, 90, 30_000),
            "country": generator.choice(["au", "nz", None], 30_000),  # type: ignore[arg-type]
            "text": [f"shop {n}" for n in range(30_000)],
        },
        schema_overrides={"country": pl.String},
    )
    whole = statistics_of(summarise(frame.to_arrow().to_batches()))
    frame[:10_000].write_csv(tmp_path / "1.csv")
    frame[10_000:].write_csv(tmp_path / "2.csv")
    frame.write_ndjson(tmp_path / "1.json")
    frame.write_parquet(tmp_path / "1.parquet")
    for form in ("csv", "json", "parquet"):
        found = statistics_of(summarise_dataset(str(tmp_path / f"*.{form}"), form))
        for name, one in found.features.items():
            other, kinds = whole.features[name], dict(one.types)
            assert sum(kinds.values()) == one.present
            assert one.distinct == pytest.approx(other.distinct, rel=0.03)
            found.features[name] = dataclasses.replace(
                one, types=other.types, distinct=other.distinct
            )
        same(found, whole)


def test_a_csv_without_a_header_gets_sparks_names(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("11.99,au\n,au\n")
    summary = summarise_dataset(str(tmp_path / "rows.csv"), "csv", header=False)
    assert summary.rows == 2
    assert {name: column.present for name, column in summary.columns.items()} == {
        "_c0": 1,
        "_c1": 2,
    }


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_text("no")
    for name in ("broken.parquet", "missing.parquet"):
        with pytest.raises(UserError, match=name):
            summarise_dataset(str(tmp_path / name), "parquet")


# statistics.json.


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
    low, high = 0.1, 1234.7
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


# categoriser.monitor.formats.constraints


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
    return statistics_of(summarise(frame.to_arrow().to_batches()))


def read_config(**config: Any) -> Constraints:
    return load_constraints({"monitoring_config": config})


def checks(found: list[Violation]) -> list[tuple[str, str]]:
    return [(violation.feature_name, violation.constraint_check_type) for violation in found]


def judge(
    current: Statistics, baseline: Statistics, limits: Constraints, thresholds: Any = None
) -> list[Violation]:
    drifts = drifts_from(current, baseline, limits, thresholds)
    return check_constraints(current, limits, drifts)


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


def weighted(pairs: list[tuple[float, int]]) -> Weighted:
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
    assert linf_simple(weighted(one), weighted(other)) == pytest.approx(max(gaps), abs=1e-12)


def test_a_distance_to_nothing_is_not_a_number() -> None:
    some, none = weighted([(1.0, 1)]), (np.array([]), np.array([]))
    assert math.isnan(linf_simple(some, none))
    assert math.isnan(linf_simple(none, some))
    assert math.isnan(linf_categories({}, {"a": 1}))
    assert math.isnan(linf_robust(0.5, 0, 9))
    assert math.isnan(linf_robust(math.nan, 9, 9))
    assert math.isnan(psi([0, 0], [1, 2]))


def test_the_robust_distance_takes_off_what_chance_gives() -> None:
    assert linf_robust(0.5, 100, 400) == pytest.approx(0.5 - 1.8 * math.sqrt(500 / 40000))
    assert linf_robust(0.1, 10, 10) == 0


# Distances that Model Monitor's container printed in a real run (Robust), and the numbers of
# distinct values in the window and in the baseline, whatever they were in rows.
PUBLISHED = [
    (0.17354640931273702, 64, 233),
    (0.14440240796849557, 57, 215),
    (0.11630482464065406, 119, 303),
    (0.11238588915222741, 72, 233),
]


def apart(steps: int, n: int, m: int) -> tuple[list[int], list[int]]:
    """Return `n` and `m` distinct values whose distribution functions differ by steps/lcm(n, m).

    The functions grow together, but for one value at which the first is so far ahead.
    """
    common = math.lcm(n, m)
    one, other = common // n, common // m
    # So many of the first have come when they are furthest ahead, and so many of the other.
    ahead, behind = next(
        (i, (i * one - steps) // other)
        for i in range(1, n + 1)
        if i * one >= steps and (i * one - steps) % other == 0
    )
    values: tuple[list[int], list[int]] = ([], [])
    i = j = 0
    for end in ((ahead, behind), (n, m)):
        while (i, j) != end:
            first = i < end[0] and (i + 1) * one - j * other <= steps
            values[0 if first else 1].append(i + j)
            i, j = i + first, j + (not first)
    return values


@pytest.mark.parametrize(("published", "n", "m"), PUBLISHED)
def test_distances_that_the_real_container_printed_are_found_to_the_last_digit(
    published: float, n: int, m: int
) -> None:
    common = math.lcm(n, m)
    steps = (published + 1.8 * math.sqrt((n + m) / (n * m))) * common
    assert steps == pytest.approx(round(steps), abs=1e-6), "a step is 1 / lcm(n, m)"
    now, before = apart(round(steps), n, m)
    # Every value lies in many rows, and the first ones in the most: that changes nothing.
    rows = [value for place, value in enumerate(now) for _ in range(1 + (n - place) // 4)]
    more = [value for place, value in enumerate(before) for _ in range(1 + place % 5)]
    current, baseline = (of(pl.DataFrame({"a": values})) for values in (rows, more))
    drift = drifts_from(current, baseline, Constraints())["a"]
    assert drift.method == "Robust"
    assert drift.distance == pytest.approx(published, abs=1e-15)
    # The distance of the rows is another.
    thresholds = {"a": 0.1}
    assert drifts_from(current, baseline, Constraints(), thresholds)["a"].distance != (
        pytest.approx(round(steps) / common, abs=0.01)
    )


def test_by_deequs_arithmetic_a_column_of_0_and_1_never_drifts_and_by_the_rows_it_does() -> None:
    before = of(pl.DataFrame({"refund": [0] * 1890 + [1] * 110}))
    now = of(pl.DataFrame({"refund": [0, 1] * 1000}))
    for method in ("Simple", "Robust"):
        limits = read_config(distribution_constraints={"comparison_method": method})
        assert drifts_from(now, before, limits)["refund"].distance == 0
    by_rows = drifts_from(now, before, Constraints(), {"refund": 0.05})["refund"]
    assert by_rows.distance == pytest.approx(0.445)
    assert by_rows.exceeded


def test_by_deequs_arithmetic_prices_in_tens_drift_more_than_their_rows_do() -> None:
    """17 of the window's 40 distinct prices, and 96 of its 1,000 rows, are above the baseline's."""
    known = [10 * n for n in range(1, 24)]
    new = [230 + 10 * n for n in range(1, 18)]
    old_rows = [known[n % len(known)] for n in range(904)]
    new_rows = [new[n % len(new)] for n in range(96)]
    before, now = (
        of(pl.DataFrame({"price": known * 40})),
        of(pl.DataFrame({"price": old_rows + new_rows})),
    )
    simple = read_config(distribution_constraints={"comparison_method": "Simple"})
    assert drifts_from(now, before, simple)["price"].distance == pytest.approx(0.425)
    by_rows = drifts_from(now, before, Constraints(), {"price": 0.1})["price"]
    assert by_rows.distance == pytest.approx(0.096)
    assert not by_rows.exceeded


def test_a_value_in_several_compactors_counts_once_at_its_highest_weight() -> None:
    # As Deequ's map from value to weight: 1 → 4, 2 → 1, 3 → 2; 2 → 2, 9 → 1.
    current = Sketch({}, [[1.0, 2.0, 1.0], [3.0, 1.0], [1.0]])
    baseline = Sketch({}, [[9.0, 2.0], [2.0]])
    found = numerical_distance(current, baseline)
    assert (found.current, found.baseline) == (7, 3)
    assert found.simple == pytest.approx(4 / 7)  # at 1; at 2 it is 5/7 and 2/3


@settings(deadline=None)
@given(COUNTS, COUNTS)
def test_the_categorical_distance_is_the_largest_difference_of_shares(
    one: dict[str, int], other: dict[str, int]
) -> None:
    rows, more = ([name for name, n in counts.items() for _ in range(n)] for counts in (one, other))
    largest = max(
        abs(rows.count(name) / len(rows) - more.count(name) / len(more)) for name in "abcdefgh"
    )
    assert linf_categories(one, other) == pytest.approx(largest, abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(50, 90)), min_size=2, max_size=8))
def test_chi_squared_is_scipys_where_no_category_is_small(pairs: list[tuple[int, int]]) -> None:
    seen, expected = (np.array(column) for column in zip(*pairs, strict=True))
    if (expected * seen.sum() / expected.sum()).min() < 10:
        return
    names = "abcdefgh"[: len(seen)]
    test = chi_squared(
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
    test = chi_squared(seen, expected)
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
    assert psi([60, 40], [100, 100]) == pytest.approx(value)
    assert psi([3, 7], [30, 70]) == pytest.approx(0)
    assert math.isfinite(psi([0, 9], [9, 0]))


# Reading and writing.


def test_a_foreign_file_is_read_and_what_is_unknown_in_it_stays() -> None:
    limits = load_constraints(json.loads(FOREIGN_CONSTRAINTS))
    price = limits.config("price").distribution_constraints
    assert (price.comparison_threshold, price.comparison_method) == (0.9, "Simple")
    assert price.perform_comparison == "Enabled"
    assert limits.config("city").distribution_constraints.comparison_threshold == 0.1
    assert limits.config("bank").domain_content_threshold == 0.5
    assert limits.config("bank").distribution_constraints.comparison_method == "Robust"
    written = dump_constraints(limits)
    assert written["features"][2]["note"] == "ours"
    assert written["monitoring_config"]["since"] == 2019
    assert "monitoringConfigOverrides" in written["features"][0]
    assert load_constraints(json.loads(json.dumps(written))) == limits


def test_an_override_changes_what_it_names_and_no_more() -> None:
    config = load_constraints(
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


@pytest.mark.parametrize("part", ["string_constraints", "num_constraints"])
@pytest.mark.parametrize("key", ["monitoring_config_overrides", "monitoringConfigOverrides"])
def test_overrides_are_read_where_sagemakers_sdk_writes_them(part: str, key: str) -> None:
    """`set_monitoring(False, feature_name="bank")` writes them inside `string_constraints`."""
    document = dump_constraints(suggest_constraints(of(frame())))
    [bank] = [feature for feature in document["features"] if feature["name"] == "bank"]
    bank["monitoringConfigOverrides"] = {
        "evaluate_constraints": "Enabled",
        "emit_metrics": "Disabled",
    }
    bank[part] = bank.get(part, {}) | {key: {"evaluate_constraints": "Disabled"}}
    limits = load_constraints(document)
    config = limits.config("bank")
    assert (config.evaluate_constraints, config.emit_metrics) == ("Disabled", "Disabled")
    now = of(frame(bank=["x", "x", "x", "x"]))
    assert checks(judge(now, of(frame()), limits)) == []
    # They are read once more from what is written.
    assert load_constraints(dump_constraints(limits)).config("bank") == config


@pytest.mark.parametrize("spelling", ["Robust", "robust", "linf_robust", "LINF_ROBUST"])
def test_methods_are_read_in_every_spelling(spelling: str) -> None:
    config = read_config(
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
        ({"features": [{"name": "a", "inferred_type": "Text"}]}, "features.0.inferred_type"),
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
        load_constraints(document)


DOCUMENTS = st.recursive(
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
@given(DOCUMENTS)
def test_any_document_is_read_or_refused(document: Any) -> None:
    try:
        limits = load_constraints(document)
    except UserError:
        return
    assert load_constraints(dump_constraints(limits)).config("x")


# Suggesting.


def frame(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame(
        {"price": [1.5, 2.0, None, 4.0], "count": [1, 2, 3, -4], "bank": ["a", "a", "b", "c"]}
        | columns
    )


def test_constraints_are_suggested_that_the_baseline_meets() -> None:
    baseline = of(frame(price=[0.0, 0.5, None, 4.0], id=[f"{n}x" for n in range(4)]))
    limits = suggest_constraints(baseline, {"bank": ["a", "b", "c", "d"]})
    assert dump_constraints(limits)["features"] == [
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
    config = dump_constraints(limits)["monitoring_config"]
    assert config["distribution_constraints"]["comparison_method"] == "Robust"
    assert judge(baseline, baseline, limits) == []


def test_a_string_of_many_values_gets_no_domain() -> None:
    baseline = of(pl.DataFrame({"id": [f"row {n}" for n in range(101)]}))
    assert suggest_constraints(baseline).features[0].string_constraints is None


def test_a_string_of_many_values_has_a_distance_and_a_share_in_a_known_domain() -> None:
    values = [f"row {n}" for n in range(100)]
    baseline = of(pl.DataFrame({"id": values}))
    now = of(pl.DataFrame({"id": [*values, *[f"new {n}" for n in range(25)]]}))
    limits = suggest_constraints(baseline)
    assert in_domain(now.features["id"], limits.features[0]) == 0.8
    drift = drifts_from(now, baseline, limits, {})["id"]
    assert drift.distance == pytest.approx(1 / 125)


# Checking.


def descriptions(found: list[Violation]) -> dict[str, str]:
    return {violation.constraint_check_type: violation.description for violation in found}


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
    assert dump_violations(found)["violations"][0] == {
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
    before, now = of(frame()), of(frame(bank=["x"] * 4, price=["a", "b", "c", "d"]))
    document = dump_constraints(suggest_constraints(before))
    assert checks(judge(now, before, load_constraints(document))) == [
        ("price", "data_type_check"),
        ("bank", "categorical_values_check"),
    ]
    document["features"][2]["monitoringConfigOverrides"] = {"evaluate_constraints": "disabled"}
    assert checks(judge(now, before, load_constraints(document))) == [("price", "data_type_check")]
    document["monitoring_config"]["evaluate_constraints"] = "Disabled"
    assert judge(now, before, load_constraints(document)) == []


def many(rows: int, **columns: Any) -> Statistics:
    numbers = np.arange(rows)
    return of(
        pl.DataFrame({"price": numbers / rows, "bank": np.where(numbers % 4, "a", "b")} | columns)
    )


def test_methods_and_thresholds_come_from_the_constraints_unless_given() -> None:
    before, now = many(1000), many(1000, price=np.arange(1000) / 1000 + 0.2, bank=["a"] * 1000)
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

    same, other = many(1000), many(1000, bank=["a", "b"] * 500)
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


def test_too_many_values_to_count_are_in_no_domain() -> None:
    limits = load_constraints(
        {"features": [{"name": "a", "string_constraints": {"domains": ["x"]}}]}
    )
    now = Statistics(9, {"a": FeatureStatistics("a", "String", 9, 0, 1.0)})
    assert checks(check_constraints(now, limits, {})) == [("a", "categorical_values_check")]


# Model quality.

METRICS = {
    "accuracy": {"value": 0.9, "standard_deviation": 0.01},
    "weighted_f2": {"value": 0.43, "standard_deviation": 0.01},
    "accuracy_best_constant_classifier": {"value": 0.2, "standard_deviation": 0.01},
}


def test_model_quality_may_not_fall() -> None:
    limits = suggest_quality_constraints(METRICS)
    assert dump_constraints(limits) == {
        "version": 0.0,
        "multiclass_classification_constraints": {
            "accuracy": {"threshold": 0.9, "comparison_operator": "LessThanThreshold"},
            "weighted_f2": {"threshold": 0.43, "comparison_operator": "LessThanThreshold"},
        },
    }
    assert check_quality_constraints(METRICS, limits) == []
    document = dump_constraints(limits)
    document["multiclass_classification_constraints"]["weighted_f2"]["threshold"] = 0.5
    document["multiclass_classification_constraints"]["accuracy"] |= {
        "threshold": 0.8,
        "comparison_operator": "GreaterThanThreshold",
    }
    document["multiclass_classification_constraints"]["not_measured"] = {
        "threshold": 0.5,
        "comparison_operator": "LessThanThreshold",
    }
    found = check_quality_constraints(METRICS, load_quality_constraints(document))
    assert dump_violations(found) == {
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
        load_quality_constraints({"multiclass_classification_constraints": {"f1": {}}})


# categoriser.monitor.formats.capture


CLASSES = ["eating, out", "groceries"]
TIME = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ASKED, ANSWERED = "aldi 12 perth,12.5", '"__label__eating, out",0.75,0.25\n'
# As SageMaker wrote it, but for the names of the classes.
VERBATIM = (
    '{"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":'
    '"spotify p0d3d89b19 sydney au,11.99","encoding":"CSV"},"endpointOutput":'
    '{"observedContentType":"text/csv; charset=utf-8","mode":"OUTPUT","data":'
    '"__label__groceries,0.0000068826,0.9999931174\\n","encoding":"CSV"}},"eventMetadata":'
    '{"eventId":"feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9","inferenceId":"order-7",'
    '"customAttributes":["a=b"],"inferenceTime":"2026-11-22T00:00:00Z"},"eventVersion":"0"}'
)
# The example of AWS's page on preprocessing scripts.
FOREIGN_CAPTURE = (
    '{"captureData": {"endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", '
    '"data": "132,25,113.2,96,269.9,107,,0,0,0,0,0,0,1,0,1,0,0,1", "encoding": "CSV"}, '
    '"endpointOutput": {"observedContentType": "text/csv; charset=utf-8", "mode": "OUTPUT", '
    '"data": "0.01076381653547287", "encoding": "CSV"}}, "eventMetadata": {"eventId": '
    '"feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9", "inferenceTime": "2019-11-20T23:33:12Z"}, '
    '"eventVersion": "0"}'
)


def answers(*probabilities: float) -> list[Prediction]:
    return [
        Prediction(
            CLASSES[first < 0.5],
            max(first, 1 - first),
            dict(zip(CLASSES, (first, 1 - first), strict=True)),
            review=False,
        )
        for first in probabilities
    ]


def side(data: str, kind: str, encoding: str, mode: str) -> dict[str, Any]:
    if encoding == "BASE64":
        data = base64.b64encode(data.encode()).decode()
    return {"observedContentType": kind, "mode": mode, "data": data, "encoding": encoding}


def line(
    asked: str = ASKED,
    answered: str = ANSWERED,
    *,
    kind: str = CSV,
    encoding: str = "CSV",
    name: str = "e-1",
    time: Any = "2026-11-22T09:30:00Z",
) -> dict[str, Any]:
    return {
        "captureData": {
            "endpointInput": side(asked, kind, encoding, "INPUT"),
            "endpointOutput": side(answered, kind, encoding, "OUTPUT"),
        },
        "eventMetadata": {"eventId": name, "inferenceTime": time},
        "eventVersion": "0",
    }


def change(event: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Change one side: `input_data="x"` or `output_encoding="y"`; None takes it away."""
    for name, value in changes.items():
        which, _, key = name.partition("_")
        of_side = event["captureData"]["endpoint" + which.capitalize()]
        of_side[key] = value
    return event


def write(folder: Path, *events: Any, name: str = "0.jsonl") -> str:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    file.write_bytes(b"\n".join(lines))
    return str(file)


def read_captures(*files: str, **options: Any) -> tuple[pl.DataFrame, Problems]:
    problems = Problems()
    frames = [batch.frame for batch in captured_rows(files, CLASSES, problems, **options)]
    return pl.concat(frames) if frames else pl.DataFrame(), problems


def test_a_record_of_sagemakers_is_read(tmp_path: Path) -> None:
    frame, problems = read_captures(write(tmp_path, VERBATIM.encode()))
    assert frame.rows() == [
        (
            "order-7",
            0,
            1,
            datetime(2026, 11, 22, tzinfo=UTC),
            "spotify p0d3d89b19 sydney au",
            11.99,
            "groceries",
            [0.0000068826, 0.9999931174],
        )
    ]
    assert frame.schema == {
        "id": pl.String,
        "row": pl.Int64,
        "rows": pl.Int64,
        "time": pl.Datetime("us", "UTC"),
        "text": pl.String,
        "price": pl.Float64,
        "label": pl.String,
        "probabilities": pl.Array(pl.Float64, 2),
    }
    assert problems == Problems(seen=dict.fromkeys(SEEN, 0) | {"records": 1})


@pytest.mark.parametrize("kind", [CSV, JSON, JSON_LINES])
@pytest.mark.parametrize("encoding", ["plain", "BASE64"])
@pytest.mark.parametrize("parameters", ["", "; charset=UTF-8"])
def test_all_encodings_say_the_same(
    tmp_path: Path, kind: str, encoding: str, parameters: str
) -> None:
    rows = [('cafe "x", perth\nwa', -4.5), ("élan\u2028vital", 1e300), ("aldi", 3)]
    if kind == CSV:
        sheet = io.StringIO(newline="")
        csv.writer(sheet).writerows([("text", "price"), *rows])
        asked = sheet.getvalue()
    else:
        objects = [json.dumps({"text": text, "price": price}) for text, price in rows]
        asked = f"[{','.join(objects)}]" if kind == JSON else "\n".join(objects) + "\n"
    answered = render(answers(0.75, 0.5, 0.125), kind, single=False).decode()
    encoding = ENCODINGS[kind] if encoding == "plain" else encoding
    event = line(asked, answered, kind=kind + parameters, encoding=encoding)

    frame, problems = read_captures(write(tmp_path, event))
    assert frame.select("text", "price").rows() == rows
    assert frame["label"].to_list() == [CLASSES[0], CLASSES[0], CLASSES[1]]
    assert frame["probabilities"].to_list() == [[0.75, 0.25], [0.5, 0.5], [0.125, 0.875]]
    assert frame.select("id", "row", "rows").rows() == [("e-1", row, 3) for row in range(3)]
    assert not problems.counts


@pytest.mark.parametrize("encoding", ["CSV", "BASE64"])
def test_a_byte_order_mark_and_windows_line_ends_are_no_data(tmp_path: Path, encoding: str) -> None:
    asked = "\ufefftext,price\r\naldi,1\r\n\r\ncafe,2\r\n"
    event = line(asked, ANSWERED * 2, encoding=encoding)
    frame, problems = read_captures(write(tmp_path, event))
    assert frame.select("text", "price").rows() == [("aldi", 1), ("cafe", 2)]
    assert not problems.counts


@pytest.mark.parametrize("asked", ["aldi,1 \n \t\r\n\n", 'aldi,1\n"cafe, x",2\r\n \r\n'])
def test_blanks_after_the_last_row_are_no_row_as_for_the_server(tmp_path: Path, asked: str) -> None:
    strings = [row.text for row in parse(asked.encode(), CSV).rows]
    frame, problems = read_captures(write(tmp_path, line(asked, ANSWERED * len(strings))))
    assert (frame["text"].to_list(), problems.counts) == (strings, {})


def test_one_object_is_one_row(tmp_path: Path) -> None:
    answered = render(answers(0.75), JSON, single=True).decode()
    event = line('{"text":"a","price":1}', answered, kind=JSON, encoding="JSON")
    assert read_captures(write(tmp_path, event))[0].select("text", "rows").rows() == [("a", 1)]


def json_line(asked: Any, answered: Any = None) -> dict[str, Any]:
    said = {"category": "groceries", "probabilities": dict.fromkeys(CLASSES, 0.5)}
    answered = said if answered is None else answered
    return line(json.dumps(asked), json.dumps(answered), kind=JSON, encoding="JSON")


def said(probabilities: Any, label: Any = "groceries") -> dict[str, Any]:
    """Make a record whose answer is not as it should be."""
    return json_line({}, {"category": label, "probabilities": probabilities})


def deep(name: str) -> dict[str, Any]:
    return change(json_line({}), **{name: "[" * 100_000})


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (b"\xff\xfe{}", "not JSON"),
        (b'{"captureData": {"endpointInput', "not JSON"),
        (b'{"x":' + b"[" * 100_000, "not JSON"),
        (b'{"eventMetadata":{"eventId":"\\ud800"}}', "not JSON"),
        (b"\0\0\0\0", "not JSON"),
        (b"[]", "not of the format"),
        (b"17", "not of the format"),
        (b'{"eventMetadata":{"eventId":7}}', "not of the format"),
        (line() | {"captureData": "x"}, "not of the format"),
        (line() | {"captureData": {}}, "neither input nor output"),
        (line(time=None), "no readable inferenceTime"),
        (line(time=1795377732), "no readable inferenceTime"),
        (line(time="yesterday"), "no readable inferenceTime"),
        (line(time="0001-01-01T00:00:00+14:00"), "no readable inferenceTime"),
        (line(encoding="XML"), "unknown encoding"),
        (line(encoding="BASE64", kind="text/html"), "unknown encoding"),
        (change(line(encoding="BASE64"), input_data="%"), "unreadable input"),
        (change(line(encoding="BASE64"), output_data="/w=="), "unreadable output"),
        (change(line(), input_data='"aldi" x,1'), "unreadable input"),
        (change(line(), input_data="aldi"), "unreadable input"),
        (change(line(), input_data="aldi,1,2"), "unreadable input"),
        (change(line(), output_data='"'), "unreadable output"),
        (change(line(), input_data=""), "input and output of different row counts"),
        (change(line(), input_data="text,price"), "input and output of different row counts"),
        (change(line(), input_data="a,1\nb,2"), "input and output of different row counts"),
        (json_line([], []), "input and output of different row counts"),
        (
            change(json_line({}), input_data="a,1", input_encoding="CSV"),
            "input and output of different encodings",
        ),
        (json_line([["a", 1]]), "unreadable input"),
        (json_line("a"), "unreadable input"),
        (json_line({"text": "a", "price": float("nan")}), "unreadable input"),
        (json_line({"text": "\ud800", "price": 1}), "unreadable input"),
        (deep("input_data"), "unreadable input"),
        (deep("output_data"), "unreadable output"),
        (json_line({}, 7), "unreadable output"),
        (json_line({}, {"category": "x"}), "unreadable output"),
        (said(dict.fromkeys(CLASSES, 0.5), label=7), "unreadable output"),
        (said(7), "unreadable output"),
        (said([0.5, 0.5]), "wrong number of probabilities"),
        (said({"other": 0.5, "groceries": 0.5}), "answers of other classes"),
        (line(answered="__label__x,1"), "wrong number of probabilities"),
        (line(answered='__label__x,"0.5,0.5"'), "wrong number of probabilities"),
        (line(answered="__label__x,0.2,0.3,0.5"), "wrong number of probabilities"),
        (line(answered="__label__x"), "wrong number of probabilities"),
        (line(answered="__label__x,0.5,nan"), "probabilities are not numbers in 0..1"),
        (line(answered="__label__x,0.5,1.1"), "probabilities are not numbers in 0..1"),
        (line(answered="__label__x,0.5,-0.1"), "probabilities are not numbers in 0..1"),
        (line(answered="__label__x,0.5,"), "probabilities are not numbers in 0..1"),
        (said(dict.fromkeys(CLASSES, "0.5")), "probabilities are not numbers in 0..1"),
        (said(dict.fromkeys(CLASSES, 10**30)), "probabilities are not numbers in 0..1"),
    ],
)
def test_what_cannot_be_read_is_counted_and_placed(tmp_path: Path, event: Any, kind: str) -> None:
    file = write(tmp_path, line(name="before"), b" ", event, line(name="after"))
    frame, problems = read_captures(file)
    assert frame["id"].to_list() == ["before", "after"]
    assert problems.counts == {kind: 1}
    (place,) = problems.places[kind]
    assert place.split(" (")[0] == f"{file}:3"
    assert "aldi" not in place


@pytest.mark.parametrize(
    ("asked", "text", "price", "problem"),
    [
        ("aldi,", "aldi", None, None),
        (",5", None, 5, None),
        ("aldi,5 AUD", "aldi", None, "price is not a number"),
        ("aldi,inf", "aldi", None, "price is not a number"),
        ({"text": "aldi"}, "aldi", None, None),
        ({"text": None, "price": None}, None, None, None),
        ({"text": "aldi", "price": "5"}, "aldi", 5, None),
        ({"text": "aldi", "price": "five"}, "aldi", None, "price is not a number"),
        ({"text": "aldi", "price": True}, "aldi", None, "price is not a number"),
        ({"text": "aldi", "price": [5]}, "aldi", None, "price is not a number"),
        ({"text": 7, "price": 5}, None, 5, "text is not a string"),
        ({"text": "a\0b", "price": 10**30}, "a\0b", 1e30, None),
    ],
)
def test_a_missing_text_or_price_is_null_and_the_row_stays(
    tmp_path: Path, asked: Any, text: str | None, price: float | None, problem: str | None
) -> None:
    event = line(asked) if isinstance(asked, str) else json_line(asked)
    frame, problems = read_captures(write(tmp_path, event))
    assert frame.select("text", "price").rows() == [(text, price)]
    assert problems.counts == ({problem: 1} if problem else {})


@pytest.mark.parametrize("kind", [CSV, JSON, JSON_LINES])
def test_where_only_answers_are_captured_they_are_kept(tmp_path: Path, kind: str) -> None:
    answered = render(answers(0.75, 0.125), kind, single=False).decode()
    only = line(answered=answered, kind=kind, encoding=ENCODINGS[kind])
    del only["captureData"]["endpointInput"]
    none = line(answered="")
    none["captureData"]["endpointInput"] = None
    frame, problems = read_captures(write(tmp_path, only, none))
    assert frame.select("text", "price", "label").rows() == [
        (None, None, "eating, out"),
        (None, None, "groceries"),
    ]
    assert frame["probabilities"].to_list() == [[0.75, 0.25], [0.125, 0.875]]
    assert problems.counts == {"input and output of different row counts": 1}


@pytest.mark.parametrize("kind", [CSV, JSON])
def test_where_only_questions_are_captured_they_are_kept(tmp_path: Path, kind: str) -> None:
    only = line() if kind == CSV else json_line({"text": "aldi", "price": 5})
    del only["captureData"]["endpointOutput"]
    frame, problems = read_captures(write(tmp_path, only))
    assert frame["text"].null_count() == frame["price"].null_count() == 0
    assert frame["label"].null_count() == frame["probabilities"].null_count() == frame.height > 0
    assert problems.counts == {}
    assert problems.seen["records"] == 1
    assert problems.seen["without_output"] == frame.height


def test_a_message_says_which_class_an_answer_lacks_and_what_was_too_long(tmp_path: Path) -> None:
    renamed = said({"food": 0.5, "groceries": 0.5})
    long = change(line(), input_data=f'"{"x" * 131_073}",1')
    problems = read_captures(write(tmp_path, renamed, long))[1]
    assert "no probability of 'eating, out'" in problems.places["answers of other classes"][0]
    assert "field larger than field limit (131072)" in problems.places["unreadable input"][0]


def test_an_empty_file_is_told_and_no_capture_is_lost_with_it(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    problems = read_captures(str(tmp_path / "a.jsonl"))[1]
    assert problems.counts == {"empty file": 1}
    assert problems.seen["unread"] == 0
    assert problems.notes() == ["1 file without captures passed over"]


def test_what_has_another_name_than_captures_is_listed_and_not_opened(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl.gz", "c.json", "_SUCCESS", "d.jsonl.crc", "a.jsonl copy"):
        (tmp_path / name).touch()
    problems = Problems()
    files = event_files(str(tmp_path), None, None, problems)
    assert [Path(file).name for file in files] == ["a.jsonl", "b.jsonl.gz"]
    [(kind, count)] = problems.counts.items()
    assert count == 4
    assert f"{tmp_path}/_SUCCESS" in problems.places[kind]
    # A file that is named is read by whatever name.
    assert event_files(str(tmp_path / "c.json"), None, None, problems) == [str(tmp_path / "c.json")]


def test_a_record_whose_event_id_came_before_is_dropped_and_counted(tmp_path: Path) -> None:
    events = [line(), line(), line()]
    for number, event in enumerate(events):
        event["eventMetadata"] |= {"eventId": f"event-{number % 2}", "inferenceId": f"{number}"}
    seen: set[str] = set()

    def fresh(event_id: str) -> bool:
        known = event_id in seen
        seen.add(event_id)
        return not known

    frame, problems = read_captures(write(tmp_path, *events), fresh=fresh)
    assert frame["id"].to_list() == ["0", "1"]
    assert problems.seen == dict.fromkeys(SEEN, 0) | {"records": 2, "repeated": 1}


def test_merged_records_without_a_time_take_the_windows(tmp_path: Path) -> None:
    """Model Monitor's merge job leaves those of a batch without one, and calls the output so."""
    merged = line()
    del merged["eventMetadata"]["inferenceTime"]
    sides = merged["captureData"]
    sides["batchTransformOutput"] = sides.pop("endpointOutput")
    merged["groundTruthData"] = {"data": "groceries", "encoding": "CSV"}
    file = write(tmp_path, merged)
    frame, problems = read_captures(file, start=TIME, end=TIME + timedelta(hours=1))
    assert problems.counts == {}
    assert frame["time"].to_list() == [TIME]
    frame, _ = read_captures(file)
    assert frame["time"].to_list() == [None]


def test_only_the_first_places_are_kept_and_problems_add_up(tmp_path: Path) -> None:
    file = write(tmp_path, *[b"{"] * 8, line())
    one, other = read_captures(file)[1], read_captures(file, start=TIME + timedelta(hours=1))[1]
    assert [place.split(" ")[0] for place in one.places["not JSON"]] == [
        f"{file}:{number}" for number in range(1, 6)
    ]
    one.merge(other)
    assert one.counts == {"not JSON": 16}
    assert len(one.places["not JSON"]) == 5
    assert one.seen == dict.fromkeys(SEEN, 0) | {"records": 1, "outside": 1, "unread": 16}
    assert one.unread_share == pytest.approx(16 / 17)


def test_probes_are_left_out_and_counted(tmp_path: Path) -> None:
    probe = line(name="e-2")
    probe["eventMetadata"]["inferenceId"] = "probe-7-1"
    frame, problems = read_captures(
        write(tmp_path, line(name="probe-1"), probe, line(name="my-probe-1"))
    )
    assert frame["id"].to_list() == ["my-probe-1"]
    assert (problems.seen["probes"], problems.counts) == (2, {})


def test_the_window_holds_its_start_and_not_its_end(tmp_path: Path) -> None:
    times = ["2026-11-22T08:59:59.999Z", "2026-11-22T09:00:00Z", "2026-11-22T12:59:59+03:00"]
    times += ["2026-11-22T09:59:59.999999", "2026-11-22T10:00:00Z", "2026-11-22T09:00:00-01:00"]
    file = write(tmp_path, *(line(name=time, time=time) for time in times))
    start = TIME.replace(minute=0)
    frame, problems = read_captures(file, start=start, end=start + timedelta(hours=1))
    assert frame["id"].to_list() == times[1:4]
    assert problems.seen["outside"] == 3
    melbourne = start.astimezone(timezone(timedelta(hours=11)))
    assert read_captures(file, start=melbourne)[0]["id"].to_list() == times[1:]
    assert read_captures(file, end=start.replace(tzinfo=None))[0]["id"].to_list() == times[:1]


def test_identifiers_given_twice_are_kept(tmp_path: Path) -> None:
    assert read_captures(write(tmp_path, line(), line()))[0]["id"].to_list() == ["e-1", "e-1"]


def test_batches_are_about_the_size_that_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_frames, "ROWS_IN_FRAME", 4)
    files = [write(tmp_path, *[line()] * 5, name=name) for name in ("a", "b")]
    heights = [batch.frame.height for batch in captured_rows(files, CLASSES, Problems())]
    assert heights == [4, 4, 2]


def test_files_that_cannot_be_read_are_a_problem_and_the_rest_goes_on(tmp_path: Path) -> None:
    plain = write(tmp_path, line(name="plain"))
    zipped = tmp_path / "1.jsonl.gz"
    packed = gzip.compress((json.dumps(line(name="zipped")) + "\n").encode() * 3)
    zipped.write_bytes(packed)
    cut = tmp_path / "2.jsonl.gz"
    cut.write_bytes(packed[:-4])
    no_gzip = write(tmp_path, line(), name="3.jsonl.gz")
    empty = write(tmp_path, name="4.jsonl")
    files = [str(tmp_path / "missing"), str(zipped), str(cut), no_gzip, empty, str(tmp_path), plain]
    frame, problems = read_captures(*files)
    assert frame["id"].to_list() == ["zipped"] * 6 + ["plain"]
    assert problems.counts == {"file not readable": 4, "empty file": 1}
    assert problems.places["empty file"] == [f"{empty}:1"]
    assert problems.places["file not readable"][0] == f"{files[0]}:1 (FileNotFoundError)"


def test_captures_that_are_a_bomb_are_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("categoriser.io.unpacking.UNPACKED_FREELY", 2**20)
    bomb = tmp_path / "1.jsonl.gz"
    bomb.write_bytes(gzip.compress(b"\n" * 2**22))
    after = write(tmp_path, line(), name="2.jsonl")
    problems = Problems()
    [batch] = captured_rows([str(bomb), after], CLASSES, problems)
    assert batch.frame.height == 1
    assert problems.counts == {"file not readable": 1}
    [place] = problems.places["file not readable"]
    assert place.startswith(f"{bomb}:")
    assert place.endswith("(unpacks to too much)")


@pytest.mark.parametrize("name", ["0.jsonl", "0.jsonl.gz"])
def test_a_byte_order_mark_costs_no_record(tmp_path: Path, name: str) -> None:
    lines = b"\n".join(json.dumps(line(name=name)).encode() for name in "ab")
    marked = b"\xef\xbb\xbf" + lines
    (tmp_path / name).write_bytes(gzip.compress(marked) if name.endswith(".gz") else marked)
    frame, problems = read_captures(str(tmp_path / name))
    assert (frame["id"].to_list(), problems.counts) == (["a", "b"], {})


def test_a_line_without_an_end_fills_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = len(json.dumps(line())) + 1
    monkeypatch.setattr(events, "LONGEST_LINE", longest)
    long = json.dumps(line()).encode() + b" " * longest * 3
    file = write(tmp_path, line(), long, line(), b"x" * longest)
    frame, problems = read_captures(file)
    assert frame.height == 2
    assert problems.counts == {"line too long": 2}
    assert problems.places["line too long"] == [f"{file}:2", f"{file}:4"]


bad_lines = st.one_of(
    st.binary(max_size=80),
    st.builds(lambda at: VERBATIM.encode()[:at], st.integers(0, len(VERBATIM) - 1)),
    st.builds(
        lambda at, junk: VERBATIM.encode()[:at] + junk + VERBATIM.encode()[at:],
        st.integers(0, len(VERBATIM)),
        st.binary(min_size=1, max_size=4),
    ),
    st.builds(lambda data: json.dumps(change(line(), input_data=data)).encode(), st.text()),
    st.builds(lambda data: json.dumps(change(line(), output_data=data)).encode(), st.text()),
    st.builds(
        lambda data: json.dumps(change(line(encoding="BASE64"), input_data=data)).encode(),
        st.binary().map(lambda data: base64.b64encode(data).decode()),
    ),
    st.recursive(
        st.none() | st.floats() | st.text(),
        lambda of: st.lists(of) | st.dictionaries(st.text(), of),
    ).map(lambda value: json.dumps(json_line(value, value)).encode()),
).map(lambda data: data.replace(b"\n", b""))


@given(st.lists(st.none() | bad_lines, max_size=12), st.booleans())
@settings(deadline=None, max_examples=150)
def test_no_bytes_lose_a_good_record(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes | None], ended: bool
) -> None:
    good = [json.dumps(line(name=f"good-{at}")).encode() for at in range(len(lines))]
    written = [good[at] if bad is None else bad for at, bad in enumerate(lines)]
    file = tmp_path_factory.mktemp("bytes") / "0.jsonl"
    file.write_bytes(b"\n".join(written) + (b"\n" if ended else b""))
    frame, problems = read_captures(str(file))

    names = frame.filter(row=0)["id"].to_list() if frame.height else []
    expected = [f"good-{at}" for at, bad in enumerate(lines) if bad is None]
    assert [name for name in names if name.startswith("good-")] == expected
    # Every line that is not blank is either kept, or left out, or has one problem.
    kept_with = ("price is not a number", "text is not a string")
    lost = sum(times for kind, times in problems.counts.items() if kind not in kept_with)
    told = sum(not data.isspace() and data != b"" for data in written)
    told += Path(file).stat().st_size == 0
    assert len(names) + lost + problems.seen["probes"] == told


@given(st.binary(max_size=2000))
@settings(deadline=None, max_examples=200)
def test_no_bytes_crash_the_reading_of_any_file(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    for name in ("0.jsonl", "1.jsonl.gz"):
        (folder / name).write_bytes(data)
    read_captures(*find_files(str(folder)))
    list(ground_truth_rows(find_files(str(folder)), Problems()))


# Where the files are.

HOURS = ["shop/AllTraffic/2026/11/21/23", "shop/AllTraffic/2026/11/22/08"]
HOURS += [f"shop/AllTraffic/2026/11/22/{hour:02}" for hour in range(9, 13)]
HOURS += ["old/AllTraffic/2025/11/22/10", "2026/Blue/2026/11/22/10", "x/2026/13/45/10"]


def test_only_the_windows_hours_and_those_beside_them_are_listed(tmp_path: Path) -> None:
    names = [f"{hour}/30-00-000-a.jsonl" for hour in HOURS] + ["loose.jsonl"]
    for name in names:
        write(tmp_path, line(), name=name)
    (tmp_path / ".hidden").write_text("")
    start, end = TIME.replace(hour=10, minute=0), TIME.replace(hour=11, minute=0)

    def found(**window: Any) -> list[str]:
        return [
            Path(file).relative_to(tmp_path).as_posix()
            for file in find_files(str(tmp_path), **window)
        ]

    assert found() == sorted(names)
    elsewhere = ["2026/Blue/2026/11/22/10", "loose.jsonl", "x/2026/13/45/10"]
    near = [name for name in names if re.search("22/(09|10|11)/|" + "|".join(elsewhere), name)]
    assert found(start=start, end=end) == sorted(name for name in near if "2025" not in name)
    assert "shop/AllTraffic/2026/11/22/12/30-00-000-a.jsonl" in found(start=start)
    assert "shop/AllTraffic/2026/11/22/08/30-00-000-a.jsonl" not in found(start=start)
    # What the source itself is called says nothing.
    dated = tmp_path / "2025/01/01/00"
    kept = write(dated, line(), name="shop/2026/11/22/10/0.jsonl")
    write(dated, line(), name="shop/2026/11/20/10/0.jsonl")
    assert find_files(str(dated), start, end) == find_files(f"{dated}/", start, end) == [kept]
    assert find_files(str(tmp_path / "loose.jsonl")) == [str(tmp_path / "loose.jsonl")]
    with pytest.raises(UserError, match="nowhere"):
        find_files(str(tmp_path / "nowhere"))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3_client.cache_clear()
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="captures")
        yield client
    s3_client.cache_clear()


def test_captures_are_read_from_s3_and_only_the_window_is_listed(
    bucket: Any, tmp_path: Path
) -> None:
    for hour in HOURS:
        body = json.dumps(line(name=hour, time="2026-11-22T10:30:00Z")).encode()
        bucket.put_object(Bucket="captures", Key=f"in/{hour}/1.jsonl.gz", Body=gzip.compress(body))
    bucket.put_object(Bucket="captures", Key="in/shop/", Body=b"")
    bucket.put_object(Bucket="captures", Key="in/none.jsonl", Body=b"")
    bucket.put_object(Bucket="captures", Key="into/other.jsonl", Body=b"{}")
    listed = []
    s3_client().meta.events.register(
        "before-parameter-build.s3.ListObjectsV2",
        lambda params, **_: listed.append(params["Prefix"]),
    )
    start, end = TIME.replace(hour=10, minute=0), TIME.replace(hour=11, minute=0)
    files = find_files("s3://captures/in", start, end)

    near = [f"shop/AllTraffic/2026/11/22/{hour}" for hour in ("09", "10", "11")]
    expected = sorted([*near, "2026/Blue/2026/11/22/10", "x/2026/13/45/10"])
    empty = "s3://captures/in/none.jsonl"
    assert files == sorted([*(f"s3://captures/in/{hour}/1.jsonl.gz" for hour in expected), empty])
    assert "in/shop/AllTraffic/2026/11/22/09/" in listed
    assert not {"in/shop/AllTraffic/2026/11/21/", "in/shop/AllTraffic/2026/11/22/12/"} & {*listed}
    frame, problems = read_captures(*files, "s3://captures/in/gone", start=start, end=end)
    assert frame["id"].to_list() == expected
    assert problems.places == {
        "empty file": [f"{empty}:1"],
        "file not readable": ["s3://captures/in/gone:1 (NoSuchKey)"],
    }
    assert len(find_files("s3://captures/")) == len(HOURS) + 2

    fetch("s3://captures/into/other.jsonl", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"{}"
    with pytest.raises(UserError, match="gone"):
        fetch("s3://captures/in/gone", tmp_path / "copy")
    with pytest.raises(UserError, match="s3://no-such-bucket"):
        find_files("s3://no-such-bucket/in")


# The team's scripts.


def script(folder: Path, code: str) -> Callable[[dict[str, Any]], Any]:
    file = folder / "script.py"
    file.write_text(code)
    return load_preprocessor(file)


def extras(
    folder: Path, code: str, *events: Any
) -> tuple[pl.DataFrame, list[dict[str, Any]] | None, Problems]:
    problems = Problems()
    handler = script(folder, code)
    files = [write(folder, *events)]
    (batch,) = captured_rows(files, CLASSES, problems, preprocess=handler)
    given = None if batch.extra is None else batch.extra.rows(named=True)
    return batch.frame, given, problems


TWO = line("aldi,1\ncafe,2", ANSWERED * 2, name="two")


def test_a_script_for_the_prebuilt_container_runs(tmp_path: Path) -> None:
    code = """
import json
def preprocess_handler(inference_record, logger):
    logger.info(f"at work on {inference_record}")
    asked, answered = inference_record.endpoint_input, inference_record.endpoint_output
    about = inference_record.event_metadata
    assert json.loads(json.dumps(inference_record.as_dict())) == inference_record.event_dict
    assert inference_record.ground_truth is inference_record.batch_transform_output is None
    names = (asked.encoding, asked.mode, asked.observedContentType, asked.observed_content_type)
    values = [about.event_id, about.inference_id, about.event_time, about.custom_attribute[0]]
    values += [inference_record.event_version, *names, *asked.data.split(","), answered.mode]
    return {str(i).zfill(20): value for i, value in enumerate(values)}
"""
    _, given, problems = extras(tmp_path, code, VERBATIM.encode())
    assert given
    assert list(given[0].values()) == [
        *("feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9", "order-7", "2026-11-22T00:00:00Z", "a=b", "0"),
        *("CSV", "INPUT", "text/csv", "text/csv"),
        *("spotify p0d3d89b19 sydney au", "11.99", "OUTPUT"),
    ]
    assert not problems.counts


def test_a_script_reads_what_others_captured(tmp_path: Path) -> None:
    code = """
def preprocess_handler(inference_record):
    output = inference_record.endpoint_output.data.rstrip("\\n")
    data = output + "," + inference_record.endpoint_input.data
    return {i: None if x == "" else x for i, x in enumerate(data.split(","))}
"""
    frame, given, problems = extras(tmp_path, code, line(), FOREIGN_CAPTURE.encode())
    assert frame["text"].to_list() == ["aldi 12 perth", None]
    assert frame.select("price", "label", "probabilities").row(1) == (None, None, None)
    assert frame["probabilities"].to_list() == [[0.75, 0.25], None]
    assert given
    assert given[1]["0"] == "0.01076381653547287"
    assert given[1]["7"] is None
    assert given[0]["7"] is None
    assert problems.counts == {"readable by the preprocessor only": 1}


def test_a_dict_is_for_each_row_a_list_for_its_own_and_nothing_drops_the_record(
    tmp_path: Path,
) -> None:
    code = """
def preprocess_handler(inference_record):
    name = inference_record.event_metadata.event_id
    given = {"two": [{"a": 1}, {"b": 2.5}], "all": {"a": True}, "none": []}
    return given.get(name, [{"a": chr(0xD800)}, {}, {}])
"""
    events = [TWO, change_name(TWO, "all"), change_name(TWO, "none"), change_name(TWO, "many")]
    frame, given, problems = extras(tmp_path, code, *events, change_name(FOREIGN_CAPTURE, "many"))
    assert frame["id"].to_list() == ["two"] * 2 + ["all"] * 2 + ["many"] * 5
    assert given
    assert [row["a"] for row in given] == ["1", None, "True", "True", None, None, "?", None, None]
    assert [row["b"] for row in given] == [None, "2.5", *[None] * 7]
    assert problems.seen["dropped"] == 1
    assert problems.counts["preprocessor gave another number of rows"] == 1


def change_name(event: dict[str, Any] | str, name: str) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(event if isinstance(event, str) else json.dumps(event))
    changed["eventMetadata"]["eventId"] = name
    return changed


def test_a_script_that_fails_is_told_and_the_record_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
def preprocess_handler(inference_record):
    if inference_record.event_metadata.event_id == "none":
        return None
    raise KeyError("x")
"""
    frame, given, problems = extras(tmp_path, code, line(), line(), change_name(line(), "none"))
    assert (frame.height, given) == (3, None)
    assert problems.counts == {"preprocessor failed": 2, "preprocessor gave no dict": 1}
    assert problems.places["preprocessor failed"][0].endswith("0.jsonl:1 (KeyError)")
    # Once, with the line of the script.
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert 'raise KeyError("x")' in caplog.text


@pytest.mark.parametrize("given", ["{'a': 10**5000}", "[{Mute(): 1}]", "{'a': Mute()}", "exit(3)"])
def test_values_that_are_no_text_and_exits_are_failures_of_a_script(
    tmp_path: Path, given: str
) -> None:
    code = f"""
class Mute:
    def __str__(self): raise RuntimeError("no")
def preprocess_handler(inference_record):
    return {given} if inference_record.event_metadata.event_id == "bad" else {{"a": 10**4000}}
"""
    frame, extra, problems = extras(tmp_path, code, line(), change_name(line(), "bad"), line())
    assert frame["id"].to_list() == ["e-1", "bad", "e-1"]
    assert extra
    assert [row["a"] for row in extra] == [str(10**4000), None, str(10**4000)]
    assert problems.counts == {"preprocessor failed": 1}
    assert problems.places["preprocessor failed"][0].partition(" ")[0].endswith("0.jsonl:2")


def test_scripts_that_cannot_be_loaded_are_said(tmp_path: Path) -> None:
    cases = {
        "missing.py": (None, "missing.py cannot be imported"),
        "script.txt": ("", "no Python file"),
        "broken.py": ("import no_such_module", "no_such_module"),
        "exit.py": ("raise SystemExit(3)", r"SystemExit\(3\)"),
        "empty.py": ("x = 1", "no function preprocess_handler"),
    }
    for name, (code, message) in cases.items():
        if code is not None:
            (tmp_path / name).write_text(code)
        with pytest.raises(UserError, match=message):
            load_preprocessor(tmp_path / name)


def test_a_postprocessor_is_called_and_its_fault_is_told(tmp_path: Path) -> None:
    script, written = tmp_path / "post.py", tmp_path / "written"
    script.write_text(f"def postprocess_handler():\n    open({str(written)!r}, 'w').close()\n")
    load_postprocessor(script)()
    assert written.exists()
    for code, fault in {"1 / 0": "ZeroDivisionError", "exit(3)": "SystemExit"}.items():
        script.write_text(f"def postprocess_handler():\n    {code}\n")
        with pytest.raises(UserError, match=f"postprocess_handler failed: {fault}"):
            load_postprocessor(script)()
    script.write_text("def postprocess_handler(result):\n    pass\n")
    with pytest.raises(UserError, match="postprocess_handler must take 0 arguments"):
        load_postprocessor(script)


# Ground truth.


def truth(label: str, name: str, encoding: str = "CSV", **more: str) -> dict[str, Any]:
    return {
        "groundTruthData": {"data": label, "encoding": encoding},
        "eventMetadata": {"eventId": name} | more,
        "eventVersion": "0",
    }


def test_ground_truth_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(
        tmp_path,
        truth("groceries", "a"),
        truth('"eating, out"\n', "b#0"),
        truth('"eating, out"', "c#12", "JSON"),
        truth("__label__groceries", "d#x"),
        truth("groceries", "e", inferenceId="order-7#3"),
        truth("groceries", "probe-1"),
        truth("groceries", "a"),
        truth("groceries", "#5"),
        name="2026/11/22/09/labels.jsonl",
    )
    loose = write(tmp_path, truth("groceries", "f"), name="labels.jsonl")
    problems = Problems()
    monkeypatch.setattr(event_frames, "ROWS_IN_FRAME", 5)
    frames = list(ground_truth_rows([file, loose], problems))
    assert [frame.height for frame in frames] == [5, 3]
    frame, hour = pl.concat(frames), datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert frame.rows() == [
        ("a", 0, "groceries", hour),
        ("b", 0, "eating, out", hour),
        ("c", 12, "eating, out", hour),
        ("d#x", 0, "groceries", hour),
        ("order-7", 3, "groceries", hour),
        ("a", 0, "groceries", hour),
        ("#5", 0, "groceries", hour),
        ("f", 0, "groceries", None),
    ]
    assert (problems.seen["records"], problems.seen["probes"], problems.counts) == (8, 1, {})


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (b"{", "not JSON"),
        (line(), "unknown encoding"),
        (truth("groceries", "a", "BASE64"), "unknown encoding"),
        (truth("eating, out", "a"), "unreadable label"),
        (truth("a\nb", "a"), "unreadable label"),
        (truth('"', "a"), "unreadable label"),
        (truth(" ", "a"), "unreadable label"),
        (truth("", "a"), "unreadable label"),
        (truth("7", "a", "JSON"), "unreadable label"),
        (truth("[" * 100_000, "a", "JSON"), "unreadable label"),
    ],
)
def test_ground_truth_that_cannot_be_read_is_counted(tmp_path: Path, event: Any, kind: str) -> None:
    file = write(tmp_path, event, truth("groceries", "a"))
    problems = Problems()
    assert pl.concat(ground_truth_rows([file], problems)).height == 1
    assert problems.counts == {kind: 1}
    assert problems.places[kind][0].split(" (")[0] == f"{file}:1"


# Writing.

strings = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
rows = st.tuples(strings.filter(str.strip), st.floats(allow_nan=False, allow_infinity=False))


@given(
    st.lists(st.tuples(rows, st.floats(0, 1)), min_size=1), st.sampled_from([CSV, JSON, JSON_LINES])
)
@settings(deadline=None, max_examples=150)
def test_what_the_server_takes_and_gives_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    calls: list[tuple[tuple[str, float], float]],
    kind: str,
) -> None:
    asked = [row for row, _ in calls]
    if kind == CSV:
        sheet = io.StringIO(newline="")
        csv.writer(sheet).writerows(asked)
        request = sheet.getvalue().encode()
    else:
        objects = [{"text": text, "price": price} for text, price in asked]
        lines = [json.dumps(value, ensure_ascii=False) for value in objects]
        request = (json.dumps(objects) if kind == JSON else "\n".join(lines)).encode()
    assert [row.text for row in parse(request, kind).rows] == [text for text, _ in asked]
    answer = render(answers(*(number for _, number in calls)), kind, single=False)
    written = record(request, answer, kind, event_id="e-1", time=TIME, inference_id="order-7")
    assert written.count(b"\n") == 1
    file = tmp_path_factory.mktemp("written") / "0.jsonl"
    file.write_bytes(written)

    frame, problems = read_captures(str(file))
    assert not problems.counts
    assert frame.select("text", "price").rows() == asked
    assert frame["id"].unique().to_list() == ["order-7"]
    assert frame["probabilities"].explode()[::2].to_list() == pytest.approx(
        [number for _, number in calls], abs=1e-10
    )


def test_a_record_is_written_as_sagemaker_writes_it() -> None:
    written = record(
        b"spotify p0d3d89b19 sydney au,11.99",
        b"__label__groceries,0.0000068826,0.9999931174\n",
        CSV,
        event_id="feca1ab1-8025-47e3-8f6a-99e3fdd7b8d9",
        time=datetime(2026, 11, 22, tzinfo=UTC),
        inference_id="order-7",
    )
    expected = json.loads(VERBATIM)
    del expected["eventMetadata"]["customAttributes"]
    expected["captureData"]["endpointOutput"]["observedContentType"] = CSV
    assert json.loads(written) == expected


class Clock(datetime):
    """A clock that moves on by 25 s each time it is read."""

    seconds = count(0, 25)

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return TIME + timedelta(hours=23, seconds=next(cls.seconds), milliseconds=7)


def test_the_writer_files_by_the_minute_under_the_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "datetime", Clock)
    writer = Writer(folder_of(tmp_path, "shop"))
    for number in range(8):
        writer.put(b"a,%d" % number, ANSWERED.encode(), CSV, None)
    writer.close()
    files = find_files(str(tmp_path))
    assert [
        re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", file) for file in files
    ] == [
        f"{tmp_path}/shop/{VARIANT}/2026/11/23/08/{name}-007-UUID.jsonl"
        for name in ("30-00", "31-15", "32-05")
    ]
    frame, problems = read_captures(*files)
    assert frame["price"].to_list() == list(range(8))
    assert frame["id"].n_unique() == 8
    assert not problems.counts


def test_a_file_of_the_writers_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "FILE_BYTES", 1000)
    writer = Writer(folder_of(tmp_path, "shop"))
    for _ in range(20):
        writer.put(ASKED.encode(), ANSWERED.encode(), CSV, None)
    writer.close()
    files = find_files(str(tmp_path))
    assert max(Path(file).stat().st_size for file in files) < 2000
    assert len(files) > 5
    assert read_captures(*files)[0].height == 20


def test_a_line_may_be_larger_than_the_input_and_the_output_of_a_call(tmp_path: Path) -> None:
    writer, rows = Writer(folder_of(tmp_path, "shop")), 24_000
    request, answer = (b"%s,1\n" % (b"x" * 1_000), b"%s,0.5,0.5\n" % (b"y" * 1_000))
    writer.put(request * rows, answer * rows, CSV, None)
    writer.close()
    frame, problems = read_captures(*find_files(str(tmp_path)))
    assert (frame.height, problems.counts) == (rows, {})


@pytest.mark.parametrize("bound", ["WAITING_BYTES", "LONGEST_LINE"])
def test_what_is_too_large_is_dropped_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, bound: str
) -> None:
    monkeypatch.setattr(serving, bound, 5_000)
    writer = Writer(folder_of(tmp_path, "shop"))
    for size in (1, 8_000, 1):
        writer.put(b"%s,1" % (b"x" * size), ANSWERED.encode(), CSV, None)
        while writer.waiting:
            time.sleep(0.001)
    writer.close()
    assert read_captures(*find_files(str(tmp_path)))[0]["text"].to_list() == ["x", "x"]
    told = [record.msg for record in caplog.records]
    assert told == [{"event": "capture dropped", "calls": 1}]


def test_a_disk_that_fails_stops_neither_server_nor_writer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UserError, match="--capture"):
        folder_of(Path(write(tmp_path, b"", name="file")), "shop")
    writer = Writer(folder_of(tmp_path, "shop"))
    writer.files.folder.rmdir()
    writer.files.folder.write_text("in the way")
    writer.put(ASKED.encode(), ANSWERED.encode(), CSV, None)
    while len(caplog.records) < 2:
        time.sleep(0.001)
    writer.files.folder.unlink()
    writer.put(ASKED.encode(), ANSWERED.encode(), CSV, None)
    writer.close()
    assert read_captures(*find_files(str(tmp_path / "shop")))[0].height == 1
    assert [record.msg for record in caplog.records] == [
        {"event": "capture failed"},
        {"event": "capture dropped", "calls": 1},
    ]
