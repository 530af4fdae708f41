"""The server's log: lines of JSON on stderr, for which no request waits."""

import logging
import os
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress

import msgspec

LogLine = dict[str, object]  # an event's name and what belongs to it, as JSON can write it

# A write of so many bytes is in one piece beside other processes' writes: PIPE_BUF of pipe(7).
PIECE_BYTES = 4096
# Bytes of a process's lines that wait where the log is read more slowly than it is written.
MOST_UNWRITTEN_BYTES = 2**20
# The thread rests so long after each write, so that lines come together.
REST_SECONDS = 0.05


class Lines:
    """Lines for stderr, which a thread writes, so that nobody waits for those who read them.

    What waits is bounded: beyond it lines are dropped, and the log says how many once it is read
    again. A process that is killed loses those of the last `REST_SECONDS`.
    """

    def __init__(self) -> None:
        self._reset()
        os.register_at_fork(
            before=self._hold, after_in_parent=self._release, after_in_child=self._reset
        )

    def _reset(self) -> None:
        self.lock = threading.Lock()
        self.waiting: list[bytes] = []
        self.size = 0  # bytes that wait
        self.dropped = 0  # lines since the log said so
        self.thread: threading.Thread | None = None

    def _hold(self) -> None:
        self.lock.acquire()

    def _release(self) -> None:
        self.lock.release()

    def put(self, line: bytes) -> None:
        """Take a line, its end included."""
        with self.lock:
            if self.size + len(line) > MOST_UNWRITTEN_BYTES:
                self.dropped += 1
                return
            self.size += len(line)
            self.waiting.append(line)
            if not self.thread:
                thread = threading.Thread(target=self._write, name="log", daemon=True)
                # Where there is no room for a thread, the next line tries again.
                with suppress(RuntimeError):
                    start_without_signals(thread)
                    self.thread = thread

    def flush(self, seconds: float) -> None:
        """Wait until all is written, for so long at most."""
        thread = self.thread
        if thread:
            thread.join(seconds)

    def _write(self) -> None:
        """Write until nothing is left."""
        while True:
            with self.lock:
                lines = self.waiting
                dropped = self.dropped
                self.waiting = []
                self.size = 0
                self.dropped = 0
                if not lines and not dropped:
                    self.thread = None
                    return
            if dropped:
                lines.append(json_line("warning", {"event": "log lines dropped", "lines": dropped}))
            for piece in joined_pieces(lines):
                # What read the log may be gone.
                with suppress(OSError):
                    os.write(sys.stderr.fileno(), piece)
            time.sleep(REST_SECONDS)


def start_without_signals(thread: threading.Thread) -> None:
    """Start a thread that no signal comes to.

    A signal's handler runs in the main thread, which wakes only for a signal that comes to it.
    """
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def joined_pieces(lines: list[bytes]) -> list[bytes]:
    """Join lines to pieces of at most `PIECE_BYTES`; a longer line is a piece of its own."""
    joined: list[bytes] = []
    held: list[bytes] = []
    size = 0
    for line in lines:
        if held and size + len(line) > PIECE_BYTES:
            joined.append(b"".join(held))
            held = []
            size = 0
        held.append(line)
        size += len(line)
    return [*joined, b"".join(held)]


def json_line(level: str, line: LogLine) -> bytes:
    """Return a line of the log, its end included, with the time in seconds since 1970."""
    known = {"time": round(time.time(), 3), "level": level}
    return msgspec.json.encode({**known, **line}) + b"\n"


lines = Lines()


def write_line(level: str, line: LogLine) -> None:
    """Log a line of JSON."""
    lines.put(json_line(level, line))


class JsonLine(logging.Handler):
    """Writes a record as a line of JSON: of an exception its type and place, not its message.

    A message could hold a transaction's text; what the system says of its own faults does not.
    """

    def emit(self, record: logging.LogRecord) -> None:
        line: LogLine
        line = record.msg if isinstance(record.msg, dict) else {"event": record.getMessage()}
        if record.exc_info and record.exc_info[0]:
            trace = "".join(traceback.format_tb(record.exc_info[2]))
            line = {**line, "error": record.exc_info[0].__name__, "trace": trace}
            error = record.exc_info[1]
            if isinstance(error, OSError) and error.errno:
                line["reason"] = os.strerror(error.errno)
        write_line(record.levelname.lower(), line)
