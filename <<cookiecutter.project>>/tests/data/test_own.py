"""With a real Git repository and DVC, since `own` is mostly what they do."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from categoriser.data import own
from categoriser.errors import UserError
from categoriser.params import read_params
from categoriser.paths import OWN

LINES = ["date,text,price,category,account"]
LINES += [f"2026-01-05,shop {n},{n},{'ab'[n % 2]},x" for n in range(200)]
TEXT = "\n".join(LINES) + "\n"


def run(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    monkeypatch.setattr(sys, "argv", ["own", file])
    own.main()


def contents(project: Path) -> dict[str, bytes]:
    found = (path for path in project.rglob("*") if path.is_file())
    kept = (path for path in found if not {".git", ".dvc"} & set(path.parts))
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in kept}


@pytest.fixture
def repository(project: Path) -> Path:
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], check=True)
    return project


def test_ones_own_rows_take_the_place_of_the_generated(
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = (repository / "params.yaml").read_text()
    source = tmp_path_factory.mktemp("mine") / "my.csv.gz"
    source.write_bytes(gzip.compress(TEXT.encode()))
    run(monkeypatch, str(source))
    assert OWN.read_text() == TEXT
    assert "md5" in own.TRACKED.read_text()
    assert read_params().data.path == OWN
    after = (repository / "params.yaml").read_text()
    assert after == before.replace("path: data/generated.csv", "path: data/own.csv")
    assert "200 rows are in data/own.csv" in capsys.readouterr().out

    # Anew, and with a file that fails: the one that stands is kept.
    source.write_text(TEXT + "2026-01-06,new,1,a,x\n")
    run(monkeypatch, str(source))
    stands = contents(repository)
    assert stands["data/own.csv"].endswith(b"new,1,a,x\n")
    source.write_text(TEXT + "bad\n" * 9)
    with pytest.raises(UserError, match=r"9 of 209 rows are bad") as caught:
        run(monkeypatch, str(source))
    assert contents(repository) == stands
    assert Path(str(caught.value).split("All of them are in ")[1].split(";")[0]).exists()

    # And where DVC fails.
    source.write_text(TEXT)
    (repository / ".dvc/config").write_text("no configuration")
    with pytest.raises(UserError, match=r"dvc add data/own\.csv` failed"):
        run(monkeypatch, str(source))
    assert contents(repository) == stands


def test_without_dvc_nothing_is_left(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "my.csv").write_text(TEXT)
    before = contents(project)
    with pytest.raises(UserError, match="dvc add"):
        run(monkeypatch, "my.csv")
    assert contents(project) == before


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("", "which file"),
        ("none.csv", "is missing"),
        (".", "cannot be read"),
        ("params.yaml", "date is missing"),
    ],
)
def test_no_file_and_no_table_are_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, file: str, fault: str
) -> None:
    before = contents(project)
    with pytest.raises(UserError, match=fault):
        run(monkeypatch, file)
    assert contents(project) == before
