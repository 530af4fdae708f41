"""The container's contract: environment variables in, a request out."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from monitor_helpers.made_checks import ENVIRONMENT, NOON, SETTINGS

from categoriser.errors import UserError
from categoriser.monitor.checks.request_environment import request_from_environment


def test_model_monitor_s_variables_are_read() -> None:
    found = request_from_environment(ENVIRONMENT, SETTINGS)
    assert found.source == "/opt/ml/processing/input/endpoint"
    assert found.format == "captures"
    assert (found.start, found.end) == (NOON - timedelta(hours=1), NOON)
    assert found.statistics == Path(ENVIRONMENT["baseline_statistics"])
    assert found.model_monitor
    assert found.namespaces == (
        "aws/sagemaker/Endpoints/data-metrics",
        "aws/sagemaker/Endpoints/model-metrics",
    )
    assert not request_from_environment(
        ENVIRONMENT | {"publish_cloudwatch_metrics": "Disabled"}, SETTINGS
    ).namespaces
    assert (
        request_from_environment(
            ENVIRONMENT | {"dataset_format": '{"csv": {"header": false}}'}, SETTINGS
        ).header
        is False
    )


@pytest.mark.parametrize("option", ["line", "lines"])
def test_json_lines_are_asked_for_as_the_api_or_as_the_sdk_writes_it(option: str) -> None:
    given_ = ENVIRONMENT | {"dataset_format": json.dumps({"json": {option: True}})}
    assert request_from_environment(given_, SETTINGS).format == "json"
    with pytest.raises(UserError, match="JSON is read as lines"):
        request_from_environment(
            ENVIRONMENT | {"dataset_format": json.dumps({"json": {option: False}})}, SETTINGS
        )


def test_variables_of_real_jobs_that_are_ignored_are_named_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    real = {
        "dataset_format": '{"csv": {"header": true, "output_columns_position": "START"}}',
        "metric_time": "2021-05-06T22:00:00Z",
        "probability_attribute": "1",
        "end_time_offset": "",
    }
    request_from_environment(ENVIRONMENT | real, SETTINGS)
    assert caplog.messages == [
        "given and ignored: metric_time, probability_attribute, "
        "dataset_format.csv.output_columns_position"
    ]
    caplog.clear()
    request_from_environment(
        ENVIRONMENT | {"dataset_format": '{"csv": {"header": true}}'}, SETTINGS
    )
    assert caplog.messages == []


@pytest.mark.parametrize("value", ["all", "-1", "101"])
def test_a_percentage_that_is_none_is_named(value: str) -> None:
    with pytest.raises(UserError, match="capture_percent must be a number from 0 to 100"):
        request_from_environment(ENVIRONMENT | {"capture_percent": value}, SETTINGS)


def test_an_own_schedule_s_window_ends_a_lag_before_it_fires() -> None:
    own = ENVIRONMENT | {
        "scheduled_time": "2026-11-22T12:00:00Z",
        "sagemaker_endpoint_datacapture_prefix": "s3://captures",
        "baseline": "s3://releases/7/baseline",
    }
    del own["start_time"], own["end_time"], own["dataset_source"]
    found = request_from_environment(own, SETTINGS)
    schedule = SETTINGS.schedule
    assert found.history == "s3://captures"
    assert found.label_lag == timedelta(hours=SETTINGS.quality.label_lag_hours)
    assert found.end == NOON - timedelta(minutes=schedule.lag_minutes)
    assert found.end - found.start == timedelta(hours=schedule.window_hours)  # type: ignore[operator]
    assert (found.source, found.baseline) == ("s3://captures/live", "s3://releases/7/baseline")
    assert found.namespaces == (SETTINGS.metrics.namespace, SETTINGS.metrics.namespace)
    assert not found.model_monitor


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start_time", "yesterday"),
        ("dataset_format", "csv"),
        ("dataset_source", ""),
        ("output_path", ""),
        ("problem_type", "Regression"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(UserError, match=name):
        request_from_environment(ENVIRONMENT | {name: value}, SETTINGS)
