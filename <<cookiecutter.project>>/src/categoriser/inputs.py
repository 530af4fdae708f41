"""What comes from outside: the lines of a file, and what a text and a price must be.

The server, `make predict` and `make data` judge by these alike.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from categoriser.errors import UserError

LONGEST_LINE = 2**20
NUMBER = re.compile(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
# What no descriptor holds: NUL, and halves of surrogate pairs, which JSON's escapes can spell.
BROKEN = re.compile("[\0\ud800-\udfff]")


def read_lines(source: Path) -> Iterator[bytes]:
    """Yield the lines of a plain or gzipped file. Raises `UserError` where it cannot be read."""
    try:
        with source.open("rb") as stream:
            is_gzip = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            plain: BufferedIOBase = gzip.GzipFile(fileobj=stream) if is_gzip else stream
            while line := plain.readline(LONGEST_LINE):
                if len(line) == LONGEST_LINE:
                    fault = f"has a line of over {LONGEST_LINE} bytes: it is no CSV"
                    raise UserError(f"{source} {fault}")
                yield line
    except FileNotFoundError:
        raise UserError(f"{source} is missing: there is no such file") from None
    except (EOFError, zlib.error, OSError) as error:
        raise UserError(f"{source} cannot be read: {error}") from None


def text(value: str) -> str:
    """Return a descriptor as it is. Raises `ValueError` that says what is wrong with it."""
    if not value.strip():
        raise ValueError("is empty")
    if BROKEN.search(value):
        raise ValueError("holds a NUL or half a surrogate pair")
    return value


def price(value: str | float) -> float:
    """Return a finite number, from how it is written if need be. Raises `ValueError` as `text`."""
    if isinstance(value, str) and not NUMBER.fullmatch(value):
        raise ValueError("is not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number
