"""Writing files so that an interrupted step leaves nothing half-written, reading, and DVC."""

import gzip
import hashlib
import io
import json
import logging
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from categoriser.asides import aside
from categoriser.disk import named
from categoriser.errors import UserError

Json = dict[str, Any]  # an object

LONGEST_LINE = 2**20
BLOCK = 2**16
# What is packed may unpack to so many bytes, or to so many times its size: transactions and models
# do to some ten times, a bomb to a thousand.
UNPACKED_FREELY = 2**26
MOST_TIMES = 250


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write a file or a folder to; put it at `path` only on success.

    A fault of the machine while it is written, such as a full disk, is raised as an `OSError` that
    names `path`, whatever a library made of it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside(path) as folder:
            written = folder / path.name
            yield written
            if written.is_dir() and path.is_dir():
                # A folder cannot be renamed over one that holds files.
                path.rename(folder / "replaced")
            written.replace(path)
    except UserError:
        raise
    except Exception as error:
        if fault := named(error, path):
            raise fault from error
        raise


@contextmanager
def restored_on_failure(*paths: Path) -> Iterator[None]:
    """Put files and folders back as they were when the block raises: away, if they were not."""
    with aside(Path("restored")) as folder:
        before = {path: folder / path.name for path in paths if path.exists()}
        for path, copy in before.items():
            (shutil.copytree if path.is_dir() else shutil.copyfile)(path, copy)
        try:
            yield
        except BaseException:
            for path in filter(Path.exists, paths):
                path.rename(folder / f"failed-{path.name}")
            for path, copy in before.items():
                copy.rename(path)
            raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with Unix line ends."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write JSON in a canonical form: equal values give equal bytes, whoever writes them."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, f"{text}\n")


def read_json(path: Path, made_by: str) -> Any:
    """Read a JSON file. Raises `UserError` that names `made_by`, the command that makes it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; `{made_by}` makes it") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path} is not JSON ({error}); `{made_by}` makes it anew") from None


def read_object(path: Path, made_by: str, *keys: str) -> Json:
    """Read a JSON object with these keys. Raises `UserError` as `read_json`, and for another."""
    content = read_json(path, made_by)
    fault = "holds no object"
    if isinstance(content, dict):
        lacking = sorted({*keys} - content.keys())
        if not lacking:
            return content
        fault = f"lacks {', '.join(lacking)}"
    raise UserError(f"{path} is damaged: it {fault}; `{made_by}` makes it anew")


class Unpacked(io.RawIOBase):
    """What is in a gzip of `packed` bytes, up to a bound, under a name that a message can tell.

    Reading raises `UserError` where there is more.
    """

    def __init__(self, stream: IO[bytes], packed: int, name: str | Path) -> None:
        super().__init__()
        self._stream = gzip.GzipFile(fileobj=stream)
        self._name, self._left = name, most_unpacked(packed)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; return the number of bytes."""
        # What comes before a fault is given before it.
        content = self._stream.read1(len(buffer))
        count = len(content)
        buffer[:count] = content
        self._left -= count
        if self._left < 0:
            raise UserError(
                f"{self._name} unpacks to over {MOST_TIMES} times its size, as no sound file does; "
                "if it is meant to, unpack it yourself"
            )
        return count


def most_unpacked(packed: int) -> int:
    """Return to how many bytes so many that are packed may unpack."""
    return max(UNPACKED_FREELY, MOST_TIMES * packed)


@contextmanager
def opened(source: Path) -> Iterator[BinaryIO]:
    """Open a plain or gzipped file to read it unzipped.

    Raises `UserError` where it cannot be read, and where it unpacks to far more than its size.
    """
    try:
        with source.open("rb") as stream:
            is_gzip = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            if is_gzip:
                packed = source.stat().st_size
                yield io.BufferedReader(Unpacked(stream, packed, source), BLOCK)
            else:
                yield stream
    except FileNotFoundError:
        raise UserError(f"{source} is missing: there is no such file") from None
    except (EOFError, zlib.error, OSError) as error:
        raise UserError(f"{source} cannot be read: {error}") from None


def read_lines(source: Path) -> Iterator[bytes]:
    """Yield the lines of a plain or gzipped file. Raises as `opened`, and for an endless line."""
    with opened(source) as stream:
        while line := stream.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE:
                raise too_long(source)
            yield line


def too_long(source: Path) -> UserError:
    return UserError(f"{source} has a line of over {LONGEST_LINE} bytes: it is no CSV")


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
    # Here, since the server's image has this module and no YAML.
    from categoriser.lock import read_lock

    read_lock()  # which says better than DVC what is wrong with it
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


def give_up_root(*folders: Path) -> None:
    """Go on as the user whose number is in `RUN_AS`; first that user gets the folders, as they are.

    For a container: it is started as root, and its folders are root's. Elsewhere `RUN_AS` is not
    set, and nothing happens, as where another user has started this. Where root may not do it, the
    log says so, and this goes on as root. Raises `UserError` where `RUN_AS` is no number.
    """
    given = os.environ.get("RUN_AS", "0")
    if not given.isdecimal():
        raise UserError(f"RUN_AS is {given!r}; it must be a user's number, and 0 stays root")
    user = int(given)
    if not user or os.geteuid():
        return
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            for path in (folder, *folder.rglob("*")):
                os.chown(path, user, user, follow_symlinks=False)
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    except OSError as error:
        logging.getLogger(__name__).warning("this runs as root: %s", error)
