"""Rules by their words: which of them a text and its price meet, and which one answers.

A text's words are looked up, one by one and joined, among the patterns' words. So a text costs the
same however many rules there are, and a text without the first word of any pattern costs one
comparison of sets.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from categoriser.rules.rule import Rule, precedence


class RuleBook:
    """The rules of a file. Where a text meets several, the first by `precedence` answers.

    Those that are equal by it answer in the order of the file. Texts are as `features.normalise`
    leaves them; lines of `features` have the same words, and tokens that no pattern has.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)  # in the order of the file
        self._ranked = sorted(rules, key=precedence)
        # By pattern: the places in `_ranked` of its rules.
        self._ranks: dict[str, list[int]] = {}
        lengths: defaultdict[str, set[int]] = defaultdict(set)
        for rank, rule in enumerate(self._ranked):
            words = rule.pattern.split()
            self._ranks.setdefault(rule.pattern, []).append(rank)
            lengths[words[0]].add(len(words))
        # By first word: how many words the patterns have.
        self._lengths = {word: tuple(sorted(found)) for word, found in lengths.items()}
        self._lacks_first_words = frozenset(self._lengths).isdisjoint

    def __bool__(self) -> bool:
        return bool(self.rules)

    def answering(
        self, texts: Sequence[str], prices: Sequence[float]
    ) -> Iterator[tuple[int, Rule]]:
        """Yield the place of each text that meets a rule, and the rule that answers it."""
        lacks_first_words = self._lacks_first_words
        for place, text in enumerate(texts):
            words = text.split()
            if lacks_first_words(words):
                continue
            # Most texts meet no more than one rule.
            for rank in sorted(self._ranks_of(words)):
                rule = self._ranked[rank]
                if rule.is_for(prices[place]):
                    yield place, rule
                    break

    def met(self, words: Sequence[str], price: float | None) -> list[Rule]:
        """Return all rules that a text's words and price meet; the one that answers comes first.

        A price that is not known meets the rules for all prices.
        """
        return [rule for rule in self.with_words(words) if rule.is_for(price)]

    def with_words(self, words: Sequence[str]) -> list[Rule]:
        """Return all rules whose words a text has, by precedence, whatever their prices are."""
        return [self._ranked[rank] for rank in sorted(self._ranks_of(words))]

    def _ranks_of(self, words: Sequence[str]) -> set[int]:
        """Return the places in `_ranked` of the rules whose words a text has."""
        found = set[int]()
        lengths = self._lengths
        for start, word in enumerate(words):
            if word not in lengths:
                continue
            for length in lengths[word]:
                pattern = word if length == 1 else " ".join(words[start : start + length])
                ranks = self._ranks.get(pattern)
                if ranks:
                    found.update(ranks)
        return found


NO_RULES = RuleBook(())
