"""What labelled rows say of rules."""

from __future__ import annotations

from rules_helpers.made_rules import made_rule

from categoriser.rules.rule_book import RuleBook
from categoriser.rules.rule_counts import RuleOverlap, count_rules

BOOK = RuleBook(
    [
        made_rule("uber", "transport"),
        made_rule("uber eats", "eating out"),
        made_rule("aldi", "groceries"),
        made_rule("sydney", "travel"),
        made_rule("uber", "transport", 0, 5),
    ]
)
ROWS = [
    ("uber eats", 20.0, "eating out"),
    ("uber eats", 20.0, "transport"),
    ("uber eats", 20.0, "groceries"),
    ("uber eats", 20.0, "groceries"),
    ("uber trip", 20.0, "transport"),
    ("uber trip sydney", 2.0, "transport"),
    ("taxi", 2.0, "transport"),
]
COUNTS = count_rules(
    BOOK,
    [text.split() for text, _, _ in ROWS],
    [price for _, price, _ in ROWS],
    [label for _, _, label in ROWS],
)


def test_rows_are_counted_by_the_rules_that_they_meet_and_that_answer_them() -> None:
    assert [rule.line for rule in COUNTS.rules] == [2, 3, 4, 5, 6]
    assert [rule.met for rule in COUNTS.rules] == [6, 4, 0, 1, 1]
    assert [rule.answered for rule in COUNTS.rules] == [1, 4, 0, 0, 1]


def test_a_rule_that_no_row_meets_is_told() -> None:
    assert [rule.pattern for rule in COUNTS.unmet] == ["aldi"]


def test_labels_that_contradict_a_rule_are_counted_the_commonest_first() -> None:
    [contradicted] = COUNTS.contradicted
    assert contradicted.pattern == "uber eats"
    assert list(contradicted.other_labels.items()) == [("groceries", 2), ("transport", 1)]
    assert contradicted.contradicted == 3


def test_rules_of_different_categories_that_meet_the_same_rows_overlap() -> None:
    pairs = [(pair.pattern, pair.other_pattern, pair.rows) for pair in COUNTS.overlaps]
    assert pairs == [("uber eats", "uber", 4), ("uber", "sydney", 1), ("uber eats", "uber", 0)]
    assert COUNTS.overlaps[0] == RuleOverlap(
        3, "uber eats", "eating out", 2, "uber", "transport", 4
    )


def test_rules_that_could_meet_the_same_text_overlap_without_a_row() -> None:
    apart = made_rule("uber", "tips", None, 5), made_rule("uber eats", "eating out", 5)
    assert count_rules(RuleBook(apart), [], [], []).overlaps == []
    meeting = made_rule("uber", "tips", None, 5), made_rule("uber eats", "eating out", 4)
    [pair] = count_rules(RuleBook(meeting), [], [], []).overlaps
    assert (pair.pattern, pair.other_pattern, pair.rows) == ("uber eats", "uber", 0)


def test_rules_of_one_category_do_not_overlap() -> None:
    book = RuleBook([made_rule("uber"), made_rule("uber eats")])
    assert count_rules(book, [["uber", "eats"]], [1.0], ["groceries"]).overlaps == []
