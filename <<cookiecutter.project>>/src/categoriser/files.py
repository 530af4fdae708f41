"""Writing files so that an interrupted step leaves nothing half-written, reading JSON, and DVC."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from categoriser.errors import UserError

Json = dict[str, Any]  # an object

# Git and DVC ignore what begins so: a process that is killed leaves it behind.
ASIDE = ".aside-"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write a file or a folder to; put it at `path` only on success."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=ASIDE, dir=path.parent))
    try:
        written = aside / path.name
        yield written
        if written.is_dir() and path.is_dir():
            # A folder cannot be renamed over one that holds files.
            path.rename(aside / "replaced")
        written.replace(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with Unix line ends."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write JSON in a canonical form: equal values give equal bytes, whoever writes them."""
    write_text(
        path,
        json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n",
    )


def read_json(path: Path, made_by: str) -> Any:
    """Read a JSON file. Raises `UserError` that names `made_by`, the command that makes it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; `{made_by}` makes it") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path} is not JSON ({error}); `{made_by}` makes it anew") from None


def digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder's relative names and contents, as hexadecimal digits."""
    if path.is_dir():
        names = (file for file in sorted(path.rglob("*")) if file.is_file())
        lines = (f"{file.relative_to(path).as_posix()}\0{digest(file)}\n" for file in names)
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def dvc(*arguments: str) -> str:
    """Run DVC as a user does; return what it prints. Raises `UserError` with it where DVC fails."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"`dvc {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout


def dvc_status() -> dict[str, Any]:
    """Return what `dvc status` says, by stage: nothing where the workspace is as dvc.lock says."""
    changes: dict[str, Any] = json.loads(dvc("status", "--json") or "{}")
    return changes
