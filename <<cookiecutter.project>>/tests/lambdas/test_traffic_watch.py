"""The hook `after` watches a shift: its own calls, the captures of the probes, and the alarms."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import moto.cloudwatch.models
import pytest
from lambda_helpers.api_calls import FAULTS, moved, proxy
from lambda_helpers.release_in_service import (
    WRONG,
    alarms,
    captured,
    golden,
    hook,
    probes,
    watched,
    worked_out,
)
from lambda_helpers.world import GOLDEN, OLD, World, prediction, run

from prove.example import PROJECT, RELEASE


@pytest.mark.actor("hooks")
def test_after_watches_for_the_bake_once_the_probes_are_captured(
    prod: World, slept: list[float]
) -> None:
    captured(prod, "a-customers", *probes(prod)[:4])
    captured(prod, *probes(prod)[4:], hours=1)
    assert hook(prod, "after") == ["Succeeded"]
    assert sum(slept) == 120


@pytest.mark.actor("hooks")
@pytest.mark.parametrize(
    "ids",
    [(), ("a-customers",), (f"probe-{OLD}-0",), tuple(f"probe-{RELEASE}-{n}" for n in range(8))],
    ids=["no captures", "others' only", "another release's", "two too few of ten"],
)
def test_after_fails_without_this_releases_probes_in_the_captures(
    prod: World, slept: list[float], ids: tuple[str, ...]
) -> None:
    if ids:
        captured(prod, *ids)
    assert hook(prod, "after") == ["Failed"]


@pytest.mark.actor("hooks")
@pytest.mark.parametrize(("cases", "missing"), [(3, 1), (19, 1), (20, 2), (40, 4)])
def test_after_is_content_with_nine_probes_in_ten(
    prod: World, slept: list[float], cases: int, missing: int
) -> None:
    known = golden()
    known["cases"] = [known["cases"][0]] * cases
    prod.put(GOLDEN, known)
    sent = probes(prod, known)
    captured(prod, *sent[missing + 1 :])
    assert hook(prod, "after") == ["Failed"]
    captured(prod, *sent[missing:])
    assert hook(prod, "after") == ["Succeeded"]
    # The wait for them has a bound: the bake.
    assert sum(slept) == 2 * 120


@pytest.mark.actor("hooks")
def test_after_is_content_with_one_probe_where_a_sample_is_captured(
    prod: World, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPTURE_PERCENT", "20")
    assert hook(prod, "after") == ["Failed"]
    captured(prod, probes(prod)[3])
    assert hook(prod, "after") == ["Succeeded"]


@pytest.mark.actor("hooks")
@pytest.mark.parametrize("name", ["an error of the model", "garbage", "another category"])
def test_after_asks_a_quiet_nights_release_itself_and_fails_for_the_third_wrong_answer(
    prod: World, slept: list[float], log: io.StringIO, name: str
) -> None:
    captured(prod, *probes(prod))
    answers: list[Any] = []
    wrong = WRONG[name][1]

    def answer(row: Any) -> tuple[int, Any]:
        answers.append(row)
        return wrong(row) if len(answers) > 1 else (200, prediction(row))

    prod.container = answer
    prod.put(GOLDEN, golden(cases=golden()["cases"][:2]))
    assert hook(prod, "after") == ["Failed"]
    assert prod.called == [f"probe-{RELEASE}-watch-{n}" for n in range(4)]
    assert "3 of 4 calls failed: " in log.getvalue()


@pytest.mark.actor("hooks")
def test_two_calls_that_fail_are_no_failing_release(prod: World, slept: list[float]) -> None:
    captured(prod, *probes(prod))
    answers: list[Any] = []

    def answer(row: Any) -> tuple[int, Any]:
        answers.append(row)
        return (502, {"detail": "x"}) if len(answers) in (2, 5) else (200, prediction(row))

    prod.container = answer
    assert hook(prod, "after") == ["Succeeded"]
    assert len(answers) == 6


@pytest.mark.actor("hooks")
@pytest.mark.parametrize("number", range(4))
def test_an_alarm_during_the_bake_ends_it_at_once(
    prod: World, slept: list[float], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    captured(prod, *probes(prod))

    def go_off(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            name = alarms()[number]["AlarmName"]
            prod.traffic_hooks.cloudwatch.set_alarm_state(
                AlarmName=name, StateValue="ALARM", StateReason="x"
            )

    monkeypatch.setattr(prod.traffic_hooks.time, "sleep", go_off)
    assert hook(prod, "after") == ["Failed"]
    assert len(slept) == 3


@pytest.mark.actor("hooks")
def test_after_fails_where_an_alarm_is_missing(prod: World, slept: list[float]) -> None:
    captured(prod, *probes(prod))
    prod.traffic_hooks.cloudwatch.delete_alarms(AlarmNames=[alarms()[0]["AlarmName"]])
    assert hook(prod, "after") == ["Failed"]


def measure(world: World, alarm: dict[str, Any], value: float, minutes: float) -> None:
    """Put a value of what an alarm watches, so long before the test's start.

    Before one moment, since two values meant for two minutes must not fall into one. Of a share in
    a hundred there are a hundred calls.
    """
    values = {"EndpointFailures": value, "EndpointCalls": 100.0}
    for metric in watched(alarm):
        put = {
            "MetricName": metric["MetricName"],
            "Dimensions": metric["Dimensions"],
            "Value": values[metric["MetricName"]] if "Metrics" in alarm else value,
            "Timestamp": world.start - timedelta(minutes=minutes),
        }
        world.traffic_hooks.cloudwatch.put_metric_data(
            Namespace=metric["Namespace"], MetricData=[put]
        )


def minutes_to_alarm(alarm: dict[str, Any]) -> int:
    return int(alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]))


@pytest.fixture
def percentiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teach moto arithmetic, and the percentiles: the highest value stands for any."""
    known = moto.cloudwatch.models.Statistics.get_statistics_for_type

    def statistic(self: Any, name: str) -> Any:
        return max(self.metric_single_values_list) if name.startswith("p") else known(self, name)

    monkeypatch.setattr(moto.cloudwatch.models.Statistics, "get_statistics_for_type", statistic)
    monkeypatch.setattr(moto.cloudwatch.models, "parse_expression", worked_out)


