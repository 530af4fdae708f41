"""Documents in S3: Build and the jobs write them, and the functions read them."""

import boto3

from categoriser.io.s3_uri import S3Uri

s3 = boto3.client("s3")


def read_content(uri: str) -> bytes:
    """Return the bytes at an s3:// URI."""
    place = S3Uri.parse(uri)
    return s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
