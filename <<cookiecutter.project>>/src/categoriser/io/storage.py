"""Files in a folder or in S3, read and written alike."""

import functools
import io
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from categoriser.errors import UserError
from categoriser.io.replacing import replacing
from categoriser.io.s3_uri import S3Uri, is_s3


@functools.cache
def s3_client() -> Any:
    import boto3

    return boto3.client("s3")


def read_failures(source: str) -> tuple[type[Exception], ...]:
    """Return the exceptions of reading it."""
    if not is_s3(source):
        return OSError, EOFError, zlib.error
    from botocore.exceptions import BotoCoreError, ClientError

    return OSError, EOFError, zlib.error, BotoCoreError, ClientError


@contextmanager
def open_file(file: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file to read it; give its size in bytes too."""
    if not is_s3(file):
        with Path(file).open("rb") as stream:
            yield stream, Path(file).stat().st_size
        return
    place = S3Uri.parse(file)
    found = s3_client().get_object(Bucket=place.bucket, Key=place.key)
    with io.BufferedReader(found["Body"]) as stream:
        yield stream, found["ContentLength"]


def fetch(file: str, target: Path) -> None:
    """Copy a file that `find` named. Raises `UserError` where it cannot be read."""
    try:
        with open_file(file) as (stream, _), replacing(target) as aside, aside.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
    except read_failures(file) as error:
        raise UserError(f"{file} cannot be read: {error}") from None


def put(file: Path, uri: str) -> str:
    """Copy a file to S3 and return its version there. Raises `UserError` where it has none."""
    place = S3Uri.parse(uri)
    try:
        answer = s3_client().put_object(Bucket=place.bucket, Key=place.key, Body=file.read_bytes())
        return str(answer["VersionId"])
    except read_failures(uri) as error:
        raise UserError(f"{uri} cannot be written, with versions kept: {error!r}") from None
