"""A slice that is served worse for sure is a violation."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from monitor_helpers.made_labels import FACTS, NOTHING, SETTINGS, joined, labelled_rows
from msgspec import structs

from categoriser.evaluation.evaluation_file import ColumnSlices, SliceFigures
from categoriser.intervals import Interval
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.labels.model_quality import QualityResult, judge_model
from categoriser.monitor.labels.slice_gaps import slice_gaps
from categoriser.params import Params


def test_a_slice_served_worse_for_sure_is_a_violation(params: Params) -> None:
    def found(wrong: int, merchants: int, bound: float) -> QualityResult:
        """Two slices of 1,000 rows; of one, the rows of so many merchants in 100 are wrong."""
        place = np.arange(2000) // 1000
        merchant = np.arange(2000) % merchants
        names = [f"{chr(97 + n // 10) * 3}{chr(97 + n % 10) * 3}" for n in merchant]
        answers = np.where((place == 1) & (merchant < wrong * merchants // 100), "bills", "food")
        rows = labelled_rows(
            ["food"] * 2000,
            answers.tolist(),
            text=pl.Series(names),
            country=pl.Series(["AU", "NZ"]).gather(place),
        )
        with joined(*rows) as labelled:
            facts = structs.replace(FACTS, labels={"food": 1.0}, train_rows=1000)
            return judge_model(labelled, NOTHING, facts, SETTINGS, params.evaluate, bound)

    unfair = found(60, 100, 0.15)
    gap = unfair.gaps["slice_gap_country"]
    assert gap.value == pytest.approx(0.3)
    # NZ's share of wrong merchants less half of it: the binomial's error of 100 merchants.
    assert gap.standard_deviation == pytest.approx((0.24 / 100) ** 0.5 / 2, rel=0.2)
    assert unfair.violations == [
        Violation(
            "slice_gap_country",
            "GreaterThanThreshold",
            f"Metric slice_gap_country with {gap.value} +/- {gap.standard_deviation} "
            "was GreaterThanThreshold '0.15'",
        )
    ]
    assert unfair.gaps["slice_gap_price_band"].value == 0
    # As large a gap in a tenth of the merchants, or under the bound, is not sure.
    for few in (found(60, 10, 0.2), found(60, 100, 0.31)):
        assert few.gaps["slice_gap_country"].value == pytest.approx(0.3)
        assert few.violations == []


def test_the_gap_that_is_sure_is_a_violation_though_a_smaller_slices_is_larger() -> None:
    def part(value: float, low: float, high: float) -> SliceFigures:
        gap = Interval(value, low, high)
        return SliceFigures("", rows=1, groups=1, accuracy=gap, gap=gap)

    parts = [part(0.4, -0.1, 0.9), part(0.3, 0.2, 0.4), part(0.25, 0.2, 0.3)]
    slices = {
        "country": ColumnSlices(parts, {}),
        "account": ColumnSlices([], {}),
        "absent": None,
    }
    gaps, [violation] = slice_gaps(slices, 0.15, 0.95)
    assert gaps.keys() == {"slice_gap_country"}
    assert gaps["slice_gap_country"].value == 0.4
    assert gaps["slice_gap_country"].standard_deviation == pytest.approx(0.5 / 1.96, 1e-3)
    assert "with 0.3 +/- 0.051" in violation.description
