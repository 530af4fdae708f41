"""`make rules`: what it says of the rules before a run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from measured import trained
from rules_helpers.made_rules import made_rule

from categoriser import paths
from categoriser.data.split import SPLIT_FILE, Split
from categoriser.errors import UserError
from categoriser.evaluation.check_rules import check_rules
from categoriser.io.replacing import write_json
from categoriser.model.metadata import read_metadata
from categoriser.rules.rules_file import write_rules


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a folder with prepared rows and their classes the working directory."""
    folder, model = trained()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    shutil.copytree(folder, paths.PREPARED)
    write_json(paths.PREPARED / SPLIT_FILE, Split("", read_metadata(model).classes, {}))


@pytest.mark.usefixtures("prepared")
def test_what_the_rows_say_of_each_rule_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    rules = [
        made_rule("shell", "groceries", price_below=9.5),
        made_rule("shell aa", "transport"),
        made_rule("nobody", "groceries"),
    ]
    write_rules(paths.RULES, rules)
    check_rules()
    said = capsys.readouterr().out
    assert "rules/merchants.csv is sound: 3 rules." in said
    assert "that no row meets: 1; pairs that overlap: 1." in said
    assert "shell, below 9.5: groceries" in said
    assert "nobody: groceries" in said


@pytest.mark.usefixtures("prepared")
def test_no_rules_are_said_to_be_none(capsys: pytest.CaptureFixture[str]) -> None:
    write_rules(paths.RULES, [])
    check_rules()
    assert capsys.readouterr().out == "rules/merchants.csv has no rules: the model alone answers.\n"


@pytest.mark.usefixtures("prepared")
def test_a_category_that_is_not_trained_is_an_error() -> None:
    write_rules(paths.RULES, [made_rule("shell", "food")])
    with pytest.raises(UserError, match="line 2, category: 'food' is not a class"):
        check_rules()
