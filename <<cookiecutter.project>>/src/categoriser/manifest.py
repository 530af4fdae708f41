"""The manifest of a data release: what is trained on, to the byte.

It is `data.json` in a zip, since CodePipeline takes a zip as its source:

    {"version": 1, "made_by": "data-release", "dvc": {"data/own.csv": "<md5>"},
     "files": [{"uri": "s3://bucket/key", "version_id": "…", "sha256": "…", "rows": 123}],
     "labelled_through": "2026-11-01T00:00:00Z"}

The Lambda functions hold this module too: it needs msgspec, and nothing larger.
"""

import io
import zlib
from typing import Annotated, Literal
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from msgspec import Meta, Struct, json

from categoriser.errors import UserError

NAME = "data.json"
# Some hundred bytes a file: thousands of them.
MOST_BYTES = 2**20
TIME = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$"


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """A version of a CSV file in S3, with its SHA-256 and its rows without the header."""

    uri: Annotated[str, Meta(pattern="^s3://[^/]+/.")]
    version_id: Annotated[str, Meta(min_length=1)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    rows: Annotated[int, Meta(ge=1)]


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """The files whose rows together are trained on.

    `made_by` says what wrote it: a person's `make data-release`, or the labelling job. `dvc` are
    DVC's hashes by path. `labelled_through` is the hour of the newest label in the files, in UTC,
    or empty: such texts are in the order of their times.
    """

    made_by: Literal["data-release", "labels"]
    files: Annotated[tuple[File, ...], Meta(min_length=1)]
    dvc: dict[str, str]
    labelled_through: Annotated[str, Meta(pattern=TIME)] = ""
    version: Literal[1] = 1

    def json(self) -> bytes:
        """Return `data.json`: equal manifests give equal bytes."""
        return json.format(json.encode(self, order="deterministic"))

    def zip(self) -> bytes:
        """Return the zip: equal manifests give equal bytes."""
        stream = io.BytesIO()
        with ZipFile(stream, "w") as archive:
            archive.writestr(ZipInfo(NAME), self.json())
        return stream.getvalue()


def parse(text: str | bytes, source: str) -> Manifest:
    """Read `data.json`. Raises `UserError` that names the source and what is wrong with it."""
    try:
        return json.decode(text, type=Manifest)
    except ValueError as error:
        raise UserError(f"{source}: {error}; `make data-release` makes a manifest") from None


def unzip(data: bytes, source: str) -> Manifest:
    """Read the zip. Raises as `parse`, and for one that is packed in another way or too large."""
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            if archive.getinfo(NAME).compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                # The other ways unpack more than they are asked for.
                raise NotImplementedError(f"{NAME} is not packed by deflate")
            with archive.open(NAME) as packed:
                text = packed.read(MOST_BYTES + 1)
    except (BadZipFile, EOFError, KeyError, NotImplementedError, RuntimeError, zlib.error) as fault:
        # RuntimeError: it is encrypted.
        raise UserError(f"{source} is not a zip with {NAME} in it: {fault}") from None
    if len(text) > MOST_BYTES:
        raise UserError(f"{source}: {NAME} is larger than {MOST_BYTES} bytes: it is not a manifest")
    return parse(text, source)
