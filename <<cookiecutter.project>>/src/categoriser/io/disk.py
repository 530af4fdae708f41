"""Faults of the machine, not of the code: a full disk, a file that may not be written.

They reach a command as `OSError`, or as a library's own error that quotes the system's.
"""

import errno
import os
import re
import shutil
import tempfile
from pathlib import Path

from categoriser.io.asides import PREFIX

ROOM = "make room there, then run the command again"
OWNER = "see who owns it and who may write there"
DESCRIPTORS = "raise the limit (`ulimit -n`), or end what holds so many files open"
# What to do about each. Another `OSError` is taken for a fault of the code.
ADVICE = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: "make room within the quota, then run the command again",
    errno.EFBIG: "raise the limit on a file's size (`ulimit -f`), or take another disk",
    errno.EACCES: OWNER,
    errno.EPERM: OWNER,
    errno.EROFS: "the disk is mounted to be read only: mount it anew, or take another",
    errno.EMFILE: DESCRIPTORS,
    errno.ENFILE: DESCRIPTORS,
    errno.EIO: "the disk itself is at fault: look at the system's log",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.ENOTDIR: "a file is where a folder must be",
    errno.EISDIR: "a folder is where a file must be",
    errno.ENOTEMPTY: "something else writes there at the same time",
}
# As Rust's libraries (polars) and Arrow quote the system's number.
QUOTED = re.compile(r"\[errno (\d+)\]|\(os error (\d+)\)", re.IGNORECASE)


def number_of(error: BaseException) -> int | None:
    """Return the system's number of a fault that `ADVICE` has; None for all else."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        quoted = QUOTED.search(str(error))
        if quoted:
            number = int(quoted[1] or quoted[2])
    return number if number in ADVICE else None


def named(error: BaseException, path: Path) -> OSError | None:
    """Return the fault as an `OSError` of the file that was being made; None for all else."""
    number = number_of(error)
    if number is None:
        return None
    given = error.filename if isinstance(error, OSError) else None
    # A name of another file, such as one that could not be read, says more.
    made_aside = isinstance(given, str) and PREFIX in given
    name = str(path) if made_aside or given is None else given
    return OSError(number, os.strerror(number), name)


def sentence(error: BaseException) -> str:
    """Say in one line which file, what fault, which disk, and what to do.

    Raises `ValueError` for an error that is not such a fault.
    """
    number = number_of(error)
    if number is None:
        raise ValueError("this is not a fault of the machine") from error
    name = error.filename if isinstance(error, OSError) else None
    path = Path(os.fsdecode(name)) if isinstance(name, str | bytes | os.PathLike) else None
    places = [path] if path else [Path.cwd(), Path(tempfile.gettempdir())]
    disks = " and ".join(dict.fromkeys(room(place) for place in places))
    return f"{path or 'a scratch file'}: {os.strerror(number)} ({disks}); {ADVICE[number]}"


def room(path: Path) -> str:
    """Name the disk that a path is on, and the room on it."""
    mount = path.absolute()
    while not (mount.exists() and mount.is_mount()):
        mount = mount.parent
    space = shutil.disk_usage(mount)
    free = space.free / 1e6
    total = space.total / 1e6
    return f"disk {mount}: {free:,.0f} of {total:,.0f} MB free"
