"""Which rule answers a text: looked up by words, against a search through all rules."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import settings as checks
from hypothesis import strategies as st
from rules_helpers.made_rules import made_rule

from categoriser.contract import transactions
from categoriser.features import features, normalise
from categoriser.rules.rule import Rule, precedence
from categoriser.rules.rule_book import NO_RULES, RuleBook

WORDS = st.sampled_from(["a", "b", "c", "ab", "7"])
ENDS = st.sampled_from([None, 0.0, 5.0, 10.0])
RULES = st.builds(
    lambda words, ends: made_rule(" ".join(words), "x", *ends),
    st.lists(WORDS, min_size=1, max_size=3),
    st.tuples(ENDS, ENDS).filter(
        lambda ends: ends[0] is None or ends[1] is None or ends[0] < ends[1]
    ),
)


def searched(rules: Sequence[Rule], text: str, price: float) -> list[Rule]:
    """Find the rules that a text meets as plainly as one can."""
    met = [rule for rule in rules if f" {rule.pattern} " in f" {text} " and rule.is_for(price)]
    return sorted(met, key=precedence)


@given(
    st.lists(RULES, max_size=8, unique_by=lambda rule: rule),
    st.lists(WORDS, max_size=6).map(" ".join),
    st.sampled_from([-1.0, 0.0, 4.99, 5.0, 12.0]),
)
@checks(deadline=None)
def test_rules_that_are_looked_up_are_those_that_a_search_finds(
    rules: list[Rule], text: str, price: float
) -> None:
    book = RuleBook(rules)
    expected = searched(rules, text, price)
    assert book.met(text.split(), price) == expected
    answering = [(0, expected[0])] if expected else []
    assert list(book.answering([text.split()], [price])) == answering


@pytest.mark.parametrize(
    ("text", "price", "category"),
    [
        ("UBER *EATS help.uber.com", 30, "eating out"),
        ("uber trip sydney", 30, "transport"),
        ("uber trip sydney", 3, "tips"),
        ("uber trip sydney", -3, "transport"),
        ("superuber", 3, None),
        ("eats uber", -3, "transport"),
        ("", 3, None),
    ],
)
def test_the_longest_pattern_answers_and_then_the_narrowest_prices(
    text: str, price: float, category: str | None
) -> None:
    book = RuleBook(
        [
            made_rule("uber", "transport"),
            made_rule("uber", "tips", 0, 5),
            made_rule("uber eats", "eating out"),
        ]
    )
    [words] = normalise([text])
    answered = [rule.category for _, rule in book.answering([words.split()], [price])]
    assert answered == ([category] if category else [])


def test_a_word_is_met_as_a_whole() -> None:
    book = RuleBook([made_rule("big w")])
    for text in ("big woolworths", "a big wbig", "w big"):
        assert book.met(text.split(), 1.0) == []
    assert book.met(["the", "big", "w"], 1.0) == list(book.rules)


def test_of_two_that_are_equal_the_first_in_the_file_answers() -> None:
    one = made_rule("uber", "transport")
    other = made_rule("sydney", "travel")
    for rules in ([one, other], [other, one]):
        [(_, answering)] = RuleBook(rules).answering([["uber", "sydney"]], [1.0])
        assert answering == rules[0]


def test_a_line_of_features_meets_what_its_text_meets() -> None:
    book = RuleBook([made_rule("sydney au")])
    lines = features(transactions([("Spotify Sydney AU", 11.99), ("sydney", 1.0)]))
    assert [
        place for place, _ in book.answering([line.split() for line in lines], [11.99, 1.0])
    ] == [0]


def test_a_price_that_is_not_known_meets_the_rules_for_all_prices() -> None:
    book = RuleBook([made_rule("uber", "tips", 0, 5), made_rule("uber", "transport")])
    assert [rule.category for rule in book.met(["uber"], None)] == ["transport"]


def test_no_rules_answer_nothing() -> None:
    assert not NO_RULES
    assert list(NO_RULES.answering([["uber"], []], [1.0, 2.0])) == []
