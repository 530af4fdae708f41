"""CodeDeploy's two hooks around a shift of traffic: `before` and `after`.

A hook reports once, whatever happens, and before its own time is over: without a report CodeDeploy
waits for an hour.
"""

import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from botocore.exceptions import BotoCoreError, ClientError
from golden_cases import ask, prove, question
from s3_documents import read_document

from categoriser.jobs.spec.artifact_keys import CAPTURES

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import MetricAlarmTypeDef

logger = Logger()
tracer = Tracer()
cloudwatch = boto3.client("cloudwatch")
codedeploy = boto3.client("codedeploy")
sagemaker = boto3.client("sagemaker")
s3 = boto3.resource("s3")

# What is left of a hook's time for its report.
REPORT_SECONDS = 20
# How often in a minute `after` looks, and how many of its own calls may not fail.
ROUNDS = 3
FAULTS = 3
# With 700 calls for each percent of them that is captured, one in a thousand samples has none.
CALLS_FOR_A_PERCENT = 700
# One of so many captures may be missed: they are sent on a best effort.
CAPTURES_A_MISS = 10
# What of an alarm CloudWatch wants for its one metric.
METRIC_FIELDS = ("Namespace", "MetricName", "Dimensions")


def hook(check: Callable[[], None]) -> Callable[[dict[str, Any], Any], None]:
    """Make a handler that tells CodeDeploy of a check: Failed where it raises, or hangs."""

    @tracer.capture_lambda_handler
    def handler(event: dict[str, Any], context: Any) -> None:
        seconds = context.get_remaining_time_in_millis() / 1000 - REPORT_SECONDS
        try:
            ThreadPoolExecutor(1).submit(check).result(seconds)
            status = "Succeeded"
        except Exception:
            logger.exception("the check failed")
            status = "Failed"
        codedeploy.put_lifecycle_event_hook_execution_status(
            deploymentId=event["DeploymentId"],
            lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
            status=status,
        )

    return handler


@hook
def before() -> None:
    """Raise unless the endpoint is what it should be, captures, and answers the golden cases."""
    endpoint = sagemaker.describe_endpoint(EndpointName=os.environ["ENDPOINT_NAME"])
    described = {**endpoint, **endpoint.get("DataCaptureConfig", {})}
    expected = {
        "EndpointStatus": "InService",
        "EndpointConfigName": os.environ["ENDPOINT_CONFIG"],
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": int(os.environ["CAPTURE_PERCENT"]),
        "DestinationS3Uri": f"s3://{os.environ['LIVE_BUCKET']}/{CAPTURES}",
    }
    wrong = {key: described.get(key) for key in expected if described.get(key) != expected[key]}
    if wrong:
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
    sent = {*probes(known)}
    found = set[str]()
    faults: list[str] = []
    # The canary's minutes, and the one in which it began.
    since = datetime.now(UTC) - timedelta(minutes=int(os.environ["CANARY_MINUTES"]) + 1)
    for number in range(ROUNDS * int(os.environ["BAKE_MINUTES"])):
        time.sleep(60 / ROUNDS)
        red = alarms(since)
        if red:
            raise RuntimeError(f"over the threshold since the shift: {red}")
        faults += failed(known, number)
        if len(faults) == FAULTS:
            raise RuntimeError(f"{FAULTS} of {number + 1} calls failed: {faults}")
        if found != sent:
            found |= sent & captures()
    if len(found) < wanted(len(sent)):
        raise RuntimeError(f"{len(found)} of {len(sent)} probes were captured")


def failed(known: dict[str, Any], number: int) -> list[str]:
    """Ask the candidate a golden case; return what is wrong with the answer, if anything is."""
    case = known["cases"][number % len(known["cases"])]
    probe = f"probe-{os.environ['RELEASE_ID']}-watch-{number}"
    try:
        answer = ask(os.environ["CANDIDATE"], question(case), probe)
    except (RuntimeError, BotoCoreError, ClientError) as error:
        return [f"{probe}: {error}"]
    return [] if answer["category"] == case["category"] else [f"{probe}: another category"]


def probes(known: dict[str, Any]) -> list[str]:
    """Return the ids of the calls of `before`.

    They are so many that one in a thousand samples has none, and one in ten may be missed.
    """
    sampled = CALLS_FOR_A_PERCENT // int(os.environ["CAPTURE_PERCENT"])
    count = max(len(known["cases"]), CAPTURES_A_MISS, sampled)
    return [f"probe-{os.environ['RELEASE_ID']}-{number}" for number in range(count)]


def wanted(sent: int) -> int:
    """Return how many of the probes that were sent have to be captured."""
    every_call = os.environ["CAPTURE_PERCENT"] == "100"
    return sent - sent // CAPTURES_A_MISS if every_call else 1


def captures() -> set[str]:
    """Return the probes' ids in the captures of this hour and the last."""
    found = set[str]()
    now = datetime.now(UTC)
    bucket = s3.Bucket(os.environ["LIVE_BUCKET"])
    for hour in (now - timedelta(hours=1), now):
        folder = f"{CAPTURES}/{os.environ['ENDPOINT_NAME']}/main/{hour:%Y/%m/%d/%H}/"
        for item in bucket.objects.filter(Prefix=folder):
            # In captured data quotes are escaped: what is found is metadata.
            lines = item.get()["Body"].read().decode()
            found |= {*re.findall(r'"inferenceId": ?"(probe-[^"]+)"', lines)}
    return found


def alarms(since: datetime) -> list[str]:
    """Return the alarms that are red, or whose metric has reached their threshold since then.

    In as many minutes as the alarm asks for, whether on end or not.
    """
    names = os.environ["ALARMS"].split(",")
    found = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    if len(found) != len(names):
        return [*names, "one of them is missing"]
    red = [alarm for alarm in found if alarm["StateValue"] == "ALARM" or was_over(alarm, since)]
    return [alarm["AlarmName"] for alarm in red]


def was_over(alarm: "MetricAlarmTypeDef", since: datetime) -> bool:
    """Tell whether what an alarm reads has reached its threshold in enough minutes."""
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=queries(alarm), StartTime=since, EndTime=datetime.now(UTC)
    )
    values = [value for result in answer["MetricDataResults"] for value in result["Values"]]
    over = sum(value >= alarm["Threshold"] for value in values)
    minutes = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    return bool(over >= minutes)


def queries(alarm: "MetricAlarmTypeDef") -> list[Any]:
    """Return what an alarm reads: its metrics and their expression, or its one metric."""
    if alarm.get("Metrics"):
        return list(alarm["Metrics"])
    statistic = {
        "Metric": {key: value for key, value in alarm.items() if key in METRIC_FIELDS},
        "Period": alarm["Period"],
        "Stat": alarm.get("Statistic") or alarm["ExtendedStatistic"],
    }
    return [{"Id": "m", "MetricStat": statistic}]
