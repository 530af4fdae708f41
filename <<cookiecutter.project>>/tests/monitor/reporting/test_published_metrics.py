"""Metrics go to CloudWatch with the count that the alarm watches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import polars as pl
import pytest
from measured import rows
from monitor_helpers.made_checks import captured, checked
from moto import mock_aws


def test_metrics_go_to_cloudwatch_with_the_count_that_the_alarm_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured(tmp_path / "captures", rows(600, seed=99).with_columns(pl.col("price") * 10))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        found = checked(tmp_path, namespaces=("own", "own"), endpoint="live", schedule="daily")
        client = boto3.client("cloudwatch")
        sent = client.list_metrics(Namespace="own")["Metrics"]
        names = {metric["MetricName"] for metric in sent}
        assert {"violations", "feature_baseline_drift_price", "feature_non_null_price"} <= names
        assert sent[0]["Dimensions"] == [
            {"Name": "Endpoint", "Value": "live"},
            {"Name": "MonitoringSchedule", "Value": "daily"},
        ]
        now = datetime.now(UTC)
        [point] = client.get_metric_statistics(
            Namespace="own",
            MetricName="violations",
            Dimensions=sent[0]["Dimensions"],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=["Sum"],
        )["Datapoints"]
        assert point["Sum"] == len(found["violations"])
