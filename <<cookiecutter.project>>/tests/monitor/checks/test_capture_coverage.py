"""Captures are held against the calls that CloudWatch counts."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber
from measured import rows
from monitor_helpers.made_checks import SETTINGS, captured, looked
from monitor_helpers.made_results import BARE, END, START, by_name

from categoriser.monitor.checks.capture_coverage import (
    CaptureCoverage,
    check_coverage,
    count_coverage,
)
from categoriser.monitor.checks.judgement import see_coverage
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.reporting.published_metrics import metrics_of_result


def asked(
    calls: list[int], refused: list[int], seen: dict[str, int], percent: float = 100
) -> CaptureCoverage:
    """Return how much a job saw, by a CloudWatch that answers so; five minutes each."""
    found = replace(BARE, endpoint="live", variant="main", start=START, end=END)
    found = replace(found, capture_percent=percent)
    client = boto3.client("cloudwatch", "eu-west-1")
    dimensions = [
        {"Name": "EndpointName", "Value": "live"},
        {"Name": "VariantName", "Value": "main"},
    ]
    names = ("Invocations", "Invocation4XXErrors", "Invocation5XXErrors")
    queries = [
        {
            "Id": name.lower(),
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SageMaker",
                    "MetricName": name,
                    "Dimensions": dimensions,
                },
                "Period": 300,
                "Stat": "Sum",
            },
        }
        for name in names
    ]
    results = [
        {"Id": "invocations", "Values": [float(count) for count in calls]},
        {"Id": "invocation4xxerrors", "Values": [float(count) for count in refused]},
    ]
    with Stubber(client) as stub:
        stub.add_response(
            "get_metric_data",
            {"MetricDataResults": results},
            {"MetricDataQueries": queries, "StartTime": found.start, "EndTime": found.end},
        )
        return count_coverage(found, Problems(seen=Counter(seen)), client)


def missing(found: CaptureCoverage) -> list[str]:
    return [
        one.description
        for one in check_coverage(found, SETTINGS.captures)
        if "Missing" in one.description
    ]


def test_captures_are_held_against_the_calls_that_cloudwatch_counts() -> None:
    found = asked([400, 650], [50], {"records": 880, "probes": 10, "unread": 20})
    # Probes and what cannot be read are captured too; what was refused need not be.
    assert (found.answered, found.expected, found.captured) == (1000, 1000, 910)
    assert found.missing_share == pytest.approx(0.09)
    assert missing(found) == []
    found = asked([1000], [], {"records": 890})
    assert missing(found) == ["Missing captures: 11% (890 of 1,000 came) exceed 10%"]


def test_of_a_share_of_the_calls_chance_is_allowed_for() -> None:
    def of_a_tenth(records: int) -> CaptureCoverage:
        return asked([1000], [], {"records": records}, percent=10)

    assert of_a_tenth(70).expected == 100
    assert missing(of_a_tenth(70)) == []
    assert missing(of_a_tenth(45)) == ["Missing captures: 55% (45 of 100 came) exceed 10%"]


def test_where_nothing_is_known_of_calls_nothing_is_asked_and_nothing_is_missing() -> None:
    # No client and no region: a question would fail.
    for job_ in (BARE, replace(BARE, endpoint="live", start=START, end=END)):
        found = count_coverage(job_, Problems(seen=Counter(records=3)))
        assert (found.answered, found.missing_share) == (None, None)
        assert check_coverage(found, SETTINGS.captures) == []


def test_that_cloudwatch_refuses_is_told_and_loses_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = boto3.client("cloudwatch", "eu-west-1")
    monkeypatch.setattr(boto3, "client", lambda _: client)
    job_ = replace(BARE, endpoint="live", variant="main", start=START, end=END)
    with Stubber(client) as stub:
        stub.add_client_error("get_metric_data", "AccessDenied", "not you")
        found, violations, fault = see_coverage(job_, Problems(seen=Counter(records=3)), SETTINGS)
    assert re.search(r"how many calls live answered .*not you.*GetMetricData", str(fault))
    assert (found and found.read, violations) == (3, [])


def test_mostly_unread_captures_are_a_violation_of_their_own_with_a_metric(tmp_path: Path) -> None:
    """1,284 of 1,409 calls unread, and all the rest as it was."""
    [file] = captured(tmp_path / "captures", rows(125, seed=5)).rglob("*.jsonl")
    file.write_bytes(file.read_bytes() + b'{"captureData": {"endp\n' * 1284)
    found = looked(tmp_path)
    assert found.message.startswith("CompletedWithViolations: 1 in 125 rows: unread_captures_")
    assert "1,284 of 1,409 captures could not be read" in found.message
    [violation] = found.violations
    assert (violation.feature_name, violation.constraint_check_type) == (
        "captures",
        "unread_captures_check",
    )
    sent = by_name(metrics_of_result(found, SETTINGS)[0])
    assert sent["unread_captures"].value == pytest.approx(1284 / 1409)
    # It is not drift: nothing is retrained by it.
    assert (sent["violations"].value, sent["quality_violations"].value) == (0, 0)
    lenient = SETTINGS.captures.model_copy(update={"max_unread": 0.95})
    assert found.coverage
    assert check_coverage(found.coverage, lenient) == []
