"""Files and folders that are replaced whole, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from categoriser.io import asides
from categoriser.io.replacing import replacing, write_json


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")

    def interrupted() -> None:
        with replacing(target) as aside:
            aside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_killed_process_leaves_nothing_half_written(tmp_path: Path) -> None:
    script = """
import pathlib, time
from categoriser.command import run_command
from categoriser.io.replacing import replacing
def main():
    with replacing(pathlib.Path("out")) as aside:
        aside.write_text("half")
        print("ready", flush=True)
        time.sleep(60)
run_command(main)
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert [path.name[:7] for path in tmp_path.iterdir()] == [asides.PREFIX]
        process.terminate()
    assert process.returncode == 143
    assert list(tmp_path.iterdir()) == []


def test_a_folder_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("old")
    with replacing(target) as aside:
        aside.mkdir()
        (aside / "new").write_text("new")
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    write_json(tmp_path / "a" / "b.json", {"x": 1})
    assert json.loads((tmp_path / "a" / "b.json").read_text()) == {"x": 1}


def test_equal_values_give_equal_bytes(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"x": 1, "é": [2.5]})
    write_json(tmp_path / "b", {"é": [2.5], "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert "é" in (tmp_path / "a").read_text(encoding="utf-8")


def test_no_json_that_other_readers_refuse(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a", float("nan"))
    assert list(tmp_path.iterdir()) == []
