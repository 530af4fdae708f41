"""The file of rules: what is read, what is refused, and how a rule is added."""

from __future__ import annotations

import datetime
import fcntl
import multiprocessing
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace
from rules_helpers.made_rules import made_rule

from categoriser.errors import UserError
from categoriser.io.asides import opened
from categoriser.rules import rules_file
from categoriser.rules.rule import Rule
from categoriser.rules.rules_file import (
    append_rule,
    check_categories,
    price_text,
    read_rules,
    write_rules,
)

ROOT = Path(__file__).parents[2]
HEADER = "pattern,price_from,price_below,category,who,when,why\n"
GOOD = 'uber eats,,25.5,eating out,Ada,2026-11-02,"meals, not rides"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "merchants.csv"
    path.write_text(HEADER + GOOD, encoding="utf-8")
    return path


def test_a_rule_is_read_as_it_is_written(file: Path) -> None:
    when = datetime.date(2026, 11, 2)
    expected = Rule("uber eats", None, 25.5, "eating out", "Ada", when, "meals, not rides")
    assert read_rules(file) == (expected,)


def test_the_projects_own_file_is_sound() -> None:
    read_rules(ROOT / "rules/merchants.csv")


def test_a_file_as_a_spreadsheet_saves_it_is_read(file: Path) -> None:
    rules = read_rules(file)
    windows = file.read_text(encoding="utf-8").replace("\n", "\r\n")
    file.write_bytes(b"\xef\xbb\xbf" + windows.encode() + b"\r\n")
    assert read_rules(file) == rules


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (",,,x,Ada,2026-11-02,y", "pattern: is empty; write 1 to 256 characters"),
        (f"{'a' * 257},,,x,Ada,2026-11-02,y", "pattern: is longer than 256 characters"),
        (
            "Café 7-Eleven,,,x,Ada,2026-11-02,y",
            "pattern: .* is not normalised; write cafe 7 eleven",
        ),
        ("uber  eats,,,x,Ada,2026-11-02,y", "pattern: .* is not normalised; write uber eats"),
        ("p0d3d89b19,,,x,Ada,2026-11-02,y", "pattern: nothing is left of 'p0d3d89b19'"),
        ("uber,ten,,x,Ada,2026-11-02,y", "price_from: 'ten' is not a number; write one such as"),
        ("uber,,nan,x,Ada,2026-11-02,y", "price_below: 'nan' is not a number"),
        ("uber,1e999,,x,Ada,2026-11-02,y", "price_from: '1e999' must be a finite number"),
        ("uber,5,5,x,Ada,2026-11-02,y", "price_below: 5 is not over price_from, 5"),
        ("uber,,,,Ada,2026-11-02,y", "category: is empty"),
        (f"uber,,,{'x' * 101},Ada,2026-11-02,y", "category: is longer than 100 characters"),
        ("uber,,,x, ,2026-11-02,y", "who: is empty"),
        ("uber,,,x,Ada,2.11.2026,y", "when: '2.11.2026' is not a date; write it as YYYY-MM-DD"),
        ("uber,,,x,Ada,20261102,y", "when: '20261102' is not a date"),
        ("uber,,,x,Ada,2026-02-30,y", "when: '2026-02-30' is not a date"),
        ("uber,,,x,Ada,2026-11-02,", "why: is empty"),
        (f"uber,,,x,Ada,2026-11-02,{'y' * 501}", "why: is longer than 500 characters"),
        ('uber,,,x,Ada,2026-11-02,"y\nz"', "why: holds a line break"),
        ("uber,,,x,Ada,2026-11-02", "the line has 6 fields, and needs 7"),
        ("uber,,,x,Ada,2026-11-02,y,z", "the line has 8 fields, and needs 7"),
        ("\nuber,,,x,Ada,2026-11-02,y", "the line is blank; take it out"),
        ("uber eats,,25.50,x,Ada,2026-11-02,y", "'uber eats' is the pattern of line 2 too"),
        ('uber,,,x,Ada,2026-11-02,"y', r"is not CSV \(unexpected end of data\); mend its quotes"),
    ],
)
def test_a_line_that_is_wrong_is_named_with_what_to_do(file: Path, line: str, message: str) -> None:
    file.write_text(f"{HEADER}{GOOD}{line}\n", encoding="utf-8")
    with pytest.raises(UserError, match=f"merchants.csv, line 3[,:].*{message}"):
        read_rules(file)


