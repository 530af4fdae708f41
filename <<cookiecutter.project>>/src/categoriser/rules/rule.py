"""A rule: the words and prices that it answers, the category, and who decided it."""

import datetime

from msgspec import Struct

# The columns of a rules file, in its order.
RULE_COLUMNS = ("pattern", "price_from", "price_below", "category", "who", "when", "why")


class Rule(Struct, frozen=True):
    """Texts with the words of `pattern`, in a row, are of `category`.

    The pattern is words as `features.normalise` leaves them, with single spaces. Where there are
    prices, it answers from `price_from` on, and below `price_below`. `who`, `when` and `why` are of
    the decision.
    """

    pattern: str
    price_from: float | None
    price_below: float | None
    category: str
    who: str
    when: datetime.date
    why: str

    def is_for(self, price: float | None) -> bool:
        """Return whether the rule answers a price; where that is not known, if it answers all."""
        if price is None:
            return self.price_from is None and self.price_below is None
        from_low = self.price_from is None or self.price_from <= price
        below_high = self.price_below is None or price < self.price_below
        return from_low and below_high

    def shares_prices_with(self, other: "Rule") -> bool:
        """Return whether there is a price that both rules answer."""
        return _begins_below_end(self, other) and _begins_below_end(other, self)


def _begins_below_end(one: Rule, other: Rule) -> bool:
    """Return whether the prices of `one` begin before those of `other` end."""
    return one.price_from is None or other.price_below is None or one.price_from < other.price_below


def precedence(rule: Rule) -> tuple[int, int, float]:
    """Return the key by which rules are sorted: the one that goes before the others comes first.

    More words go before fewer, then a range with two ends before one with one end and that before
    all prices, then a narrower range before a wider one.
    """
    ends = [end for end in (rule.price_from, rule.price_below) if end is not None]
    width = ends[1] - ends[0] if len(ends) == 2 else 0.0
    return -len(rule.pattern.split()), -len(ends), width
