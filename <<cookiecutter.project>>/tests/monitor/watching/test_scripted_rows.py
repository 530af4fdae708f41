"""The team's script: its features in a check, and in the baseline."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from measured import rows, trained
from monitor_helpers.made_checks import PARAMS, captured, changed, checked, kinds

from categoriser.monitor.baseline import baseline


def test_a_team_s_script_adds_features_and_changes_them(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(300, seed=5))
    script = tmp_path / "preprocessor.py"
    script.write_text(
        "def preprocess_handler(record):\n"
        "    text, _, price = record.endpoint_input.data.strip().rpartition(',')\n"
        "    return {'dollars': float(price), 'country': 'everywhere'}\n"
    )
    found = checked(tmp_path, changed("thresholds", profile="compat"), preprocessor=script)
    assert ("dollars", "extra_column_check") in kinds(found)
    assert ("country", "categorical_values_check") in kinds(found)


def test_a_baseline_with_the_script_has_its_features(tmp_path: Path) -> None:
    script = tmp_path / "preprocessor.py"
    script.write_text(
        "def preprocess_handler(record):\n"
        "    text, _, price = record.endpoint_input.data.strip().rpartition(',')\n"
        "    return {'dollars': float(price)}\n"
    )
    prepared, model = trained()
    settings = changed("features", preprocessor=script, leave_out=["entropy"])
    own = tmp_path / "own"
    baseline(prepared, model, own, tmp_path / "thresholds.json", settings, PARAMS)
    known = json.loads((own / "statistics.json").read_text())
    names = {feature["name"] for feature in known["features"]}
    assert "dollars" in names
    assert "entropy" not in names
    assert "dollars" in json.loads((tmp_path / "thresholds.json").read_text())["features"]
    assert (own / "thresholds.json").read_bytes() == (tmp_path / "thresholds.json").read_bytes()
    captured(tmp_path / "captures", rows(600, seed=99).with_columns(pl.col("price") * 10))
    found = checked(tmp_path, settings, baseline=str(own), preprocessor=script)
    assert ("dollars", "baseline_drift_check") in kinds(found)
    assert "entropy" not in {one["feature"] for one in found["features"]}
