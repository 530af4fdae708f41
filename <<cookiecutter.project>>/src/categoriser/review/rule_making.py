"""A rule that is made on the page: the words that it is offered with, and its line in the file."""

import datetime
from collections.abc import Collection, Sequence
from pathlib import Path

from msgspec import Struct

from categoriser.errors import UserError
from categoriser.io.git_commands import person
from categoriser.rules.rule import Rule
from categoriser.rules.rules_file import RuleError, append_rule, read_rules, rule_of_fields


class RuleRequest(Struct, forbid_unknown_fields=True):
    """A rule as a person writes it; a price that is "" is none."""

    pattern: str
    category: str
    why: str
    price_from: str = ""
    price_below: str = ""


def shared_words(key: str, normal: Sequence[str]) -> str:
    """Return the longest run of a key's words that all normalised texts have; "" for none.

    The key is that of the texts, which has no place at its end: a rule is for all places.
    """
    words = key.split()
    for length in range(len(words), 0, -1):
        for start in range(len(words) - length + 1):
            run = " ".join(words[start : start + length])
            if all(f" {run} " in f" {text} " for text in normal):
                return run
    return ""


def make_rule(path: Path, asked: RuleRequest, classes: Collection[str]) -> Rule:
    """Add a rule to the team's file, decided today by Git's person, and return it.

    Raises `UserError`, and leaves the file as it is, where the rule is not one, where the category
    is not a class of the model, where the file has it already, or where nobody is named.
    """
    rule = _read_rule(asked)
    if rule.category not in classes:
        raise UserError("the category is not a class of the model")
    for known in read_rules(path):
        if (known.pattern, known.price_from, known.price_below) == (
            rule.pattern,
            rule.price_from,
            rule.price_below,
        ):
            raise UserError(
                f"{path} has a rule for {rule.pattern!r} with the same prices: {known.category}, "
                f"by {known.who} on {known.when}; change it there, or give other words or prices"
            )
    append_rule(path, rule)
    return rule


def _read_rule(asked: RuleRequest) -> Rule:
    who = person()
    if not who:
        raise UserError(
            "nobody is named as who decides; `git config user.name 'Ann Lee'` says who you are"
        )
    today = datetime.date.today().isoformat()
    fields = (
        asked.pattern,
        asked.price_from,
        asked.price_below,
        asked.category,
        who,
        today,
        asked.why,
    )
    try:
        return rule_of_fields(fields)
    except RuleError as error:
        raise UserError(f"{error.column}: {error.fault}") from None
