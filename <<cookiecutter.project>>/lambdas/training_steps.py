"""The custom resources of training: a training job, an evaluation job, a model package.

Properties: `Step` (training, evaluation, model_package), `Release`, and `Requests`, the URI of the
requests by step. A job's name, its physical id, is made of release and step, so a job is run once:
CloudFormation's second call, a retry, and a rollback's update to the old release all find it.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from textwrap import shorten
from typing import Any, NamedTuple

import boto3
from botocore.exceptions import ClientError
from crhelper import CfnResource
from s3_documents import read_content, read_document

from categoriser.evaluation.verdict import Verdict, parse_verdict

sagemaker = boto3.client("sagemaker")
handler = CfnResource(json_logging=True, log_level="INFO", sleep_on_delete=0)

# CloudFormation gives up after 60 minutes, and asks every 2.
LONGEST_JOB = timedelta(minutes=55)
# CloudFormation takes 4 KB for an answer, of which a reason is a part, and a summary another.
REASON_CHARACTERS = 256
SUMMARY_CHARACTERS = 500
UNDER_WAY = ("InProgress", "Stopping")
# What SageMaker says of a training job, and of a processing job, that was never made.
NEVER_MADE = ("ValidationException", "ResourceNotFound")


class JobKind(NamedTuple):
    """A kind of SageMaker's jobs: its name in fields and log groups, and its operations."""

    name: str
    create: Callable[..., Any]
    describe: Callable[..., Any]
    stop: Callable[..., Any]

    def named(self, job: str) -> dict[str, str]:
        """Return the parameters that name a job of this kind."""
        return {f"{self.name}JobName": job}

    def status(self, described: dict[str, Any]) -> str:
        return str(described[f"{self.name}JobStatus"])


# The steps that are jobs; the third is the model package.
JOBS = {
    "training": JobKind(
        "Training",
        sagemaker.create_training_job,
        sagemaker.describe_training_job,
        sagemaker.stop_training_job,
    ),
    "evaluation": JobKind(
        "Processing",
        sagemaker.create_processing_job,
        sagemaker.describe_processing_job,
        sagemaker.stop_processing_job,
    ),
}


@handler.create
@handler.update
def start(event: dict[str, Any], context: Any) -> str:
    """Make the job or the package, unless it is there; return the physical id."""
    properties = event["ResourceProperties"]
    step = properties["Step"]
    requests = properties["Requests"]
    request = read_document(requests)[step]
    if step in JOBS:
        return start_job(JOBS[step], request)
    return register(request, f"{requests.rpartition('/')[0]}/evaluation/gate.json")


def start_job(kind: JobKind, request: dict[str, Any]) -> str:
    """Make a job, unless it is there; return its name."""
    with suppress(sagemaker.exceptions.ResourceInUse):
        kind.create(**request)
    return str(request[f"{kind.name}JobName"])


def register(request: dict[str, Any], gate: str) -> str:
    """Make the model package, unless it is there; return its ARN.

    `gate` is the URI of the gates' verdict. Raises `RuntimeError` where they refuse the model.
    """
    verdict = parse_verdict(read_content(gate), gate)
    if not verdict.passed:
        words = f"the gate refuses the model: {'; '.join(verdict.faults)}"
        raise RuntimeError(shorten(words, REASON_CHARACTERS, placeholder=" ..."))
    arn = registered(request["ModelPackageGroupName"], request["ModelPackageDescription"])
    if not arn:
        arn = str(sagemaker.create_model_package(**request)["ModelPackageArn"])
    handler.Data["Summary"] = summary(verdict)
    handler.Data["ModelPackageArn"] = arn
    return arn


def registered(group: str, description: str) -> str:
    """Return the ARN of a group's package of this description; empty where there is none."""
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    for page in pages:
        for package in page["ModelPackageSummaryList"]:
            if package.get("ModelPackageDescription") == description:
                return str(package["ModelPackageArn"])
    return ""


def summary(verdict: Verdict) -> str:
    """Return the figures beside the champion's, for the person who approves."""
    figures = [
        f"{lead.figure} ({lead.part}) {lead.value:+.4f}"
        for lead in verdict.verdicts
        if lead.gate == "champion" and lead.value is not None
    ]
    return "; ".join(figures)[:SUMMARY_CHARACTERS] or "no live model to compare with"


@handler.poll_create
@handler.poll_update
def finished(event: dict[str, Any], context: Any) -> str | None:
    """Return the physical id once the work is done, else None. Raises with the job's reason."""
    step = event["ResourceProperties"]["Step"]
    name = str(event["CrHelperData"]["PhysicalResourceId"])
    if step not in JOBS:
        return name
    # Whatever raises below: it is this job that CloudFormation deletes then, that is stops.
    handler.PhysicalResourceId = name
    kind = JOBS[step]
    job = kind.describe(**kind.named(name))
    status = kind.status(job)
    age = datetime.now(UTC) - job["CreationTime"]
    if status in UNDER_WAY and age < LONGEST_JOB:
        return None
    if status != "Completed":
        reason = job.get("FailureReason") or f"not done after {age}"
        words = f"{name}: {status}; log group /aws/sagemaker/{kind.name}Jobs; {reason}"
        raise RuntimeError(shorten(words, REASON_CHARACTERS, placeholder=" ..."))
    return name


@handler.delete
def stop(event: dict[str, Any], context: Any) -> None:
    """Stop a job that is not done. Packages stay: they are the registry's."""
    step = event["ResourceProperties"]["Step"]
    name = event["PhysicalResourceId"]
    # Where the creation failed, crhelper made a name up, and no job has it.
    if step not in JOBS or not name.endswith(f"-{step}"):
        return
    kind = JOBS[step]
    job = kind.named(name)
    try:
        if kind.status(kind.describe(**job)) == "InProgress":
            kind.stop(**job)
    except ClientError as error:
        if error.response["Error"]["Code"] not in NEVER_MADE:
            raise
