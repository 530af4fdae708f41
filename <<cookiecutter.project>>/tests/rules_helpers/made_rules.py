"""Rules with a decision that no test looks at."""

from __future__ import annotations

import datetime

from categoriser.rules.rule import Rule

WHEN = datetime.date(2026, 11, 2)


def made_rule(
    pattern: str,
    category: str = "groceries",
    price_from: float | None = None,
    price_below: float | None = None,
) -> Rule:
    return Rule(pattern, price_from, price_below, category, "Ada", WHEN, "we say so")
