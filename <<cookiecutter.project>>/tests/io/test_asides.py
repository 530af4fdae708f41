"""What is made aside, where, and what becomes of it when its process is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from categoriser.io import asides
from categoriser.io.replacing import replacing, restored_on_failure

WRITER = """
import pathlib, sys, time
from categoriser.io.replacing import replacing
with replacing(pathlib.Path("champion/model")) as folder:
    folder.mkdir()
    (folder / "half").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


@contextmanager
def writer(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that has written half of champion/model."""
    (folder / "champion").mkdir(exist_ok=True)
    command = [sys.executable, "-c", WRITER]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def leftovers(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f"{asides.PREFIX}*"))


def test_a_killed_process_leaves_nothing_where_a_stage_looks(tmp_path: Path) -> None:
    with writer(tmp_path) as process:
        process.kill()
        process.wait()
    [left] = leftovers(tmp_path)
    assert left.parent == tmp_path
    assert list((tmp_path / "champion").iterdir()) == []


def test_the_next_command_clears_what_the_dead_left_and_nothing_of_the_living(
    tmp_path: Path,
) -> None:
    with writer(tmp_path) as dead:
        dead.kill()
        dead.wait()
        [left] = leftovers(tmp_path)
        with writer(tmp_path):
            command = "from categoriser.command import run_command; run_command(lambda: None)"
            subprocess.run([sys.executable, "-c", command], cwd=tmp_path, check=True)
            [living] = leftovers(tmp_path)
            assert living != left
            assert (living / "model/half").read_text() == "half"


def test_what_is_written_next_clears_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{asides.PREFIX}old/data").mkdir(parents=True)
    with replacing(Path("out")) as path:
        path.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_place_is_the_root_or_beside_what_lies_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "project"
    elsewhere = tmp_path / "elsewhere"
    (root / "data/prepared").mkdir(parents=True)
    elsewhere.mkdir()
    monkeypatch.chdir(root)
    assert asides.workplace(Path("data/prepared/split.json")) == root
    assert asides.workplace(root / "data/prepared") == root
    assert asides.workplace(elsewhere / "out.csv") == elsewhere
    (root / "model").symlink_to(elsewhere)
    assert asides.workplace(root / "model/out") == elsewhere


def test_the_place_is_on_the_file_system_of_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = tmp_path / "data"
    (mounted / "prepared").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    known = Path.stat

    def stat(path: Path, **how: bool) -> object:
        """Tell of another device under `data`."""
        found = known(path, **how)
        if path.is_relative_to(mounted):
            return type("Stat", (), {"st_dev": -1, "st_mode": found.st_mode})
        return found

    monkeypatch.setattr(Path, "stat", stat)
    assert asides.workplace(Path("data/prepared/train.parquet")) == mounted


def test_a_failure_puts_back_what_was_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = Path("kept")
    new = Path("new")
    kept.write_text("old")

    def interrupted() -> None:
        with restored_on_failure(kept, new):
            kept.write_text("half")
            new.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert kept.read_text() == "old"
