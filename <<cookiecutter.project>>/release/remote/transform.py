"""A batch transform: the model that it needs, the job, and both run to their end.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import boto3
from botocore.exceptions import ClientError
from msgspec import Struct

from categoriser.contract import JSON_LINES
from categoriser.errors import UserError
from categoriser.io.s3_uri import S3Uri
from categoriser.jobs.spec.job import Network
from categoriser.jobs.spec.sagemaker import Request
from release.build import newest_approved
from release.console import console
from release.remote.batch_rows import PAYLOAD_MB
from release.remote.following import AWS_FAULTS, FollowedJob, JobLog, JobState, follow
from release.remote.images import newest_image
from release.settings import ReleaseSettings

LOG_GROUP = "/aws/sagemaker/TransformJobs"
LINES_OF_A_FAULT = 20
# Requests that the server has at once, and how often one is sent again: it answers 503 or 429 while
# it has no room.
REQUESTS_AT_ONCE = 4
REPEATS = 3
REQUEST_SECONDS = 120


class Transform(Struct, frozen=True, kw_only=True):
    """A transform of a run: of all objects under `rows` into `answers`, which are prefixes in S3.

    `container` is a model's, as CreateModel takes it; `role` and `key` are ARNs. It is stopped
    after `minutes`: AWS itself has no bound for it.
    """

    name: str
    container: dict[str, str]
    role: str
    key: str
    rows: str
    answers: str
    instance: str
    instances: int
    minutes: int
    network: Network
    tags: dict[str, str]


def container_of(
    settings: ReleaseSettings, session: boto3.Session, package: str, model: str
) -> dict[str, str]:
    """Return the container of a model: a package's, a given archive's, or the newest approved one.

    A package is its ARN, or its number in the project's group. Raises `UserError` where both are
    given, where what is named does not exist, and where no package is approved.
    """
    if package and model:
        raise UserError("PACKAGE and MODEL name two models: give one of them")
    if model:
        require_archive(session, S3Uri.parse(model))
        return {"Image": newest_image(settings, session, "serve"), "ModelDataUrl": model}
    if package.isdigit():
        group = f"model-package/{settings.project}/{package}"
        account = session.client("sts").get_caller_identity()["Account"]
        partition = session.get_partition_for_region(settings.region)
        package = f"arn:{partition}:sagemaker:{settings.region}:{account}:{group}"
    found = package or newest_approved(settings, session)
    if not found:
        raise UserError(
            "no model is approved yet: approve a release, or name another: PACKAGE=arn, or "
            "MODEL=s3://bucket/key of a model.tar.gz"
        )
    try:
        session.client("sagemaker").describe_model_package(ModelPackageName=found)
    except ClientError as error:
        raise UserError(f"PACKAGE={found}: {error}") from None
    return {"ModelPackageName": found}


def require_archive(session: boto3.Session, archive: S3Uri) -> None:
    """Raise `UserError` where there is no model at a place in S3, or it may not be read."""
    try:
        session.client("s3").head_object(Bucket=archive.bucket, Key=archive.key)
    except ClientError as error:
        raise UserError(f"MODEL={archive}: {error}") from None


def model_request(transform: Transform) -> Request:
    """Return the request of CreateModel for a transform's model, of the same name."""
    request: Request = {
        "ModelName": transform.name,
        "PrimaryContainer": transform.container,
        "ExecutionRoleArn": transform.role,
        "EnableNetworkIsolation": True,
        "Tags": tags_of(transform),
    }
    network = transform.network
    if network.subnets:
        request["VpcConfig"] = {
            "Subnets": [*network.subnets],
            "SecurityGroupIds": [*network.security_groups],
        }
    return request


def transform_request(transform: Transform) -> Request:
    """Return the request of CreateTransformJob."""
    return {
        "TransformJobName": transform.name,
        "ModelName": transform.name,
        "MaxConcurrentTransforms": REQUESTS_AT_ONCE,
        "ModelClientConfig": {
            "InvocationsTimeoutInSeconds": REQUEST_SECONDS,
            "InvocationsMaxRetries": REPEATS,
        },
        "MaxPayloadInMB": PAYLOAD_MB,
        "BatchStrategy": "MultiRecord",
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{transform.rows}/"}
            },
            "ContentType": JSON_LINES,
            "CompressionType": "None",
            "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": f"{transform.answers}/",
            "Accept": JSON_LINES,
            "AssembleWith": "Line",
            "KmsKeyId": transform.key,
        },
        "TransformResources": {
            "InstanceType": transform.instance,
            "InstanceCount": transform.instances,
        },
        "Tags": tags_of(transform),
    }


def tags_of(transform: Transform) -> list[Request]:
    return [{"Key": key, "Value": value} for key, value in transform.tags.items()]


def run_transform(session: boto3.Session, transform: Transform, done: Callable[[], str]) -> None:
    """Run a transform to its end, and delete its model. `done` says how far it is.

    Raises `UserError` where it does not complete, after the last lines of its log.
    """
    sagemaker = session.client("sagemaker")

    def describe() -> JobState:
        found = sagemaker.describe_transform_job(TransformJobName=transform.name)
        status = found["TransformJobStatus"]
        return JobState(status, f"{status}: {done()}", found.get("FailureReason", ""))

    job = FollowedJob(
        name=transform.name,
        describe=describe,
        stop=lambda: sagemaker.stop_transform_job(TransformJobName=transform.name),
        command=f"aws sagemaker stop-transform-job --transform-job-name {transform.name}",
        needs_this=True,
        minutes=transform.minutes,
    )
    with model(session, transform):
        sagemaker.create_transform_job(**transform_request(transform))
        try:
            follow(job)
        except UserError:
            for line in JobLog(session, LOG_GROUP, transform.name).new_lines()[-LINES_OF_A_FAULT:]:
                console.print(f"  {line}")
            raise


@contextmanager
def model(session: boto3.Session, transform: Transform) -> Iterator[None]:
    """Have a transform's model, and delete it."""
    sagemaker = session.client("sagemaker")
    sagemaker.create_model(**model_request(transform))
    try:
        yield
    finally:
        try:
            sagemaker.delete_model(ModelName=transform.name)
        except AWS_FAULTS as error:
            # It costs nothing, and must not hide what ended the transform.
            console.print(f"the model {transform.name} is still there: {error}")
