"""A release in service: its golden cases, alarms, endpoint and captures, and CodeDeploy's hooks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import convert

from categoriser.contract import VARIANT
from categoriser.evaluation.golden import GoldenCases
from categoriser.serving.capture import capture_line
from lambda_helpers.world import (
    CLASSES,
    ENDPOINT,
    ENVIRONMENT,
    LIVE,
    ROW,
    World,
    prediction,
    run,
)
from prove import resolver, templates


def golden(**changes: Any) -> dict[str, Any]:
    rows = [ROW, {"text": "fee monthly", "price": 5.0}, {"text": "taxi", "price": 9.0}]
    cases = [row | prediction(row) for row in rows]
    return {"classes": CLASSES, "cases": cases} | changes


def alarms() -> list[dict[str, Any]]:
    """Return the alarms of the deployment group, which roll a release back."""
    [group] = templates.resources("prod", "AWS::CodeDeploy::DeploymentGroup").values()
    watched = resolver.resolve(group["Properties"]["AlarmConfiguration"]["Alarms"], "prod")
    found = templates.resources("prod", "AWS::CloudWatch::Alarm").values()
    every = [resolver.resolve(alarm["Properties"], "prod") for alarm in found]
    return [
        alarm | {"Threshold": float(alarm["Threshold"])}
        for alarm in every
        if {"Name": alarm["AlarmName"]} in watched
    ]


# What `before` looks at of the capture.
CAPTURE = {
    "CaptureStatus": "Started",
    "CurrentSamplingPercentage": 100,
    "DestinationS3Uri": f"s3://{LIVE}/captures",
}


def serve(world: World, **changes: Any) -> None:
    """Let SageMaker describe the endpoint as it is, but for the changes; moto lacks the capture."""
    capture = CAPTURE | {"EnableCapture": True, "KmsKeyId": "key"}
    described = {
        "EndpointName": ENDPOINT,
        "EndpointConfigName": ENVIRONMENT["ENDPOINT_CONFIG"],
        "EndpointStatus": "InService",
        "DataCaptureConfig": capture | {k: v for k, v in changes.items() if k in capture},
    } | {name: value for name, value in changes.items() if name not in capture}
    world.answer(world.traffic_hooks.sagemaker, "DescribeEndpoint", lambda _: (200, described))


def captured(world: World, *ids: str, hours: int = 0) -> None:
    """Put a capture as SageMaker writes it, of an hour so long ago."""
    time = datetime.now(UTC) - timedelta(hours=hours)
    lines = [
        capture_line(
            json.dumps({"text": '"inferenceId":"probe-forged-1"', "price": 1}).encode(),
            b"{}",
            "application/json",
            event_id="e",
            inference_id=name,
            time=time,
        )
        for name in ids
    ]
    place = f"captures/{ENDPOINT}/{VARIANT}/{time:%Y/%m/%d/%H}/{len(ids)}.jsonl"
    world.put(f"s3://{LIVE}/{place}", b"".join(lines))


def probes(world: World, known: dict[str, Any] | None = None) -> list[str]:
    """Return the ids of the calls of `before`, for the golden cases or others."""
    cases = convert(known or golden(), GoldenCases)
    return list(world.traffic_hooks.probes(cases))


def hook(world: World, name: str, seconds: float = 840) -> list[str]:
    """Run a hook as CodeDeploy does; return the statuses that it reports."""
    told = world.answer(
        world.traffic_hooks.codedeploy, "PutLifecycleEventHookExecutionStatus", lambda _: (200, {})
    )
    run(
        getattr(world.traffic_hooks, name),
        {"DeploymentId": "d-ABCDEFGHI", "LifecycleEventHookExecutionId": "x" * 20},
        seconds,
    )
    assert all(report["deploymentId"] == "d-ABCDEFGHI" for report in told)
    return [report["status"] for report in told]


# An answer, and what the log says of it.
WRONG: dict[str, tuple[str, Callable[[Any], tuple[int, Any]]]] = {
    "another category": ("another category", lambda _: (200, prediction({"text": "taxi"}))),
    "classes in another order": (
        "another category, or classes in another order",
        lambda row: (
            200,
            prediction(row)
            | {"probabilities": dict(reversed(prediction(row)["probabilities"].items()))},
        ),
    ),
    "a probability apart by 0.002": (
        "another probability of groceries",
        lambda row: (
            200,
            prediction(row)
            | {
                "probability": prediction(row)["probability"] + 0.002,
                "probabilities": {
                    name: value + 0.002 * (value > 0.5)
                    for name, value in prediction(row)["probabilities"].items()
                },
            },
        ),
    ),
    "garbage": ("502", lambda _: (200, b"<html>")),
    "an error of the model": ("502", lambda _: (500, {"detail": "x"})),
    "a refusal": ("400", lambda _: (400, {"detail": "x"})),
}


def watched(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metrics that an alarm reads."""
    parts = [part for part in alarm.get("Metrics", []) if "MetricStat" in part]
    return [part["MetricStat"]["Metric"] for part in parts] or [alarm]


def worked_out(expression: str, results: list[dict[str, Any]]) -> tuple[list[float], list[Any]]:
    """Work out metric math as CloudWatch does: where a metric has no value there is none."""
    found = {
        each["id"]: dict(zip(each["timestamps"], each["values"], strict=True)) for each in results
    }
    times = sorted(set.intersection(*(set(values) for values in found.values())))
    names = {"IF": lambda condition, then, other: then if condition else other}
    values = [
        float(eval(expression, names | {key: known[time] for key, known in found.items()}))
        for time in times
    ]
    return values, times
