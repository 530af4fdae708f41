"""`make train-remote`: the release's training job on SageMaker, on this machine's rows and knobs.

What it makes is brought back into `remote/<job>`: the workspace's model is the pipeline's alone.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import boto3

from categoriser.errors import UserError
from categoriser.io.archives import unpack
from categoriser.io.replacing import replacing, write_json
from categoriser.io.s3_uri import S3Uri
from categoriser.jobs.spec.release_run import ReleaseRun, training
from categoriser.jobs.spec.sagemaker import Request, training_request
from categoriser.params import Params, read_params
from categoriser.paths import REMOTE
from categoriser.plural import plural
from categoriser.tracking.remote_jobs import MODEL, RECORD, RemoteJob
from release.console import console
from release.remote.following import FollowedJob, JobLog, JobState, follow
from release.remote.images import image_or_newest
from release.remote.laptop_run import DATA_TAG, as_hyperparameters, laptop_run, upload_rows
from release.remote.prices import Work, ask_cost
from release.settings import ReleaseSettings

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
# The SDK asks IAM whether the role may make network interfaces, and write metrics of any namespace.
# The project's may neither outside of a VPC, and needs neither.
SDK_ENVIRONMENT = {"SAGEMAKER_VALIDATE_ROLE": "false"}


def train_remotely(
    settings: ReleaseSettings, session: boto3.Session, *, job: str, image: str, yes: bool
) -> None:
    """Train on SageMaker, or take up a job by its name; follow it, and bring back what it makes.

    Raises `UserError` for rows that are not valid, where nobody consents, where the job fails, and
    where it is no training of this verb.
    """
    bring_back(session, job or start_job(settings, session, image=image, yes=yes))


def start_job(settings: ReleaseSettings, session: boto3.Session, *, image: str, yes: bool) -> str:
    """Start a training job on SageMaker, and return its name.

    Raises `UserError` for rows that are not valid, and where nobody consents.
    """
    params = read_params()
    run = laptop_run(settings, session, image_or_newest(settings, session, "job", image))
    work = Work(component="Training", instance=run.instance, minutes=settings.train.minutes)
    console.print(f"train on {params.data.path} with {run.job_image}")
    ask_cost(settings, session, work, yes=yes)
    upload_rows(session, run)
    return start_by_sdk(session, run, params)


def start_by_sdk(session: boto3.Session, run: ReleaseRun, params: Params) -> str:
    """Start the run's training job by the SDK, with the knobs of params.yaml; return its name."""
    console.print("loading the SageMaker SDK ...")
    # It does not load without a region.
    os.environ |= {"AWS_DEFAULT_REGION": session.region_name, **SDK_ENVIRONMENT}
    from release.remote.model_trainer import start_training

    knobs: dict[str, str] = {}
    for candidate, given in params.train.candidates.items():
        knobs |= as_hyperparameters(candidate, given)
    request: Request = training_request(training(run))
    return start_training(session, f"{run.project}-laptop", request, knobs)


def followed(session: boto3.Session, name: str) -> FollowedJob:
    """Return a training job as a job to follow."""
    sagemaker = session.client("sagemaker")

    def describe() -> JobState:
        found = sagemaker.describe_training_job(TrainingJobName=name)
        changes = found.get("SecondaryStatusTransitions", [])
        words = changes[-1].get("StatusMessage", "") if changes else ""
        step = found.get("SecondaryStatus", found["TrainingJobStatus"])
        return JobState(
            found["TrainingJobStatus"],
            f"{step}: {words}" if words else step,
            found.get("FailureReason", ""),
        )

    return FollowedJob(
        name=name,
        describe=describe,
        stop=lambda: sagemaker.stop_training_job(TrainingJobName=name),
        command=f"aws sagemaker stop-training-job --training-job-name {name}",
        follow_command=f"make train-remote JOB={name}",
        new_lines=JobLog(session, LOG_GROUP, name).new_lines,
    )


def bring_back(session: boto3.Session, name: str) -> None:
    """Follow a job to its end, and write its model and its record into `remote/<job>`.

    Both are written, or neither. Raises `UserError` where the job fails, or is no training of
    `make train-remote`.
    """
    follow(followed(session, name))
    sagemaker = session.client("sagemaker")
    found = sagemaker.describe_training_job(TrainingJobName=name)
    pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=found["TrainingJobArn"])
    tags = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    if DATA_TAG not in tags:
        raise UserError(f"{name} has no tag {DATA_TAG}: it is no job of `make train-remote`")
    archive = S3Uri.parse(found["ModelArtifacts"]["S3ModelArtifacts"])
    folder = REMOTE / name
    with TemporaryDirectory(prefix="categoriser-") as scratch, replacing(folder) as aside:
        packed = Path(scratch) / "model.tar.gz"
        session.client("s3").download_file(archive.bucket, archive.key, str(packed))
        (aside / MODEL).mkdir(parents=True)
        unpack(packed, aside / MODEL)
        record = record_of(found, tags)
        write_json(aside / RECORD, record)
    figures = ", ".join(f"{name} {value:g}" for name, value in record.figures.items())
    console.print(f"{folder / MODEL}: {figures}; billed {plural(record.billed_seconds, 'second')}")


def record_of(found: DescribeTrainingJobResponseTypeDef, tags: dict[str, str]) -> RemoteJob:
    """Return what is kept of a job that has ended; it belongs to the experiment of params.yaml."""
    return RemoteJob(
        name=found["TrainingJobName"],
        data=tags[DATA_TAG],
        model=found["ModelArtifacts"]["S3ModelArtifacts"],
        instance=found["ResourceConfig"]["InstanceType"],
        hyperparameters=dict(found.get("HyperParameters", {})),
        figures={
            figure["MetricName"]: float(figure["Value"])
            for figure in found.get("FinalMetricDataList", [])
        },
        tags=tags,
        milliseconds=milliseconds(found["CreationTime"]),
        billed_seconds=found.get("BillableTimeInSeconds", 0),
        experiment=read_params().experiment.model_dump(),
    )


def milliseconds(time: datetime) -> int:
    return int(1000 * time.timestamp())
