"""The account after two releases: its buckets, captures, labels, metrics and reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import polars as pl

from categoriser import contract, manifest
from categoriser.contract import JSON
from categoriser.manifest import Manifest
from categoriser.model.package import Categoriser
from categoriser.serving.capture import capture_line
from categoriser.serving.protocol import render_answers
from job_helpers.inputs import released_manifest
from prove.example import PROJECT

LIVE = f"{PROJECT}-live-111122223333-ap-southeast-2"
DATA = f"{PROJECT}-data-111122223333-ap-southeast-2"
RELEASES = ("20261101-120000-0aaaaaa", "20261115-120000-0bbbbbb")
OLD = f"{PROJECT}-{RELEASES[0]}"
NEW = f"{PROJECT}-{RELEASES[1]}"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Account:
    """The two buckets, as a release leaves them."""

    def __init__(self, baseline: Path, model: Path) -> None:
        self.s3 = boto3.client("s3")
        self.model = Categoriser.load(model)
        for bucket in (LIVE, DATA):
            self.s3.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"}
            )
            self.s3.put_bucket_versioning(
                Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
            )
        for release in RELEASES:
            for file in baseline.iterdir():
                key = f"runs/{release}/evaluation/baseline/{file.name}"
                self.s3.put_object(Bucket=DATA, Key=key, Body=file.read_bytes())
        self.s3.put_object(Bucket=DATA, Key="releases/data.zip", Body=released_manifest().zip())

    def capture(
        self, endpoint: str, frame: pl.DataFrame, time: datetime, name: str = "call"
    ) -> None:
        """Answer rows by the model, one a call; ids are `<name>-<number>`."""
        lines = []
        for number, row in enumerate(frame.select("text", "price").iter_rows(named=True)):
            [answer] = self.model.predict(contract.transactions([(row["text"], row["price"])]))
            said = render_answers([answer], JSON, single=True)
            ids = {"event_id": f"event-{number}", "inference_id": f"{name}-{number}"}
            lines.append(capture_line(json.dumps(row).encode(), said, JSON, time=time, **ids))
        key = f"captures/{endpoint}/main/{time:%Y/%m/%d/%H}/{name}.jsonl"
        self.s3.put_object(Bucket=LIVE, Key=key, Body=b"".join(lines))

    def label(self, categories: Sequence[str], time: datetime, name: str = "call") -> None:
        lines = [
            json.dumps(
                {
                    "groundTruthData": {"data": category, "encoding": "CSV"},
                    "eventMetadata": {"eventId": f"{name}-{number}"},
                    "eventVersion": "0",
                }
            )
            for number, category in enumerate(categories)
        ]
        key = f"ground-truth/{time:%Y/%m/%d/%H}/{name}.jsonl"
        self.s3.put_object(Bucket=LIVE, Key=key, Body="\n".join(lines).encode())

    def get(self, bucket: str, key: str, **version: Any) -> bytes:
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key, **version)["Body"].read()
        return body

    def candidate(self) -> Manifest:
        return manifest.unzip(self.get(DATA, "releases/labelled.zip"), "labelled.zip")


def reports_by_endpoint(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the reports by endpoint."""
    found = {file: json.loads(file.read_text()) for file in folder.rglob("report.json")}
    return {str(file.relative_to(folder)).split("/")[0]: report for file, report in found.items()}


def endpoints_with_metric(metric: str) -> set[str]:
    """Return the endpoints whose metrics were sent."""
    found = boto3.client("cloudwatch").list_metrics(MetricName=metric)["Metrics"]
    for one in found:
        assert one["Namespace"] == f"{PROJECT}/Monitor"
        assert one["Dimensions"][1] == {
            "Name": "MonitoringSchedule",
            "Value": f"{PROJECT}-check",
        }
    return {one["Dimensions"][0]["Value"] for one in found}


def metric_value(metric: str, endpoint: str, schedule: str) -> float:
    """Return the one value that was sent of a metric."""
    [found] = boto3.client("cloudwatch").get_metric_statistics(
        Namespace=f"{PROJECT}/Monitor",
        MetricName=metric,
        Dimensions=[
            {"Name": "Endpoint", "Value": endpoint},
            {"Name": "MonitoringSchedule", "Value": schedule},
        ],
        StartTime=NOON - timedelta(days=1),
        EndTime=NOON + timedelta(days=1),
        Period=3600,
        Statistics=["Maximum"],
    )["Datapoints"]
    return float(found["Maximum"])


def put_invocations(endpoint: str, calls: int) -> None:
    """Let CloudWatch know of an endpoint's calls, as SageMaker does."""
    dimensions = [
        {"Name": "EndpointName", "Value": endpoint},
        {"Name": "VariantName", "Value": "main"},
    ]
    data: Any = {"MetricName": "Invocations", "Dimensions": dimensions}
    data |= {"Value": float(calls), "Timestamp": NOON - timedelta(days=1)}
    boto3.client("cloudwatch").put_metric_data(Namespace="AWS/SageMaker", MetricData=[data])
