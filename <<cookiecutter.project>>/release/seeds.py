"""What must exist before the pipeline does: the base image, and the first data."""

import time

import boto3

from categoriser.errors import UserError
from categoriser.jobs.spec.artifact_keys import BASE_SOURCE, DATA_MANIFEST
from categoriser.params import read_params
from release.accounts import bucket_name
from release.base_image import base_repository, base_source
from release.console import console
from release.data_release import release_data
from release.settings import ReleaseSettings

POLL_SECONDS = 10
# The newest first; no build runs longer than a few of these take.
LOOKED_AT = 10


def seed(settings: ReleaseSettings, session: boto3.Session) -> None:
    """Build the base image and release the first data, unless they exist."""
    images = session.client("ecr").list_images(repositoryName=base_repository(settings))
    if not images["imageIds"]:
        build_base_image(settings, session)
    released = session.client("s3").list_objects_v2(
        Bucket=bucket_name(settings, "data", session), Prefix=DATA_MANIFEST
    )
    if not released["KeyCount"]:
        release_data(settings, session, [read_params().data.path])


def build_base_image(settings: ReleaseSettings, session: boto3.Session) -> None:
    """Have the base image built, or wait for the build that runs. Raises `UserError`."""
    project = base_repository(settings)
    codebuild = session.client("codebuild")
    build = running_build(session, project)
    if build:
        console.print(f"{project} is being built already, by {build}: this waits for it")
    else:
        # This wakes the rule of images.yaml too, which may be the first to start a build.
        session.client("s3").put_object(
            Bucket=bucket_name(settings, "artifacts", session),
            Key=BASE_SOURCE,
            Body=base_source().body,
        )
        build = start_build(session, project)
        console.print(f"{project} is being built")
    status = "IN_PROGRESS"
    while status == "IN_PROGRESS":
        status = codebuild.batch_get_builds(ids=[build])["builds"][0]["buildStatus"]
        if status == "IN_PROGRESS":
            time.sleep(POLL_SECONDS)
    if status != "SUCCEEDED":
        raise UserError(f"{project}: its build has {status}; its log is in CodeBuild")


def start_build(session: boto3.Session, project: str) -> str:
    """Start a build of a project, and return its id, or that of the build that runs already."""
    codebuild = session.client("codebuild")
    try:
        return codebuild.start_build(projectName=project)["build"]["id"]
    except codebuild.exceptions.AccountLimitExceededException:
        running = running_build(session, project)
        if not running:
            raise
        return running


def running_build(session: boto3.Session, project: str) -> str:
    """Return the id of the build of a project that is under way, nothing where none is.

    Two at once would push one tag, which never moves: the later would fail.
    """
    codebuild = session.client("codebuild")
    ids = codebuild.list_builds_for_project(projectName=project)["ids"][:LOOKED_AT]
    builds = codebuild.batch_get_builds(ids=ids)["builds"] if ids else []
    running = [build["id"] for build in builds if build["buildStatus"] == "IN_PROGRESS"]
    return running[0] if running else ""
