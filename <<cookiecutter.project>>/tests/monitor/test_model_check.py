"""The analysis of the model's answers alone."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from monitor_helpers.made_checks import SETTINGS

from categoriser.errors import UserError
from categoriser.monitor.check import check_window
from categoriser.monitor.checks.request_environment import request_from_environment


def test_model_quality_alone_is_suggested_and_then_judged(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    right = {"said": ["a", "b"] * 200, "true": ["a", "b"] * 200}
    wrong = ["b", "b"] * 200
    pl.DataFrame(right).write_csv(data / "a.csv")
    environment = {
        "dataset_source": str(data),
        "dataset_format": '{"csv": {"header": true}}',
        "output_path": str(tmp_path / "first"),
        "analysis_type": "MODEL_QUALITY",
        "problem_type": "MulticlassClassification",
        "inference_attribute": "said",
        "ground_truth_attribute": "true",
    }
    assert "400 labelled answers" in check_window(
        request_from_environment(environment, SETTINGS), SETTINGS
    )
    pl.DataFrame(right | {"said": wrong}).write_csv(data / "a.csv")
    environment["output_path"] = str(tmp_path / "second")
    environment["baseline_constraints"] = str(tmp_path / "first/constraints.json")
    message = check_window(request_from_environment(environment, SETTINGS), SETTINGS)
    assert message.startswith("CompletedWithViolations: 6 in 400 rows: LessThanThreshold: accuracy")
    document = json.loads((tmp_path / "second/statistics.json").read_text())
    assert document["multiclass_classification_metrics"]["accuracy"]["value"] == 0.5
    [first, *_] = json.loads((tmp_path / "second/constraint_violations.json").read_text())[
        "violations"
    ]
    assert first["metric_name"] == "accuracy"
    environment["ground_truth_attribute"] = "truth"
    with pytest.raises(UserError, match="ground_truth_attribute"):
        check_window(request_from_environment(environment, SETTINGS), SETTINGS)
