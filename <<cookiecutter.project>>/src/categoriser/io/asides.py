"""Where half-written things are while they are made: aside, where no stage of the pipeline looks.

A thing is put in its place by a rename, which needs the same file system. What lies under the
working directory, which is the project's root, is made in the highest folder on its way from there
that is on the same file system: no folder that DVC compares holds it, even after a `kill -9`. All
else is made beside its place.

Its owner holds a lock on the folder as long as it lives, whatever ends it, so that the next command
can tell a leftover from what another process is writing.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

# Git ignores what begins so, and DVC what Git does.
PREFIX = ".aside-"


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Yield an empty folder from which a rename to `path` is atomic; take it away at the end.

    What dead processes left in the same place is cleared first.
    """
    place = workplace(path)
    clear(place)
    with ExitStack() as stack:
        yield _held(place, stack)


def _held(place: Path, stack: ExitStack) -> Path:
    """Make a folder and lock it; the stack takes it away, then lets go of the lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        # Until it is locked, another process may take it for a leftover: then the next is made.
        with suppress(FileNotFoundError):
            descriptor = stack.enter_context(opened(folder))
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if folder.exists():
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
                return folder


def workplace(path: Path) -> Path:
    """Return the folder in which to make `path`, whose parent exists."""
    parent = path.parent.resolve()
    root = Path.cwd()
    if not parent.is_relative_to(root):
        return parent
    place = parent
    while place != root and _can_hold(place.parent, parent):
        place = place.parent
    return place


def _can_hold(folder: Path, beside: Path) -> bool:
    same_file_system = folder.stat().st_dev == beside.stat().st_dev
    return same_file_system and os.access(folder, os.W_OK | os.X_OK)


def clear(place: Path) -> None:
    """Take away what dead processes left in a folder; what a live one holds stays.

    Where the file system has no locks, all of it stays.
    """
    for leftover in place.glob(f"{PREFIX}*"):
        with suppress(OSError), opened(leftover) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    """Yield a folder's descriptor, which a lock needs; closing it lets go of the lock."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
