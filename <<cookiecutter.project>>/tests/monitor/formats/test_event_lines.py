"""Lines of captures: files that cannot be read, bombs, byte-order marks, lines without an end."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from monitor_helpers.made_captures import CLASSES, line, read_captures, write

from categoriser.monitor.formats import event_lines
from categoriser.monitor.formats.captures import captured_rows
from categoriser.monitor.formats.problems import Problems


def test_an_empty_file_is_told_and_no_capture_is_lost_with_it(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    problems = read_captures(str(tmp_path / "a.jsonl"))[1]
    assert problems.counts == {"empty file": 1}
    assert problems.seen["unread"] == 0
    assert problems.notes() == ["1 file without captures passed over"]


def test_files_that_cannot_be_read_are_a_problem_and_the_rest_goes_on(tmp_path: Path) -> None:
    plain = write(tmp_path, line(name="plain"))
    zipped = tmp_path / "1.jsonl.gz"
    packed = gzip.compress((json.dumps(line(name="zipped")) + "\n").encode() * 3)
    zipped.write_bytes(packed)
    cut = tmp_path / "2.jsonl.gz"
    cut.write_bytes(packed[:-4])
    no_gzip = write(tmp_path, line(), name="3.jsonl.gz")
    empty = write(tmp_path, name="4.jsonl")
    files = [str(tmp_path / "missing"), str(zipped), str(cut), no_gzip, empty, str(tmp_path), plain]
    frame, problems = read_captures(*files)
    assert frame["id"].to_list() == ["zipped"] * 6 + ["plain"]
    assert problems.counts == {"file not readable": 4, "empty file": 1}
    assert problems.places["empty file"] == [f"{empty}:1"]
    assert problems.places["file not readable"][0] == f"{files[0]}:1 (FileNotFoundError)"


def test_captures_that_are_a_bomb_are_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("categoriser.io.unpacking.UNPACKED_FREELY", 2**20)
    bomb = tmp_path / "1.jsonl.gz"
    bomb.write_bytes(gzip.compress(b"\n" * 2**22))
    after = write(tmp_path, line(), name="2.jsonl")
    problems = Problems()
    [batch] = captured_rows([str(bomb), after], CLASSES, problems)
    assert batch.frame.height == 1
    assert problems.counts == {"file not readable": 1}
    [place] = problems.places["file not readable"]
    assert place.startswith(f"{bomb}:")
    assert place.endswith("(unpacks to too much)")


@pytest.mark.parametrize("name", ["0.jsonl", "0.jsonl.gz"])
def test_a_byte_order_mark_costs_no_record(tmp_path: Path, name: str) -> None:
    lines = b"\n".join(json.dumps(line(name=name)).encode() for name in "ab")
    marked = b"\xef\xbb\xbf" + lines
    (tmp_path / name).write_bytes(gzip.compress(marked) if name.endswith(".gz") else marked)
    frame, problems = read_captures(str(tmp_path / name))
    assert (frame["id"].to_list(), problems.counts) == (["a", "b"], {})


def test_a_line_without_an_end_fills_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = len(json.dumps(line())) + 1
    monkeypatch.setattr(event_lines, "LONGEST_CAPTURE", longest)
    long = json.dumps(line()).encode() + b" " * longest * 3
    file = write(tmp_path, line(), long, line(), b"x" * longest)
    frame, problems = read_captures(file)
    assert frame.height == 2
    assert problems.counts == {"line too long": 2}
    assert problems.places["line too long"] == [f"{file}:2", f"{file}:4"]
