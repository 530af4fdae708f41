"""The trained categoriser as one folder: classifier, temperature, review threshold, metadata.

Everything that asks the model goes through `Categoriser`: evaluation, the server, the commands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from categoriser.errors import UserError
from categoriser.features import VERSION, features
from categoriser.files import digest, read_json, replacing, write_json
from categoriser.model.classifier import Classifier

METADATA = "metadata.json"
CLASSIFIER = "classifier"
MADE_BY = "dvc repro"


class Prediction(msgspec.Struct, frozen=True):
    """One row's answer; `review` says that a person should look at it."""

    category: str
    probability: float
    probabilities: dict[str, float]  # by class, in the classes' order
    review: bool


@dataclass(frozen=True)
class Categoriser:
    """A classifier with calibrated probabilities; `metadata` is what `train` knew about it."""

    classifier: Classifier
    metadata: dict[str, Any]

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

    def predict_proba(self, texts: Sequence[str], prices: Sequence[float]) -> NDArray[np.float64]:
        """Return calibrated probabilities, shape (rows, classes); prices in the currency's units.

        Raises `ValueError` for a price that is not a finite number.
        """
        return self.predict_features(features(texts, prices))

    def predict(self, texts: Sequence[str], prices: Sequence[float]) -> list[Prediction]:
        """Return an answer for each row. Raises as `predict_proba`."""
        classes, threshold = self.classes, self.review_threshold
        probabilities = self.predict_proba(texts, prices)
        ranked = zip(probabilities.argmax(axis=1).tolist(), probabilities.tolist(), strict=True)
        return [
            Prediction(classes[best], row[best], dict(zip(classes, row)), row[best] < threshold)  # noqa: B905  # faster
            for best, row in ranked
        ]

    def save(self, folder: Path) -> None:
        """Write the folder, all or nothing."""
        with replacing(folder) as aside:
            (aside / CLASSIFIER).mkdir(parents=True)
            self.classifier.save(aside / CLASSIFIER)
            write_json(
                aside / METADATA, self.metadata | {"classifier_digest": digest(aside / CLASSIFIER)}
            )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises `UserError` for a folder that is missing or damaged, and for a model of another
        version of `categoriser.features`.
        """
        metadata = read_json(folder / METADATA, MADE_BY)
        try:
            version, expected = metadata["features_version"], metadata["classifier_digest"]
            1 / float(metadata["temperature"]), float(metadata["review_threshold"])
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            fault = f"{folder / METADATA} is not a model's metadata ({error!r})"
            raise UserError(f"{fault}; `{MADE_BY}` makes it anew") from None
        if version != VERSION:
            raise UserError(
                f"{folder} was trained on features of version {version}, but this code makes "
                f"version {VERSION}; `{MADE_BY}` trains it anew"
            )
        classifier = folder / CLASSIFIER
        if not classifier.is_dir() or digest(classifier) != expected:
            raise UserError(
                f"{classifier} is incomplete or changed: its digest is not the one in "
                f"{METADATA}; `{MADE_BY}` makes it anew"
            )
        return cls(Classifier.load(classifier), metadata)


def calibrate(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return softmax(log(p) / T), shape (rows, classes): over 1 the temperature makes it less sure.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2.
    """
    powers: NDArray[np.float64] = probabilities ** (1 / temperature)
    powers /= powers.sum(axis=1, keepdims=True)
    return powers
