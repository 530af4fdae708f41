"""The data that a release is trained on: fetched as the manifest says, joined, and validated."""

from collections.abc import Sequence
from pathlib import Path

import boto3

from categoriser.data.own import join
from categoriser.data.profile import accepted_profile
from categoriser.data.validate import validate
from categoriser.errors import UserError
from categoriser.io.digests import digest
from categoriser.io.s3_uri import S3Uri
from categoriser.manifest import NAME, File, Manifest, parse
from categoriser.params import read_params

RELEASE_FOLDER = Path("data/release")
RELEASE_ROWS = RELEASE_FOLDER / "transactions.csv"


def read_manifest(folder: Path) -> tuple[Manifest, bytes]:
    """Return what the data are, and its text. The pipeline unpacks its zip into the folder."""
    text = (folder / NAME).read_bytes()
    return parse(text, NAME), text


def fetch_training_data(session: boto3.Session, manifest_folder: Path) -> None:
    """Fetch the manifest's files, join them, and validate the rows.

    Raises `UserError` for a file that is not what the manifest says, and as `validate_together`.
    """
    RELEASE_FOLDER.mkdir(parents=True, exist_ok=True)
    manifest, _ = read_manifest(manifest_folder)
    parts = []
    for number, file in enumerate(manifest.files):
        part = RELEASE_FOLDER / f"part-{number}.csv"
        fetch_version(session, file, part)
        parts.append(part)
    validate_together(parts)


def fetch_version(session: boto3.Session, file: File, target: Path) -> None:
    """Fetch the version of a file that a manifest names. Raises `UserError` for other content."""
    place = S3Uri.parse(file.uri)
    version = {"VersionId": file.version_id}
    session.client("s3").download_file(place.bucket, place.key, str(target), version)
    if digest(target) != file.sha256:
        what = f"{file.uri}, version {file.version_id}"
        raise UserError(f"{what}, has another sha256 than the manifest says; release it anew")


def validate_together(files: Sequence[Path]) -> None:
    """Join files to `RELEASE_ROWS`, and validate its rows. Raises `UserError` as `validate`."""
    RELEASE_FOLDER.mkdir(parents=True, exist_ok=True)
    join(files, RELEASE_ROWS)
    validate(
        RELEASE_ROWS,
        read_params().validate_,
        accepted_profile(),
        RELEASE_FOLDER / "validated.parquet",
        RELEASE_FOLDER / "set_aside.csv",
    )
