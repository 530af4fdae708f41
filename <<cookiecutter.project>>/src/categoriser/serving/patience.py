"""A bound of time on what may hold the interpreter, and is then deaf to timers and signals."""

import faulthandler
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def within(seconds: float, sentence: str) -> Iterator[None]:
    """End this process, with a sentence on stderr and status 1, where the block takes longer.

    A process beside this one says the sentence. A thread of faulthandler, which needs no
    interpreter, ends this one: the first process of a container cannot be killed from within.
    """
    reader, writer = os.pipe()
    watcher = 0
    # Where there is no room for another process nothing is said, but the bound holds.
    with suppress(OSError):
        watcher = os.fork()
        if not watcher:
            os.close(writer)
            _say_unless_over(reader, seconds, sentence)
    os.close(reader)
    with open(os.devnull, "w") as trace:  # noqa: PTH123  # a device
        faulthandler.dump_traceback_later(seconds + 1, exit=True, file=trace)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            os.close(writer)
            if watcher:
                os.waitpid(watcher, 0)


def _say_unless_over(reader: int, seconds: float, sentence: str) -> None:
    """Wait until the other end of a pipe is closed; say the sentence if that takes too long."""
    try:
        readable, _, _ = select.select([reader], [], [], seconds)
        if not readable:
            os.write(sys.stderr.fileno(), f"error: {sentence}\n".encode())
    finally:
        os._exit(0)