@pytest.mark.parametrize("header", ["", "pattern,category\n", HEADER.replace(",", ";")])
def test_another_header_is_refused(file: Path, header: str) -> None:
    file.write_text(header)
    with pytest.raises(UserError, match="line 1: the header must be pattern,price_from,"):
        read_rules(file)


def test_a_file_that_is_missing_or_not_utf_8_says_what_to_do(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.csv is missing; without rules it has the header"):
        read_rules(tmp_path / "none.csv")
    with pytest.raises(UserError, match="cannot be read"):
        read_rules(tmp_path)
    file.write_bytes(file.read_bytes() + "café".encode("latin-1"))
    with pytest.raises(UserError, match="line 3: is not UTF-8; save the file as UTF-8"):
        read_rules(file)


def test_files_and_rules_have_bounds(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_file, "MOST_RULES", 1)
    read_rules(file)
    file.write_text(HEADER + GOOD + GOOD.replace("uber", "ola"))
    with pytest.raises(UserError, match="more than 1 rules"):
        read_rules(file)
    monkeypatch.setattr(rules_file, "MOST_BYTES", 100)
    with pytest.raises(UserError, match="larger than 100 bytes"):
        read_rules(file)


def test_no_file_is_written_that_is_too_large_to_be_read(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()
    monkeypatch.setattr(rules_file, "MOST_BYTES", len(before) + 10)
    with pytest.raises(UserError, match="bytes: take rules out"):
        append_rule(file, replace(read_rules(file)[0], pattern="ola"))
    assert file.read_bytes() == before


def test_one_pattern_may_have_rules_for_several_prices(file: Path) -> None:
    file.write_text(HEADER + GOOD + GOOD.replace(",,25.5", ",25.5,"))
    assert len(read_rules(file)) == 2


def test_a_category_that_is_not_a_class_is_named_with_its_line(file: Path) -> None:
    rules = [made_rule("aldi"), made_rule("uber", "rides")]
    with pytest.raises(UserError, match="line 3, category: 'rides' is not a class of the model"):
        check_categories(rules, ["groceries", "transport"], file)
    check_categories(rules, ["groceries", "rides"], file)


def test_what_is_written_is_read_alike(tmp_path: Path) -> None:
    rules = (
        made_rule("aldi", 'a "quoted", class', -0.1, 1e22),
        made_rule("7 eleven", price_from=10),
    )
    write_rules(tmp_path / "rules.csv", rules)
    assert read_rules(tmp_path / "rules.csv") == rules


@pytest.mark.parametrize(
    ("price", "text"), [(None, ""), (10.0, "10"), (-0.5, "-0.5"), (9.99, "9.99")]
)
def test_prices_are_written_as_people_write_them(price: float | None, text: str) -> None:
    assert price_text(price) == text


def test_a_rule_is_added_at_the_end(file: Path) -> None:
    before = read_rules(file)
    append_rule(file, made_rule("aldi"))
    assert read_rules(file) == (*before, made_rule("aldi"))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (made_rule("Aldi!"), "line 3, pattern: 'Aldi!' is not normalised; write aldi"),
        (replace(made_rule("aldi"), why=""), "line 3, why: is empty"),
        (made_rule("uber eats", price_below=25.5), "is the pattern of line 2 too"),
        (made_rule("aldi", price_from=5, price_below=1), "is not over price_from"),
    ],
)
def test_a_rule_that_would_spoil_the_file_is_refused(file: Path, rule: Rule, message: str) -> None:
    before = file.read_bytes()
    with pytest.raises(UserError, match=message):
        append_rule(file, rule)
    assert file.read_bytes() == before


def test_who_appends_waits_for_who_does_already(file: Path) -> None:
    waiting = threading.Thread(target=append_rule, args=(file, made_rule("aldi")))
    with opened(file.parent) as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
    waiting.join(60)
    assert made_rule("aldi") in read_rules(file)


def append_some(file: Path, name: str) -> None:
    for number in range(5):
        append_rule(file, made_rule(f"{name} {number}"))


def test_who_appends_at_the_same_time_loses_nothing(file: Path) -> None:
    fork = multiprocessing.get_context("fork")
    people = [fork.Process(target=append_some, args=(file, name)) for name in ("ada", "bob", "cy")]
    for person in people:
        person.start()
    for person in people:
        person.join(60)
    assert len(read_rules(file)) == 1 + 3 * 5
