"""Sketches of sorted values: all values count evenly, and chance is not in them."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from categoriser.monitor.formats.statistics_file import dump_statistics
from categoriser.monitor.summaries.sorted_sketches import sorted_sketch, without_chance
from categoriser.monitor.summaries.summary import summarise
from categoriser.monitor.summaries.summary_statistics import statistics_of


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 30_000))
def test_a_sketch_without_chance_stands_for_all_values_evenly(size: int) -> None:
    sketch = sorted_sketch(np.arange(size, dtype=np.float64))
    values, weights = sketch.weighted()
    assert weights.sum() == sketch.size == size
    if size:
        # What is at most an item, by the sketch and in truth.
        error = np.abs(np.cumsum(weights) - (values + 1)).max()
        assert error <= max(1, size / 2048)


def test_statistics_of_many_rows_hold_no_chance() -> None:
    frame = pl.DataFrame({"price": np.random.default_rng(3).random(9000).round(3)})
    summaries = [statistics_of(summarise(frame.to_arrow().to_batches())) for _ in range(2)]
    first, second = (dump_statistics(without_chance(one, frame)) for one in summaries)
    assert first == second
