"""Metrics by Model Monitor's names, within CloudWatch's limits."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import polars as pl
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st
from monitor_helpers.made_results import END, by_name, of
from moto import mock_aws
from msgspec import to_builtins

from categoriser.errors import UserError
from categoriser.monitor.comparison.feature_drift import FeatureDrift
from categoriser.monitor.formats.constraints import Constraints, load_constraints
from categoriser.monitor.formats.feature_statistics import FeatureStatistics, Statistics
from categoriser.monitor.formats.quality_figures import QualityFigure
from categoriser.monitor.reporting.cloudwatch_metrics import (
    MetricDatum,
    metric_name,
    metrics_of_alarms,
    metrics_of_quality,
    metrics_of_statistics,
    plain_datum,
    send_metrics,
    stamped,
    write_collected,
)


def test_features_become_model_monitors_metrics() -> None:
    now = of(pl.DataFrame({"price": [1.5, 2.5, None, 8.0], "bank": ["a", "b", "a", "a"]}))
    drifts = {
        "price": FeatureDrift("price", 0.25, None, "Simple"),
        "bank": FeatureDrift("bank", None, 0.1, "Simple"),
    }
    found = by_name(metrics_of_statistics(now, drifts, Constraints()))
    assert to_builtins(found["feature_data_price"].statistic_values) == {
        "SampleCount": 3,
        "Sum": 12.0,
        "Minimum": 1.5,
        "Maximum": 8.0,
    }
    assert to_builtins(found["feature_non_null_price"].statistic_values) == {
        "SampleCount": 4,
        "Sum": 3,
        "Minimum": 0,
        "Maximum": 1,
    }
    of_bank = found["feature_non_null_bank"].statistic_values
    assert of_bank is not None
    assert of_bank.minimum == 1
    assert found["feature_baseline_drift_price"].value == 0.25
    assert found.keys() == {
        "feature_data_price",
        "feature_non_null_price",
        "feature_non_null_bank",
        "feature_baseline_drift_price",
    }


def test_a_feature_with_metrics_disabled_emits_none() -> None:
    now = of(pl.DataFrame({"a": [1], "b": [2]}))
    limits = load_constraints(
        {"features": [{"name": "a", "monitoringConfigOverrides": {"emit_metrics": "Disabled"}}]}
    )
    assert by_name(metrics_of_statistics(now, {}, limits)).keys() == {
        "feature_data_b",
        "feature_non_null_b",
    }


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_what_cloudwatch_refuses_is_not_sent(value: float) -> None:
    feature = FeatureStatistics("a", "Fractional", 2, 0, 1.0, sum=value, min=0.0, max=1.0)
    drifts = {"a": FeatureDrift("a", value, 0.1, "Simple")}
    data = metrics_of_statistics(Statistics(2, {"a": feature}), drifts, Constraints())
    assert by_name(data).keys() == {"feature_non_null_a"}
    assert metrics_of_quality({"f1": QualityFigure(value, value)}) == []
    nothing = Statistics(0, {"a": FeatureStatistics("a", "Unknown", 0, 0, 0.0)})
    assert metrics_of_statistics(nothing, {}, Constraints()) == []


def test_quality_becomes_metrics_with_their_deviations() -> None:
    found = by_name(metrics_of_quality({"accuracy": QualityFigure(0.9, 0.01)}))
    assert {name: datum.value for name, datum in found.items()} == {
        "accuracy": 0.9,
        "accuracy_standard_deviation": 0.01,
    }


@settings(deadline=None)
@given(st.lists(st.text(max_size=300), unique=True, max_size=6))
def test_names_are_printable_ascii_and_stay_different(names: list[str]) -> None:
    taken = [metric_name(f"feature_data_{name}") for name in names]
    assert len(set(taken)) == len(names)
    for name in taken:
        assert name.isascii()
        assert name.isprintable()
        assert len(name) <= 255


def test_plain_names_stay_and_others_are_told_apart() -> None:
    assert metric_name("f_fees & interest") == "f_fees & interest"
    assert metric_name("café") == "caf%C3%A9"
    assert metric_name("caf%C3%A9") == "caf%25C3%25A9"
    assert metric_name("x" * 300 + "a") != metric_name("x" * 300 + "b")


def made_up(count: int, name: str = "m") -> list[MetricDatum]:
    data = metrics_of_alarms({f"{name}{n}": n for n in range(count)})
    return stamped(data, "endpoint é", "weekly", END)


def test_data_carry_endpoint_schedule_and_time() -> None:
    (datum,) = made_up(1)
    assert plain_datum(datum) == {
        "MetricName": "m0",
        "Value": 0.0,
        "Timestamp": END,
        "Dimensions": [
            {"Name": "Endpoint", "Value": "endpoint %C3%A9"},
            {"Name": "MonitoringSchedule", "Value": "weekly"},
        ],
    }
    # CloudWatch takes no empty dimension.
    (datum,) = stamped([MetricDatum(metric_name="m", value=1.0)], "", " ", END)
    assert plain_datum(datum)["Dimensions"] == []


@pytest.fixture
def cloudwatch() -> Iterator[Any]:
    """Yield a client whose calls moto answers."""
    with mock_aws():
        yield boto3.client(
            "cloudwatch", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
        )


@pytest.mark.parametrize(
    ("data", "calls"),
    [
        (made_up(1), 1),
        (made_up(1500), 2),
        (made_up(300, "é" * 40), 1),
        (made_up(900, "x" * 250), 2),
    ],
)
def test_calls_stay_within_the_limits_and_lose_nothing(
    cloudwatch: Any, data: list[MetricDatum], calls: int
) -> None:
    sizes: list[int] = []
    # Before compression, which makes a call smaller.
    cloudwatch.meta.events.register_first(
        "before-call.cloudwatch.PutMetricData",
        lambda params, **_: sizes.append(len(params["body"])),
    )
    sent: list[Any] = []
    cloudwatch.meta.events.register(
        "provide-client-params.cloudwatch.PutMetricData",
        lambda params, **_: sent.append(params["MetricData"]),
    )
    send_metrics(data, "Bank/Monitor", cloudwatch)
    assert [datum for batch in sent for datum in batch] == [plain_datum(datum) for datum in data]
    assert max(map(len, sent)) <= 1000
    assert len(sizes) == len(sent) >= calls
    assert max(sizes) <= 1_000_000
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace="Bank/Monitor")
    kept = [metric for page in pages for metric in page["Metrics"]]
    assert {metric["MetricName"] for metric in kept} == {datum.metric_name for datum in data}


def test_a_refusal_says_what_to_do(cloudwatch: Any) -> None:
    with Stubber(cloudwatch) as stub:
        stub.add_client_error("put_metric_data", "AccessDenied", "not you")
        with pytest.raises(
            UserError, match=r"Bank/Monitor.*not you.*cloudwatch:PutMetricData"
        ) as e:
            send_metrics(made_up(1), "Bank/Monitor", cloudwatch)
    assert isinstance(e.value.__cause__, ClientError)


def test_without_data_nothing_is_called_and_no_aws_library_is_loaded() -> None:
    code = (
        "import sys; from categoriser.monitor.reporting.cloudwatch_metrics import send_metrics;"
        "send_metrics([], 'x');"
        "assert not {'boto3', 'botocore'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_model_monitors_file_has_a_datum_a_line(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "cloudwatch_metrics.jsonl"
    local = END.astimezone(timezone(timedelta(hours=11)))
    data = stamped([MetricDatum(metric_name="m", value=1.0)], "e", "s", local)
    write_collected([*data, *data], path)
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    assert (
        lines
        == [
            {
                "MetricName": "m",
                "Value": 1.0,
                "Timestamp": "2026-11-22T00:00:00Z",
                "Dimensions": [
                    {"Name": "Endpoint", "Value": "e"},
                    {"Name": "MonitoringSchedule", "Value": "s"},
                ],
            }
        ]
        * 2
    )
