"""A job's channel of rows, prepared as its manifest says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from job_helpers.inputs import released_manifest, write_channel

from categoriser import paths
from categoriser.jobs import channel


def test_with_labels_in_the_manifest_the_newest_months_are_trained_on(
    tmp_path: Path, settings_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(settings_folder)
    newest = {}
    for made_by in ("data-release", "labels"):
        write_channel(tmp_path / made_by, released_manifest(made_by))
        with channel.prepared(tmp_path / made_by, {}):
            parts = {p: pl.read_parquet(paths.PREPARED / f"{p}.parquet") for p in ("time", "train")}
        newest[made_by] = parts["train"]["date"].max()
        assert parts["time"].is_empty() == (made_by == "labels")
    assert newest["data-release"] < date(2026, 8, 1)  # type: ignore[operator]
    assert newest["labels"] > date(2026, 9, 20)  # type: ignore[operator]
