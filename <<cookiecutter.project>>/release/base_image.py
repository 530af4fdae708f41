"""The base image: what it is made of, and whether the one in the registry is made of it."""

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import boto3

from categoriser.errors import UserError
from categoriser.jobs.spec.artifact_keys import BASE_SOURCE
from release.settings import ReleaseSettings
from release.zips import zip_of

SOURCE_FILES = (
    "buildspecs/base.yaml",
    "container/Dockerfile",
    "container/slim.py",
    "requirements/serve.txt",
)
# The file of the source from which the build reads the digest.
DIGEST_FILE = "digest"
# Characters of a digest that tell one base image from another, in a tag.
DIGEST_CHARACTERS = 12


class BaseSource(NamedTuple):
    """What the base image is made of: its short digest, and the zip that its build takes."""

    digest: str
    body: bytes


def base_repository(settings: ReleaseSettings) -> str:
    """Return the name of the base image's repository, and of the project that builds it."""
    return f"{settings.project}-base"


def base_source() -> BaseSource:
    """Return the source of the base image, as this commit has it."""
    files = {name: Path(name).read_bytes() for name in SOURCE_FILES}
    digest = sha256(zip_of(files)).hexdigest()[:DIGEST_CHARACTERS]
    return BaseSource(digest, zip_of({**files, DIGEST_FILE: digest.encode()}))


def require_base_image(
    settings: ReleaseSettings, session: boto3.Session, image_digest: str, artifact_bucket: str
) -> None:
    """Raise `UserError` where the base image is of other files, and have it built of these."""
    source = base_source()
    described = session.client("ecr").describe_images(
        repositoryName=base_repository(settings), imageIds=[{"imageDigest": image_digest}]
    )
    (image,) = described["imageDetails"]
    if any(tag.startswith(source.digest) for tag in image.get("imageTags", [])):
        return
    s3 = session.client("s3")
    s3.put_object(Bucket=artifact_bucket, Key=BASE_SOURCE, Body=source.body)
    raise UserError("the base image is of other locks; a new one is built, and starts a run")
