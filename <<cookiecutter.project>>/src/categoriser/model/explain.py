"""`make explain TEXT=… [PRICE=…]`: the rule that answers, or what leaving each token out changes.

The same by class is for the report. Both are of the model alone: a rule is its own explanation.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from categoriser.contract import Value
from categoriser.errors import UserError
from categoriser.features import TOKENS, normalise
from categoriser.model.package import Categoriser
from categoriser.paths import MODEL
from categoriser.rules.rule import Rule
from categoriser.rules.rule_book import RuleBook

# Lines of each class that `class_tokens` looks at: more change the weights by little.
LINES_OF_A_CLASS = 1000

Tokens = list[tuple[str, float]]


@dataclass(frozen=True)
class Explanation:
    """A line's answer, and by how much its probability changes without each token."""

    category: str
    probability: float
    changes: Tokens  # of the probability without each token, in the line's order


def explain(categoriser: Categoriser, text: str, others: Mapping[str, Value]) -> Explanation:
    """Explain one answer. Each of the other columns that is given counts as one token.

    Raises `UserError` where neither a word of the text nor another column's token is left.
    """
    [words] = normalise([text])
    tokens = words.split()
    for name, make_tokens in TOKENS.items():
        if name in others:
            tokens += make_tokens([others[name]])
    if not tokens:
        raise UserError(f"no word is left of the text {text!r}; give another, or a price")
    return _leave_out(categoriser, [tokens])[0]


def class_tokens(
    categoriser: Categoriser, lines: Sequence[str], top: int = 10
) -> dict[str, Tokens]:
    """Return for each class the tokens that weigh most, with their weights, heaviest first.

    A token's weight is the probability that the class's lines lose without it, on average over up
    to `LINES_OF_A_CLASS` evenly spaced lines of `features` for which the class is predicted. Each
    price token counts by itself. A class that is never predicted has no tokens.
    """
    predicted = categoriser.predict_features(lines).argmax(axis=1)
    heaviest: dict[str, Tokens] = {}
    for number, name in enumerate(categoriser.classes):
        rows = evenly_spaced(np.flatnonzero(predicted == number).tolist(), LINES_OF_A_CLASS)
        weights: defaultdict[str, float] = defaultdict(float)
        for explanation in _leave_out(categoriser, [lines[row].split() for row in rows]):
            for token, change in explanation.changes:
                weights[token] -= change / len(rows)
        ordered = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
        heaviest[name] = [(token, weight) for token, weight in ordered[:top] if weight > 0]
    return heaviest


def evenly_spaced(places: list[int], most: int) -> list[int]:
    """Return at most so many places, each as far from the next; all where there are no more."""
    step = max(1, math.ceil(len(places) / most))
    return places[::step]


def _leave_out(categoriser: Categoriser, lines: Sequence[Sequence[str]]) -> list[Explanation]:
    """Explain the answer to each line, which is given as its tokens."""
    whole = categoriser.predict_features([" ".join(tokens) for tokens in lines])
    left = ([*line[:place], *line[place + 1 :]] for line in lines for place in range(len(line)))
    shorter = iter(categoriser.predict_features([" ".join(tokens) for tokens in left]))
    explanations = []
    for tokens, row in zip(lines, whole, strict=True):
        best = int(row.argmax())
        name = categoriser.classes[best]
        probability = float(row[best])
        changes = [(token, float(next(shorter)[best] - row[best])) for token in tokens]
        explanations.append(Explanation(name, probability, changes))
    return explanations


def answering_rule(rules: RuleBook, text: str, others: Mapping[str, Value]) -> Rule | None:
    """Return the rule that answers a text; without a price, of those for all prices alone."""
    [words] = normalise([text])
    price = others.get("price")
    met = rules.met(words.split(), None if price is None else float(price))
    return met[0] if met else None


def explain_one(text: str, others: Mapping[str, Value]) -> None:
    """Print the rule that answers one text, if there is one, and the explanation of the model's.

    Raises `UserError` as `explain`.
    """
    categoriser = Categoriser.load(MODEL)
    rule = answering_rule(categoriser.rules, text, others)
    if rule:
        print_rule(rule)
    explanation = explain(categoriser, text, others)
    title = f"{explanation.category} {explanation.probability:.3f}"
    if rule:
        title = f"The model alone: {title}"
    table = Table("left out", "change", title=title)
    table.columns[1].justify = "right"
    names = [token for token, _ in explanation.changes]
    given = [name for name in TOKENS if name in others]
    for place, name in enumerate(reversed(given), 1):
        value = others[name]
        written = f"{value:g}" if isinstance(value, float) else value
        names[-place] = f"the {name} ({written})"
    for name, (_, change) in zip(names, explanation.changes, strict=True):
        table.add_row(escape(name), f"{change:+.3f}")
    Console().print(table)


def print_rule(rule: Rule) -> None:
    """Print which words are of which category by a rule, and who decided it, when and why."""
    console = Console(soft_wrap=True, highlight=False)
    said = f"{rule.category}, by the rule {rule.pattern!r}: {rule.why} ({rule.who}, {rule.when})"
    console.print(escape(said))
