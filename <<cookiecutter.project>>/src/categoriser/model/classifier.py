"""What a classifier is to everything else, and how a candidate's is found by its name.

To have another one, write a module in `categoriser/model/classifiers` with a class `Classifier` of
this form, and name the module under `train.candidates` in params.yaml.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from inspect import signature
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from categoriser.diagnostics.watch import Watch
from categoriser.errors import UserError
from categoriser.model import classifiers
from categoriser.model.training_rows import TrainingRows


class Classifier(Protocol):
    """A classifier of lines of `categoriser.features`.

    `LIBRARIES` are the distributions whose versions a model's metadata records, and `SEARCH` the
    values of its knobs that `make tune` tries. `tokens` are those of the training lines that it
    knows.
    """

    LIBRARIES: ClassVar[tuple[str, ...]]
    SEARCH: ClassVar[dict[str, tuple[Any, ...]]]

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def tokens(self) -> frozenset[str]: ...

    @classmethod
    def fit(
        cls, rows: TrainingRows, settings: Mapping[str, Any], watch: Watch | None = None
    ) -> Self:
        """Train on rows: the same rows and settings give the same model, byte for byte.

        It tells the watch, where there is one, how the training goes: `watch.step(epochs, ...)`.
        What is raised there ends the training. A classifier without this argument is not watched.
        Raises `UserError` for settings or rows from which nothing can be trained.
        """
        ...

    def predict_proba(self, features: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities, shape (rows, classes), columns as `classes`, each row's sum 1."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model into a folder that exists. Raises `UserError` where it is not whole."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises `UserError` for a file that is missing, of another kind, or not whole.
        """
        ...


def classifier_of(candidate: str) -> type[Classifier]:
    """Return a candidate's class. Raises `UserError` where no module has its name."""
    known = sorted(module.name for module in iter_modules(classifiers.__path__))
    if candidate not in known:
        raise UserError(
            f"there is no classifier {candidate!r}: src/categoriser/model/classifiers has "
            f"{', '.join(known)} (params.yaml: train.candidates)"
        )
    found: type[Classifier] = import_module(f"{classifiers.__name__}.{candidate}").Classifier
    return found


def fit_watched(
    classifier: type[Classifier], rows: TrainingRows, settings: Mapping[str, Any], watch: Watch
) -> Classifier:
    """Train, watched where the classifier can be. Raises as `Classifier.fit`."""
    if "watch" in signature(classifier.fit).parameters:
        return classifier.fit(rows, settings, watch)
    return classifier.fit(rows, settings)
