"""The files of captures and of ground truth under a folder or a prefix in S3.

Captures lie in `{destination}/{endpoint}/{variant}/yyyy/mm/dd/hh/mm-ss-mmm-<uuid>.jsonl`; ground
truth lies in `{prefix}/yyyy/mm/dd/hh/`, by the hour in which the label was collected.
"""

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from categoriser.errors import UserError
from categoriser.io.s3_uri import S3Uri, is_s3
from categoriser.io.storage import read_failures, s3_client
from categoriser.monitor.formats.problems import Problems

# Other files are not SageMaker's: a `_SUCCESS`, a checksum, somebody's notes.
SUFFIXES = (".jsonl", ".jsonl.gz")
# The last such folders of a path; hours may be missing.
HOUR_FOLDERS = re.compile(r".*/(2[0-9]{3})/([0-9]{2})/([0-9]{2})(?:/([0-9]{2}))?(?:/|$)", re.DOTALL)

# A file may hold records from beside its own hour.
HOUR_MARGIN = timedelta(hours=1)


def find_files(
    source: str, start: datetime | None = None, end: datetime | None = None
) -> list[str]:
    """Return the files under a folder or an `s3://bucket/prefix`, sorted.

    Folders `yyyy/mm/dd/hh`, at any depth below it, are looked into where they are within
    `HOUR_MARGIN` of [start, end). Raises `UserError` where the source cannot be listed.
    """
    window = FolderWindow(start and plain_utc(start), end and plain_utc(end))
    if is_s3(source):
        return _files_in_s3(source, window)
    if Path(source).is_file():
        return [source]
    return _files_in_folder(source, window)


class FolderWindow(NamedTuple):
    """The times whose folders are looked into, in UTC without saying so; None is open."""

    start: datetime | None
    end: datetime | None

    def reaches(self, path: str) -> bool:
        """Return whether a folder may hold records of the window: one of no hour may."""
        hour = hour_of(path)
        if hour is None:
            return True
        length = timedelta(hours=1) if _names_an_hour(path) else timedelta(days=1)
        ends_before = self.start and hour + length + HOUR_MARGIN <= self.start
        begins_after = self.end and hour - HOUR_MARGIN >= self.end
        return not (ends_before or begins_after)


def _files_in_s3(source: str, window: FolderWindow) -> list[str]:
    place = S3Uri.parse(source)
    prefix = place.key.rstrip("/")
    root = f"{prefix}/" if prefix else ""

    def wanted(folder: str) -> bool:
        return window.reaches(f"/{folder.removeprefix(root)}")

    try:
        keys = _keys(place.bucket, root, wanted)
        return sorted(str(S3Uri(place.bucket, key)) for key in keys)
    except read_failures(source) as error:
        raise _not_listed(source, error) from None


def _files_in_folder(source: str, window: FolderWindow) -> list[str]:
    def refuse(error: OSError) -> None:
        raise _not_listed(source, error) from None

    files = []
    for folder, folders, names in os.walk(source, onerror=refuse):
        below = folder.removeprefix(source).strip("/")
        folders[:] = [name for name in folders if window.reaches(f"/{below}/{name}")]
        files += [f"{folder}/{name}" for name in names if not name.startswith(".")]
    return sorted(files)


def _not_listed(source: str, error: Exception) -> UserError:
    return UserError(f"the files in {source} cannot be listed: {error}")


def event_files(
    source: str, start: datetime | None, end: datetime | None, problems: Problems
) -> list[str]:
    """Return the files that can hold captures or labels; the others are passed over in `problems`.

    A source that is a file is taken by whatever name. Raises `UserError` as `find_files` does.
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
    found = HOUR_FOLDERS.match(path)
    if not found:
        return None
    year, month, day, hour = (int(part or 0) for part in found.groups())
    try:
        return datetime(year, month, day, hour)
    except ValueError:
        return None


def _names_an_hour(path: str) -> bool:
    found = HOUR_FOLDERS.match(path)
    return found is not None and found[4] is not None


def plain_utc(time: datetime) -> datetime:
    """Return a time, UTC unless it says otherwise, as UTC without saying so."""
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
