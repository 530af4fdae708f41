"""Unpacking a model's archive, which may have come from anywhere, within bounds."""

import io
import tarfile
import zlib
from pathlib import Path

from categoriser.errors import UserError
from categoriser.io.unpacking import Unpacked

# A model is two files, in two folders.
MOST_MEMBERS = 1000


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar with gzip.

    Raises `UserError` for what is not one, for what is not a file or a folder in it, and for one
    that unpacks to much more than its size. By hand, since the filters of tarfile came with Python
    3.11.4; Debian 12 has 3.11.2.
    """
    try:
        with archive.open("rb") as stream:
            content = io.BufferedReader(Unpacked(stream, archive.stat().st_size, archive))
            with tarfile.open(fileobj=content, mode="r|") as packed:
                for number, member in enumerate(packed, 1):
                    _check(member, number, archive, folder)
                    packed.extract(member, folder)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise UserError(f"{archive} is not a tar with gzip that can be unpacked: {error}") from None


def _check(member: tarfile.TarInfo, number: int, archive: Path, folder: Path) -> None:
    path = (folder / member.name).resolve()
    if not (member.isfile() or member.isdir()) or not path.is_relative_to(folder.resolve()):
        raise UserError(f"{archive}: {member.name} is outside of it, or no file")
    if number > MOST_MEMBERS:
        raise UserError(f"{archive} has over {MOST_MEMBERS} files: it is not a model")
