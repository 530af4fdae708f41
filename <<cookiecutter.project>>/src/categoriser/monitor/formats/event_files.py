"""The files of captures and of ground truth under a folder or a prefix in S3.

Captures lie in `{destination}/{endpoint}/{variant}/yyyy/mm/dd/hh/mm-ss-mmm-<uuid>.jsonl`; ground
truth lies in `{prefix}/yyyy/mm/dd/hh/`, by the hour in which the label was collected.
"""

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from categoriser.errors import UserError
from categoriser.io.s3_uri import S3Uri, is_s3
from categoriser.io.storage import read_failures, s3_client
from categoriser.monitor.formats.problems import Problems

# What is no such file is none of SageMaker's: a `_SUCCESS`, a checksum, somebody's notes.
SUFFIXES = (".jsonl", ".jsonl.gz")
# The last such folders of a path; hours may be missing.
HOUR = re.compile(r".*/(2[0-9]{3})/([0-9]{2})/([0-9]{2})(?:/([0-9]{2}))?(?:/|$)", re.DOTALL)


def find_files(
    source: str, start: datetime | None = None, end: datetime | None = None
) -> list[str]:
    """Return the files under a folder or an `s3://bucket/prefix`, sorted.

    Folders `yyyy/mm/dd/hh`, at any depth below it, are looked into where they are within an hour
    of [start, end): a file may hold records from beside its own hour. Raises `UserError` where the
    source cannot be listed.
    """
    margin = timedelta(hours=1)

    def wanted(below: str) -> bool:
        hour, found = hour_of(below), HOUR.match(below)
        if hour is None or found is None:
            return True
        last = hour + timedelta(hours=1 if found[4] else 24) + margin
        return not (
            (start and last <= plain_utc(start)) or (end and hour - margin >= plain_utc(end))
        )

    def refuse(error: Exception) -> None:
        raise UserError(f"the files in {source} cannot be listed: {error}") from None

    if is_s3(source):
        place = S3Uri.parse(source)
        prefix = place.key.rstrip("/")
        root = f"{prefix}/" if prefix else ""
        try:
            keys = _keys(place.bucket, root, lambda folder: wanted(f"/{folder.removeprefix(root)}"))
            return sorted(str(S3Uri(place.bucket, key)) for key in keys)
        except read_failures(source) as error:
            refuse(error)
    if Path(source).is_file():
        return [source]
    files = []
    for folder, folders, names in os.walk(source, onerror=refuse):
        below = folder.removeprefix(source).strip("/")
        folders[:] = [name for name in folders if wanted(f"/{below}/{name}")]
        files += [f"{folder}/{name}" for name in names if not name.startswith(".")]
    return sorted(files)


def event_files(
    source: str, start: datetime | None, end: datetime | None, problems: Problems
) -> list[str]:
    """Return `find`'s files that can hold captures or labels; the others are `passed over`.

    A source that is a file is taken by whatever name. Raises `UserError` as `find` does.
    """
    files = find_files(source, start, end)
    if files == [source]:
        return files
    for file in files:
        if not file.endswith(SUFFIXES):
            problems.pass_over(file)
    return [file for file in files if file.endswith(SUFFIXES)]


def _keys(bucket: str, prefix: str, wanted: Callable[[str], bool]) -> Iterator[str]:
    pages = s3_client().get_paginator("list_objects_v2").paginate
    for page in pages(Bucket=bucket, Prefix=prefix, Delimiter="/"):
        keys = (item["Key"] for item in page.get("Contents", ()))
        yield from (key for key in keys if not key.endswith("/"))
        for folder in page.get("CommonPrefixes", ()):
            if wanted(folder["Prefix"]):
                yield from _keys(bucket, folder["Prefix"], wanted)


def hour_of(path: str) -> datetime | None:
    """Return the hour (or the day) that a path's folders name."""
    found = HOUR.match(path)
    try:
        return datetime(*(int(part or 0) for part in found.groups())) if found else None  # type: ignore[arg-type]
    except ValueError:
        return None


def plain_utc(time: datetime) -> datetime:
    """Return a time, UTC unless it says otherwise, as UTC without saying so."""
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
