"""Rows that are released in tests, and the manifest that names them."""

from __future__ import annotations

import hashlib
import zipfile
from io import BytesIO
from pathlib import Path

import boto3
import pytest

from categoriser.manifest import File, Manifest
from release_helpers.settings import (
    DATA,
    LIVE,
)

ROWS = "date,text,price,category\n" + "".join(
    f"2026-10-01,{text} no {number},{number + 0.5},{category}\n"
    for number in range(40)
    for text, category in (("aldi", "groceries"), ("metro", "transport"))
)


DIGEST = hashlib.sha256(ROWS.encode()).hexdigest()


def released(
    folder: Path, monkeypatch: pytest.MonkeyPatch, digest: str = DIGEST, through: str = ""
) -> None:
    """Put rows and labels into S3, and their manifest where CodeBuild unpacks it."""
    s3 = boto3.client("s3")
    files = []
    for bucket, key in ((DATA, "raw/own.csv"), (LIVE, "labels/train.csv")):
        version = s3.put_object(Bucket=bucket, Key=key, Body=ROWS)["VersionId"]
        # A newer version than the one that is released.
        s3.put_object(Bucket=bucket, Key=key, Body="newer")
        files.append(File(f"s3://{bucket}/{key}", version, digest, 80))
    hashes = {"data/own.csv": "1" * 32}
    body = Manifest("labels", tuple(files), hashes, labelled_through=through).zip()
    zipfile.ZipFile(BytesIO(body)).extractall(folder / "manifest")
    monkeypatch.setenv("CODEBUILD_SRC_DIR_Data", str(folder / "manifest"))
