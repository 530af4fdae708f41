"""JSON documents in S3, which Build and the jobs write and the functions read."""

import json
from typing import Any

import boto3

s3 = boto3.client("s3")


def read_document(uri: str) -> Any:
    """Return the JSON document at an s3:// URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])
