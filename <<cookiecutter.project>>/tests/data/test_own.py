"""One's own rows are taken, with a real Git repository and DVC: it is mostly what they do."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from categoriser.data import own
from categoriser.data.profile import accepted_profile
from categoriser.data.validate import validate
from categoriser.errors import UserError
from categoriser.io.replacing import write_json
from categoriser.params import read_params, set_params
from categoriser.paths import (
    CHAMPION_PROFILE,
    INTAKE,
    OWN,
    PARAMS,
)

LINES = ["date,text,price,category,account"]
LINES += [f"2026-01-05,shop {n},{n},{'ab'[n % 2]},x" for n in range(200)]
TEXT = "\n".join(LINES) + "\n"


@pytest.fixture
def project(project: Path) -> Path:
    """Fix the settings that the tests below speak of."""
    values = {
        "tolerance": 0.01,
        "max_shift": 0.2,
        "max_price": 1_000_000,
        "first_date": "2000-01-01",
    }
    values = {f"validate.{name}": value for name, value in values.items()}
    # The rows below are of one month.
    values |= {"prepare.months": 0, "data.path": "data/generated.csv"}
    set_params(PARAMS, values)
    return project


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
    own.take_files(str(source))
    assert OWN.read_text() == TEXT
    assert "md5" in own.TRACKED.read_text()
    assert read_params().data.path == OWN
    after = (repository / "params.yaml").read_text()
    expected = before.replace("path: data/generated.csv", "path: data/own.csv")
    assert after == expected.replace("behaviour/generated.csv", "behaviour/own.csv")
    assert "200 rows are in data/own.csv; params.yaml names it" in capsys.readouterr().out

    # Anew, and with a file that fails: the one that is there is kept.
    source.write_text(TEXT + "2026-01-06,new,1,a,x\n,,,,\n")
    own.take_files(str(source))
    said = capsys.readouterr().out
    assert "202 rows are in data/own.csv; 1 of them are bad and will be set aside" in said
    stands = contents(repository)
    assert stands["data/own.csv"].endswith(b"new,1,a,x\n,,,,\n")
    assert stands.pop("data/own_set_aside.csv").endswith(b',",,,,"\n')
    source.write_text(TEXT + "bad\n" * 9)
    with pytest.raises(UserError, match=r"9 of 209 rows are bad") as caught:
        own.take_files(str(source))
    assert "All of them are in data/own_set_aside.csv;" in str(caught.value)
    now = contents(repository)
    assert now.pop("data/own_set_aside.csv").count(b",bad\n") == 9
    assert now == stands

    # And where DVC fails.
    source.write_text(TEXT)
    (repository / ".dvc/config").write_text("no configuration")
    with pytest.raises(UserError, match=r"dvc add --quiet data/own\.csv` failed"):
        own.take_files(str(source))
    assert contents(repository) == stands


@pytest.mark.parametrize(
    ("files", "cases", "then"),
    [
        (["my.csv"], "behaviour/generated.csv", "behaviour/own.csv"),
        (["my.csv"], "behaviour/team.csv", None),
        (["data/generated.csv", "my.csv"], "behaviour/generated.csv", None),
    ],
)
def test_cases_of_the_generated_rows_go_with_these_rows(
    project: Path, files: list[str], cases: str, then: str | None
) -> None:
    set_params(PARAMS, {"evaluate.behaviour": cases})
    found = own.cases_for([Path(file).absolute() for file in files], read_params())
    assert found.get("evaluate.behaviour") == then


def test_rows_are_held_to_the_last_accepted_data(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (project / "my.csv").write_text(TEXT)
    accepted = tmp_path_factory.mktemp("accepted")
    settings = read_params().validate_
    paths = accepted / "validated.parquet", accepted / "set_aside.csv"
    write_json(CHAMPION_PROFILE, validate(Path("my.csv"), settings, None, *paths))
    (project / "my.csv").write_text(TEXT.replace(",x\n", ",y\n"))
    before = contents(project)
    with pytest.raises(UserError, match=r"account by .*make promote FORGET=data") as caught:
        own.take_files("my.csv")
    now = contents(project)
    assert now.pop("data/own_set_aside.csv") == b"row,reason,line\n"
    assert now == before
    with pytest.raises(UserError) as stage:
        validate(Path("my.csv"), settings, accepted_profile(), *paths)
    stays = "\n  The data stay as they were: `make run` goes on with data/generated.csv"
    assert str(caught.value) == str(stage.value) + stays


def test_without_dvc_nothing_is_left(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "my.csv").write_text(TEXT)
    before = contents(project)
    with pytest.raises(UserError, match="dvc add"):
        own.take_files("my.csv")
    assert contents(project) == before


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("", "which file"),
        ("none.csv", "is missing"),
        (".", "cannot be read"),
        ("params.yaml", "no table is found"),
    ],
)
def test_no_file_and_no_table_are_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, file: str, fault: str
) -> None:
    before = contents(project)
    with pytest.raises(UserError, match=fault):
        own.take_files(file)
    assert contents(project) == before


def test_several_files_become_one(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "my.csv").write_text(TEXT)
    zipped = 'country,price,date,category,text\nNZ,2.5,2026-01-06,b,"shop ""x"", gore"\n\nbad,\n'
    (repository / "more.csv.gz").write_bytes(gzip.compress(zipped.encode()))
    set_params(PARAMS, {"validate.tolerance": 0.5})
    own.take_files("my.csv more.csv.gz")
    assert OWN.read_text() == "".join(
        f"{line}\n"
        for line in (
            f"{LINES[0]},country",
            *(f"{line}," for line in LINES[1:]),
            '2026-01-06,"shop ""x"", gore",2.5,b,,NZ',
            ',"bad,",,,,',
        )
    )
    assert "202 rows are in data/own.csv; 1 of them are bad" in capsys.readouterr().out
    [_, aside] = own.ASIDE.read_text().splitlines()
    assert aside.startswith("202,")
    assert "bad," in aside


def test_of_several_files_the_one_at_fault_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (project / "my.csv").write_text(TEXT)
    (project / "more.csv").write_text(
        "date,text,price,category\n2026-01-05,x,1,a\n2026-01-05,x,n,a\n"
    )
    before = contents(project)
    with pytest.raises(
        UserError, match=r"(?s)more\.csv: 1 of 2 rows.* row 2: price is not.*mend more"
    ):
        own.take_files("my.csv more.csv")
    (project / "more.csv").write_text("date,text\n")
    with pytest.raises(UserError, match=r"columns\.price: no column is known to be the price"):
        own.take_files("my.csv more.csv")
    INTAKE.unlink()
    with pytest.raises(UserError, match=r"none\.csv is missing"):
        own.take_files("my.csv none.csv")

    # One file alone may lie far from the accepted data, if all together do not.
    rows = [f"2026-01-06,shop {n},{n},a,x" for n in range(40)]
    (project / "more.csv").write_text("\n".join([LINES[0], *rows]) + "\n")
    settings = read_params().validate_
    scratch = tmp_path_factory.mktemp("accepted")
    validated = scratch / "v.parquet"
    aside = scratch / "aside.csv"
    accepted = validate(Path("my.csv"), settings, None, validated, aside)
    write_json(CHAMPION_PROFILE, accepted)
    with pytest.raises(UserError, match="dvc add"):  # there is no repository: it went that far
        own.take_files("my.csv more.csv")
    (project / "more.csv").write_text("\n".join([LINES[0], *rows * 20]) + "\n")
    with pytest.raises(UserError, match=r"^my\.csv and more\.csv is unlike the last accepted data"):
        own.take_files("my.csv more.csv")
    (project / "more.csv").write_text("\n".join([LINES[0], "2026-01-06,shop,1,new,x"]) + "\n")
    with pytest.raises(UserError, match=r"more\.csv is another kind of data: in 1 of 1 rows"):
        own.take_files("my.csv more.csv")
    left = contents(project)
    assert left.keys() - before.keys() <= {"data/own_set_aside.csv"}


def test_rows_that_are_kept_apart_are_not_taken(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "feedback").mkdir()
    for name in ("my.csv", "feedback/holdout.csv"):
        (project / name).write_text(TEXT)
    before = contents(project)
    for files in ("my.csv feedback/holdout.csv", "./feedback/../feedback/holdout.csv"):
        with pytest.raises(UserError, match=r"feedback/holdout\.csv is kept apart"):
            own.take_files(files)
    assert contents(project) == before
