"""The stage that makes one model of the classifier and the rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from rules_helpers.made_rules import made_rule

from categoriser.errors import UserError
from categoriser.io.digests import digest
from categoriser.model.add_rules import add_rules
from categoriser.model.package import RULES_FILE, Categoriser
from categoriser.rules.rules_file import write_rules


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules/merchants.csv"
    write_rules(path, [made_rule("aldi", "transport")])
    return path


def test_the_model_has_the_rules_of_the_file(model: Path, rules: Path, tmp_path: Path) -> None:
    add_rules(model, rules, tmp_path / "model")
    assert Categoriser.load(tmp_path / "model").rules.rules == (made_rule("aldi", "transport"),)
    assert (tmp_path / "model" / RULES_FILE).read_bytes() == rules.read_bytes()


def test_without_rules_the_model_is_what_was_trained(
    model: Path, rules: Path, tmp_path: Path
) -> None:
    write_rules(rules, [])
    add_rules(model, rules, tmp_path / "model")
    assert digest(tmp_path / "model") == digest(model)


def test_a_category_that_was_not_trained_is_named_and_nothing_is_written(
    model: Path, rules: Path, tmp_path: Path
) -> None:
    write_rules(rules, [made_rule("aldi", "food")])
    told = r"merchants\.csv, line 2, category: 'food' is not a class of the model; use one of fees"
    with pytest.raises(UserError, match=told):
        add_rules(model, rules, tmp_path / "model")
    assert not (tmp_path / "model").exists()
