"""What is held against the baseline, and what in the settings is refused."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import yaml
from measured import rows
from monitor_helpers.made_checks import SETTINGS, captured, changed, checked, kinds

from categoriser.errors import UserError
from categoriser.monitor.check import check_window
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.monitor_settings import MonitorSettings


def test_a_script_that_the_baseline_does_not_know_is_refused(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(300, seed=5))
    script = tmp_path / "preprocessor.py"
    script.write_text("def preprocess_handler(record):\n    return {'one': 1}\n")
    with pytest.raises(UserError, match="made with another preprocessor"):
        checked(tmp_path, preprocessor=script)


def test_a_name_in_the_settings_that_is_no_feature_is_named(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(300, seed=5))
    with pytest.raises(UserError, match=r"alarms\.features: there is no feature 'prcie'"):
        checked(tmp_path, changed("alarms", features=["prcie"]))
    own = MonitorSettings.model_validate(SETTINGS.model_dump() | {"overrides": {"accuracy": {}}})
    with pytest.raises(UserError, match=r"overrides: there is no feature 'accuracy'"):
        checked(tmp_path, own)


def test_an_alarm_may_be_of_the_model_of_labels_and_of_slices(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(300, seed=5))
    names = ["price", "accuracy", "ground_truth", "slice_gap_country"]
    assert checked(tmp_path, changed("alarms", features=names))["violations"] == []


def test_the_project_s_overrides_do_not_stop_the_check_of_another_s_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    pl.DataFrame({"age": range(100)}).write_csv(data / "a.csv")
    check_window(MonitorRequest(str(data), tmp_path / "first", format="csv"), SETTINGS)
    own = MonitorSettings.model_validate(SETTINGS.model_dump() | {"overrides": {"price": {}}})
    again = MonitorRequest(
        str(data),
        tmp_path / "again",
        format="csv",
        statistics=tmp_path / "first/statistics.json",
        constraints=tmp_path / "first/constraints.json",
    )
    assert check_window(again, own) == "Completed: no violations in 100 rows"


def test_the_method_for_categories_is_the_job_s(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(600, seed=99))
    found = checked(
        tmp_path, changed("thresholds", profile="compat"), categorical_method="ChiSquared"
    )
    [country] = [one for one in found["features"] if one["feature"] == "class_predictions"]
    assert country["method"] == "ChiSquared"


def test_model_monitors_own_threshold_is_the_profile_compat(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(600, seed=99).with_columns(pl.col("price") * 1.6))
    assert ("price", "baseline_drift_check") in kinds(checked(tmp_path))
    found = checked(tmp_path, changed("thresholds", profile="compat"))
    assert found["profile"] == "compat"
    assert ("price", "baseline_drift_check") not in kinds(found)
    [price] = [one for one in found["features"] if one["feature"] == "price"]
    assert (price["threshold"], price["method"]) == (0.1, "Robust")


def test_a_person_s_overrides_go_before_what_was_calibrated(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(600, seed=99).with_columns(pl.col("price") * 10))
    override = yaml.safe_load("price: {threshold: 0.9}\nentropy: {evaluate: false}")
    settings = MonitorSettings.model_validate(
        SETTINGS.model_dump() | {"overrides": override, "thresholds": SETTINGS.thresholds}
    )
    names = {name for name, _ in kinds(checked(tmp_path, settings))}
    assert not names & {"price", "entropy"}
    override = yaml.safe_load("price: {threshold: 0.0001}")
    settings = SETTINGS.model_copy(
        update={
            "overrides": MonitorSettings.model_validate(
                SETTINGS.model_dump() | {"overrides": override}
            ).overrides
        }
    )
    assert "price" in {name for name, _ in kinds(checked(tmp_path, settings))}
