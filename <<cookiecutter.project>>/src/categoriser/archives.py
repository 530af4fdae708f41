"""Unpacking a model's archive, which may have come from anywhere, within bounds."""

import gzip
import io
import tarfile
import zlib
from pathlib import Path

from categoriser.errors import UserError
from categoriser.files import most_unpacked

# A model is two files, in two folders.
MOST_MEMBERS = 1000


class Bounded(io.RawIOBase):
    """A gzip's content, up to what its size lets expect.

    All that is read counts, what tar keeps to itself too.
    """

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.stream = gzip.open(archive)  # noqa: SIM115  # close() closes it
        self.left = most_unpacked(archive.stat().st_size)

    def read(self, size: int = -1) -> bytes:
        """Read bytes. Raises `UserError` beyond the bound."""
        content = self.stream.read(self.left + 1 if size < 0 else min(size, self.left + 1))
        self.left -= len(content)
        if self.left < 0:
            raise UserError(f"{self.archive} unpacks to far more than its size: it is no model")
        return content

    def close(self) -> None:
        self.stream.close()
        super().close()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar with gzip.

    Raises `UserError` for what is not one, for what is not a file or a folder in it, and for one
    that unpacks to much more than its size. By hand, since the filters of tarfile came with Python
    3.11.4; Debian 12 has 3.11.2.
    """
    try:
        with Bounded(archive) as content, tarfile.open(fileobj=content, mode="r|") as packed:
            for number, member in enumerate(packed, 1):
                _check(member, number, archive, folder)
                packed.extract(member, folder)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise UserError(f"{archive} is no tar with gzip that can be unpacked: {error}") from None


def _check(member: tarfile.TarInfo, number: int, archive: Path, folder: Path) -> None:
    path = (folder / member.name).resolve()
    if not (member.isfile() or member.isdir()) or not path.is_relative_to(folder.resolve()):
        raise UserError(f"{archive}: {member.name} is outside of it, or no file")
    if number > MOST_MEMBERS:
        raise UserError(f"{archive} has over {MOST_MEMBERS} files: it is no model")