@pytest.mark.actor("hooks")
@pytest.mark.usefixtures("percentiles")
@pytest.mark.parametrize("number", range(4))
def test_what_is_over_an_alarms_threshold_since_the_shift_fails_the_release(
    prod: World, slept: list[float], log: io.StringIO, number: int
) -> None:
    captured(prod, *probes(prod))
    alarm = alarms()[number]
    # Before the shift, or beneath the threshold: none of this release's business.
    measure(prod, alarm, alarm["Threshold"] * 2, minutes=8)
    measure(prod, alarm, alarm["Threshold"] * 0.4, minutes=2)
    assert hook(prod, "after") == ["Succeeded"]
    minutes = range(4, 4 - minutes_to_alarm(alarm), -1)
    for minute in minutes[1:]:
        measure(prod, alarm, alarm["Threshold"], minutes=minute)
    assert hook(prod, "after") == ["Succeeded"]
    measure(prod, alarm, alarm["Threshold"], minutes=minutes[0])
    assert hook(prod, "after") == ["Failed"]
    assert f"over the threshold since the shift: ['{alarm['AlarmName']}']" in log.getvalue()


@pytest.mark.actor("hooks")
@pytest.mark.usefixtures("percentiles")
def test_the_fix_passes_while_the_old_release_is_red(prod: World, slept: list[float]) -> None:
    captured(prod, *probes(prod))
    for alarm in alarms():
        for metric in watched(alarm):
            old = [
                d
                | {
                    "Value": "0"
                    if d["Name"] == "ExecutedVersion"
                    else d["Value"].replace(RELEASE, OLD)
                }
                for d in metric["Dimensions"]
            ]
            # A dimension tells the releases apart, in every alarm.
            assert old != metric["Dimensions"]
            one = {"MetricName": metric["MetricName"], "Namespace": metric["Namespace"]}
            for minutes in (2, 3, 4):
                value = alarm["Threshold"] * 9
                measure(prod, one | {"Dimensions": old}, value, minutes=minutes)
    assert hook(prod, "after") == ["Succeeded"]


def share(failures: int, calls: int) -> list[float]:
    """Return what the alarm's expression makes of a minute."""
    [alarm] = [alarm for alarm in alarms() if "Metrics" in alarm]
    [expression] = [part["Expression"] for part in alarm["Metrics"] if "Expression" in part]
    minute = {"failures": failures, "calls": calls}
    results = [{"id": key, "timestamps": [0], "values": [v]} for key, v in minute.items()]
    return worked_out(expression, results)[0]


@pytest.mark.parametrize(
    ("failures", "calls", "red"),
    [
        # A caller's few, whether or not others call too.
        (2, 2, False),
        (12, 200, False),
        # A failing model, busy and on a quiet night, when the hook's own three calls are all.
        (200, 200, True),
        (20, 200, True),
        (3, 3, True),
    ],
)
def test_a_minute_is_red_where_three_calls_and_a_tenth_of_them_fail(
    failures: int, calls: int, red: bool
) -> None:
    [alarm] = [alarm for alarm in alarms() if "Metrics" in alarm]
    [value] = share(failures, calls)
    assert (value >= alarm["Threshold"]) == red
    # A burst is over within its minute: two are asked for.
    assert minutes_to_alarm(alarm) == 2


def test_what_the_handler_counts_is_what_an_alarm_watches(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.container = lambda _: FAULTS["ModelError 500"]
    run(world.prediction_api.handler, proxy())
    [alarm] = [alarm for alarm in alarms() if "Metrics" in alarm]
    read = [part["MetricStat"]["Metric"] for part in alarm["Metrics"] if "MetricStat" in part]
    assert {metric["MetricName"] for metric in read} == {*moved(capsys)}
    for metric in read:
        assert metric["Namespace"] == f"{PROJECT}/Api"
        expected = {"service": "api", "release": RELEASE}
        assert {d["Name"]: d["Value"] for d in metric["Dimensions"]} == expected


def test_the_hook_compares_as_the_alarms_do() -> None:
    compared = {alarm["ComparisonOperator"] for alarm in alarms()}
    assert compared == {"GreaterThanOrEqualToThreshold"}
    assert len(alarms()) == 4
