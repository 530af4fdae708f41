"""Rules by their words: which of them a text and its price meet, and which one answers.

Each rule is found by its mark: the word of its pattern that fewest patterns have. So a text costs
what the rules with its own words cost, however many others there are, and a text without any mark
costs one comparison of sets.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence

from categoriser.rules.rule import Rule, precedence


class RuleBook:
    """The rules of a file. Where a text meets several, the first by `precedence` answers.

    Those that are equal by it answer in the order of the file. A text is given as its words, as
    `features.normalise` leaves them; a line of `features` has the same words, and tokens that no
    pattern has.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)  # in the order of the file
        self._ranked = sorted(rules, key=precedence)
        # By mark: the places in `_ranked` of its rules, and their patterns between two spaces.
        self._by_mark: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        patterns_with = Counter(word for rule in rules for word in set(rule.pattern.split()))
        for rank, rule in enumerate(self._ranked):
            # Of words that are as rare, the longest.
            mark = min(rule.pattern.split(), key=lambda word: (patterns_with[word], -len(word)))
            self._by_mark[mark].append((rank, f" {rule.pattern} "))
        self._marks = frozenset(self._by_mark)

    def __bool__(self) -> bool:
        return bool(self.rules)

    def answering(
        self, texts: Sequence[Sequence[str]], prices: Sequence[float]
    ) -> Iterator[tuple[int, Rule]]:
        """Yield the place of each text that meets a rule, and the rule that answers it."""
        marks_among = self._marks.intersection
        for place, words in enumerate(texts):
            marks = marks_among(words)
            if not marks:
                continue
            for rank in self._ranks(words, marks):
                rule = self._ranked[rank]
                if rule.is_for(prices[place]):
                    yield place, rule
                    break

    def met(self, words: Sequence[str], price: float | None) -> list[Rule]:
        """Return all rules that a text and its price meet; the one that answers comes first.

        A price that is not known meets the rules for all prices.
        """
        return [rule for rule in self.with_words(words) if rule.is_for(price)]

    def with_words(self, words: Sequence[str]) -> list[Rule]:
        """Return all rules whose words a text has, by precedence, whatever their prices are."""
        marks = self._marks.intersection(words)
        return [self._ranked[rank] for rank in self._ranks(words, marks)]

    def _ranks(self, words: Sequence[str], marks: Collection[str]) -> list[int]:
        """Return the places in `_ranked` of the rules whose words a text has, in order.

        `marks` are all that the text has.
        """
        text = f" {' '.join(words)} "
        candidates = [found for mark in marks for found in self._by_mark[mark]]
        return sorted([rank for rank, pattern in candidates if pattern in text])


NO_RULES = RuleBook(())
