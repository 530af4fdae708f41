"""A form that is wrong, as a person may write it."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_helpers.banks import Bank
from data_helpers.taking import make_data

from categoriser.errors import UserError
from categoriser.paths import INTAKE


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("date: DD/DD/YYYY", "intake.yaml: date: .*must hold DD"),
        ("encoding: klingon", "intake.yaml: encoding: .*Python knows no encoding 'klingon'"),
        ("columns: {wer: a}", "intake.yaml: columns: .*wer is none of date"),
        ("header: false\ncolumns: {date: a}", "without a header the columns are given by number"),
        ("speed: 1", "intake.yaml: speed: Extra inputs"),
    ],
)
def test_a_form_that_is_wrong_names_the_key(
    project: Path, monkeypatch: pytest.MonkeyPatch, line: str, message: str
) -> None:
    source = Bank().write(project / "my.csv")
    INTAKE.parent.mkdir()
    INTAKE.write_text(line)
    with pytest.raises(UserError, match=message):
        make_data(monkeypatch, source)
