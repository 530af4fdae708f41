"""The journal of a review: all that was said of rows, in the order in which it was written.

It is a file of JSON lines that only grows. Several processes may write to it: each holds the file's
lock while it reads what the others have written and adds its own. So everyone sees the same order,
and no entry is lost. A line without its end is what a process left that died while it wrote: the
next one takes it away.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Annotated

import msgspec

from categoriser.errors import UserError

# Both are parts of a file's path.
Id = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
AccountName = Annotated[str, msgspec.Meta(pattern=r"\A\w{1,64}\Z")]


class LabelEntry(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="entry", tag="label"
):
    """A category that a person gave rows; `rows` are their names (see `ground_truth.row_name`).

    `id` is 32 hexadecimal digits, `time` is in UTC, `who` names the person's account, and `browser`
    is the browser's own id, "" where the label came from elsewhere.
    """

    id: Id
    time: datetime
    who: AccountName
    browser: str
    category: str
    rows: list[str]


class WithdrawalEntry(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="entry", tag="withdrawal"
):
    """The label of this id no longer counts."""

    label: Id
    time: datetime
    who: AccountName


Entry = LabelEntry | WithdrawalEntry
ENTRY_DECODER: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
# What every line begins with, as msgspec writes it.
START_OF_LINE = b'{"entry":'


class Journal:
    """The file, and how far this process has read it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0  # bytes that were read
        self.count = 0  # entries that were read

    @contextmanager
    def turn(self) -> Iterator["Turn"]:
        """Hold the file alone. Raises `UserError` where the file system has no locks."""
        with self.path.open("a+b", buffering=0) as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX)
            except OSError as error:
                raise UserError(
                    f"{self.path} cannot be locked ({error}): keep the labels in a folder of a "
                    "file system that has locks"
                ) from None
            yield Turn(self, stream)


class Turn:
    """The time in which a process holds the journal alone."""

    def __init__(self, journal: Journal, file: FileIO) -> None:
        self.journal = journal
        self.file = file

    def read(self) -> list[Entry]:
        """Return the entries that were written since the last turn.

        Raises `UserError` for a file that was cut, or that holds other lines.
        """
        journal = self.journal
        size = self.file.seek(0, os.SEEK_END)
        if size < journal.position:
            raise UserError(
                f"{journal.path} is shorter than it was: someone has changed it; put it back from "
                "a copy, and start the review again"
            )
        self.file.seek(journal.position)
        content = self.file.read()
        end = content.rfind(b"\n") + 1
        rest = content[end:]
        entries = [self._entry(line, number) for number, line in self._numbered(content[:end])]
        if rest:
            if not rest.startswith(START_OF_LINE[: len(rest)]):
                raise self._foreign(journal.count + len(entries) + 1, "it does not end")
            self.file.truncate(journal.position + end)
        journal.position += end
        journal.count += len(entries)
        return entries

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries, all of them or none, after what `read` returned. Raises `OSError`."""
        lines = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
        start = self.file.seek(0, os.SEEK_END)
        try:
            written = 0
            while written < len(lines):
                written += self.file.write(lines[written:])
            os.fsync(self.file.fileno())
        except OSError:
            self.file.truncate(start)
            raise
        self.journal.position = start + len(lines)
        self.journal.count += len(entries)

    def _numbered(self, content: bytes) -> Iterator[tuple[int, bytes]]:
        return enumerate(content.splitlines(), start=self.journal.count + 1)

    def _entry(self, line: bytes, number: int) -> Entry:
        try:
            return ENTRY_DECODER.decode(line)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._foreign(number, type(error).__name__) from None

    def _foreign(self, number: int, fault: str) -> UserError:
        return UserError(
            f"{self.journal.path}, line {number}, is not an entry of a review ({fault}): put the "
            "file back from a copy, or move it elsewhere to begin a new one"
        )
