"""Places in S3, written as `s3://bucket/key`.

The Lambda functions carry this module: it needs the standard library and `errors` alone.
"""

from dataclasses import dataclass
from typing import Self

from categoriser.errors import UserError

SCHEME = "s3://"


def is_s3(place: str) -> bool:
    """Return whether a place is in S3, and not on this machine."""
    return place.startswith(SCHEME)


@dataclass(frozen=True)
class S3Uri:
    """An object by its key, or all objects whose keys begin so; an empty key is a whole bucket."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an `s3://` URI. Raises `UserError` for another text, and where the bucket lacks."""
        bucket, _, key = text.removeprefix(SCHEME).partition("/")
        if not is_s3(text) or not bucket:
            raise UserError(f"{text!r} is not a place in S3: write {SCHEME}bucket/key")
        return cls(bucket, key)

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"
