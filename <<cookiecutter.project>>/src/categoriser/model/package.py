"""The trained categoriser as one folder: classifier, calibration, threshold, metadata, rules.

Everything that asks the model goes through `Categoriser`: evaluation, the server, the commands. So
do the rules: what they answer, the model is not asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from categoriser.contract import PROBABILITY_DECIMALS, Prediction, Transaction
from categoriser.errors import UserError
from categoriser.features import VERSION, features, is_word, words_of
from categoriser.io.digests import digest
from categoriser.io.documents import MADE_BY_PIPELINE
from categoriser.io.replacing import replacing, write_json
from categoriser.model.calibration import Calibration, novelty_of
from categoriser.model.classifier import Classifier, classifier_of
from categoriser.model.metadata import METADATA_FILE, Metadata, read_metadata
from categoriser.paths import RULES
from categoriser.rules.rule_book import NO_RULES, RuleBook
from categoriser.rules.rules_file import check_categories, read_rules, write_rules

CLASSIFIER_FOLDER = "classifier"
# Not there without rules.
RULES_FILE = "rules.csv"


@dataclass(frozen=True)
class Categoriser:
    """A classifier with calibrated probabilities; `metadata` is what `train` knew about it."""

    classifier: Classifier
    metadata: Metadata
    rules: RuleBook = NO_RULES
    # The words of the training texts, as `normalise` leaves them.
    words: frozenset[str] = field(init=False, repr=False, compare=False)
    # The answers of rules, by their category.
    rule_answers: dict[str, Prediction] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", frozenset(filter(is_word, self.classifier.tokens)))
        answers = {rule.category: self._rule_answer(rule.category) for rule in self.rules.rules}
        object.__setattr__(self, "rule_answers", answers)

    def _rule_answer(self, category: str) -> Prediction:
        probabilities = {name: float(name == category) for name in self.classes}
        return Prediction(category, 1.0, probabilities, review=False, source="rule")

    @property
    def classes(self) -> tuple[str, ...]:
        return self.classifier.classes

    @property
    def calibration(self) -> Calibration:
        return self.metadata.calibration

    @property
    def review_threshold(self) -> float:
        return self.metadata.review_threshold

    def predict_features(self, lines: Sequence[str]) -> NDArray[np.float64]:
        """Return the model's calibrated probabilities, shape (rows, classes).

        They are for lines of `features`; no rule goes before them.
        """
        return self._probabilities(lines, words_of(lines))

    def _probabilities(
        self, lines: Sequence[str], words: Sequence[Sequence[str]]
    ) -> NDArray[np.float64]:
        """Return the same, where the words of the lines are known."""
        probabilities = self.classifier.predict_proba(lines)
        novelty = novelty_of(words, self.classifier.tokens)
        # As CSV carries them: many answers are as sure as can be, and of those the last bits would
        # tell captures from the baseline.
        return self.calibration.calibrate(probabilities, novelty).round(PROBABILITY_DECIMALS)

    def predict_proba(self, rows: Sequence[Transaction]) -> NDArray[np.float64]:
        """Return the same as `predict_features`, for rows. Raises as `features`."""
        return self.predict_features(features(rows))

    def answer_features(self, lines: Sequence[str], prices: Sequence[float]) -> NDArray[np.float64]:
        """Return what `predict` answers, shape (rows, classes), for lines of `features`."""
        table = self.predict_features(lines)
        for place, rule in self.rules.answering(words_of(lines), prices):
            table[place] = 0
            table[place, self.classes.index(rule.category)] = 1
        return table

    def predict(self, rows: Sequence[Transaction]) -> list[Prediction]:
        """Return an answer for each row: a rule's, or else the model's. Raises as `features`."""
        lines = features(rows)
        words = words_of(lines)
        ruled = {}
        if self.rules:
            prices = [row.price for row in rows]
            for place, rule in self.rules.answering(words, prices):
                ruled[place] = self.rule_answers[rule.category]
        if not ruled:
            return self._ask_model(lines, words)
        left = [place for place in range(len(rows)) if place not in ruled]
        answers = iter(
            self._ask_model([lines[place] for place in left], [words[place] for place in left])
        )
        return [ruled[place] if place in ruled else next(answers) for place in range(len(rows))]

    def _ask_model(self, lines: Sequence[str], words: Sequence[Sequence[str]]) -> list[Prediction]:
        """Return the model's answers to lines of `features`, whose words are given."""
        classes = self.classes
        threshold = self.review_threshold
        probabilities = self._probabilities(lines, words)
        best = probabilities.argmax(axis=1).tolist()
        answers = []
        table = probabilities.tolist()
        for place, numbers, known in zip(best, table, self.knows(words), strict=True):
            review = not known or numbers[place] < threshold
            by_class = dict(zip(classes, numbers))  # noqa: B905  # faster
            answers.append(Prediction(classes[place], numbers[place], by_class, review))
        return answers

    def knows(self, texts: Sequence[Sequence[str]]) -> list[bool]:
        """Return whether each text, given as its words, has a word of the training texts."""
        without_word = self.words.isdisjoint
        return [not without_word(words) for words in texts]

    def save(self, folder: Path) -> None:
        """Write the folder, all or nothing."""
        with replacing(folder) as aside:
            classifier = aside / CLASSIFIER_FOLDER
            classifier.mkdir(parents=True)
            self.classifier.save(classifier)
            rules_digest = ""
            if self.rules:
                write_rules(aside / RULES_FILE, self.rules.rules)
                rules_digest = digest(aside / RULES_FILE)
            metadata = replace(
                self.metadata,
                classes=list(self.classes),
                classifier_digest=digest(classifier),
                rules_digest=rules_digest,
            )
            write_json(aside / METADATA_FILE, metadata)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises `UserError` for a folder that is missing or damaged, for values that no model has,
        and for a model of another version of `categoriser.features`.
        """
        metadata = read_metadata(folder)
        if metadata.features_version != VERSION:
            raise UserError(
                f"{folder} was trained on features of version {metadata.features_version}, but "
                f"this code makes version {VERSION}; `{MADE_BY_PIPELINE}` trains it anew"
            )
        classifier = folder / CLASSIFIER_FOLDER
        if not classifier.is_dir() or digest(classifier) != metadata.classifier_digest:
            raise UserError(
                f"{classifier} is incomplete or changed: its digest is not the one in "
                f"{METADATA_FILE}; `{MADE_BY_PIPELINE}` makes it anew"
            )
        loaded = classifier_of(metadata.candidate).load(classifier)
        model = cls(loaded, metadata, load_rules(folder, metadata))
        if metadata.classes != list(model.classes):
            raise UserError(
                f"{folder / METADATA_FILE} names other classes than the classifier has; "
                f"`{MADE_BY_PIPELINE}` makes it anew"
            )
        return model


def load_rules(folder: Path, metadata: Metadata) -> RuleBook:
    """Read the rules of a model's folder. Raises `UserError` as `Categoriser.load`."""
    path = folder / RULES_FILE
    found = digest(path) if path.exists() else ""
    if found != metadata.rules_digest:
        raise UserError(
            f"{path} is missing or changed: its digest is not the one in {METADATA_FILE}; edit "
            f"{RULES} instead, and `{MADE_BY_PIPELINE}` makes it anew"
        )
    if not found:
        return NO_RULES
    rules = read_rules(path)
    check_categories(rules, metadata.classes, path)
    return RuleBook(rules)
