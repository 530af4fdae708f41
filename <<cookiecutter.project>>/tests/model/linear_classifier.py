"""Another classifier, of scikit-learn's: what to write to have one's own."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from categoriser.model.training_rows import TrainingRows

FILE = "linear.pickle"


class Classifier:
    LIBRARIES: ClassVar[tuple[str, ...]] = ("scikit-learn", "numpy")
    SEARCH: ClassVar[dict[str, tuple[Any, ...]]] = {"C": (1, 10)}

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self.classes = tuple(map(str, pipeline.classes_))
        self.tokens = frozenset(pipeline[0].vocabulary_)

    @classmethod
    def fit(cls, rows: TrainingRows, settings: Mapping[str, Any]) -> Self:
        words = TfidfVectorizer(token_pattern=r"\S+", lowercase=False)
        linear = LogisticRegression(C=settings.get("C", 10))
        return cls(make_pipeline(words, linear).fit(rows.lines, rows.labels))

    def predict_proba(self, features: Sequence[str]) -> NDArray[np.float64]:
        if not features:
            return np.empty((0, len(self.classes)))
        probabilities: NDArray[np.float64] = self._pipeline.predict_proba(features)
        return probabilities

    def save(self, folder: Path) -> None:
        (folder / FILE).write_bytes(pickle.dumps(self._pipeline))

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(pickle.loads((folder / FILE).read_bytes()))
