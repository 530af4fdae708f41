"""Labels judge the model."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from measured import rows
from monitor_helpers.made_checks import NOON, SETTINGS, captured, checked, kinds, labels, made

from categoriser.errors import UserError
from categoriser.monitor.check import check_window
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.checks.request_environment import request_from_environment


def test_labels_judge_the_model(tmp_path: Path) -> None:
    frame = rows(600, seed=99)
    captured(tmp_path / "captures", frame)
    truth = labels(tmp_path / "truth", frame["category"].to_list())
    quality = checked(tmp_path, truth=str(truth))["quality"]
    assert quality["joined"]["joined"] == 600
    assert quality["violations"] == []
    wrong = labels(tmp_path / "wrong", ["transport"] * 600)
    found = checked(tmp_path, truth=str(wrong))
    assert ("accuracy", "LessThanThreshold") in kinds(found)
    assert ("ground_truth", "baseline_drift_check") in kinds(found)
    own = json.loads((tmp_path / "output/constraint_violations.json").read_text())
    assert {one["feature_name"] for one in own["violations"]} == {"ground_truth"}
    model = tmp_path / "output/model_quality_constraint_violations.json"
    assert "accuracy" in {one["metric_name"] for one in json.loads(model.read_text())["violations"]}


def test_faulty_labels_do_not_lose_what_was_found_without_them(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(300, seed=5))
    job_ = MonitorRequest(
        str(tmp_path / "captures"),
        tmp_path / "output",
        baseline=str(made()),
        truth=str(tmp_path / "nowhere"),
    )
    with pytest.raises(UserError, match="nowhere"):
        check_window(job_, SETTINGS)
    assert (tmp_path / "output/report.html").exists()


def test_labels_that_come_late_judge_the_captures_that_they_belong_to(tmp_path: Path) -> None:
    frame = rows(600, seed=99)
    week = timedelta(days=7)
    captured(tmp_path / "captures", frame, NOON - week)
    captured(tmp_path / "captures", rows(300, seed=5), NOON + timedelta(milliseconds=700))
    truth = labels(tmp_path / "truth", frame["category"].to_list())
    found = checked(
        tmp_path, truth=str(truth), start=NOON, end=NOON + timedelta(hours=1), label_lag=week
    )
    assert found["window"]["rows"] == 300
    assert found["quality"]["joined"]["joined"] == 600


def test_labels_that_model_monitor_has_merged_into_captures_are_read(tmp_path: Path) -> None:
    frame = rows(600, seed=99)
    [file] = captured(tmp_path / "captures", frame).rglob("*.jsonl")
    merged = []
    for line, label in zip(file.read_text().splitlines(), frame["category"], strict=True):
        record_ = json.loads(line)
        record_["groundTruthData"] = {"data": json.dumps(label), "encoding": "CSV"}
        merged.append(json.dumps(record_))
    file.write_text("\n".join(merged))
    environment = {
        "dataset_source": str(tmp_path / "captures"),
        "dataset_format": '{"sagemakerMergeJson": {"captureIndexNames": ["endpointOutput"]}}',
        "output_path": str(tmp_path / "output"),
        "baseline": str(made()),
        "analysis_type": "MODEL_QUALITY",
    }
    message = check_window(request_from_environment(environment, SETTINGS), SETTINGS)
    assert message == "Completed: no violations in 600 rows"
