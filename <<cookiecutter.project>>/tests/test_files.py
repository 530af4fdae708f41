from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from categoriser.errors import UserError, run
from categoriser.files import ASIDE, digest, read_json, replacing, write_json


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
from categoriser.errors import run
from categoriser.files import replacing
def main():
    with replacing(pathlib.Path("out")) as aside:
        aside.write_text("half")
        print("ready", flush=True)
        time.sleep(60)
run(main)
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert [path.name[:7] for path in tmp_path.iterdir()] == [ASIDE]
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


@pytest.mark.parametrize(
    ("content", "message"), [(None, "is missing; `dvc repro`"), (b"{", "JSON"), (b"\xff", "JSON")]
)
def test_an_unreadable_file_is_named_with_its_maker(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "file.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_json(path, "dvc repro")
    assert str(path) in str(caught.value)


def test_digest_sees_names_and_contents(tmp_path: Path) -> None:
    def folder(name: str, **files: str) -> Path:
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_text(content)
        return tmp_path / name

    one = folder("one", a="1", b="2")
    assert digest(one) == digest(folder("same", b="2", a="1"))
    assert digest(one) != digest(folder("content", a="1", b="3"))
    assert digest(one) != digest(folder("name", a="1", c="2"))
    # The SHA-256 of one byte, "1".
    assert digest(one / "a").startswith("6b86b273ff34")


def test_run_turns_bad_input_into_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise UserError("my.csv, row 3: price 'x' is no number")

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == "error: my.csv, row 3: price 'x' is no number"
