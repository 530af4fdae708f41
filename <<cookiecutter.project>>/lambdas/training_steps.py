"""The custom resources of training: a training job, an evaluation job, a model package.

Properties: `Step` (training, evaluation, model_package), `Release`, and `Requests`, the URI of the
requests by step. A job's name, its physical id, is made of release and step, so a job is run once:
CloudFormation's second call, a retry, and a rollback's update to the old release all find it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from textwrap import shorten
from typing import TYPE_CHECKING, NamedTuple

import boto3
from botocore.exceptions import ClientError
from crhelper import CfnResource
from s3_documents import read_content

from categoriser.evaluation.verdict import Verdict, parse_verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from custom_resources import CustomResourceEvent

    from categoriser.jobs.spec.sagemaker import Request

sagemaker = boto3.client("sagemaker")
handler = CfnResource(json_logging=True, log_level="INFO", sleep_on_delete=0)

# CloudFormation gives up after 60 minutes, and asks every 2.
LONGEST_JOB = timedelta(minutes=55)
# CloudFormation takes 4 KB for an answer; a reason is a part of it, and a summary another.
REASON_CHARACTERS = 256
SUMMARY_CHARACTERS = 500
JOB_UNDER_WAY = ("InProgress", "Stopping")
# What SageMaker says of a training job, and of a processing job, that was never made.
NEVER_MADE = ("ValidationException", "ResourceNotFound")


class JobState(NamedTuple):
    """What SageMaker says of a job; `failure` is empty where the job has not failed."""

    status: str
    created: datetime
    failure: str


class JobKind(NamedTuple):
    """A kind of SageMaker's jobs: its name in requests and log groups, and its operations.

    `state` and `stop` take a job's name.
    """

    name: str
    create: Callable[[Request], object]
    state: Callable[[str], JobState]
    stop: Callable[[str], object]


def training_state(name: str) -> JobState:
    job = sagemaker.describe_training_job(TrainingJobName=name)
    return JobState(job["TrainingJobStatus"], job["CreationTime"], job.get("FailureReason", ""))


def processing_state(name: str) -> JobState:
    job = sagemaker.describe_processing_job(ProcessingJobName=name)
    return JobState(job["ProcessingJobStatus"], job["CreationTime"], job.get("FailureReason", ""))


# The steps that are jobs; the third is the model package.
JOBS = {
    "training": JobKind(
        "Training",
        lambda request: sagemaker.create_training_job(**request),
        training_state,
        lambda name: sagemaker.stop_training_job(TrainingJobName=name),
    ),
    "evaluation": JobKind(
        "Processing",
        lambda request: sagemaker.create_processing_job(**request),
        processing_state,
        lambda name: sagemaker.stop_processing_job(ProcessingJobName=name),
    ),
}


@handler.create
@handler.update
def start_step(event: CustomResourceEvent, context: LambdaContext) -> str:
    """Make the job or the package, unless it exists; return the physical id."""
    properties = event["ResourceProperties"]
    step = properties["Step"]
    requests = properties["Requests"]
    request: Request = json.loads(read_content(requests))[step]
    if step in JOBS:
        return start_job(JOBS[step], request)
    return register(request, f"{requests.rpartition('/')[0]}/evaluation/gate.json")


def start_job(kind: JobKind, request: Request) -> str:
    """Make a job, unless it exists; return its name."""
    with suppress(sagemaker.exceptions.ResourceInUse):
        kind.create(request)
    return str(request[f"{kind.name}JobName"])


def register(request: Request, gate: str) -> str:
    """Make the model package, unless it exists; return its ARN.

    `gate` is the URI of the gates' verdict. Raises `RuntimeError` where they stop the model.
    """
    verdict = parse_verdict(read_content(gate), gate)
    if not verdict.passed:
        words = why_stopped(verdict, gate)
        raise RuntimeError(shorten(words, REASON_CHARACTERS, placeholder=" ..."))
    arn = registered(request["ModelPackageGroupName"], request["ModelPackageDescription"])
    if not arn:
        arn = sagemaker.create_model_package(**request)["ModelPackageArn"]
    handler.Data["Summary"] = approvers_summary(verdict)
    handler.Data["ModelPackageArn"] = arn
    return arn


def why_stopped(verdict: Verdict, gate: str) -> str:
    """Say why the gates stop a model; where evidence lacks, first what a person can do."""
    if verdict.faults:
        return f"the gate refuses the model: {'; '.join(verdict.faults)}"
    return (
        f"too little evidence, and no decision to go on without: {gate} is for make accept "
        f"(docs/release.md); {'; '.join(verdict.doubts)}"
    )


def registered(group: str, description: str) -> str:
    """Return the ARN of a group's package of this description; empty where there is none."""
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    for page in pages:
        for package in page["ModelPackageSummaryList"]:
            if package.get("ModelPackageDescription") == description:
                return package["ModelPackageArn"]
    return ""


def approvers_summary(verdict: Verdict) -> str:
    """Return the figures beside the champion's, for the person who approves.

    Before them is who accepted that there is too little evidence, and why, if anybody did.
    """
    accepted = ""
    if verdict.decision:
        accepted = f"too little evidence, accepted by {verdict.decision.who}: "
        accepted += f"{verdict.decision.why}; "
    figures = [
        f"{lead.figure} ({lead.part}) {lead.value:+.4f}"
        for lead in verdict.verdicts
        if lead.gate == "champion" and lead.value is not None
    ]
    compared = "; ".join(figures) or "no live model to compare with"
    return f"{accepted}{compared}"[:SUMMARY_CHARACTERS]


@handler.poll_create
@handler.poll_update
def finished(event: CustomResourceEvent, context: LambdaContext) -> str | None:
    """Return the physical id once the work is done, else None. Raises with the job's reason."""
    step = event["ResourceProperties"]["Step"]
    name = event["CrHelperData"]["PhysicalResourceId"]
    if step not in JOBS:
        return name
    # Whatever raises below, CloudFormation then deletes, and so stops, this very job.
    handler.PhysicalResourceId = name
    kind = JOBS[step]
    job = kind.state(name)
    age = datetime.now(UTC) - job.created
    if job.status in JOB_UNDER_WAY and age < LONGEST_JOB:
        return None
    if job.status != "Completed":
        reason = job.failure or f"not done after {age}"
        words = f"{name}: {job.status}; log group /aws/sagemaker/{kind.name}Jobs; {reason}"
        raise RuntimeError(shorten(words, REASON_CHARACTERS, placeholder=" ..."))
    return name


@handler.delete
def stop_step(event: CustomResourceEvent, context: LambdaContext) -> None:
    """Stop a job that is not done. Packages stay: they are the registry's."""
    step = event["ResourceProperties"]["Step"]
    name = event["PhysicalResourceId"]
    # Where the creation failed, crhelper made a name up, and no job has it.
    if step not in JOBS or not name.endswith(f"-{step}"):
        return
    kind = JOBS[step]
    try:
        if kind.state(name).status == "InProgress":
            kind.stop(name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in NEVER_MADE:
            raise
