"""Columns that the header does not name are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_helpers.banks import Bank, german
from data_helpers.taking import input_columns, make_data, taken

from categoriser.errors import UserError
from categoriser.paths import INTAKE


@pytest.mark.usefixtures("tracked")
def test_without_a_header_the_columns_are_asked_for_by_number(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = Bank(header=[], date="{d:02}.{m:02}.{y}", delimiter=";", price=german)
    source = bank.write(project / "bank.csv")
    with pytest.raises(UserError, match=r"no line names the columns: .*1 '01\.01\.2026'; 2 'metro"):
        make_data(monkeypatch, source, accept="1")
    text = INTAKE.read_text(encoding="utf-8")
    for number, column in enumerate(("date", "text", "price", "category"), start=1):
        text = text.replace(f'  {column}: "?"', f"  {column}: {number}")
    INTAKE.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="nothing is taken yet"):
        make_data(monkeypatch, source)
    make_data(monkeypatch, source)
    assert taken() == bank.rows()


@pytest.mark.usefixtures("tracked")
def test_a_column_of_an_unknown_name_is_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = Bank(header=["date", "Wofür", "price", "category"], date="{d:02}.{m:02}.{y}")
    source = bank.write(project / "bank.csv")
    with pytest.raises(UserError, match=r"columns\.text: no column is known to be the text"):
        make_data(monkeypatch, source)
    text = INTAKE.read_text(encoding="utf-8")
    INTAKE.write_text(text.replace('text: "?"', "text: Wieso"), encoding="utf-8")
    with pytest.raises(UserError, match=r"columns\.text is 'Wieso', and the file has no such"):
        make_data(monkeypatch, source)
    INTAKE.write_text(text.replace('text: "?"', "text: Wofür"), encoding="utf-8")
    make_data(monkeypatch, source, accept="1")
    assert input_columns(taken()) == bank.rows()
