"""The images that releases have pushed, by digest."""

import re

import boto3

from categoriser.errors import UserError
from release.settings import ReleaseSettings

# An image that is named by what it is, and not by a tag that may come to be another one's.
BY_DIGEST = r"[^@\s]+@sha256:[0-9a-f]{64}"


def image_or_newest(
    settings: ReleaseSettings, session: boto3.Session, target: str, given: str = ""
) -> str:
    """Return an image as `repository@digest`: the given one, or the newest of a target.

    A target is one of `container/Dockerfile`: `serve` or `job`. Raises `UserError` for an image
    that is not named by its digest, and where there is none.
    """
    if not given:
        return newest_image(settings, session, target)
    if not re.fullmatch(BY_DIGEST, given):
        raise UserError(f"IMAGE={given} is not named by its digest: repository@sha256:...")
    return given


def newest_image(settings: ReleaseSettings, session: boto3.Session, target: str) -> str:
    """Return the newest image of a target. Raises `UserError` where there is none."""
    ecr = session.client("ecr")
    repository = settings.project
    pages = ecr.get_paginator("describe_images").paginate(
        repositoryName=repository, filter={"tagStatus": "TAGGED"}
    )
    # Build's tags are the commit and the target.
    pushed = [
        (image["imagePushedAt"], image["imageDigest"])
        for page in pages
        for image in page["imageDetails"]
        if any(tag.endswith(f"-{target}") for tag in image["imageTags"])
    ]
    if not pushed:
        raise UserError(
            f"the repository {repository} has no image whose tag ends in -{target}: the first "
            "release pushes one (`make deploy`, then a push)"
        )
    [found] = ecr.describe_repositories(repositoryNames=[repository])["repositories"]
    _, digest = max(pushed)
    return f"{found['repositoryUri']}@{digest}"
