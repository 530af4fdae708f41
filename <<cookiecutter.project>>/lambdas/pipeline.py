"""The pipeline's functions: `approve` marks a model package, `retrain` decides whether to train.

A retraining starts only with labels that no run was given, while no run is under way (one that
waits for its approval is), and once the cool-down since the last run is over: every run trains.
Each decision is recorded in S3 and announced.
"""

import hashlib
import json
import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer

from categoriser.manifest import Manifest, unzip

TIME, DECISIONS = "%Y-%m-%dT%H:%M:%SZ", "retraining/"
OTHERS = ("-labels.json", "-schedule.json")
# Of a package's metadata: who approved it; which rollback has rejected it.
APPROVER, PUT_BACK = "Approver", "PutBack"
logger, tracer = Logger(), Tracer()
pipeline, sagemaker, s3, sns = map(boto3.client, ("codepipeline", "sagemaker", "s3", "sns"))


@tracer.capture_lambda_handler
def approve(event: dict[str, Any], context: Any) -> None:
    """CodePipeline's Invoke action: UserParameters are JSON of `package` and `execution`."""
    job = event["CodePipeline.job"]
    try:
        mark(**json.loads(job["data"]["actionConfiguration"]["configuration"]["UserParameters"]))
    except Exception as error:
        logger.exception("not approved")
        details = {"type": "JobFailed", "message": str(error)[:1000]}
        pipeline.put_job_failure_result(jobId=job["id"], failureDetails=details)
    else:
        pipeline.put_job_success_result(jobId=job["id"])


def mark(package: str, execution: str) -> None:
    """Set a package Approved in the name of who approved its release, and those after it Rejected.

    Who approved is recorded with the package: nobody approves the execution of a rollback, which
    deploys an earlier or, after another rollback, a later package anew. What is newer than the one
    that is deployed was put back with it, for the newest that is approved is what the next model is
    compared with. Raises `LookupError` where nobody approved, and `PermissionError` where a person
    has rejected the package in the registry: only a rollback's own rejection is taken back.
    """
    known = sagemaker.describe_model_package(ModelPackageName=package)
    metadata = known.get("CustomerMetadataProperties", {})
    if known["ModelApprovalStatus"] == "Rejected" and PUT_BACK not in metadata:
        words = known.get("ApprovalDescription", "without a reason")
        raise PermissionError(f"{package} was rejected in the registry ({words}): approve it there")
    if known["ModelApprovalStatus"] != "Approved":
        who = metadata.get(APPROVER) or approver(metadata.get("Execution", execution))
        decide(known, "Approved", f"{execution}, approved by {who}", {APPROVER: who})
    newer = {
        "ModelPackageGroupName": known["ModelPackageGroupName"],
        "ModelApprovalStatus": "Approved",
        "CreationTimeAfter": known["CreationTime"],
    }
    for page in sagemaker.get_paginator("list_model_packages").paginate(**newer):
        for item in page["ModelPackageSummaryList"]:
            name = item["ModelPackageArn"]
            if name != package:
                other = sagemaker.describe_model_package(ModelPackageName=name)
                words = f"{execution}, put back to {package}"
                decide(other, "Rejected", words, {PUT_BACK: execution})


def decide(known: dict[str, Any], status: str, words: str, facts: dict[str, str]) -> None:
    """Set a package's status, with its reason, and facts that its metadata keep.

    All metadata are sent: AWS does not say whether those that are not would stay.
    """
    metadata = known.get("CustomerMetadataProperties", {})
    kept = {name: value for name, value in metadata.items() if name != PUT_BACK}
    sagemaker.update_model_package(
        ModelPackageArn=known["ModelPackageArn"],
        ModelApprovalStatus=status,
        ApprovalDescription=f"execution {words}",
        CustomerMetadataProperties=kept | facts,
        **({"CustomerMetadataPropertiesToRemove": [PUT_BACK]} if PUT_BACK in metadata else {}),
    )


def approver(execution: str) -> str:
    """Return who approved an execution, in the characters that the registry's metadata take.

    Raises `LookupError` where nobody did.
    """
    name, chosen = os.environ["PIPELINE"], {"pipelineExecutionId": execution}
    actions = pipeline.list_action_executions(pipelineName=name, filter=chosen)
    for action in actions["actionExecutionDetails"]:
        kind = action["input"]["actionTypeId"]["category"]
        if (kind, action["status"]) == ("Approval", "Succeeded"):
            return re.sub(r"[^\w .:/=+@-]", "_", action["updatedBy"])[:256]
    raise LookupError(f"nobody approved the execution {execution}")


@tracer.capture_lambda_handler
def retrain(event: dict[str, Any], context: Any) -> None:
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
    runs = pipeline.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
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
    return str(pipeline.start_pipeline_execution(**run)["pipelineExecutionId"])
