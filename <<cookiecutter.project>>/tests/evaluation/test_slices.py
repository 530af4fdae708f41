"""Accuracy by slice."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from categoriser.evaluation.bootstrap import MIN_GROUPS
from categoriser.evaluation.evaluation_file import ColumnSlices
from categoriser.evaluation.price_bands import price_bands
from categoriser.evaluation.slices import UNKNOWN, by_slice
from categoriser.params import Evaluate


def compare_places(
    frame: pl.DataFrame, right: list[bool], **changes: Any
) -> dict[str, ColumnSlices | None]:
    """Compare the slices of rows that are each a merchant of its own."""
    chosen: dict[str, Any] = {
        "slices": ["place"],
        "price_bands": [0, 10],
        "min_rows": 50,
        "behaviour": None,
        "resamples": 300,
        "confidence": 0.95,
    }
    if "price" not in frame.columns:
        frame = frame.with_columns(price=1.0)
    groups = changes.pop("groups", np.arange(len(frame)))
    answers = np.where(right, 0, 1)
    return by_slice(
        frame, np.zeros(len(frame), int), answers, groups, Evaluate(**(chosen | changes))
    )


def place_of(frame: pl.DataFrame, right: list[bool], **changes: Any) -> ColumnSlices:
    """Return the slices of the column `place`, which the frame has."""
    found = compare_places(frame, right, **changes)["place"]
    assert found
    return found


def two_places() -> tuple[pl.DataFrame, list[bool]]:
    """200 rows of A, 90 % right; 100 of B, 60 % right; 20 of C, all wrong; 60 of none, right."""
    place = ["A"] * 200 + ["B"] * 100 + ["C"] * 20 + [None] * 60
    right = [n % 10 > 0 for n in range(200)] + [n % 10 > 3 for n in range(100)]
    return pl.DataFrame({"place": place}), right + [False] * 20 + [True] * 60


def test_the_worst_slice_and_its_gap() -> None:
    frame, right = two_places()
    found = place_of(frame, right)
    overall = (180 + 60 + 60) / 380
    assert [part.name for part in found.slices] == ["B", "A", UNKNOWN]
    assert found.worst == "B"
    assert found.gap
    assert found.gap.value == pytest.approx(overall - 0.6)
    assert found.gap.low < overall - 0.6 < found.gap.high
    assert found.spread == pytest.approx(0.4)
    worst = found.slices[0]
    assert (worst.rows, worst.groups) == (100, 100)
    # Four standard deviations of a share of 0.6 in 100 rows: what the interval is wide.
    width = worst.accuracy.high - worst.accuracy.low
    assert width == pytest.approx(3.92 * np.sqrt(0.24 / 100), rel=0.15)


def test_small_slices_are_not_judged_and_absent_values_are_a_slice() -> None:
    frame, right = two_places()
    found = place_of(frame, right)
    assert found.not_judged == {"C": 20}
    assert found.slices[-1].accuracy.value == 1
    assert place_of(frame, right, min_rows=60).not_judged == {"C": 20}
    assert place_of(frame, right, min_rows=61).not_judged == {
        "C": 20,
        UNKNOWN: 60,
    }


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_what_is_not_known_is_the_slice_unknown(nothing: str | None) -> None:
    frame = pl.DataFrame({"place": [*["AU"] * 60, *[nothing] * 60]})
    found = place_of(frame, [True] * 60 + [False] * 60)
    assert [part.name for part in found.slices] == ["unknown", "AU"]


def test_a_number_that_is_none_is_unknown_too() -> None:
    frame = pl.DataFrame({"place": [1.0] * 60 + [float("nan")] * 60})
    found = place_of(frame, [True] * 120)
    assert {part.name for part in found.slices} == {"unknown", "1.0"}


def test_many_rows_of_few_merchants_are_not_judged() -> None:
    frame, right = two_places()
    groups = np.concatenate(
        [np.arange(200), 200 + np.arange(100) % (MIN_GROUPS - 1), 300 + np.arange(80)]
    )
    groups = np.unique(groups, return_inverse=True)[1]
    assert place_of(frame, right, groups=groups).not_judged == {"B": 100, "C": 20}


def test_a_column_that_the_data_lacks_is_absent_and_no_error() -> None:
    frame, right = two_places()
    assert compare_places(frame, right, slices=["no_such"]) == {"no_such": None}


def test_no_slice_is_large_enough() -> None:
    frame, right = two_places()
    found = place_of(frame, right, min_rows=1000)
    assert found.slices == []
    assert found.gap is None


def test_no_rows_at_all() -> None:
    empty = pl.DataFrame(schema={"place": pl.String, "price": pl.Float64})
    found = compare_places(empty, [], slices=["place", "price_band"])
    assert found == {"place": ColumnSlices([], {}), "price_band": ColumnSlices([], {})}


def test_columns_that_are_no_text_are_slices_too() -> None:
    frame = pl.DataFrame({"place": [1] * 60 + [2] * 60})
    found = place_of(frame, [True] * 60 + [False] * 60)
    assert found.worst == "2"


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1),
    st.lists(st.integers(-99, 999), unique=True, max_size=4).map(sorted),
)
def test_every_price_lies_in_the_band_that_its_name_says(
    prices: list[float], edges: list[int]
) -> None:
    names = price_bands(pl.Series(prices, dtype=pl.Float64), edges)
    for price, name in zip(prices, names, strict=True):
        below = [edge for edge in edges if edge <= price]
        if not edges:
            assert name == "all"
        elif not below:
            assert name == f"under {edges[0]}"
        elif len(below) == len(edges):
            assert name == f"{edges[-1]} and over"
        else:
            assert name == f"{below[-1]} to {edges[len(below)]}"
