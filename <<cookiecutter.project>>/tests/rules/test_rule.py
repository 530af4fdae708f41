"""Which prices a rule is for, and which of two rules goes first."""

from __future__ import annotations

import math

import pytest
from rules_helpers.made_rules import made_rule

from categoriser.rules.rule import precedence


@pytest.mark.parametrize(
    ("low", "high", "price", "expected"),
    [
        (None, None, -3.0, True),
        (None, None, None, True),
        (10.0, None, 10.0, True),
        (10.0, None, math.nextafter(10.0, 0), False),
        (None, 20.0, 20.0, False),
        (None, 20.0, math.nextafter(20.0, 0), True),
        (10.0, 20.0, 15.0, True),
        (None, 0.0, -1.0, True),
        (10.0, None, None, False),
        (None, 20.0, None, False),
    ],
)
def test_a_rule_is_for_prices_from_its_low_end_and_below_its_high_one(
    low: float | None, high: float | None, price: float | None, expected: bool
) -> None:
    assert made_rule("uber", price_from=low, price_below=high).is_for(price) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((None, None), (5.0, 6.0), True),
        ((None, 5.0), (5.0, None), False),
        ((1.0, 5.0), (4.0, 9.0), True),
        ((1.0, 2.0), (3.0, 4.0), False),
    ],
)
def test_rules_share_prices_where_their_ranges_meet(
    one: tuple[float | None, float | None], other: tuple[float | None, float | None], expected: bool
) -> None:
    first = made_rule("uber", price_from=one[0], price_below=one[1])
    second = made_rule("uber", price_from=other[0], price_below=other[1])
    assert first.shares_prices_with(second) is expected
    assert second.shares_prices_with(first) is expected


def test_more_words_go_first_and_then_narrower_prices() -> None:
    in_order = [
        made_rule("uber eats sydney"),
        made_rule("uber eats", price_from=0, price_below=10),
        made_rule("uber eats", price_from=0, price_below=100),
        made_rule("uber eats", price_from=0),
        made_rule("uber eats"),
        made_rule("uber", price_from=1, price_below=2),
    ]
    turned = in_order[::-1]
    assert sorted(turned, key=precedence) == in_order
