"""`make why PREDICTION=id`: from an answer to the capture, the release and all it was made of."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3

from categoriser.contract import VARIANT
from categoriser.errors import UserError
from categoriser.io.s3_uri import S3Uri
from categoriser.jobs.spec.artifact_keys import CAPTURES
from categoriser.release_names import endpoint_name
from release.accounts import bucket_name, open_session
from release.console import console
from release.settings import ReleaseSettings

# The ids of predictions that the API answers, and of a release's own probes.
PREDICTION_ID = r"[0-9a-f]{32}|probe-[\w-]+"
DAYS = "[1-9][0-9]{0,3}"


def print_lineage(
    settings: ReleaseSettings, session: boto3.Session, prediction: str, days: str = "7"
) -> None:
    """Print where a prediction comes from: capture, release, commit, images, data, approver.

    Raises `UserError` that says where it looked, or what is not an id or a number of days.
    """
    if not re.fullmatch(PREDICTION_ID, prediction):
        form = "32 of 0-9 and a-f, such as the API answers as prediction_id"
        raise UserError(f"PREDICTION={prediction} is not the id of a prediction: it has {form}")
    if not re.fullmatch(DAYS, days):
        raise UserError(f"DAYS={days} is not a number of days: write 1 to 9999")
    production = open_session(settings, settings.live_part)
    capture = find_capture(settings, production, prediction, int(days))
    endpoint = capture.key.split("/")[1]
    facts = {"Capture": str(capture), "Endpoint": endpoint}
    facts |= facts_of_package(settings, session, endpoint)
    for name, value in facts.items():
        console.print(f"{name}: {value}")


def find_capture(
    settings: ReleaseSettings, production: boto3.Session, prediction: str, days: int
) -> S3Uri:
    """Return the capture that holds a prediction. Raises `UserError` that says where it looked."""
    s3 = production.client("s3")
    bucket = bucket_name(settings, "live", production)
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"{CAPTURES}/", Delimiter="/"
    )
    endpoints = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]
    sign = re.compile(f'"inferenceId": ?"{prediction}"'.encode())
    for key in captures_of(production, bucket, endpoints, days):
        if sign.search(s3.get_object(Bucket=bucket, Key=key)["Body"].read()):
            return S3Uri(bucket, key)
    raise UserError(
        f"{prediction!r} is in no capture of the last {days} days of {endpoints}; captures come "
        "minutes late, and hold prod.capture_percent of the calls (more days: DAYS=...)"
    )


def captures_of(
    production: boto3.Session, bucket: str, endpoints: list[str], days: int
) -> Iterator[str]:
    """Yield the keys of the last days' captures, the newest day first."""
    paginator = production.client("s3").get_paginator("list_objects_v2")
    now = datetime.now(UTC)
    for day in range(days):
        for endpoint in endpoints:
            folder = f"{endpoint}{VARIANT}/{now - timedelta(days=day):%Y/%m/%d}/"
            for page in paginator.paginate(Bucket=bucket, Prefix=folder):
                yield from (item["Key"] for item in page.get("Contents", []))


def facts_of_package(
    settings: ReleaseSettings, session: boto3.Session, endpoint: str
) -> dict[str, str]:
    """Return what the registry says of an endpoint's model; nothing where it has no such model."""
    sagemaker = session.client("sagemaker")
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=settings.project
    )
    facts: dict[str, str] = {}
    for page in pages:
        for listed in page.get("ModelPackageSummaryList", []):
            package = sagemaker.describe_model_package(ModelPackageName=listed["ModelPackageArn"])
            lineage = package.get("CustomerMetadataProperties", {})
            if endpoint == endpoint_name(settings.project, lineage.get("Release", "")):
                facts |= {"Approval": package.get("ApprovalDescription", "none"), **lineage}
    return facts
