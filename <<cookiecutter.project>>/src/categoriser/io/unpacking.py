"""Reading gzip within bounds, since a small file may unpack to any size."""

import gzip
import io
from pathlib import Path
from typing import IO, Any

from categoriser.errors import UserError

# What is packed may unpack to so many bytes, or to so many times its size: transactions and models
# do to some ten times, a bomb to a thousand.
UNPACKED_FREELY = 2**26
MOST_TIMES = 250


class Unpacked(io.RawIOBase):
    """What is in a gzip of `packed` bytes, up to a bound, under a name that a message can tell.

    Reading raises `UserError` where there is more.
    """

    def __init__(self, stream: IO[bytes], packed: int, name: str | Path) -> None:
        super().__init__()
        self._stream = gzip.GzipFile(fileobj=stream)
        self._name = name
        self._left = most_unpacked(packed)

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
