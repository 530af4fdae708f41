"""Capture of the server's calls on disk, as SageMaker's Data Capture writes them."""

import errno
import logging
import os
import random
import threading
import uuid
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from io import FileIO
from itertools import accumulate
from pathlib import Path

import msgspec

from categoriser.contract import CSV, JSON, JSON_LINES, VARIANT
from categoriser.errors import UserError

# Bytes of lines that wait to be written; more are dropped.
MOST_WAITING_BYTES = 64 * 2**20
# A file that is larger is left for another.
FILE_BYTES = 16 * 2**20
# A write is at most this part of a file, so that a file does not become much larger than its bound.
WRITES_OF_A_FILE = 16
WRITE_EVERY_SECONDS = 0.1
# After a write that failed the writer waits twice as long as before, up to this.
LONGEST_PAUSE_SECONDS = 30.0
# A line holds input and output, and escapes both; SageMaker takes 25 MB a call.
LONGEST_CAPTURE = 128 * 2**20
ENCODINGS = {CSV: "CSV", JSON: "JSON", JSON_LINES: "JSON"}

TimedLine = tuple[datetime, bytes]  # when a call was answered, and what is written of it
log = logging.getLogger("categoriser.serving")


def capture_folder(destination: Path, endpoint: str) -> Path:
    """Make and return the folder of an endpoint's captures. Raises `UserError` where it cannot."""
    folder = destination / endpoint / VARIANT
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot capture into {folder} ({error}); choose another --capture"
        ) from None
    return folder


class Writer:
    """Writes a share of the calls, in percent, to `{folder}/yyyy/mm/dd/hh/`.

    A thread writes them every `WRITE_EVERY_SECONDS`, so that no request waits for the disk. A file
    holds a minute's calls, or `FILE_BYTES` of them. What is waiting is bounded: where the disk is
    too slow or fails, calls are dropped and the log says how many. A process that is killed loses
    what it answered in the last `WRITE_EVERY_SECONDS`, and leaves one cut line at most.
    """

    def __init__(self, folder: Path, percent: int = 100) -> None:
        self.percent = percent
        self.files = CaptureFiles(folder)
        self.waiting: list[TimedLine] = []
        self.size = 0  # bytes that wait
        self.dropped = 0  # calls since the log was told
        self.closed = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self.thread.start()

    def put(self, request: bytes, answer: bytes, kind: str, inference_id: str | None) -> None:
        """Take a call that was answered just now; `kind` is the media type of both bodies."""
        if random.random() * 100 >= self.percent:  # noqa: S311  # a sample, not a secret
            return
        time = datetime.now(UTC)
        line = capture_line(
            request,
            answer,
            kind,
            event_id=str(uuid.uuid4()),
            time=time,
            inference_id=inference_id,
        )
        with self.changed:
            if not self.waiting:
                self.changed.notify()
            if len(line) > LONGEST_CAPTURE or self.size + len(line) > MOST_WAITING_BYTES:
                self.dropped += 1
            else:
                self.size += len(line)
                self.waiting.append((time, line))

    def close(self) -> None:
        """Write all that was taken, and end."""
        with self.changed:
            self.closed = True
            self.changed.notify()
        self.thread.join()

    def _run(self) -> None:
        closed = False
        pause = WRITE_EVERY_SECONDS
        while not closed:
            with self.changed:
                self.changed.wait_for(lambda: self.waiting or self.dropped or self.closed)
                self.changed.wait_for(lambda: self.closed, pause)
                closed = self.closed
                dropped = self.dropped
                lines = self.waiting
                size = self.size
                self.waiting = []
                self.dropped = 0
            failed = self.files.write(lines)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS) if failed else WRITE_EVERY_SECONDS
            with self.changed:
                self.size -= size
            if dropped or failed:
                log.warning({"event": "capture dropped", "calls": dropped + failed})
        self.files.close()


