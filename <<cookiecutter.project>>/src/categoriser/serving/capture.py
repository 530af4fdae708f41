"""Capture of the server's calls on disk, as SageMaker's Data Capture writes them."""

import logging
import random
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec

from categoriser.errors import UserError
from categoriser.serving.protocol import CSV, JSON, LINES

WAITING_BYTES = 64 * 2**20
FILE_BYTES = 16 * 2**20
PAUSE_SECONDS = 0.1
# A line holds input and output, and escapes both; SageMaker takes 25 MB a call.
LONGEST_LINE = 128 * 2**20
ENCODINGS = {CSV: "CSV", JSON: "JSON", LINES: "JSON"}

log = logging.getLogger("categoriser.serving")


def folder_of(destination: Path, endpoint: str) -> Path:
    """Return the folder of an endpoint's captures, made. Raises `UserError` where it cannot be."""
    folder = destination / endpoint / "AllTraffic"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot capture into {folder} ({error}); choose another --capture"
        ) from None
    return folder


class Writer:
    """Writes a share of the calls, in percent, to `{folder}/yyyy/mm/dd/hh/`.

    A thread does, every `PAUSE_SECONDS`, so that no request waits for the disk. A file holds a
    minute's calls, or `FILE_BYTES` of them. What is waiting is bounded: where the disk is too slow
    or fails, calls are dropped and the log says how many. A process that is killed loses what is
    waiting, and leaves one cut line at most.
    """

    def __init__(self, folder: Path, percent: int = 100) -> None:
        self.folder, self.percent = folder, percent
        self.file: IO[bytes] | None = None
        self.minute = datetime.min
        self.waiting: list[tuple[datetime, bytes]] = []
        self.size = self.dropped = 0
        self.closed = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self.thread.start()

    def put(self, request: bytes, answer: bytes, kind: str, inference_id: str | None) -> None:
        """Take a call that was answered just now; `kind` is the media type of both bodies."""
        if random.random() * 100 >= self.percent:  # noqa: S311  # a sample, no secret
            return
        time, event = datetime.now(UTC), str(uuid.uuid4())
        line = record(request, answer, kind, event_id=event, time=time, inference_id=inference_id)
        with self.changed:
            if not self.waiting:
                self.changed.notify()
            if len(line) > LONGEST_LINE or self.size + len(line) > WAITING_BYTES:
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
        while not closed:
            with self.changed:
                self.changed.wait_for(lambda: self.waiting or self.dropped or self.closed)
                self.changed.wait_for(lambda: self.closed, PAUSE_SECONDS)
                closed, dropped, lines, size = self.closed, self.dropped, self.waiting, self.size
                self.waiting, self.dropped = [], 0
            dropped += self._write(lines)
            with self.changed:
                self.size -= size
            if dropped:
                log.warning({"event": "capture dropped", "calls": dropped})
        if self.file:
            self.file.close()

    def _write(self, lines: list[tuple[datetime, bytes]]) -> int:
        """Append lines; return how many could not be."""
        try:
            for time, line in lines:
                self._open(time).write(line)
            if self.file:
                self.file.flush()
        except Exception:
            log.exception({"event": "capture failed"})
            self.file = None
            return len(lines)
        return 0

    def _open(self, time: datetime) -> IO[bytes]:
        """Return the file for a call of that time."""
        minute = time.replace(second=0, microsecond=0)
        if self.file is None or minute != self.minute or self.file.tell() > FILE_BYTES:
            if self.file:
                self.file.close()
            name = f"{time:%Y/%m/%d/%H/%M-%S}-{time.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            self.file, self.minute = (self.folder / name).open("ab"), minute
        return self.file


def record(
    request: bytes,
    answer: bytes,
    kind: str,
    *,
    event_id: str,
    time: datetime,
    inference_id: str | None = None,
) -> bytes:
    """Return a captured call as the line that SageMaker writes.

    `time` is in UTC. `kind` is the media type of request and answer, in UTF-8: text/csv, encoded
    CSV, or one of the two of JSON, encoded JSON, as where the capture configuration names them so.
    """

    def side(mode: str, body: bytes) -> dict[str, str]:
        data = {"mode": mode, "data": body.decode(), "encoding": ENCODINGS[kind]}
        return {"observedContentType": kind} | data

    sides = {"endpointInput": side("INPUT", request), "endpointOutput": side("OUTPUT", answer)}
    metadata = {"eventId": event_id, "inferenceTime": f"{time:%Y-%m-%dT%H:%M:%SZ}"}
    metadata |= {"inferenceId": inference_id} if inference_id else {}
    line = {"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"}
    return msgspec.json.encode(line) + b"\n"
