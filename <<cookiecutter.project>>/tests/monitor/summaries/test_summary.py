"""Columns summarised in parts: types, moments, categories, missing values; data sets of files."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monitor_helpers.made_statistics import NUMBER, VALUE, batch, feature

from categoriser.errors import UserError
from categoriser.monitor.formats.feature_statistics import Statistics
from categoriser.monitor.formats.statistics_file import dump_statistics
from categoriser.monitor.summaries.summary import (
    MAX_CATEGORIES,
    Summary,
    summarise,
    summarise_dataset,
)
from categoriser.monitor.summaries.summary_statistics import statistics_of


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
    spelt = feature(["1.5", "2.5", None])
    stored = feature([1.5, 2.5, None])
    assert dataclasses.replace(spelt, types={}) == dataclasses.replace(stored, types={})
    assert spelt.categories is None


def test_rows_of_batches_without_the_column_are_missing() -> None:
    parts = [batch(x=[1.0]), batch(y=["a", "b"]), batch(x=[3.0], y=["a"]), batch()]
    found = statistics_of(summarise(parts))
    assert found.item_count == 4
    x = found.features["x"]
    y = found.features["y"]
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
            other = whole.features[name]
            kinds = dict(one.types)
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
