"""A summary's statistics; sketches count for each value once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from datasketches import kll_doubles_sketch
from hypothesis import given, settings
from hypothesis import strategies as st

from categoriser.monitor.formats.sketch import SKETCH_SIZE, Sketch
from categoriser.monitor.summaries.summary_statistics import sketch_of


def rank_error(sketch: Sketch, values: np.ndarray[Any, Any]) -> float:
    """Return the largest difference of the two cumulative distributions, at the sketch's items."""
    items, weights = sketch.weighted()
    ranks = np.cumsum(weights) / sketch.size
    ends = np.append(np.flatnonzero(np.diff(items)), len(items) - 1)
    truth = np.searchsorted(np.sort(values), items[ends], side="right") / len(values)
    return float(np.abs(ranks[ends] - truth).max())


@pytest.mark.parametrize("n", [0, 1, 2, 3, 2047, 2048, 2049, 5000, 100_000, 1_000_000])
def test_a_decoded_sketch_stands_for_each_value_once_and_ranks_within_its_bound(n: int) -> None:
    values = np.random.default_rng(n).lognormal(size=n)
    kll = kll_doubles_sketch(SKETCH_SIZE)
    kll.update(values)
    sketch = sketch_of(kll.serialize())
    items, weights = sketch.weighted()
    assert sketch.size == weights.sum() == n
    assert (np.diff(items) >= 0).all()
    assert set(items) <= set(values)
    if n:
        assert rank_error(sketch, values) <= kll.normalized_rank_error(False)


def test_a_small_sketch_is_exact() -> None:
    kll = kll_doubles_sketch(SKETCH_SIZE)
    kll.update(np.array([3.0, 1.0, 2.0, 1.0]))
    items, weights = sketch_of(kll.serialize()).weighted()
    assert items.tolist() == [1, 1, 2, 3]
    assert weights.tolist() == [1, 1, 1, 1]


@given(st.lists(st.integers(0, 3000), max_size=12), st.integers(0, 2**32))
@settings(deadline=None, max_examples=40)
def test_a_merged_sketch_decodes_too(lengths: list[int], seed: int) -> None:
    generator = np.random.default_rng(seed)
    whole = kll_doubles_sketch(SKETCH_SIZE)
    for length in lengths:
        part = kll_doubles_sketch(SKETCH_SIZE)
        part.update(generator.normal(size=length))
        whole.merge(part)
    assert sketch_of(whole.serialize()).size == sum(lengths)


def test_a_sketch_whose_lowest_level_merges_emptied_loses_no_weight() -> None:
    whole = kll_doubles_sketch(SKETCH_SIZE)
    for part in np.array_split(np.arange(100_000.0), 20):
        one = kll_doubles_sketch(SKETCH_SIZE)
        one.update(part)
        whole.merge(one)
    assert sketch_of(whole.serialize()).size == 100_000
