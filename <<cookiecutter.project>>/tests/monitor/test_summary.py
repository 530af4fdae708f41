"""Sketches, summaries and statistics.json."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import random
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from datasketches import kll_doubles_sketch
from hypothesis import given, settings
from hypothesis import strategies as st

from categoriser.errors import UserError
from categoriser.monitor import summary as summaries
from categoriser.monitor.formats import statistics
from categoriser.monitor.formats.sketch import K, Sketch, decode
from categoriser.monitor.formats.statistics import Feature, Statistics
from categoriser.monitor.summary import MAX_CATEGORIES, Column, Summary, summarise

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


def feature(values: Any) -> Feature:
    return statistics.of_summary(summarise([batch(x=values)])).features["x"]


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
    kll = kll_doubles_sketch(K)
    kll.update(values)
    sketch = decode(kll.serialize())
    items, weights = sketch.weighted()
    assert sketch.size == weights.sum() == n
    assert (np.diff(items) >= 0).all()
    assert set(items) <= set(values)
    if n:
        assert rank_error(sketch, values) <= kll.normalized_rank_error(False)


def test_a_small_sketch_is_exact() -> None:
    kll = kll_doubles_sketch(K)
    kll.update(np.array([3.0, 1.0, 2.0, 1.0]))
    items, weights = decode(kll.serialize()).weighted()
    assert items.tolist() == [1, 1, 2, 3]
    assert weights.tolist() == [1, 1, 1, 1]


@given(st.lists(st.integers(0, 3000), max_size=12), st.integers(0, 2**32))
@settings(deadline=None, max_examples=40)
def test_a_merged_sketch_decodes_too(lengths: list[int], seed: int) -> None:
    generator, whole = np.random.default_rng(seed), kll_doubles_sketch(K)
    for length in lengths:
        part = kll_doubles_sketch(K)
        part.update(generator.normal(size=length))
        whole.merge(part)
    assert decode(whole.serialize()).size == sum(lengths)


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
    same(statistics.of_summary(parts[0]), statistics.of_summary(whole))


@given(arrays.arrays(np.float64, st.integers(1, 300), elements=st.floats(-1e9, 1e9)))
@settings(deadline=None, max_examples=100)
def test_moments_are_those_of_all_values(values: np.ndarray[Any, Any]) -> None:
    summary = summarise(batch(x=part) for part in np.array_split(values, 7))
    found = statistics.of_summary(summary).features["x"]
    assert found.mean == pytest.approx(values.mean(), rel=1e-9, abs=1e-5)
    assert found.std_dev == pytest.approx(values.std(), rel=1e-9, abs=1e-5)
    assert found.sum == pytest.approx(math.fsum(values), rel=1e-9, abs=1e-3)
    assert (found.min, found.max) == (values.min(), values.max())


def test_the_standard_deviation_is_the_populations() -> None:
    assert feature([1.0, 3.0]).std_dev == 1.0


def test_moments_of_small_spread_about_a_large_mean_are_exact() -> None:
    values = 1e9 + np.random.default_rng(1).normal(size=10_000)
    summary = summarise(batch(x=part) for part in np.array_split(values, 31))
    found = statistics.of_summary(summary).features["x"]
    assert found.std_dev == pytest.approx(values.std(), rel=1e-6)


@pytest.mark.parametrize("n", [0, 1, 10, 1000, 30_000, 300_000])
@pytest.mark.parametrize("kind", ["numbers", "text"])
def test_distinct_values_are_counted_within_the_bound_however_often_they_come(
    n: int, kind: str
) -> None:
    values = pl.Series(np.random.default_rng(n).permutation(np.tile(np.arange(n) * 0.5, 2)))
    column = Column.of(values if kind == "numbers" else "v" + values.cast(pl.String))
    column.merge(Column.of(values.head(n) if kind == "numbers" else "v" + values.cast(pl.String)))
    # Three standard errors.
    assert summaries.distinct(column.registers) == pytest.approx(n, rel=3 * 1.04 / 2**7, abs=1e-2)


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
        (["1", "2.5", "au"], "String", (1, 1, 1)),
        (["nan", "inf", "1e999", "", " 1", "1_0", "٣", "true"], "String", (0, 0, 8)),
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
    found = statistics.of_summary(summarise(parts))
    assert found.item_count == 4
    x, y = found.features["x"], found.features["y"]
    assert (x.present, x.missing, x.mean) == (2, 2, 2.0)
    assert (y.present, y.missing, y.categories) == (3, 1, {"a": 2, "b": 1})


def test_a_column_that_changes_from_numbers_to_text_is_text_of_no_known_categories() -> None:
    for parts in ([[1, 2], ["a"]], [["a"], [1, 2]]):
        found = statistics.of_summary(summarise(batch(x=part) for part in parts)).features["x"]
        assert (found.inferred_type, found.present, found.categories) == ("String", 3, None)
        assert found.mean is None
        assert found.distinct == 3


def test_a_column_that_changes_from_integers_to_fractions_is_fractional() -> None:
    found = statistics.of_summary(summarise([batch(x=[1, 2]), batch(x=[1.0, 0.5])])).features["x"]
    assert (found.inferred_type, found.distinct) == ("Fractional", 3)


def test_categories_stand_up_to_the_cap_and_fall_above_it() -> None:
    values = [f"value {n}" for n in range(MAX_CATEGORIES)]
    assert feature(values).categories == dict.fromkeys(values, 1)
    assert feature([*values, "one more"]).categories is None
    parts = [batch(x=values[:600]), batch(x=[*values[600:], "one more"]), batch(x=["one more"])]
    found = statistics.of_summary(summarise(parts)).features["x"]
    assert found.categories is None
    assert found.distinct == pytest.approx(MAX_CATEGORIES + 1, rel=0.03)


def test_moments_that_overflow_are_none_and_the_rest_stands() -> None:
    found = statistics.of_summary(summarise([batch(x=[1.7e308, -1.7e308]), batch(x=[1.7e308] * 9)]))
    price = found.features["x"]
    assert (price.std_dev, price.sum, price.min, price.max) == (None, None, -1.7e308, 1.7e308)
    buckets = statistics.dump(found)["features"][0]["numerical_statistics"]["distribution"]["kll"]
    assert [bucket["count"] for bucket in buckets["buckets"]] == [1, *[0] * 8, 10]
    json.dumps(statistics.dump(found), allow_nan=False)


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
    whole = statistics.of_summary(summarise(frame.to_arrow().to_batches()))
    frame[:10_000].write_csv(tmp_path / "1.csv")
    frame[10_000:].write_csv(tmp_path / "2.csv")
    frame.write_ndjson(tmp_path / "1.json")
    frame.write_parquet(tmp_path / "1.parquet")
    for form in ("csv", "json", "parquet"):
        found = statistics.of_summary(
            summaries.summarise_dataset(str(tmp_path / f"*.{form}"), form)
        )
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
    summary = summaries.summarise_dataset(str(tmp_path / "rows.csv"), "csv", header=False)
    assert summary.rows == 2
    assert {name: column.present for name, column in summary.columns.items()} == {
        "_c0": 1,
        "_c1": 2,
    }


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_text("no")
    for name in ("broken.parquet", "missing.parquet"):
        with pytest.raises(UserError, match=name):
            summaries.summarise_dataset(str(tmp_path / name), "parquet")


# statistics.json.


@given(st.lists(st.tuples(VALUE, NUMBER, st.sampled_from(["a", None])), max_size=300))
@settings(deadline=None, max_examples=100)
def test_what_is_written_reads_back(rows: list[tuple[Any, ...]]) -> None:
    schema = {"text": pl.String, "price": pl.Float64, "country": pl.String}
    table = pl.DataFrame(rows, schema=schema, orient="row")
    before = statistics.of_summary(summarise(table.to_arrow().to_batches()))
    after = statistics.load(json.loads(json.dumps(statistics.dump(before), allow_nan=False)))
    typeless = {name: dataclasses.replace(one, types={}) for name, one in before.features.items()}
    assert after == Statistics(before.item_count, typeless)


def test_the_document_has_the_containers_form() -> None:
    parts = batch(price=[0.0, 1.0, 10.0, None], category=["b", "a", "b", "a"], nothing=[None] * 4)
    document = statistics.dump(statistics.of_summary(summarise([parts])))
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
        document = statistics.dump(statistics.of_summary(summarise([batch(x=values)])))
        numeric = document["features"][0]["numerical_statistics"]
        buckets = numeric["distribution"]["kll"]["buckets"]
        assert len(buckets) == 10
        assert sum(bucket["count"] for bucket in buckets) == len(values)
        assert buckets[0]["lower_bound"] == numeric["min"]
        assert buckets[-1]["upper_bound"] == numeric["max"]


def test_the_containers_file_reads_as_a_baseline() -> None:
    found = statistics.load(json.loads(FOREIGN))
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
    assert statistics.load(statistics.dump(found)) == found


@pytest.mark.parametrize(
    "distribution", [None, {"kll": None, "categorical": None}, {"kll": {"sketch": None}}]
)
def test_a_distribution_that_is_null_is_none(distribution: Any) -> None:
    document = json.loads(FOREIGN)
    document["features"][0]["numerical_statistics"]["distribution"] = distribution
    document["features"][2]["string_statistics"]["distribution"] = distribution
    found = statistics.load(document).features
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
        statistics.load(json.loads(FOREIGN.replace(change, f'{key}: "nonsense"')))


@pytest.mark.parametrize("document", [None, [], {}, {"dataset": {}, "features": 1}])
def test_a_document_of_another_kind_is_refused(document: Any) -> None:
    with pytest.raises(UserError, match=r"statistics\.json"):
        statistics.load(document)
