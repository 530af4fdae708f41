"""What rolls a release back: the candidate's own alarms, and the pipeline's condition."""

from __future__ import annotations

import json
from typing import Any

from production_template import prod, rollback_alarms

from prove import resolver, templates
from prove.example import RELEASE
from release import release_order


def test_rollback_is_by_the_candidates_own_metric_alarms() -> None:
    ((_, _, group),) = templates.everywhere("AWS::CodeDeploy::DeploymentGroup")
    assert group["Properties"]["AlarmConfiguration"]["Enabled"] is True
    rollback = group["Properties"]["AutoRollbackConfiguration"]
    assert rollback == {
        "Enabled": True,
        "Events": [
            "DEPLOYMENT_FAILURE",
            "DEPLOYMENT_STOP_ON_ALARM",
            "DEPLOYMENT_STOP_ON_REQUEST",
        ],
    }
    assert len(rollback_alarms()) == 4
    for key, alarm in rollback_alarms().items():
        assert alarm["Type"] == "AWS::CloudWatch::Alarm", key
        before, after = (
            resolver.resolve(alarm["Properties"], "prod", {"ReleaseId": release})
            for release in ("20261122-101500-aaaaaaa", "20261122-101500-bbbbbbb")
        )
        assert before["AlarmName"] != after["AlarmName"], key
        if key != "ErrorsAlarm":  # by the version's number, which only AWS knows
            read = ("Dimensions", "Metrics")
            assert [before.get(name) for name in read] != [after.get(name) for name in read], key
        assert "AlarmActions" not in before, f"{key} pages for a candidate that rolls back"


def test_no_alarm_counts_the_callers_mistakes() -> None:
    """InvokeEndpoint raises ModelError for a container's 4xx: its metric holds the callers' too."""
    for name, key, item in templates.everywhere():
        if "Alarm" in item["Type"]:
            assert "InvocationModelErrors" not in json.dumps(item), f"{name}.{key}"


def test_missing_data_is_no_alarm() -> None:
    for name, key, item in templates.everywhere("AWS::CloudWatch::Alarm"):
        assert item["Properties"]["TreatMissingData"] == "notBreaching", f"{name}.{key}"
        # A share may be as large as its bound; so many of a thing are too many.
        bound = {"UnreadAlarm", "MissingAlarm", "LabelsAlarm"}
        over = "GreaterThanThreshold" if key in bound else "GreaterThanOrEqualToThreshold"
        assert item["Properties"]["ComparisonOperator"] == over, f"{name}.{key}"


def test_the_pipelines_condition_sees_what_rolls_back() -> None:
    """One alarm of a name that stays, of the candidate's four metrics by the same thresholds."""
    alarm = resolver.resolve(prod()["UnhealthyAlarm"]["Properties"], "prod")
    assert RELEASE not in alarm["AlarmName"]
    latency = resolver.resolve(prod()["LatencyAlarm"]["Properties"], "prod")
    seconds = latency["Period"] * latency["EvaluationPeriods"]
    rolls = [resolver.resolve(prod()[key]["Properties"], "prod") for key in rollback_alarms()]
    wanted = [each for one in rolls for each in statistics(one)]
    assert sorted(statistics(alarm), key=str) == sorted(wanted, key=str)
    periods = {part["MetricStat"]["Period"] for part in alarm["Metrics"] if "MetricStat" in part}
    assert periods == {seconds}
    (result,) = [part for part in alarm["Metrics"] if part["ReturnData"]]
    terms = [
        "errors",
        "refusals",
        # Of three calls, and a tenth of them, as of the share that rolls back.
        "(failures >= 3 AND 10 * failures >= calls)",
        f"(latency >= {latency['Threshold']})",
    ]
    assert result["Expression"] == " + ".join(terms)
    assert alarm["Threshold"] == 1
    for key in ("ErrorsAlarm", "ServerErrorsAlarm"):
        assert prod()[key]["Properties"]["Threshold"] == alarm["Threshold"], key
    share = prod()["FailuresAlarm"]["Properties"]
    assert share["Threshold"] == 100 / 10
    assert share["Metrics"][-1]["Expression"].startswith("IF(failures >= 3, 100 * failures / calls")


def statistics(alarm: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Give the metrics that an alarm reads, each with its statistic."""
    if "Metrics" in alarm:
        parts = [part["MetricStat"] for part in alarm["Metrics"] if "MetricStat" in part]
        return [(part["Metric"], part["Stat"]) for part in parts]
    metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions")}
    return [(metric, alarm.get("Statistic") or alarm["ExtendedStatistic"])]


def test_the_pipelines_condition_is_of_the_release_in_hand() -> None:
    """An alarm that is updated keeps its state, so it is not an alarm of the deployment group."""
    before, after = (
        resolver.resolve(
            prod()["UnhealthyAlarm"]["Properties"]["Metrics"],
            "prod",
            {"ReleaseId": f"20261122-101500-{commit}"},
        )
        for commit in ("aaaaaaa", "bbbbbbb")
    )
    changed = [one["Id"] for one, other in zip(before, after, strict=True) if one != other]
    # The errors' is the version's number, which only AWS knows.
    assert changed == ["refusals", "failures", "calls", "latency"]
    assert "ApiVersion.Version" in {*templates.referenced_names(prod()["UnhealthyAlarm"])}
    assert "UnhealthyAlarm" not in rollback_alarms()
    assert "UnhealthyAlarm" not in release_order.replaced_by_release(prod())
