"""Distinct values are counted within the bound."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from monitor_helpers.made_statistics import feature

from categoriser.monitor.summaries.hyperloglog import estimate_distinct
from categoriser.monitor.summaries.summary import ColumnSummary


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
