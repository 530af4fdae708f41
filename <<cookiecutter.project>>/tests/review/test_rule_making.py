"""A rule is made of a group's words, and written into the team's file, or refused."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from rules_helpers.made_rules import made_rule

from categoriser.errors import UserError
from categoriser.review import rule_making
from categoriser.review.rule_making import RuleRequest, make_rule, shared_words
from categoriser.rules.rule import Rule
from categoriser.rules.rules_file import read_rules, write_rules

CLASSES = ["bills", "food", "travel"]
ALDI = RuleRequest(pattern="aldi", category="food", why="a grocer")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a file with a rule, for Ann to work on."""
    monkeypatch.setattr(rule_making, "person", lambda: "Ann")
    path = tmp_path / "merchants.csv"
    write_rules(path, [made_rule("shell", "travel", price_from=5)])
    return path


@pytest.mark.parametrize(
    ("key", "texts", "words"),
    [
        ("aldi", ["aldi 12 sydney au", "aldi sydney au", "aldi"], "aldi"),
        ("tesco stores", ["tesco stores", "visa tesco stores 12 london"], "tesco stores"),
        # A key has no words with digits, which are between its words in a text.
        ("studio bar", ["studio 54 bar", "studio bar"], "studio"),
        ("the old bar", ["the 1 old bar", "the old bar"], "old bar"),
        ("al", ["aldi"], ""),
        ("...", [""], ""),
    ],
)
def test_the_words_are_the_longest_run_that_all_texts_share(
    key: str, texts: list[str], words: str
) -> None:
    assert shared_words(key, texts) == words


def test_a_rule_is_added_with_who_and_when(file: Path) -> None:
    before = read_rules(file)
    asked = replace(ALDI, price_from="-5", price_below="100.5")
    rule = make_rule(file, asked, CLASSES)
    today = datetime.date.today()
    assert rule == Rule("aldi", -5.0, 100.5, "food", "Ann", today, "a grocer")
    assert read_rules(file) == (*before, rule)


def test_other_prices_are_another_rule(file: Path) -> None:
    shell = RuleRequest(pattern="shell", category="food", why="its shop", price_below="5")
    make_rule(file, shell, CLASSES)
    assert [rule.category for rule in read_rules(file)] == ["travel", "food"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"pattern": ""}, "pattern: is empty; write 1 to 256 characters"),
        ({"pattern": "ALDI Süd"}, "pattern: 'ALDI Süd' is not normalised; write aldi sud"),
        ({"pattern": "12345"}, "pattern: nothing is left of '12345'"),
        ({"category": "cars"}, "the category is not a class of the model"),
        ({"why": " "}, "why: is empty"),
        ({"why": "a\nb"}, "why: holds a line break"),
        ({"price_from": "ten"}, "price_from: 'ten' is not a number; write one such as 9.99"),
        ({"price_from": "9", "price_below": "9"}, "price_below: 9 is not over price_from, 9"),
        (
            {"pattern": "shell", "price_from": "5.0"},
            r"has a rule for 'shell' with the same prices: travel, by Ada on 2026-11-02; change",
        ),
    ],
)
def test_what_is_not_a_rule_is_refused_and_nothing_is_written(
    file: Path, changes: dict[str, str], fault: str
) -> None:
    before = file.read_bytes()
    with pytest.raises(UserError, match=fault):
        make_rule(file, replace(ALDI, **changes), CLASSES)
    assert file.read_bytes() == before


def test_nobody_cannot_decide(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()
    monkeypatch.setattr(rule_making, "person", lambda: "")
    with pytest.raises(UserError, match=r"nobody is named .* `git config user\.name"):
        make_rule(file, ALDI, CLASSES)
    assert file.read_bytes() == before


def test_a_file_that_is_missing_is_said(file: Path) -> None:
    file.unlink()
    with pytest.raises(UserError, match=r"merchants\.csv is missing"):
        make_rule(file, ALDI, CLASSES)
    assert not file.exists()
