"""A bank's export: its form is found, proposed, and read once it is accepted."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from data_helpers.banks import BANKS, GERMAN, Bank
from data_helpers.taking import input_columns, make_data, taken

from categoriser.data import own
from categoriser.data.intake.recognise import recognise
from categoriser.errors import UserError
from categoriser.params import read_params
from categoriser.paths import INTAKE, OWN

ZIPPED = ("windows-1252", "carriage returns alone", "utf-16 little-endian with tabs")


@pytest.mark.usefixtures("tracked")
@pytest.mark.parametrize(
    ("name", "suffix"), [*((name, "csv") for name in BANKS), *((name, "csv.gz") for name in ZIPPED)]
)
def test_an_export_is_proposed_and_read_once_it_is_accepted(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    suffix: str,
) -> None:
    bank, expected = BANKS[name]
    source = bank.write(project / f"bank.{suffix}")
    with pytest.raises(UserError, match=r"nothing is taken yet.*ACCEPT=1"):
        make_data(monkeypatch, source)
    said = capsys.readouterr().out
    assert not OWN.exists()
    assert read_params().data.path != OWN
    proposed = yaml.safe_load(INTAKE.read_text(encoding="utf-8"))
    assert {field: proposed[field] for field in expected} == expected
    first = bank.rows()[0]
    assert f"date {first['date']}, text {first['text']}, price {first['price']}" in said
    assert said.count("\n  line ") == 2
    ignored = subprocess.run(["git", "check-ignore", str(INTAKE)], capture_output=True)
    assert ignored.returncode == 1

    make_data(monkeypatch, source, accept="1")
    assert input_columns(taken()) == bank.rows()
    assert not own.ASIDE.exists()
    # The file is there by now, and fits.
    OWN.unlink()
    make_data(monkeypatch, source)
    assert input_columns(taken()) == bank.rows()
    assert f"{source} is read as data/intake.yaml says" in capsys.readouterr().out


@pytest.mark.usefixtures("tracked")
def test_what_only_a_late_row_shows_is_proposed_too(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Bank().write(project / "my.csv")
    late = '2026-02-13,rent,"1,107.00",a\n'
    source.write_text("\n".join([source.read_text().splitlines()[0]]) + "\n")
    with source.open("a") as stream:
        stream.writelines(f"2026-01-05,shop {n},{n}.50,{'ab'[n % 2]}\n" for n in range(1500))
        stream.write(late)
    with pytest.raises(UserError, match="ACCEPT=1"):
        make_data(monkeypatch, source)
    make_data(monkeypatch, source, accept="1")
    assert taken()[-1]["price"] == "1107.00"
    assert len(taken()) == 1501


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", "is a zip archive or an Excel workbook"),
        (b"%PDF-1.7", "is a PDF"),
        (b"PAR1rest", "is a Parquet file"),
        (b"one\ntwo\nthree\n", "no table is found"),
        (b"\n \n", "is empty"),
    ],
)
def test_what_is_no_table_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    (project / "bank.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        make_data(monkeypatch, "bank.csv")
    assert not INTAKE.exists()


def test_an_encoding_that_is_not_shown_is_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = Bank(encoding="cp850", texts=("für Äpfel", "übrig", "être"))
    with pytest.raises(UserError, match="encoding: it is not UTF-8, and as windows-1252"):
        make_data(monkeypatch, bank.write(project / "bank.csv"))


def test_what_is_recognised_is_the_same_again(tmp_path: Path) -> None:
    source = BANKS["dd.mm.yyyy"][0].write(tmp_path / "bank.csv")
    first = recognise(source)
    again = recognise(source)
    assert first == again
    assert first.form.columns == dict(
        zip(["date", "text", "price", "category"], GERMAN, strict=True)
    )
    assert "line 14 has 13.01.2026, which MM.DD.YYYY cannot read" in first.why["date"]
