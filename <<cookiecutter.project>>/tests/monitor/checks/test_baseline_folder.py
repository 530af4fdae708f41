"""Captures and baseline come from S3."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from measured import rows
from monitor_helpers.made_checks import SETTINGS, captured, made
from moto import mock_aws

from categoriser.monitor.check import check_window
from categoriser.monitor.checks.monitor_request import MonitorRequest


def test_captures_and_baseline_come_from_s3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = captured(tmp_path / "captures", rows(300, seed=5))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="captures")
        for top, prefix in ((folder, "captures"), (made(), "release/baseline")):
            for file in (path for path in top.rglob("*") if path.is_file()):
                client.upload_file(str(file), "captures", f"{prefix}/{file.relative_to(top)}")
        job_ = MonitorRequest(
            "s3://captures/captures", tmp_path / "output", baseline="s3://captures/release/baseline"
        )
        assert check_window(job_, SETTINGS) == "Completed: no violations in 300 rows"
