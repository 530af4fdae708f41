"""What a file's values show: the date's pattern, the decimal sign, and which way money goes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from data_helpers.taking import make_data, taken

from categoriser.data.intake.form import Form
from categoriser.data.intake.reading import read_table
from categoriser.errors import UserError
from categoriser.params import set_params
from categoriser.paths import INTAKE, OWN, PARAMS

ASKED = {
    "the day or the month": (
        "date,text,price,category\n01/02/2026,a,1.50,x\n03/04/2026,b,2.50,y\n",
        "date",
        r"date: every date reads either way \(line 2: 01/02/2026\)",
        "DD/MM/YYYY",
        ["2026-02-01", "2026-04-03"],
    ),
    "thousands or decimals": (
        'date,text,price,category\n2026-01-02,a,"1,234",x\n2026-01-03,b,7,y\n',
        "decimal",
        r"decimal: line 2 has 1,234, which may be thousands or three decimals",
        ".",
        ["1234", "7"],
    ),
}


@pytest.mark.usefixtures("tracked")
@pytest.mark.parametrize("name", ASKED)
def test_what_the_file_does_not_show_is_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    content, field, question, answer, values = ASKED[name]
    source = project / "bank.csv"
    source.write_text(content)
    set_params(PARAMS, {"prepare.validation": 0.5, "prepare.merchants": 0, "prepare.random": 0})
    for _ in range(2):  # ACCEPT=1 does not answer it
        with pytest.raises(UserError, match=question):
            make_data(monkeypatch, source, accept="1")
    written = INTAKE.read_text(encoding="utf-8")
    assert f'{field}: "?"' in written
    INTAKE.write_text(written.replace(f'{field}: "?"', f'{field}: "{answer}"'), encoding="utf-8")
    form = Form.model_validate(yaml.safe_load(INTAKE.read_text(encoding="utf-8")))
    names, rows, _ = read_table(source, form)
    column = names.index("date" if field == "date" else "price")
    assert [row.fields[column] for row in rows] == values


@pytest.mark.usefixtures("tracked")
def test_where_all_is_negative_spending_is_turned(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{n % 28 + 1:02}.01.2026;shop;{-n - 1},50;{'ab'[n % 2]}" for n in range(200)]
    source = project / "bank.csv"
    source.write_text("\n".join(["date;text;price;category", *rows, ""]))
    with pytest.raises(UserError, match="ACCEPT=1"):
        make_data(monkeypatch, source)
    said = capsys.readouterr().out
    assert "200 of 200 prices are negative, so spending is negative there" in said
    assert "price 1.50" in said
    assert yaml.safe_load(INTAKE.read_text())["sign"] == "turned"
    make_data(monkeypatch, source, accept="1")
    assert [row["price"] for row in taken()[:2]] == ["1.50", "2.50"]
    # A file of the bank in which spending is positive is not turned over in silence.
    source.write_text(source.read_text().replace(";-", ";"))
    with pytest.raises(UserError, match="with its sign turned, 200 of 200 prices are negative"):
        make_data(monkeypatch, source)


@pytest.mark.usefixtures("tracked")
def test_the_own_form_is_turned_by_one_line(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"2026-01-05,shop,{-n - 1},{'ab'[n % 2]}" for n in range(100)]
    source = project / "my.csv"
    source.write_text("\n".join(["date,text,price,category", *rows, ""]))
    make_data(monkeypatch, source)
    said = capsys.readouterr().out
    assert "100 of 100 prices are negative" in said
    assert "`sign: turned` into data/intake.yaml" in said
    assert OWN.read_bytes() == source.read_bytes()
    INTAKE.write_text("sign: turned\n")
    make_data(monkeypatch, source)
    assert [row["price"] for row in taken()[:2]] == ["1", "2"]
    assert "prices are negative" not in capsys.readouterr().out
