"""Places in S3 are parsed and written in one way."""

from __future__ import annotations

import pytest

from categoriser.errors import UserError
from categoriser.io.s3_uri import S3Uri, is_s3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket/a/key.json", S3Uri("bucket", "a/key.json")),
        ("s3://bucket/a//key#1?x=y", S3Uri("bucket", "a//key#1?x=y")),
        ("s3://bucket/prefix/", S3Uri("bucket", "prefix/")),
        ("s3://bucket/", S3Uri("bucket", "")),
    ],
)
def test_a_uri_is_read_and_written_alike(text: str, expected: S3Uri) -> None:
    assert S3Uri.parse(text) == expected
    assert str(expected) == text


def test_a_bucket_alone_is_all_that_is_in_it() -> None:
    assert S3Uri.parse("s3://bucket") == S3Uri("bucket", "")


@pytest.mark.parametrize(
    "text", ["", "bucket/key", "s3:/bucket/key", "S3://b/k", "s3://", "s3:///k"]
)
def test_another_text_is_refused_by_name(text: str) -> None:
    with pytest.raises(UserError, match="is not a place in S3"):
        S3Uri.parse(text)


def test_a_folder_of_this_machine_is_told_from_a_place_in_s3() -> None:
    assert is_s3("s3://bucket/key")
    assert not is_s3("captures/s3://bucket")
