"""The trained categoriser as one folder: classifier, temperature, review threshold, metadata.

Everything that asks the model goes through `Categoriser`: evaluation, the server, the commands.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from categoriser.contract import Prediction, Transaction
from categoriser.errors import UserError
from categoriser.features import VERSION, features, is_word, lines_of, normalise
from categoriser.io.digests import digest
from categoriser.io.documents import read_json
from categoriser.io.replacing import replacing, write_json
from categoriser.model.classifier import Classifier

METADATA = "metadata.json"
CLASSIFIER = "classifier"
MADE_BY = "dvc repro"
# Bounds of the temperature: beyond them calibration has nothing to go by.
COLDEST, HOTTEST = 0.05, 20.0
BOUNDS = {"temperature": (COLDEST, HOTTEST), "review_threshold": (0, 1)}


@dataclass(frozen=True)
class Categoriser:
    """A classifier with calibrated probabilities; `metadata` is what `train` knew about it."""

    classifier: Classifier
    metadata: dict[str, Any]
    # Of the training texts, as `normalise` leaves them.
    words: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", frozenset(filter(is_word, self.classifier.tokens)))

    @property
    def classes(self) -> tuple[str, ...]:
        return self.classifier.classes

    @property
    def temperature(self) -> float:
        return float(self.metadata["temperature"])

    @property
    def review_threshold(self) -> float:
        return float(self.metadata["review_threshold"])

    def predict_features(self, lines: Sequence[str]) -> NDArray[np.float64]:
        """Return calibrated probabilities, shape (rows, classes), for lines of `features`."""
        return calibrate(self.classifier.predict_proba(lines), self.temperature)

    def predict_proba(self, rows: Sequence[Transaction]) -> NDArray[np.float64]:
        """Return calibrated probabilities, shape (rows, classes). Raises as `features`."""
        return self.predict_features(features(rows))

    def predict(self, rows: Sequence[Transaction]) -> list[Prediction]:
        """Return an answer for each row. Raises as `features`."""
        classes = self.classes
        threshold = self.review_threshold
        normal = normalise([row.text for row in rows])
        probabilities = self.predict_features(lines_of(normal, rows))
        best = probabilities.argmax(axis=1).tolist()
        answers = []
        table = probabilities.tolist()
        for place, numbers, known in zip(best, table, self.knows(normal), strict=True):
            review = not known or numbers[place] < threshold
            by_class = dict(zip(classes, numbers))  # noqa: B905  # faster
            answers.append(Prediction(classes[place], numbers[place], by_class, review))
        return answers

    def knows(self, lines: Sequence[str]) -> list[bool]:
        """Return whether each line, or normalised text, has a word of the training texts."""
        without_word = self.words.isdisjoint
        return [not without_word(line.split()) for line in lines]

    def save(self, folder: Path) -> None:
        """Write the folder, all or nothing."""
        with replacing(folder) as aside:
            (aside / CLASSIFIER).mkdir(parents=True)
            self.classifier.save(aside / CLASSIFIER)
            facts = {"classes": list(self.classes), "classifier_digest": digest(aside / CLASSIFIER)}
            write_json(aside / METADATA, self.metadata | facts)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises `UserError` for a folder that is missing or damaged, for values that no model has,
        and for a model of another version of `categoriser.features`.
        """
        metadata = read_json(folder / METADATA, MADE_BY)
        if fault := _fault(metadata):
            raise UserError(
                f"{folder / METADATA} is not a model's metadata: {fault}; `{MADE_BY}` makes it anew"
            )
        if metadata["features_version"] != VERSION:
            raise UserError(
                f"{folder} was trained on features of version {metadata['features_version']}, but "
                f"this code makes version {VERSION}; `{MADE_BY}` trains it anew"
            )
        classifier = folder / CLASSIFIER
        if not classifier.is_dir() or digest(classifier) != metadata["classifier_digest"]:
            raise UserError(
                f"{classifier} is incomplete or changed: its digest is not the one in "
                f"{METADATA}; `{MADE_BY}` makes it anew"
            )
        model = cls(Classifier.load(classifier), metadata)
        if metadata["classes"] != list(model.classes):
            raise UserError(
                f"{folder / METADATA} names other classes than the classifier has; "
                f"`{MADE_BY}` makes it anew"
            )
        return model


def _fault(metadata: Any) -> str | None:
    """Return what is wrong with metadata by themselves, if anything is."""
    if not isinstance(metadata, dict):
        return "it is no object"
    needed = ("features_version", "classifier_digest", "classes", *BOUNDS)
    if missing := [name for name in needed if name not in metadata]:
        return f"{missing[0]} is missing"
    for name, (least, most) in BOUNDS.items():
        value = metadata[name]
        # No comparison holds for NaN, which JSON as Python reads it may have.
        if type(value) not in (int, float) or not least <= value <= most:
            return f"{name} is {value!r}, and must be a number from {least} to {most}"
    return None


def calibrate(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return softmax(log(p) / T), shape (rows, classes): over 1 the temperature makes it less sure.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2.
    """
    powers: NDArray[np.float64] = probabilities ** (1 / temperature)
    powers /= powers.sum(axis=1, keepdims=True)
    return powers
