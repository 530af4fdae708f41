"""Faults of the machine end a command in one line that names the file and the disk."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from categoriser.command import run_command
from categoriser.errors import UserError
from categoriser.io import disk
from categoriser.io.replacing import replacing, write_json

FULL = Path("/dev/full")
ROWS = pl.DataFrame({"a": range(100_000)})
needs_full = pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is full")


def said(main: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command says when it ends with status 1 by `sys.exit`."""
    with pytest.raises(SystemExit) as caught:
        run_command(main)
    assert capsys.readouterr().err == ""
    return str(caught.value.code)


@needs_full
@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_text("x" * 100_000),
        lambda path: ROWS.write_parquet(path),
        lambda path: ROWS.lazy().sink_parquet(path),
        lambda path: ROWS.write_csv(path),
        lambda path: pq.write_table(pa.table({"a": range(100_000)}), path),
    ],
    ids=["text", "parquet", "sink", "csv", "arrow"],
)
def test_a_full_disk_is_one_line_whoever_writes(
    write: Callable[[Path], object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "baseline/statistics.json"

    def main() -> None:
        with replacing(target) as aside:
            aside.symlink_to(FULL)
            write(aside)

    line = said(main, capsys)
    assert line.startswith(f"error: {target}: No space left on device (disk /")
    assert "MB free); make room there" in line
    assert "\n" not in line
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EACCES, "Permission denied"),
        (errno.EROFS, "Read-only file system"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EDQUOT, "quota"),
        (errno.EIO, "the disk itself"),
    ],
)
def test_each_fault_says_what_to_do(
    number: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise OSError(number, os.strerror(number), "reports/gate.json")

    line = said(main, capsys)
    assert line.startswith("error: reports/gate.json: ")
    assert told in line


def test_a_fault_without_a_name_tells_of_both_disks(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert "a scratch file: No space left on device (disk /" in said(main, capsys)


@pytest.mark.parametrize(
    "bug",
    [FileNotFoundError(errno.ENOENT, "no", "x"), OSError("odd"), ValueError("1"), KeyError("a")],
    ids=repr,
)
def test_a_fault_of_the_code_keeps_its_traceback(bug: Exception) -> None:
    def main() -> None:
        raise bug

    with pytest.raises(type(bug)) as caught:
        run_command(main)
    assert caught.value is bug
    with pytest.raises(ValueError, match="not a fault of the machine"):
        disk.sentence(bug)


def test_what_a_reader_already_says_in_words_stays(tmp_path: Path) -> None:
    def main() -> None:
        with replacing(tmp_path / "out"):
            raise UserError("in.csv cannot be read: [Errno 21] Is a directory")

    with pytest.raises(UserError, match=r"in\.csv cannot be read"):
        main()


def test_a_limit_on_the_size_of_files_is_met_in_a_stage_s_own_words(tmp_path: Path) -> None:
    script = "from pathlib import Path; from categoriser.io.replacing import write_json; "
    script += "from categoriser.command import run_command; "
    script += "run_command(lambda: write_json(Path('reports/gate.json'), 'x' * 100_000))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: reports/gate.json: File too large (disk /")
    assert list((tmp_path / "reports").iterdir()) == []


def test_a_folder_in_a_file_s_place_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gate.json/inner").mkdir(parents=True)
    line = said(lambda: write_json(tmp_path / "gate.json", 1), capsys)
    assert line.startswith(f"error: {tmp_path / 'gate.json'}: Is a directory")
