"""CodeDeploy's two hooks around a shift of traffic: `before` and `after`.

A hook reports once, whatever happens, and before its own time is over: without a report CodeDeploy
waits for an hour.
"""

import json
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from botocore.exceptions import BotoCoreError, ClientError
from golden_cases import ask, prove
from s3_documents import read_document

logger = Logger()
tracer = Tracer()
cloudwatch = boto3.client("cloudwatch")
codedeploy = boto3.client("codedeploy")
sagemaker = boto3.client("sagemaker")
s3 = boto3.resource("s3")
# How often in a minute `after` looks, and how many of its own calls may not fail.
ROUNDS, FAULTS = 3, 3


def hook(check: Callable[[], None]) -> Callable[[dict[str, Any], Any], None]:
    """Make a handler that tells CodeDeploy of a check: Failed where it raises, or hangs."""

    @tracer.capture_lambda_handler
    def handler(event: dict[str, Any], context: Any) -> None:
        # 20 seconds are left for the report.
        seconds = context.get_remaining_time_in_millis() / 1000 - 20
        try:
            ThreadPoolExecutor(1).submit(check).result(seconds)
            status = "Succeeded"
        except Exception:
            logger.exception("the check failed")
            status = "Failed"
        ids = {"deploymentId": event["DeploymentId"]}
        ids["lifecycleEventHookExecutionId"] = event["LifecycleEventHookExecutionId"]
        codedeploy.put_lifecycle_event_hook_execution_status(**ids, status=status)

    return handler


@hook
def before() -> None:
    """Raise unless the endpoint is what it should be, captures, and answers the golden cases."""
    endpoint = sagemaker.describe_endpoint(EndpointName=os.environ["ENDPOINT_NAME"])
    endpoint |= endpoint.get("DataCaptureConfig", {})
    expected = {
        "EndpointStatus": "InService",
        "EndpointConfigName": os.environ["ENDPOINT_CONFIG"],
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": int(os.environ["CAPTURE_PERCENT"]),
        "DestinationS3Uri": f"s3://{os.environ['LIVE_BUCKET']}/captures",
    }
    if wrong := {key: endpoint.get(key) for key in expected if endpoint.get(key) != expected[key]}:
        raise RuntimeError(f"the endpoint has {wrong}, not {expected}")
    known = read_document(os.environ["GOLDEN"])
    prove(known, os.environ["CANDIDATE"], probes(known))


@hook
def after() -> None:
    """Watch the candidate for BAKE_MINUTES; raise for the first alarm.

    Of a quiet night the alarms see little: so the candidate is asked a golden case in each round,
    and the third that fails is raised for. Raise also where by the end the captures lack the probes
    of `before`: nine in ten of them are asked for where every call is captured, else one.
    """
    known = read_document(os.environ["GOLDEN"])
    sent, found = {*probes(known)}, set[str]()
    faults: list[str] = []
    # The canary's minutes, and the one in which it began.
    since = datetime.now(UTC) - timedelta(minutes=int(os.environ["CANARY_MINUTES"]) + 1)
    for number in range(ROUNDS * int(os.environ["BAKE_MINUTES"])):
        time.sleep(60 / ROUNDS)
        if red := alarms(since):
            raise RuntimeError(f"over the threshold since the shift: {red}")
        faults += failed(known, number)
        if len(faults) == FAULTS:
            raise RuntimeError(f"{FAULTS} of {number + 1} calls failed: {faults}")
        found |= (sent - found) and (sent & captures())
    # Captures are sent on a best effort.
    missing = len(sent) // 10 if os.environ["CAPTURE_PERCENT"] == "100" else len(sent) - 1
    if len(found) < len(sent) - missing:
        raise RuntimeError(f"{len(found)} of {len(sent)} probes were captured")


def failed(known: dict[str, Any], number: int) -> list[str]:
    """Ask the candidate a golden case; return what is wrong with the answer, if anything is."""
    case = known["cases"][number % len(known["cases"])]
    content = json.dumps({"text": case["text"], "price": case["price"]})
    probe = f"probe-{os.environ['RELEASE_ID']}-watch-{number}"
    try:
        answer = ask(os.environ["CANDIDATE"], content, probe)
    except (RuntimeError, BotoCoreError, ClientError) as error:
        return [f"{probe}: {error}"]
    return [] if answer["category"] == case["category"] else [f"{probe}: another category"]


def probes(known: dict[str, Any]) -> list[str]:
    """Return the ids of the calls of `before`.

    They are so many that one in a thousand samples has none, and one in ten may be missed.
    """
    count = max(len(known["cases"]), 10, 700 // int(os.environ["CAPTURE_PERCENT"]))
    return [f"probe-{os.environ['RELEASE_ID']}-{number}" for number in range(count)]


def captures() -> set[str]:
    """Return the probes' ids in the captures of this hour and the last."""
    found, now = set[str](), datetime.now(UTC)
    for hour in (now - timedelta(hours=1), now):
        place = f"captures/{os.environ['ENDPOINT_NAME']}/main/{hour:%Y/%m/%d/%H}/"
        for item in s3.Bucket(os.environ["LIVE_BUCKET"]).objects.filter(Prefix=place):
            # In captured data quotes are escaped: what is found is metadata.
            lines = item.get()["Body"].read().decode()
            found |= {*re.findall(r'"inferenceId": ?"(probe-[^"]+)"', lines)}
    return found


def alarms(since: datetime) -> list[str]:
    """Return the alarms that are red, or whose metric has reached their threshold since then.

    In as many minutes as the alarm asks for, whether on end or not.
    """
    names, red = os.environ["ALARMS"].split(","), []
    found = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    for alarm in found:
        times = {"StartTime": since, "EndTime": datetime.now(UTC)}
        answer = cloudwatch.get_metric_data(MetricDataQueries=queries(alarm), **times)
        values = [value for result in answer["MetricDataResults"] for value in result["Values"]]
        over = sum(value >= alarm["Threshold"] for value in values)
        wanted = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
        if alarm["StateValue"] == "ALARM" or over >= wanted:
            red.append(alarm["AlarmName"])
    return red if len(found) == len(names) else [*names, "of which one is missing"]


def queries(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what an alarm reads: its metrics and their expression, or its one metric."""
    if alarm.get("Metrics"):
        return list(alarm["Metrics"])
    metric = {key: alarm[key] for key in ("Namespace", "MetricName", "Dimensions")}
    statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    read = {"Metric": metric, "Period": alarm["Period"], "Stat": statistic}
    return [{"Id": "m", "MetricStat": read}]
