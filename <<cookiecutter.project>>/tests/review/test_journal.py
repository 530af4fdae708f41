"""The journal loses nothing of several writers, and refuses what it did not write."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from categoriser.errors import UserError
from categoriser.review.journal import Entry, Journal, LabelEntry, WithdrawalEntry

TIME = datetime(2026, 11, 22, 9, 30, 0, 123, tzinfo=UTC)


def label(number: int, category: str = "food") -> LabelEntry:
    return LabelEntry(f"{number:032x}", TIME, "anna", "browser", category, [f"call-{number}"])


def write(journal: Journal, *entries: Entry) -> list[Entry]:
    """Write entries, and return what was new before them."""
    with journal.turn() as turn:
        news = turn.read()
        turn.append(entries)
        return news


def read(journal: Journal) -> list[Entry]:
    with journal.turn() as turn:
        return turn.read()


def test_each_reader_gets_what_is_new_to_it(tmp_path: Path) -> None:
    first, second = Journal(tmp_path / "journal"), Journal(tmp_path / "journal")
    withdrawal = WithdrawalEntry(label(1).id, TIME, "anna")
    assert write(first, label(1), label(2)) == []
    assert write(second, withdrawal) == [label(1), label(2)]
    assert read(first) == [withdrawal]
    assert read(first) == []
    assert (first.count, second.count) == (3, 3)
    assert read(Journal(tmp_path / "journal")) == [label(1), label(2), withdrawal]


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    def write_some(first: int) -> None:
        journal = Journal(tmp_path / "journal")
        for number in range(first, first + 20):
            write(journal, label(number))

    writers = [threading.Thread(target=write_some, args=(first,)) for first in (0, 20, 40, 60)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    entries = read(Journal(tmp_path / "journal"))
    assert {entry.id for entry in entries if isinstance(entry, LabelEntry)} == {
        label(number).id for number in range(80)
    }


@pytest.mark.parametrize("kept", [1, 5, 40])
def test_a_line_that_a_dead_writer_left_half_written_is_taken_away(
    tmp_path: Path, kept: int
) -> None:
    file = tmp_path / "journal"
    write(Journal(file), label(1), label(2))
    whole, _, last = file.read_bytes().rstrip(b"\n").rpartition(b"\n")
    file.write_bytes(whole + b"\n" + last[:kept])
    journal = Journal(file)
    assert write(journal, label(3)) == [label(1)]
    assert read(Journal(file)) == [label(1), label(3)]


@pytest.mark.parametrize(
    "line",
    [
        b"a,b,c",
        b"{}",
        b'{"entry":"label"}',
        b'{"entry":"other","id":"1"}',
        b'{"entry":"withdrawal","label":"../1","time":"2026-11-22T09:30:00Z","who":"a"}',
        b'{"entry":"withdrawal","label":"00000000000000000000000000000000",'
        b'"time":"2026-11-22T09:30:00Z","who":"../a"}',
        b"\xff\xfe",
        b"",
    ],
    ids=str,
)
def test_a_line_of_another_kind_is_refused_by_its_number(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "journal"
    write(Journal(file), label(1))
    before = file.read_bytes() + line + b"\n"
    file.write_bytes(before)
    with pytest.raises(UserError, match=r"journal, line 2, is not an entry of a review"):
        read(Journal(file))
    assert file.read_bytes() == before


def test_a_file_of_another_kind_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    file.write_bytes(b"my notes")
    with pytest.raises(UserError, match="line 1, is not an entry"):
        write(Journal(file), label(1))
    assert file.read_bytes() == b"my notes"


def test_a_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    write(journal, label(1), label(2))
    journal.path.write_bytes(b"")
    with pytest.raises(UserError, match="is shorter than it was"):
        read(journal)


def test_what_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal")
    write(journal, label(1))
    before = journal.path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write(journal, label(2))
    assert journal.path.read_bytes() == before
    write(journal, label(3))
    assert read(Journal(journal.path)) == [label(1), label(3)]
