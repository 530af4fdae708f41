"""`make data-release FILE=my.csv`: files become what is trained on, and so start a run."""

from collections.abc import Sequence
from hashlib import md5
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3

from categoriser.data.own import in_own_form
from categoriser.errors import UserError
from categoriser.io.digests import digest
from categoriser.io.s3_uri import S3Uri
from categoriser.io.text_files import read_lines
from categoriser.jobs.spec.artifact_keys import DATA_MANIFEST, RAW_DATA
from categoriser.manifest import File, Manifest
from categoriser.paths import HOLDOUT
from release.accounts import bucket_name
from release.console import console
from release.settings import ReleaseSettings
from release.training_data import validate_together


def release_data(settings: ReleaseSettings, session: boto3.Session, files: Sequence[Path]) -> None:
    """Upload files, and the manifest that names them: they are what is trained on from now on.

    A bank's file is uploaded in the project's own form. Raises `UserError` for rows that are not
    valid or held out, and for a form that is not settled; then nothing is uploaded.
    """
    if HOLDOUT.resolve() in [file.resolve() for file in files]:
        raise UserError(f"{HOLDOUT} is kept apart: its rows are never trained on")
    with TemporaryDirectory(prefix="categoriser-") as folder:
        in_form = in_own_form(files, Path(folder))
        validate_together(in_form)
        bucket = bucket_name(settings, "data", session)
        upload(session, bucket, dict(zip(files, in_form, strict=True)))


def upload(session: boto3.Session, bucket: str, files: dict[Path, Path]) -> None:
    """Upload files in the project's own form, by the path each is named by, and the manifest."""
    parts = []
    hashes = {}
    for named, path in files.items():
        parts.append(upload_file(session, bucket, f"{RAW_DATA}/{path.name}", path))
        # As DVC makes it.
        hashes[named.as_posix()] = md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    manifest = Manifest("data-release", tuple(parts), hashes)
    session.client("s3").put_object(Bucket=bucket, Key=DATA_MANIFEST, Body=manifest.zip())
    console.print(f"{sum(part.rows for part in parts):,} rows are what is trained on from now on")


def upload_file(session: boto3.Session, bucket: str, key: str, path: Path) -> File:
    """Upload a file of rows; return what the manifest says of the version that this made."""
    put = session.client("s3").put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    lines = sum(1 for line in read_lines(path) if line.strip())
    header = 1
    return File(str(S3Uri(bucket, key)), put["VersionId"], digest(path), lines - header)
