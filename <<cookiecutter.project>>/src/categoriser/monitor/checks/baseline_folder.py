"""The baseline that a run is told of: a folder, or a prefix in S3, and the files in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from categoriser.errors import UserError
from categoriser.io.documents import read_json
from categoriser.io.s3_uri import is_s3
from categoriser.io.storage import fetch
from categoriser.monitor.formats.baseline_facts import BASELINE_MADE_BY
from categoriser.monitor.formats.event_files import find_files

T = TypeVar("T")


def needed_baseline(baseline: Path | None) -> Path:
    if not baseline:
        raise UserError(
            f"labels are judged with the folder that `{BASELINE_MADE_BY}` writes: name it in the "
            "environment variable baseline"
        )
    return baseline


@contextmanager
def local_baseline(source: str | None) -> Iterator[Path | None]:
    """Yield the folder, or a copy of what is under the `s3://` prefix."""
    if not source or not is_s3(source):
        yield Path(source) if source else None
        return
    with TemporaryDirectory(prefix="categoriser-") as name:
        for file in find_files(source):
            within = Path(file.removeprefix(source).lstrip("/"))
            if ".." in within.parts:
                raise UserError(f"{file} is not a file of a baseline")
            fetch(file, Path(name) / within)
        yield Path(name)


def read_of_baseline(
    file: Path | None, baseline: Path | None, name: str, load: Callable[[object], T]
) -> T | None:
    """Read the file that is named, else the baseline's, if there is one."""
    path = file or (baseline / name if baseline else None)
    if path and path.is_dir():
        path /= name
    try:
        return load(read_json(path, BASELINE_MADE_BY)) if path else None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
