"""How tokens are token_in_words."""

from __future__ import annotations

import re

import pytest

from categoriser.contract import transactions
from categoriser.features import features
from categoriser.model.tokens import token_in_words


@pytest.mark.parametrize("price", [0, 0.2, 4.5, 4.95, 4.05, 11.99, -11.99, 1e9])
def test_every_price_token_is_said_as_an_amount_that_holds_the_price(price: float) -> None:
    for token in features(transactions([("", price)]))[0].split():
        words = token_in_words(token)
        assert words != token
        if found := re.fullmatch(r"an amount of ([\d,.]+) (?:to ([\d,.]+)|and over)", words):
            low, high = (float((edge or "inf").replace(",", "")) for edge in found.groups())
            assert low <= abs(price) < high


def test_words_are_said_as_they_are() -> None:
    assert [token_in_words(word) for word in ("aldi", "7", "za", "ww", "é")] == [
        "aldi",
        "7",
        "za",
        "ww",
        "é",
    ]
