"""CodeDeploy's two hooks around a shift of traffic: `before` and `after`.

A hook reports once, whatever happens, and before its own time is over: without a report CodeDeploy
waits for an hour.
"""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypedDict

import boto3
from aws_lambda_powertools import Logger, Tracer
from botocore.exceptions import BotoCoreError, ClientError
from golden_cases import ask_target, read_golden_cases, require_golden_answers

from categoriser.contract import VARIANT
from categoriser.evaluation.golden import GoldenCases
from categoriser.jobs.spec.artifact_keys import CAPTURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from types_boto3_cloudwatch.type_defs import (
        MetricAlarmTypeDef,
        MetricDataQueryUnionTypeDef,
        MetricStatTypeDef,
    )
    from types_boto3_codedeploy.literals import LifecycleEventStatusType

logger = Logger()
tracer = Tracer()
cloudwatch = boto3.client("cloudwatch")
codedeploy = boto3.client("codedeploy")
sagemaker = boto3.client("sagemaker")
s3 = boto3.resource("s3")

# What is left of a hook's time for its report.
REPORT_SECONDS = 20
# How often in a minute `after` looks, and how many of its own calls may not fail.
ROUNDS_A_MINUTE = 3
FAULTS = 3
# Of 700 calls divided by the captured percentage, fewer than one sample in a thousand is empty.
CALLS_FOR_A_PERCENT = 700
# SageMaker sends captures on a best effort: one of so many may be missing.
CAPTURES_A_MISS = 10


class ShiftHookEvent(TypedDict):
    """What CodeDeploy sends to a hook.

    https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html
    """

    DeploymentId: str
    LifecycleEventHookExecutionId: str


def hook(check: Callable[[], None]) -> Callable[[ShiftHookEvent, LambdaContext], None]:
    """Make a handler that tells CodeDeploy of a check: Failed where it raises, or hangs."""

    @tracer.capture_lambda_handler
    def handler(event: ShiftHookEvent, context: LambdaContext) -> None:
        status: LifecycleEventStatusType
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
    golden = read_golden_cases(os.environ["GOLDEN"])
    require_golden_answers(golden, os.environ["CANDIDATE"], probes(golden))


@hook
def after() -> None:
    """Watch the candidate for BAKE_MINUTES; raise for the first alarm.

    The alarms see little in a quiet night, so each round asks the candidate a golden case, and the
    third case that fails is raised for. Raise also where the captures lack the probes of `before`
    in the end: nine in ten must be there where every call is captured, else one.
    """
    golden = read_golden_cases(os.environ["GOLDEN"])
    sent = {*probes(golden)}
    found = set[str]()
    faults: list[str] = []
    # The canary's minutes, and the one in which it began.
    since = datetime.now(UTC) - timedelta(minutes=int(os.environ["CANARY_MINUTES"]) + 1)
    for number in range(ROUNDS_A_MINUTE * int(os.environ["BAKE_MINUTES"])):
        time.sleep(60 / ROUNDS_A_MINUTE)
        red = alarms(since)
        if red:
            raise RuntimeError(f"over the threshold since the shift: {red}")
        faults += failed(golden, number)
        if len(faults) == FAULTS:
            raise RuntimeError(f"{FAULTS} of {number + 1} calls failed: {faults}")
        if found != sent:
            found |= sent & captures()
    if len(found) < wanted(len(sent)):
        raise RuntimeError(f"{len(found)} of {len(sent)} probes were captured")


def failed(golden: GoldenCases, number: int) -> list[str]:
    """Ask the candidate a golden case; return what is wrong with the answer, if anything is."""
    case = golden.cases[number % len(golden.cases)]
    probe = f"probe-{os.environ['RELEASE_ID']}-watch-{number}"
    try:
        answer = ask_target(os.environ["CANDIDATE"], case.request(), probe)
    except (RuntimeError, BotoCoreError, ClientError) as error:
        return [f"{probe}: {error}"]
    return [] if answer.category == case.category else [f"{probe}: another category"]


def probes(golden: GoldenCases) -> list[str]:
    """Return the ids of the calls of `before`.

    They are so many that fewer than one sample in a thousand is empty, and one in ten may be lost.
    """
    sampled = CALLS_FOR_A_PERCENT // int(os.environ["CAPTURE_PERCENT"])
    count = max(len(golden.cases), CAPTURES_A_MISS, sampled)
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
        folder = f"{CAPTURES}/{os.environ['ENDPOINT_NAME']}/{VARIANT}/{hour:%Y/%m/%d/%H}/"
        for item in bucket.objects.filter(Prefix=folder):
            # In captured data quotes are escaped: what is found is metadata.
            lines = item.get()["Body"].read().decode()
            found.update(re.findall(r'"inferenceId": ?"(probe-[^"]+)"', lines))
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


def was_over(alarm: MetricAlarmTypeDef, since: datetime) -> bool:
    """Tell whether what an alarm reads has reached its threshold in enough minutes."""
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=queries(alarm), StartTime=since, EndTime=datetime.now(UTC)
    )
    values = [value for result in answer["MetricDataResults"] for value in result["Values"]]
    over = sum(value >= alarm["Threshold"] for value in values)
    return over >= alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])


def queries(alarm: MetricAlarmTypeDef) -> list[MetricDataQueryUnionTypeDef]:
    """Return what an alarm reads: its metrics and their expression, or its one metric."""
    if alarm.get("Metrics"):
        return [*alarm["Metrics"]]
    read: MetricStatTypeDef = {
        "Metric": {
            "Namespace": alarm["Namespace"],
            "MetricName": alarm["MetricName"],
            "Dimensions": alarm.get("Dimensions", []),
        },
        "Period": alarm["Period"],
        "Stat": alarm.get("Statistic") or alarm["ExtendedStatistic"],
    }
    return [{"Id": "m", "MetricStat": read}]
