"""Reading files of lines, plain or gzipped."""

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from categoriser.errors import UserError
from categoriser.io.unpacking import Unpacked

LONGEST_LINE = 2**20
BLOCK = 2**16


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
    return UserError(f"{source} has a line of over {LONGEST_LINE} bytes: it is not a CSV")
