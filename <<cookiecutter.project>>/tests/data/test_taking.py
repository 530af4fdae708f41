"""Taking one's own data: of another kind, of few months or rows; and what `make run` says."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import polars as pl
import pytest

from categoriser import reproduce
from categoriser.data import own
from categoriser.data.data_in_use import data_in_use
from categoriser.data.prepare import prepare
from categoriser.data.split import PARTS
from categoriser.data.validate import validate
from categoriser.errors import UserError
from categoriser.io.replacing import write_json
from categoriser.params import Prepare, read_params, set_params
from categoriser.paths import CHAMPION_PROFILE, OWN, PARAMS

HEADER = "date,text,price,category"


def lines(months: int, category: str = "ab", count: int = 300) -> list[str]:
    return [
        f"2026-{n % months + 1:02}-{n % 28 + 1:02},shop {chr(97 + n % 26)}{chr(97 + n // 26)},"
        f"{n + 1},{category[n % len(category)]}"
        for n in range(count)
    ]


def write(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return path


def make_data(monkeypatch: pytest.MonkeyPatch, file: Path, accept: str = "") -> None:
    monkeypatch.setattr(own, "dvc", lambda *_: "")
    monkeypatch.setenv("ACCEPT", accept)
    own.take_files(str(file))


@pytest.fixture
def project(project: Path) -> Path:
    shares = {"months": 2, "merchants": 0.1, "random": 0.1, "validation": 0.1}
    values = {f"prepare.{name}": value for name, value in shares.items()}
    set_params(PARAMS, values | {"data.path": "data/generated.csv", "validate.tolerance": 0.01})
    return project


# Data of another kind than the last accepted.


def accept(project: Path) -> None:
    source = write(project / "accepted.csv", lines(6))
    settings = read_params().validate_
    made = (project / "v.parquet", project / "aside.csv")
    write_json(CHAMPION_PROFILE, validate(source, settings, None, *made))


def test_another_kind_of_data_is_said_first_with_the_command(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(project)
    source = write(project / "my.csv", lines(6, "pq"))
    with pytest.raises(UserError) as caught:
        make_data(monkeypatch, source)
    first, *rest = str(caught.value).split("\n")
    assert f"{source} is another kind of data: in 300 of 300 rows the category" in first
    assert "make promote FORGET=data" in first
    assert "Accepted categories: a, b" in rest[0]
    assert rest[-1].endswith(
        "The data stay as they were: `make run` goes on with data/generated.csv"
    )
    assert not OWN.exists()


def test_a_few_new_categories_are_bad_rows_as_before(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(project)
    source = write(project / "my.csv", lines(6) + lines(6, "p", count=20))
    with pytest.raises(UserError, match=r"^.*my\.csv: 20 of 320 rows are bad"):
        make_data(monkeypatch, source)


# What the parts get.


def said_sizes(said: str) -> list[dict[str, int]]:
    found = re.findall(r"parts (?:then )?get (?:about )?(train .*)", said)
    return [
        {name: int(n.replace(",", "")) for name, n in re.findall(r"(\w+) ([\d,]+)", line)}
        for line in found
    ]


def sizes(rows: pl.DataFrame, settings: Prepare) -> dict[str, int]:
    parts, _ = prepare(rows, settings)
    return {name: parts[name].height for name in PARTS}


def validated(project: Path, source: Path) -> pl.DataFrame:
    settings = read_params().validate_
    validate(source, settings, None, project / "v.parquet", project / "aside.csv")
    return pl.read_parquet(project / "v.parquet")


def test_what_each_part_gets_is_said_as_prepare_parts_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(project / "my.csv", lines(12))
    make_data(monkeypatch, source)
    said = capsys.readouterr().out
    assert "The rows are of 12 months, 2026-01 to 2026-12" in said
    assert said_sizes(said) == [sizes(validated(project, source), read_params().prepare)]


def test_rows_that_are_left_out_of_all_parts_are_counted(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_params(PARAMS, {"prepare.largest_group": 0.001})
    make_data(monkeypatch, write(project / "my.csv", lines(12)))
    said = capsys.readouterr().out
    [found] = said_sizes(said)
    [left_out] = re.findall(r"; (\d+) are left out \(prepare\.largest_group\)", said)
    assert sum(found.values()) + int(left_out) == 300


def test_a_file_of_one_month_gets_months_that_leave_enough(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(project / "my.csv", lines(1))
    before = PARAMS.read_bytes()
    with pytest.raises(UserError, match=r"prepare\.months: 0\b.*ACCEPT=1"):
        make_data(monkeypatch, source)
    assert said_sizes(capsys.readouterr().out)[0]["train"] == 0
    assert PARAMS.read_bytes() == before
    assert not OWN.exists()
    make_data(monkeypatch, source, accept="1")
    params = read_params()
    assert (params.prepare.months, params.data.path) == (0, OWN)
    left = sizes(validated(project, source), params.prepare)
    assert said_sizes(capsys.readouterr().out)[-1] == left
    assert left["train"] > 150
    assert left["validation"] > 0


def test_as_many_months_as_leave_enough_stay_held_out(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(project / "my.csv", lines(3))
    make_data(monkeypatch, source, accept="1")
    assert read_params().prepare.months == 1


def test_shares_that_are_too_large_are_made_smaller(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_params(PARAMS, {"prepare.random": 0.8})
    source = write(project / "my.csv", lines(12))
    with pytest.raises(UserError, match=r"prepare\.random: 0\.1\b"):
        make_data(monkeypatch, source)


def test_one_class_alone_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(project / "my.csv", lines(12, "a"))
    with pytest.raises(UserError, match="of 1 classes, whatever is held out"):
        make_data(monkeypatch, source, accept="1")


def test_few_rows_are_said_and_taken(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_data(monkeypatch, write(project / "my.csv", lines(12, count=30)))
    said = capsys.readouterr().out
    assert "warning: there are 30 rows in all" in said
    assert "30 rows are in data/own.csv" in said


# The first line of `make run`.


def test_make_run_says_which_data_it_runs_on(project: Path) -> None:
    set_params(PARAMS, {"generate.rows": 1234, "generate.seed": 5})
    said = data_in_use(read_params())
    assert said == (
        "Data: data/generated.csv, 1,234 generated rows, made by the stage generate (seed 5)"
    )
    set_params(PARAMS, {"data.path": "data/own.csv"})
    with pytest.raises(UserError, match=r"data/own\.csv, and there is no such file: `dvc pull`"):
        data_in_use(read_params())
    OWN.parent.mkdir()
    write(OWN, lines(2, count=7))
    assert data_in_use(read_params()) == "Data: data/own.csv, 7 rows, made by `make data`"
    zipped = project / "mine.csv.gz"
    zipped.write_bytes(gzip.compress(OWN.read_bytes()))
    set_params(PARAMS, {"data.path": "mine.csv.gz"})
    assert data_in_use(read_params()) == "Data: mine.csv.gz, 7 rows, named in params.yaml"


def test_make_run_begins_with_that_line(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reproduce, "call", lambda *_: 0)
    reproduce.reproduce()
    assert capsys.readouterr().out.splitlines()[0] == data_in_use(read_params())
