"""How far a file has been read, as Linux tells it."""

from __future__ import annotations

from pathlib import Path

from categoriser.model.fasttext_probe import FileProgress


def test_each_time_that_a_file_is_read_through_counts(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes(b"x" * 1000)
    with path.open("rb", buffering=0) as stream, path.open("rb") as idle:
        progress = FileProgress(path)
        assert progress.times() == 0
        for lap in range(3):
            for quarter in range(1, 5):
                stream.read(250)
                if quarter == 4:
                    stream.seek(0)
                assert progress.times() == lap + quarter / 4
        assert idle.tell() == 0
    assert progress.times() == 3


def test_another_file_does_not_count(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"x" * 1000)
    progress = FileProgress(tmp_path / "one")
    with (tmp_path / "two").open("rb", buffering=0) as other:
        other.read(500)
        assert progress.times() == 0
