"""A linear model of scikit-learn's: TF-IDF of words, word pairs and pieces, a logistic regression.

It has averaged weights of a fixed number of passes, and needs no validation rows. It is what the
reports call the reference: the model that a team would have without any effort.
"""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import FeatureUnion

from categoriser.errors import UserError
from categoriser.io.replacing import write_json
from categoriser.model.training_rows import TrainingRows

VOCABULARY_FILE = "vocabulary.json"
WEIGHTS_FILE = "weights.npz"
KNOBS = "params.yaml: train.candidates.linear"

Floats = NDArray[np.float64]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The knobs under `train.candidates.linear` of params.yaml.

    `alpha` is how strongly the weights are drawn to 0, `passes` how often the training rows are
    gone through, `piece` the length of a word's pieces in letters.
    """

    alpha: Annotated[float, msgspec.Meta(gt=0)] = 3e-6
    passes: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    piece: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4


class Vocabulary(msgspec.Struct, frozen=True):
    """The file beside the weights: the classes, and the inputs in the order of their weights."""

    classes: tuple[str, ...]
    piece: int
    words: tuple[str, ...]
    pieces: tuple[str, ...]


class Classifier:
    """One logistic regression a class, each against all others; their answers sum to 1."""

    LIBRARIES: ClassVar[tuple[str, ...]] = ("numpy", "scikit-learn", "scipy")
    SEARCH: ClassVar[dict[str, tuple[Any, ...]]] = {
        "alpha": (1e-6, 3e-6, 1e-5, 3e-5),
        "passes": (5, 10, 20),
        "piece": (3, 4, 5),
    }

    def __init__(
        self,
        classes: tuple[str, ...],
        words: TfidfVectorizer,
        pieces: TfidfVectorizer,
        weights: Floats,
        intercepts: Floats,
    ) -> None:
        self.classes = classes
        # A pair of words is not a token.
        self.tokens = frozenset(name for name in words.vocabulary_ if " " not in name)
        self._words = words
        self._pieces = pieces
        self._inputs = union_of(words, pieces)
        self._weights = weights  # (inputs, classes)
        self._intercepts = intercepts  # (classes,)

    @classmethod
    def fit(cls, rows: TrainingRows, settings: Mapping[str, Any]) -> Self:
        """Train on rows. Raises `UserError` where nothing can be trained from them."""
        try:
            knobs = msgspec.convert(dict(settings), Settings)
        except msgspec.ValidationError as error:
            raise UserError(f"{KNOBS}: {error}") from None
        words = word_vectorizer()
        pieces = piece_vectorizer(knobs.piece)
        try:
            inputs = union_of(words, pieces).fit_transform(rows.lines)
        except ValueError as error:
            raise UserError(
                f"nothing can be trained on these {len(rows.lines)} rows with the settings {KNOBS} "
                f"({error})"
            ) from None
        classes = tuple(sorted(set(rows.labels)))
        if len(classes) == 1:
            return cls(classes, words, pieces, np.zeros((inputs.shape[1], 1)), np.zeros(1))
        linear = SGDClassifier(
            loss="log_loss",
            alpha=knobs.alpha,
            random_state=0,
            max_iter=knobs.passes,
            tol=None,
            average=True,
        ).fit(inputs, rows.labels)
        weights = linear.coef_.T
        intercepts = linear.intercept_
        if len(classes) == 2:
            # scikit-learn keeps those of the second class alone.
            weights = np.hstack([-weights, weights])
            intercepts = np.hstack([-intercepts, intercepts])
        return cls(classes, words, pieces, np.ascontiguousarray(weights), intercepts)

    def predict_proba(self, features: Sequence[str]) -> Floats:
        """Return probabilities, shape (rows, classes), columns as `classes`, each row's sum 1."""
        if not features:
            return np.zeros((0, len(self.classes)))
        scores: Floats = expit(self._inputs.transform(features) @ self._weights + self._intercepts)
        sums = scores.sum(axis=1, keepdims=True)
        # All of them are 0 where each class is as good as excluded.
        scores[sums[:, 0] == 0] = 1
        found: Floats = scores / scores.sum(axis=1, keepdims=True)
        return found

    def save(self, folder: Path) -> None:
        """Write the model into a folder that exists."""
        vocabulary = Vocabulary(
            classes=self.classes,
            piece=self._pieces.ngram_range[0],
            words=names_in_order(self._words),
            pieces=names_in_order(self._pieces),
        )
        write_json(folder / VOCABULARY_FILE, vocabulary)
        np.savez(
            folder / WEIGHTS_FILE,
            weights=self._weights,
            intercepts=self._intercepts,
            words=self._words.idf_,
            pieces=self._pieces.idf_,
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises `UserError` for files that are missing or not whole."""
        try:
            content = (folder / VOCABULARY_FILE).read_bytes()
            vocabulary = msgspec.json.decode(content, type=Vocabulary)
            # Arrays of numbers: nothing that a file could run.
            with np.load(folder / WEIGHTS_FILE, allow_pickle=False) as arrays:
                words = known_inputs(word_vectorizer(), vocabulary.words, arrays["words"])
                pieces = known_inputs(
                    piece_vectorizer(vocabulary.piece), vocabulary.pieces, arrays["pieces"]
                )
                weights = arrays["weights"]
                intercepts = arrays["intercepts"]
            inputs = len(vocabulary.words) + len(vocabulary.pieces)
            if weights.shape != (inputs, len(vocabulary.classes)):
                raise ValueError("its weights are not those of its vocabulary")
        except (OSError, ValueError, LookupError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{folder} does not hold a whole linear model ({error}): is a file missing, or was "
                "the disk full? `dvc repro` makes it anew"
            ) from None
        return cls(vocabulary.classes, words, pieces, weights, intercepts)


def word_vectorizer() -> TfidfVectorizer:
    """Return the inputs that are words and pairs of words, not yet fitted."""
    return TfidfVectorizer(
        token_pattern=r"\S+",  # noqa: S106 (a word)
        ngram_range=(1, 2),
        lowercase=False,
        sublinear_tf=True,
    )


def piece_vectorizer(length: int) -> TfidfVectorizer:
    """Return the inputs that are pieces of words, not yet fitted; a rare piece is not one."""
    return TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(length, length),
        min_df=2,
        lowercase=False,
        sublinear_tf=True,
    )


def union_of(words: TfidfVectorizer, pieces: TfidfVectorizer) -> FeatureUnion:
    """Return both kinds of inputs beside each other."""
    return FeatureUnion([("words", words), ("pieces", pieces)])


def names_in_order(vectorizer: TfidfVectorizer) -> tuple[str, ...]:
    """Return the inputs' names in the order of their columns."""
    return tuple(vectorizer.get_feature_names_out().tolist())


def known_inputs(
    vectorizer: TfidfVectorizer, names: Sequence[str], rarity: Floats
) -> TfidfVectorizer:
    """Give a vectorizer the inputs and the inverse document frequencies that it had."""
    vectorizer.set_params(vocabulary={name: place for place, name in enumerate(names)})
    vectorizer.idf_ = rarity
    return vectorizer