def write_batches(lines: list[TimedLine]) -> Iterator[list[TimedLine]]:
    """Yield lines of one minute together, up to a part of a file, or one line that is longer."""
    batch: list[TimedLine] = []
    size = 0
    for time, line in lines:
        is_full = size + len(line) > FILE_BYTES // WRITES_OF_A_FILE
        if batch and (is_full or start_of(time) != start_of(batch[0][0])):
            yield batch
            batch = []
            size = 0
        batch.append((time, line))
        size += len(line)
    if batch:
        yield batch


def start_of(time: datetime) -> datetime:
    """Return the start of a time's minute."""
    return time.replace(second=0, microsecond=0)


class CaptureFiles:
    """The files of one writer under a folder; at most one is open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file: FileIO | None = None
        self.path = folder
        self.minute = datetime.min
        self.calls = 0  # in the open file

    def write(self, lines: list[TimedLine]) -> int:
        """Append lines; return how many could not be: the first that failed, and all after it.

        A line is written as a whole or not at all, and no empty file stays.
        """
        written = 0
        try:
            self._leave_what_is_gone()
            for batch in write_batches(lines):
                file = self._open(batch[0][0])
                added = self._append(file, [line for _, line in batch])
                written += added
                if added < len(batch):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except Exception:
            log.exception({"event": "capture failed"})
            if not self.calls:
                self.close()
        return len(lines) - written

    def close(self) -> None:
        """Close the open file, and remove it where it holds no call."""
        if self.file:
            self.file.close()
            if not self.calls:
                with suppress(OSError):
                    self.path.unlink()
        self.file = None

    def _append(self, file: FileIO, lines: list[bytes]) -> int:
        """Append lines by one write; return how many are there. A part of a line is taken away."""
        start = file.tell()
        size = file.write(b"".join(lines))
        ends = list(accumulate(map(len, lines), initial=0))
        whole = bisect_right(ends, size) - 1
        self.calls += whole
        if whole < len(lines):
            file.truncate(start + ends[whole])
            file.seek(0, os.SEEK_END)
        return whole

    def _leave_what_is_gone(self) -> None:
        """Close the file where someone has taken it, or a folder above it, away or elsewhere."""
        if not self.file:
            return
        ours = os.fstat(self.file.fileno())
        try:
            found = self.path.stat()
        except OSError:
            found = None
        if not found or (found.st_dev, found.st_ino) != (ours.st_dev, ours.st_ino):
            log.warning({"event": "capture file gone", "file": self.path.name, "calls": self.calls})
            self.file.close()
            self.file = None

    def _open(self, time: datetime) -> FileIO:
        """Return the file for a call of that time."""
        minute = start_of(time)
        if self.file is None or minute != self.minute or self.file.tell() > FILE_BYTES:
            self.close()
            name = f"{time:%Y/%m/%d/%H/%M-%S}-{time.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
            self.path = self.folder / name
            self.minute = minute
            self.calls = 0
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered, so that what was written is known line by line.
            self.file = self.path.open("ab", buffering=0)
        return self.file


def capture_line(
    request: bytes,
    answer: bytes,
    kind: str,
    *,
    event_id: str,
    time: datetime,
    inference_id: str | None = None,
) -> bytes:
    """Return a captured call as the line that SageMaker writes.

    `time` is in UTC. `kind` is the media type of request and answer, which are in UTF-8. The line
    names the encoding as an endpoint does whose capture configuration lists these types: CSV for
    text/csv, and JSON for both types of JSON.
    """

    def side(mode: str, body: bytes) -> dict[str, str]:
        data = {"mode": mode, "data": body.decode(), "encoding": ENCODINGS[kind]}
        return {"observedContentType": kind} | data

    sides = {"endpointInput": side("INPUT", request), "endpointOutput": side("OUTPUT", answer)}
    metadata = {"eventId": event_id, "inferenceTime": f"{time:%Y-%m-%dT%H:%M:%SZ}"}
    if inference_id:
        metadata["inferenceId"] = inference_id
    line = {"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"}
    return msgspec.json.encode(line) + b"\n"
