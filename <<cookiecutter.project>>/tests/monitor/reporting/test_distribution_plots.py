"""Plots of distributions: what is drawn, and what is left out."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monitor_helpers.made_results import of

from categoriser.monitor.formats.feature_statistics import FeatureStatistics
from categoriser.monitor.formats.sketch import Sketch
from categoriser.monitor.reporting.distribution_plots import (
    DistributionPlot,
    plot_distributions,
)


def drawn(name: str, now: Any, before: Any) -> DistributionPlot:
    current, baseline = (of(pl.DataFrame({name: values})) for values in (now, before))
    return plot_distributions(current.features[name], baseline.features[name])


def picture(found: DistributionPlot) -> str:
    return base64.b64decode(found.image.split(",")[1]).decode()


def test_rare_categories_are_drawn_as_one() -> None:
    now = [f"value number {n}" for n in range(40) for _ in range(40 - n)]
    image = picture(drawn("a", now, [*now, "old" * 20]))
    assert "value number 0" in image
    assert "value number 11" in image
    assert "value number 12" not in image
    assert "29 others" in image


def test_the_stability_index_is_of_the_bars() -> None:
    assert drawn("a", [1, 2, 3] * 9, [1, 2, 3] * 99).psi == pytest.approx(0)
    assert drawn("a", ["x"] * 9, ["x"] * 99).psi == pytest.approx(0)
    assert drawn("a", [1, 1, 1, 2], [1, 2, 2, 2]).psi == pytest.approx(np.log(3))


def test_what_cannot_be_drawn_is_left_out() -> None:
    assert drawn("a", [None, None], ["x", "y"]).image == ""
    assert drawn("a", [1e300, -1e300], [1.0, 2.0]).image == ""
    alone = plot_distributions(of(pl.DataFrame({"a": [1.0]})).features["a"], None)
    assert alone.image
    assert alone.psi is None
    hollow = FeatureStatistics("a", "Fractional", 9, 0, 1.0, sketch=Sketch({}, []))
    assert plot_distributions(hollow, hollow).image == ""


NUMBERS = st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=9) | st.lists(
    st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9
)


@settings(deadline=None, max_examples=30)
@given(NUMBERS, NUMBERS)
def test_no_numbers_break_a_plot(now: list[float], before: list[float]) -> None:
    drawn("a", now, before)
