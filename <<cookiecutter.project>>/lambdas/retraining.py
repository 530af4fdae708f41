"""The retraining's decision: whether an alarm, a schedule or new labels start a training run.

A retraining starts only with labels that no run was given and that belong to the data released
last, while no run is under way (a run that waits for its approval is under way), and once the
cool-down since the last run is over, since every run trains.
Each decision is recorded in S3 and announced.
"""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypedDict

import boto3
from aws_lambda_powertools import Logger, Tracer
from msgspec import to_builtins
from msgspec.structs import asdict

from categoriser.jobs.spec.artifact_keys import (
    DATA_MANIFEST,
    LABELLED_MANIFEST,
    RETRAINING_DECISIONS,
)
from categoriser.manifest import Manifest, unzip
from categoriser.retraining_decision import Circumstances, RetrainingDecision

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from types_boto3_codepipeline.type_defs import SourceRevisionOverrideTypeDef
    from types_boto3_s3.type_defs import CopySourceTypeDef

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
# The ends of the keys of decisions that no alarm asked for.
NOT_BY_ALARMS = ("-labels.json", "-schedule.json")
RUN_UNDER_WAY = ("InProgress", "Stopping")
logger = Logger()
tracer = Tracer()
codepipeline = boto3.client("codepipeline")
s3 = boto3.client("s3")
sns = boto3.client("sns")


class EventDetail(TypedDict, total=False):
    """What an event of EventBridge says; an object's arrival has no alarm's name."""

    alarmName: str


class RetrainingEvent(TypedDict, total=False):
    """What asks for a decision: an event of EventBridge, or the schedule's empty object."""

    detail: EventDetail


@tracer.capture_lambda_handler
def handler(event: RetrainingEvent, context: LambdaContext) -> None:
    """Decide for an alarm, a schedule or new labels; start or not; record and announce it.

    An alarm sends one event when it turns red, and none while it stays red. So new labels lead to
    another decision, but only where an alarm has asked for one since the last run began.
    """
    now = datetime.now(UTC)
    found = gather()
    cause = cause_of(event)
    if cause == "labels" and not found.alarms:
        return
    decision = decide_retraining(now, cause, found)
    document = decision.json()
    logger.info(to_builtins(decision))
    key = f"{RETRAINING_DECISIONS}{decision.time}-{context.aws_request_id}-{cause}.json"
    s3.put_object(Bucket=os.environ["DATA_BUCKET"], Key=key, Body=document.encode())
    outcome = "started" if decision.started else "not started"
    subject = f"{os.environ['PIPELINE']}: retraining {outcome}"
    sns.publish(TopicArn=os.environ["TOPIC_ARN"], Subject=subject, Message=document)


def cause_of(event: RetrainingEvent) -> str:
    """Return what asks: an alarm's name, `labels` for an object's arrival, or `schedule`."""
    detail = event.get("detail")
    if not detail:
        return "schedule"
    return detail.get("alarmName") or "labels"


def decide_retraining(now: datetime, cause: str, found: Circumstances) -> RetrainingDecision:
    """Start a run unless something speaks against it; return the decision."""
    rest = now - timedelta(hours=float(os.environ["COOL_DOWN_HOURS"]))
    against = reasons(found, f"{rest:{TIME_FORMAT}}")
    return RetrainingDecision(
        **asdict(found),
        time=f"{now:{TIME_FORMAT}}",
        cause=cause,
        against=tuple(against),
        started=None if against else start_run(found.version),
    )


def reasons(found: Circumstances, rest: str) -> list[str]:
    """Return what speaks against a retraining, given when the cool-down's time began."""
    against = []
    if not found.labelled_through:
        against.append("there is no labelled data")
    elif found.labelled_through <= found.given_through:
        against.append(f"the pipeline was given labels through {found.given_through}")
    if found.superseded:
        against.append("the labels belong to an earlier data release")
    if found.running:
        against.append(f"the run {found.running} is under way")
    if found.last_run > rest:
        against.append(f"the last run began at {found.last_run}: the cool-down")
    return against


def gather() -> Circumstances:
    """Return what a decision rests on.

    Every run trains on what `DATA_MANIFEST` names, also one whose model the gate refused: so
    `given_through` is its labels'.
    """
    labelled, version = released(LABELLED_MANIFEST)
    data, _ = released(DATA_MANIFEST)
    name = os.environ["PIPELINE"]
    runs = codepipeline.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
    last_run = max(
        (f"{run['startTime'].astimezone(UTC):{TIME_FORMAT}}" for run in runs), default=""
    )
    return Circumstances(
        version=version,
        labelled_through=labelled.labelled_through if labelled else "",
        given_through=data.labelled_through if data else "",
        superseded=bool(labelled and data and labelled.dvc != data.dvc),
        running=", ".join(
            run["pipelineExecutionId"] for run in runs if run["status"] in RUN_UNDER_WAY
        ),
        last_run=last_run,
        alarms=asked_by_alarms(last_run),
    )


def released(key: str) -> tuple[Manifest | None, str]:
    """Return the manifest at a key, and its S3 version; None where there is none."""
    try:
        reply = s3.get_object(Bucket=os.environ["DATA_BUCKET"], Key=key)
    except s3.exceptions.NoSuchKey:
        return None, ""
    return unzip(reply["Body"].read(), key), reply["VersionId"]


def asked_by_alarms(since: str) -> tuple[str, ...]:
    """Return the keys of the decisions since a time that an alarm asked for."""
    found = s3.list_objects_v2(
        Bucket=os.environ["DATA_BUCKET"],
        Prefix=RETRAINING_DECISIONS,
        StartAfter=f"{RETRAINING_DECISIONS}{since}",
    )
    keys = [item["Key"] for item in found.get("Contents", [])]
    return tuple(key for key in keys if not key.endswith(NOT_BY_ALARMS))


def start_run(version: str) -> str:
    """Make a version of the labelled data the pipeline's and start it; return the run's id.

    The token is the version's: asked twice for the same data, the pipeline runs once.
    """
    bucket = os.environ["DATA_BUCKET"]
    source: CopySourceTypeDef = {"Bucket": bucket, "Key": LABELLED_MANIFEST, "VersionId": version}
    copy = s3.copy_object(Bucket=bucket, Key=DATA_MANIFEST, CopySource=source)
    revision: SourceRevisionOverrideTypeDef = {
        "actionName": "Data",
        "revisionType": "S3_OBJECT_VERSION_ID",
        "revisionValue": copy["VersionId"],
    }
    run = codepipeline.start_pipeline_execution(
        name=os.environ["PIPELINE"],
        sourceRevisions=[revision],
        clientRequestToken=hashlib.sha256(version.encode()).hexdigest(),
    )
    return run["pipelineExecutionId"]
