"""What labelled rows say of rules: which no row meets, which labels contradict, which overlap."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from msgspec import Struct

from categoriser.rules.rule import Rule
from categoriser.rules.rule_book import RuleBook
from categoriser.rules.rules_file import FIRST_RULE_LINE


class RuleCount(Struct, frozen=True):
    """How many rows a rule meets, and how many it answers: another rule may go before it.

    `other_labels` counts the rows that it answers, and that are labelled otherwise, by their label,
    the commonest first. `line` is the rule's in the file.
    """

    line: int
    pattern: str
    price_from: float | None
    price_below: float | None
    category: str
    met: int
    answered: int
    other_labels: dict[str, int]

    @property
    def contradicted(self) -> int:
        """Count the rows that it answers, and that are labelled otherwise."""
        return sum(self.other_labels.values())


class RuleOverlap(Struct, frozen=True):
    """Two rules of different categories that one text can meet, and the rows that meet both.

    The rule of `line` goes before that of `other_line`, which is of `other_category`.
    """

    line: int
    pattern: str
    category: str
    other_line: int
    other_pattern: str
    other_category: str
    rows: int


class RuleCounts(Struct, frozen=True):
    """All rules in the order of the file, and those that overlap, those with most rows first."""

    rules: list[RuleCount]
    overlaps: list[RuleOverlap]

    @property
    def unmet(self) -> list[RuleCount]:
        """The rules that no row meets."""
        return [rule for rule in self.rules if not rule.met]

    @property
    def contradicted(self) -> list[RuleCount]:
        """The rules that labels contradict, those with most such rows first."""
        found = [rule for rule in self.rules if rule.other_labels]
        return sorted(found, key=lambda rule: -rule.contradicted)


def count_rules(
    book: RuleBook, texts: Sequence[Sequence[str]], prices: Sequence[float], labels: Sequence[str]
) -> RuleCounts:
    """Count the rows by the rules that they meet; texts are as `RuleBook` takes them."""
    met: Counter[Rule] = Counter()
    answered: Counter[Rule] = Counter()
    others: defaultdict[Rule, Counter[str]] = defaultdict(Counter)
    overlaps: Counter[tuple[Rule, Rule]] = Counter()
    for place, answering in book.answering(texts, prices):
        found = book.met(texts[place], prices[place])
        met.update(found)
        answered[answering] += 1
        if labels[place] != answering.category:
            others[answering][labels[place]] += 1
        overlaps.update(
            (answering, rule) for rule in found[1:] if rule.category != answering.category
        )
    for pair in possible_overlaps(book):
        overlaps.setdefault(pair, 0)
    line_of = {rule: line for line, rule in enumerate(book.rules, FIRST_RULE_LINE)}
    counts = [
        RuleCount(
            line=line,
            pattern=rule.pattern,
            price_from=rule.price_from,
            price_below=rule.price_below,
            category=rule.category,
            met=met[rule],
            answered=answered[rule],
            other_labels=dict(others[rule].most_common()),
        )
        for rule, line in line_of.items()
    ]
    shown = [
        RuleOverlap(
            line=line_of[first],
            pattern=first.pattern,
            category=first.category,
            other_line=line_of[other],
            other_pattern=other.pattern,
            other_category=other.category,
            rows=rows,
        )
        for (first, other), rows in overlaps.items()
    ]
    shown.sort(key=lambda pair: (-pair.rows, pair.line, pair.other_line))
    return RuleCounts(counts, shown)


def possible_overlaps(book: RuleBook) -> list[tuple[Rule, Rule]]:
    """Return rules of other categories whose words a rule has, and whose prices it shares."""
    found = []
    for rule in book.rules:
        ranked = book.with_words(rule.pattern.split())
        for other in ranked[ranked.index(rule) + 1 :]:
            if other.category != rule.category and rule.shares_prices_with(other):
                found.append((rule, other))
    return found
