"""The retraining's decision: whether an alarm, a schedule or new labels start a training run.

A retraining starts only with labels that no run was given, while no run is under way (one that
waits for its approval is), and once the cool-down since the last run is over: every run trains.
Each decision is recorded in S3 and announced.
"""

import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer

from categoriser.manifest import Manifest, unzip

TIME = "%Y-%m-%dT%H:%M:%SZ"
DECISIONS = "retraining/"
OTHERS = ("-labels.json", "-schedule.json")
logger = Logger()
tracer = Tracer()
codepipeline = boto3.client("codepipeline")
s3 = boto3.client("s3")
sns = boto3.client("sns")


@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: Any) -> None:
    """Decide for an alarm, a schedule or new labels; start or not; record and announce it.

    An alarm that stays red says so once. So new labels ask again, if an alarm has since the last
    run, and else nobody does.
    """
    now, detail, facts = datetime.now(UTC), event.get("detail", {}), gather()
    cause = detail.get("alarmName") or ("labels" if detail else "schedule")
    if cause == "labels" and not facts["alarms"]:
        return
    rest = now - timedelta(hours=float(os.environ["COOL_DOWN_HOURS"]))
    against = reasons(facts, f"{rest:{TIME}}")
    decision = {"time": f"{now:{TIME}}", "cause": cause, "against": against} | facts
    decision["started"] = None if against else start(facts["version"])
    document = json.dumps(decision, indent=2)
    logger.info(decision)
    key = f"{DECISIONS}{now:{TIME}}-{context.aws_request_id}-{cause}.json"
    s3.put_object(Bucket=os.environ["DATA_BUCKET"], Key=key, Body=document.encode())
    subject = f"{os.environ['PIPELINE']}: retraining {'not started' if against else 'started'}"
    sns.publish(TopicArn=os.environ["TOPIC_ARN"], Subject=subject, Message=document)


def reasons(facts: dict[str, Any], rest: str) -> list[str]:
    """Return what speaks against a retraining, given `gather`'s facts and when the rest began."""
    labelled, given = facts["labelled_through"], facts["given_through"]
    against = {
        "there is no labelled data": not labelled,
        f"the pipeline was given labels through {given}": bool(labelled) and labelled <= given,
        "the labels belong to an earlier data release": facts["superseded"],
        f"the run {facts['running']} is under way": bool(facts["running"]),
        f"the last run began at {facts['last_run']}: the cool-down": facts["last_run"] > rest,
    }
    return [reason for reason, holds in against.items() if holds]


def released(name: str) -> tuple[Manifest | None, str]:
    """Return the manifest of releases/<name>.zip, and its S3 version; None where there is none."""
    try:
        reply = s3.get_object(Bucket=os.environ["DATA_BUCKET"], Key=f"releases/{name}.zip")
    except s3.exceptions.NoSuchKey:
        return None, ""
    return unzip(reply["Body"].read(), f"releases/{name}.zip"), reply["VersionId"]


def gather() -> dict[str, Any]:
    """Return what a decision rests on; a text is empty where there is no such thing.

    Every run trains on what releases/data.zip names, also one whose model the gate refused: so
    `given_through` is its labels'. `alarms` are the decisions since the last run that an alarm
    asked for. Times are in UTC, in an order that texts have.
    """
    (labelled, version), (data, _) = released("labelled"), released("data")
    name, bucket = os.environ["PIPELINE"], os.environ["DATA_BUCKET"]
    runs = codepipeline.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
    going = [r["pipelineExecutionId"] for r in runs if r["status"] in ("InProgress", "Stopping")]
    last = max((f"{run['startTime'].astimezone(UTC):{TIME}}" for run in runs), default="")
    since = {"Prefix": DECISIONS, "StartAfter": DECISIONS + last}
    made = s3.list_objects_v2(Bucket=bucket, **since).get("Contents", [])
    return {
        "version": version,
        "labelled_through": labelled.labelled_through if labelled else "",
        "given_through": data.labelled_through if data else "",
        "superseded": bool(labelled and data and labelled.dvc != data.dvc),
        "running": ", ".join(going),
        "last_run": last,
        "alarms": [item["Key"] for item in made if not item["Key"].endswith(OTHERS)],
    }


def start(version: str) -> str:
    """Make a version of the labelled data the pipeline's and start it; return the run's id.

    The token is the version's: asked twice for the same data, the pipeline runs once.
    """
    bucket, kind = os.environ["DATA_BUCKET"], "S3_OBJECT_VERSION_ID"
    source = {"Bucket": bucket, "Key": "releases/labelled.zip", "VersionId": version}
    copy = s3.copy_object(Bucket=bucket, Key="releases/data.zip", CopySource=source)["VersionId"]
    revision = {"actionName": "Data", "revisionType": kind, "revisionValue": copy}
    run = {"name": os.environ["PIPELINE"], "sourceRevisions": [revision]}
    run["clientRequestToken"] = hashlib.sha256(version.encode()).hexdigest()
    return str(codepipeline.start_pipeline_execution(**run)["pipelineExecutionId"])
