"""Writing files so that an interrupted step leaves nothing half-written."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import to_builtins

from categoriser.errors import UserError
from categoriser.io.asides import aside
from categoriser.io.disk import named


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


def write_json(path: Path, value: object) -> None:
    """Write a document, or plain values, as JSON in a canonical form.

    Equal values give equal bytes, whoever writes them.
    """
    plain = to_builtins(value)
    text = json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, f"{text}\n")
