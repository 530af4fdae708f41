"""Alarms, and the metrics that they watch."""

from __future__ import annotations

import re
from typing import Any

import yaml
from account_resources import everything
from source_code import code

from categoriser.monitor.reporting.cloudwatch_metrics import ALARMED_METRICS
from prove import project_files
from prove.example import PROJECT

# AWS's own metrics, by namespace: their names, and sets of dimensions under which they exist.
AWS_METRICS: dict[str, tuple[set[str], set[frozenset[str]]]] = {
    "AWS/ApiGateway": ({"5XXError"}, {frozenset({"ApiName", "Stage"})}),
    "AWS/Lambda": ({"Errors"}, {frozenset({"FunctionName", "Resource", "ExecutedVersion"})}),
    "AWS/SageMaker": (
        {"Invocation5XXErrors", "ModelLatency", "OverheadLatency", "Invocations"},
        {frozenset({"EndpointName", "VariantName"})},
    ),
    "AWS/Scheduler": ({"InvocationDroppedCount"}, {frozenset({"ScheduleGroup"})}),
}


def own_metrics() -> dict[str, tuple[set[str], set[frozenset[str]]]]:
    """Give what the functions and the monitor send, read off their code."""
    api = code("prediction_api")
    names = {*re.findall(r"add_metric\('(\w+)'", api)}
    names |= {*re.findall(r"'(\w+)', 'Count'", api)}
    names |= {*re.findall(r"'(\w+)'", re.findall(r"METRICS = \{(.*)\}", api)[0])}
    own = frozenset({"service", *re.findall(r"set_default_dimensions\((\w+)=", api)})
    # Of each, a test of the monitor's sees that it arrives.
    judged = {*ALARMED_METRICS}
    ((first, second),) = re.findall(
        r'named = \{"(\w+)": endpoint, "(\w+)": schedule\}',
        project_files.text("src/categoriser/monitor/reporting/cloudwatch_metrics.py"),
    )
    monitor = (judged, {frozenset({first, second})})
    of_training = {*re.findall(r"add_metric\('(\w+)'", code("registered_model"))}
    return {
        f"{PROJECT}/Api": (names, {own}),
        f"{PROJECT}/Training": (of_training, {frozenset({"service"})}),
        yaml.safe_load(project_files.text("monitoring/monitoring.yaml"))["metrics"][
            "namespace"
        ]: monitor,
    }


def alarms(**given: Any) -> dict[str, dict[str, Any]]:
    """Give the properties by name of the alarms of one metric each."""
    found = everything("AWS::CloudWatch::Alarm", **given).values()
    return {item["AlarmName"]: item for item in found if "Metrics" not in item}


def counted(**given: Any) -> dict[str, dict[str, Any]]:
    """Give the properties by name of the alarms of several metrics, counted together."""
    found = everything("AWS::CloudWatch::Alarm", **given).values()
    return {item["AlarmName"]: item for item in found if "Metrics" in item}


def dimensions(item: dict[str, Any]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in item["Dimensions"]}


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the metrics that an alarm reads: namespace, name, dimensions."""
    if "Metrics" not in alarm:
        return [alarm]
    parts = [part for part in alarm["Metrics"] if "MetricStat" in part]
    return [part["MetricStat"]["Metric"] for part in parts]
