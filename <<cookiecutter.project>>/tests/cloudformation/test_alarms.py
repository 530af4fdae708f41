"""Each alarm watches a metric that somebody sends, and tells those whom it is for."""

from __future__ import annotations

import re

import pytest
from account_resources import everything, made, topic_arn
from alarm_metrics import AWS_METRICS, alarms, counted, dimensions, metrics, own_metrics
from pipeline_actions import condition_rules
from release_names import ALARMS

from categoriser.contract import VARIANT
from prove import example
from prove.example import PROJECT, RELEASE
from release.alarms import standing_alarms


def test_an_alarm_watches_a_metric_that_somebody_sends() -> None:
    sent = AWS_METRICS | own_metrics()
    for name, alarm in (alarms() | counted()).items():
        for metric in metrics(alarm):
            names, sets = sent[metric["Namespace"]]
            assert metric["MetricName"] in names, name
            assert frozenset(dimensions(metric)) in sets, name


def test_the_failures_of_the_endpoint_are_a_share_of_its_calls() -> None:
    alarm = counted()[f"{PROJECT}-failures-{RELEASE}"]
    named = {part["Id"]: part for part in alarm["Metrics"]}
    share = named.pop("share")
    assert {key: part["MetricStat"]["Metric"]["MetricName"] for key, part in named.items()} == {
        "failures": "EndpointFailures",
        "calls": "EndpointCalls",
    }
    for part in named.values():
        stat = part["MetricStat"]
        assert dimensions(stat["Metric"]) == {"service": "api", "release": RELEASE}
        assert (stat["Period"], stat["Stat"], part["ReturnData"]) == (60, "Sum", False)
    # A few failures in a minute do not count, and one minute of many does not either.
    assert share["Expression"] == "IF(failures >= 3, 100 * failures / calls, 0)"
    assert share.get("ReturnData", True) is True
    assert (alarm["Threshold"], alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (
        10,
        2,
        5,
    )


ENDPOINT_VARIANT = {"EndpointName": f"{PROJECT}-{RELEASE}", "VariantName": VARIANT}


def watched_by(schedule: str) -> dict[str, str]:
    """Give the dimensions of what a schedule of the monitor finds for the release's endpoint."""
    return {
        "Endpoint": f"{PROJECT}-{RELEASE}",
        "MonitoringSchedule": f"{PROJECT}-{schedule}",
    }


# Of each alarm: the metric, the values of its dimensions, and from which number on it is red.
WATCHED: dict[str, tuple[str, dict[str, str], float, str]] = {
    f"{PROJECT}-errors-{RELEASE}": (
        "Errors",
        {
            "FunctionName": f"{PROJECT}-api",
            "Resource": f"{PROJECT}-api:live",
            "ExecutedVersion": "1",
        },
        1,
        "Sum",
    ),
    f"{PROJECT}-5xx-{RELEASE}": (
        "Invocation5XXErrors",
        ENDPOINT_VARIANT,
        1,
        "Sum",
    ),
    f"{PROJECT}-latency-{RELEASE}": (
        "ModelLatency",
        ENDPOINT_VARIANT,
        example.GIVEN["ProdLatencyMs"] * 1000,  # microseconds
        "p99",
    ),
    f"{PROJECT}-api-5xx": ("5XXError", {"ApiName": PROJECT, "Stage": "v1"}, 5, "Sum"),
    f"{PROJECT}-drift": (
        "violations",
        watched_by("check"),
        example.GIVEN["AlarmsViolations"],
        "Maximum",
    ),
    f"{PROJECT}-quality": (
        "quality_violations",
        watched_by("check"),
        example.GIVEN["AlarmsViolations"],
        "Maximum",
    ),
    f"{PROJECT}-unread": (
        "unread_captures",
        watched_by("check"),
        example.GIVEN["CapturesMaxUnread"],
        "Maximum",
    ),
    f"{PROJECT}-missing": (
        "missing_captures",
        watched_by("check"),
        example.GIVEN["CapturesMaxMissing"],
        "Maximum",
    ),
    f"{PROJECT}-labels": (
        "bad_labels",
        watched_by("labels"),
        example.GIVEN["QualityMaxBadLabels"],
        "Maximum",
    ),
    f"{PROJECT}-findings": ("Findings", {"service": "registered"}, 1, "Sum"),
    f"{PROJECT}-schedules": ("InvocationDroppedCount", {"ScheduleGroup": PROJECT}, 1, "Sum"),
}


def test_each_alarm_watches_what_it_is_called() -> None:
    found = alarms()
    assert found.keys() == WATCHED.keys()
    for name, (metric, values, threshold, statistic) in WATCHED.items():
        alarm = found[name]
        assert (alarm["MetricName"], dimensions(alarm)) == (metric, values), name
        assert float(alarm["Threshold"]) == threshold, name
        assert alarm.get("Statistic", alarm.get("ExtendedStatistic")) == statistic, name
        # CloudWatch looks back a week at most, and a day where the period is under an hour.
        seconds = int(alarm["Period"]) * int(alarm["EvaluationPeriods"])
        assert seconds <= (7 * 86_400 if int(alarm["Period"]) >= 3600 else 86_400), name


def test_each_alarm_that_pages_pages_the_topic() -> None:
    composite = everything("AWS::CloudWatch::CompositeAlarm")
    # The composite alarm pages for them all.
    silent = {*ALARMS, *counted()}
    for name, alarm in (alarms() | counted() | composite).items():
        for key in ("AlarmActions", "OKActions"):
            assert alarm.get(key, [topic_arn()]) == [topic_arn()], name
        assert ("AlarmActions" in alarm) == (name not in silent), name


def test_the_release_alarm_is_of_all_that_roll_back_and_of_no_other() -> None:
    (composite,) = everything("AWS::CloudWatch::CompositeAlarm").values()
    assert composite["AlarmName"] == f"{PROJECT}-release"
    assert composite["AlarmRule"] == " OR ".join(f'ALARM("{name}")' for name in ALARMS)
    (rule,) = condition_rules("")
    # The pipeline's condition works in production's account, where the alarm is.
    assert {rule["Configuration"]["AlarmName"]} == counted().keys() - {*ALARMS}
    assert {*standing_alarms(PROJECT)} == {
        composite["AlarmName"],
        *(counted().keys() - {*ALARMS}),
        *(name for name in WATCHED if RELEASE not in name),
    }
    assert {name for name in alarms() | counted() if RELEASE in name} == {*ALARMS}


@pytest.mark.parametrize("hours", ["1", "2", "3", "4", "6", "8", "12", "24"])
def test_an_alarms_period_is_its_schedules(hours: str) -> None:
    found = made("monitor", ScheduleEveryHours=hours)
    for key in ("DriftAlarm", "QualityAlarm", "UnreadAlarm", "MissingAlarm", "LabelsAlarm"):
        assert int(found[key]["Properties"]["Period"]) == int(hours) * 3600
    own = [
        found[key]["Properties"]["ScheduleExpression"] for key in ("CheckSchedule", "LabelSchedule")
    ]
    for expression in own:
        (minute, hour, *_) = re.findall(r"cron\((.*)\)", expression)[0].split()
        assert minute in ("0", "30")
        first, _, step = hour.partition("/")
        runs = {"*": 24}.get(hour) or (24 // int(step) if step else 1)
        assert runs == 24 // int(hours)
        assert first in ("*", "0") or hours == "24"
