"""Capture of the server's calls on disk, as SageMaker's Data Capture writes them."""

import logging
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple

from categoriser.errors import UserError
from categoriser.monitor.formats.capture import LONGEST_LINE, record

WAITING_BYTES = 64 * 2**20
FILE_BYTES = 16 * 2**20

log = logging.getLogger("categoriser.serving")


class Call(NamedTuple):
    """What `record` is given."""

    request: bytes
    answer: bytes
    kind: str
    inference_id: str | None
    time: datetime


class Writer:
    """Writes calls to `{destination}/{endpoint}/{variant}/yyyy/mm/dd/hh/` in a thread of its own.

    A file holds a minute's calls, or `FILE_BYTES` of them. What is waiting is bounded: where the
    disk is too slow, calls are dropped and the log says how many; no request waits. A process that
    is killed leaves one cut line at most. Raises `UserError` where there can be no such folder.
    """

    def __init__(self, destination: Path, endpoint: str, variant: str = "AllTraffic") -> None:
        self.folder = destination / endpoint / variant
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"cannot capture into {self.folder} ({error}); choose another --capture"
            ) from None
        self.file: IO[bytes] | None = None
        self.minute = ""
        self.waiting: list[Call] = []
        self.size = self.dropped = 0
        self.closed = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self.thread.start()

    def put(self, request: bytes, answer: bytes, kind: str, inference_id: str | None) -> None:
        """Take a call that was answered just now; `kind` is the media type of both bodies."""
        call = Call(request, answer, kind, inference_id, datetime.now(UTC))
        with self.changed:
            self.size += len(request) + len(answer)
            if self.size > WAITING_BYTES:
                self.size -= len(request) + len(answer)
                self.dropped += 1
            else:
                self.waiting.append(call)
            self.changed.notify()

    def close(self) -> None:
        """Write all that was taken, and end."""
        with self.changed:
            self.closed = True
            self.changed.notify()
        self.thread.join()

    def _run(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.waiting or self.dropped or self.closed)
                closed, dropped, calls = self.closed, self.dropped, self.waiting
                self.waiting, self.size, self.dropped = [], 0, 0
            dropped += self._write(calls)
            if dropped:
                log.warning({"event": "capture dropped", "calls": dropped})
            if closed:
                if self.file:
                    self.file.close()
                return

    def _write(self, calls: list[Call]) -> int:
        """Append calls; return how many could not be."""
        written = 0
        try:
            for call in calls:
                line = record(**call._asdict(), event_id=str(uuid.uuid4()))
                if len(line) < LONGEST_LINE:
                    self._open(call.time).write(line)
                    written += 1
            if self.file:
                self.file.flush()
        except Exception:
            log.exception({"event": "capture failed"})
            self.file, written = None, 0
        return len(calls) - written

    def _open(self, time: datetime) -> IO[bytes]:
        """Return the file for a call of that time."""
        minute = f"{time:%Y/%m/%d/%H/%M}"
        if self.file is None or minute != self.minute or self.file.tell() > FILE_BYTES:
            if self.file:
                self.file.close()
            name = f"{minute}-{time:%S}-{time.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            self.file, self.minute = (self.folder / name).open("ab"), minute
        return self.file
