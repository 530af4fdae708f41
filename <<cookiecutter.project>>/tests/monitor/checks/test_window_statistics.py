"""A window's statistics from a summary's file."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from measured import rows
from monitor_helpers.made_checks import SETTINGS, captured, checked, made

from categoriser.monitor.check import check_window
from categoriser.monitor.checks.monitor_request import MonitorRequest


def test_a_window_s_statistics_are_judged_as_its_captures_are(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(600, seed=99).with_columns(pl.col("price") * 10))
    found = checked(tmp_path)
    other = MonitorRequest(
        str(tmp_path / "output/statistics.json"),
        tmp_path / "other",
        format="statistics",
        baseline=str(made()),
    )
    assert check_window(other, SETTINGS) == found["message"]
