"""Documents in S3, which Build and the jobs write and the functions read."""

import json
from typing import Any

import boto3

from categoriser.io.s3_uri import S3Uri

s3 = boto3.client("s3")


def read_content(uri: str) -> bytes:
    """Return the bytes at an s3:// URI."""
    place = S3Uri.parse(uri)
    content: bytes = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
    return content


def read_document(uri: str) -> Any:
    """Return the JSON document at an s3:// URI."""
    return json.loads(read_content(uri))
