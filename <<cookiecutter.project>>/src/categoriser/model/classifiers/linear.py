"""A linear model of scikit-learn's: TF-IDF of words, word pairs and pieces, a logistic regression.

It has averaged weights of a fixed number of passes, and needs no validation rows. It is what the
reports call the reference: the model that a team would have without any effort.
"""

import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from categoriser.diagnostics.watch import Watch, blind_answers
from categoriser.errors import UserError
from categoriser.io.replacing import write_json
from categoriser.model.linear_inputs import LinearInputs
from categoriser.model.training_rows import TrainingRows

VOCABULARY_FILE = "vocabulary.json"
WEIGHTS_FILE = "weights.npz"
KNOBS = "params.yaml: train.candidates.linear"
LINES_AT_ONCE = 1024  # lines whose inputs are in memory at once

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
        self, classes: tuple[str, ...], inputs: LinearInputs, weights: Floats, intercepts: Floats
    ) -> None:
        self.classes = classes
        # A pair of words is not a token.
        self.tokens = frozenset(name for name in inputs.words if " " not in name)
        self._inputs = inputs
        self._weights = weights  # (inputs, classes)
        self._intercepts = intercepts  # (classes,)

    @classmethod
    def fit(
        cls, rows: TrainingRows, settings: Mapping[str, Any], watch: Watch | None = None
    ) -> Self:
        """Train on rows. Raises `UserError` where nothing can be trained from them.

        The watch is told of the passes when they are over, since a class is fitted after another.
        """
        try:
            knobs = msgspec.convert(dict(settings), Settings)
        except msgspec.ValidationError as error:
            raise UserError(f"{KNOBS}: {error}") from None
        # Here, since what only loads a model does without.
        from categoriser.model.linear_fit import fit_inputs, fit_weights

        classes = tuple(sorted(set(rows.labels)))
        try:
            inputs, table = fit_inputs(rows.lines, knobs.piece)
        except ValueError as error:
            raise UserError(
                f"nothing can be trained on these {len(rows.lines)} rows with the settings {KNOBS} "
                f"({error})"
            ) from None
        if len(classes) == 1:
            return cls(classes, inputs, np.zeros((len(inputs.rarity), 1)), np.zeros(1))
        begun = time.monotonic()
        fitted = fit_weights(table, rows.labels, knobs.alpha, knobs.passes)
        model = cls(classes, inputs, fitted.weights, fitted.intercepts)
        if watch:
            model._tell(watch, rows, knobs, fitted.pass_losses, time.monotonic() - begun)
        return model

    def _tell(
        self,
        watch: Watch,
        rows: TrainingRows,
        knobs: Settings,
        pass_losses: Floats,
        seconds: float,
    ) -> None:
        """Tell of all passes, which took so many seconds; only of the last there are answers."""
        from categoriser.model.linear_fit import blind_loss, learning_rate

        count = len(rows.lines)
        blind = blind_answers(rows.labels, watch)
        watch.step(0, answers=blind, train_loss=blind_loss(rows.labels), seconds=0)
        for number, loss in enumerate(pass_losses, start=1):
            watch.step(
                number,
                answers=self.predict_proba(watch.lines) if number == knobs.passes else None,
                train_loss=float(loss),
                learning_rate=learning_rate(knobs.alpha, number * count),
                seconds=seconds * number / knobs.passes,
                # The first pass's mean holds the first steps, which are wild in a sound training
                # of few rows. The next passes still mend what they did.
                settled=1 < number == knobs.passes,
            )

    def predict_proba(self, features: Sequence[str]) -> Floats:
        """Return probabilities, shape (rows, classes), columns as `classes`, each row's sum 1."""
        shares = np.zeros((len(features), len(self.classes)))
        for start in range(0, len(features), LINES_AT_ONCE):
            part = features[start : start + LINES_AT_ONCE]
            scores = self._inputs.scores(part, self._weights) + self._intercepts
            # The logistic function of the scores.
            shares[start : start + LINES_AT_ONCE] = np.exp(-np.logaddexp(0, -scores))
        sums = shares.sum(axis=1, keepdims=True)
        # All of them are 0 where each class is as good as excluded.
        shares[sums[:, 0] == 0] = 1
        found: Floats = shares / shares.sum(axis=1, keepdims=True)
        return found

    def save(self, folder: Path) -> None:
        """Write the model into a folder that exists."""
        vocabulary = Vocabulary(
            classes=self.classes,
            piece=self._inputs.length,
            words=self._inputs.words,
            pieces=self._inputs.pieces,
        )
        write_json(folder / VOCABULARY_FILE, vocabulary)
        np.savez(
            folder / WEIGHTS_FILE,
            weights=self._weights,
            intercepts=self._intercepts,
            rarity=self._inputs.rarity,
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises `UserError` for files that are missing or not whole."""
        try:
            content = (folder / VOCABULARY_FILE).read_bytes()
            vocabulary = msgspec.json.decode(content, type=Vocabulary)
            # Arrays of numbers: nothing that a file could run.
            with np.load(folder / WEIGHTS_FILE, allow_pickle=False) as arrays:
                weights = arrays["weights"]
                intercepts = arrays["intercepts"]
                rarity = arrays["rarity"]
            count = len(vocabulary.words) + len(vocabulary.pieces)
            if weights.shape != (count, len(vocabulary.classes)) or rarity.shape != (count,):
                raise ValueError("its weights are not those of its vocabulary")
        except (OSError, ValueError, LookupError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{folder} does not hold a whole linear model ({error}): is a file missing, or was "
                "the disk full? `dvc repro` makes it anew"
            ) from None
        inputs = LinearInputs(vocabulary.words, vocabulary.pieces, vocabulary.piece, rarity)
        return cls(vocabulary.classes, inputs, weights, intercepts)
