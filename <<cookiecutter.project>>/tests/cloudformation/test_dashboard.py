"""The dashboard shows metrics that somebody sends."""

from __future__ import annotations

import json
import re
from typing import Any

from alarm_metrics import AWS_METRICS, alarms, counted, own_metrics
from release_names import live_endpoint

from categoriser.contract import VARIANT
from prove import example, resolver, templates
from prove.example import ACCOUNT, PROJECT, REGION

# From the CloudWatch user guide, "Metric data format": a search's schema, in braces.
SCHEMA = re.compile(r"\{([^}]+)\}")


def test_the_dashboard_shows_metrics_that_somebody_sends() -> None:
    ((_, _, item),) = templates.everywhere("AWS::CloudWatch::Dashboard")
    body = json.loads(resolver.resolve(item["Properties"]["DashboardBody"], "prod"))
    sent = AWS_METRICS | own_metrics()
    searched = ""
    for widget in body["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], str):
                names, sets = sent[metric[0]]
                pairs = [each for each in metric[2:] if isinstance(each, str)]
                given = dict(zip(pairs[::2], pairs[1::2], strict=True))
                assert metric[1] in names
                assert frozenset(given) in sets
                expected = {"EndpointName": live_endpoint(), "VariantName": VARIANT}
                expected |= {"ApiName": PROJECT, "Stage": "v1"}
                assert given.items() <= expected.items()
            else:
                searched += metric[0]["expression"]
    for namespace, *names in (schema.split(",") for schema in SCHEMA.findall(searched)):
        assert frozenset(names) in sent[namespace][1], namespace
    assert f"{{{PROJECT}/Api," in searched, "all that the handler counts is shown"
    assert {*re.findall(r'FunctionName="(.*?)"', searched)} == {f"{PROJECT}-api"}
    assert f'MonitoringSchedule="{PROJECT}-check"' in searched
    shown = {arn for w in body["widgets"] for arn in w["properties"].get("alarms", [])}
    # The dashboard is production's, which may be an account of its own.
    of_the_pipeline = {f"{PROJECT}-findings"}
    names = {*alarms(), *counted(), f"{PROJECT}-release"} - of_the_pipeline
    form = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:"
    assert {arn.removeprefix(form) for arn in shown} == names


def widgets() -> list[dict[str, Any]]:
    ((name, _, dashboard),) = templates.everywhere("AWS::CloudWatch::Dashboard")
    body = json.loads(resolver.resolve(dashboard["Properties"]["DashboardBody"], name))
    found: list[dict[str, Any]] = body["widgets"]
    return found


def test_the_dashboard_is_one() -> None:
    """CloudWatch's structure: a grid of 24 columns, metrics as lists with pairs of dimensions."""
    assert widgets()
    for widget in widgets():
        assert widget["type"] in {"metric", "text", "alarm"}
        assert 0 < widget.get("width", 6) <= 24 - widget.get("x", 0)
        if widget["type"] == "metric":
            assert widget["properties"]["region"] == example.PSEUDO["AWS::Region"]
            for metric in widget["properties"]["metrics"]:
                assert sum(isinstance(each, str) for each in metric) % 2 == 0
