"""Who is told how a training goes, while it goes. A leaf, since the server has the classifiers."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Watch(Protocol):
    """What a classifier's `fit` may tell of its training.

    `lines` are lines of `categoriser.features`, training's and validation's, to which the answers
    are asked, and `classes` the training rows' classes in the order of those answers' columns.
    """

    @property
    def lines(self) -> Sequence[str]: ...

    @property
    def classes(self) -> Sequence[str]: ...

    def step(
        self,
        epochs: float,
        *,
        answers: NDArray[np.float64] | None = None,
        train_loss: float | None = None,
        learning_rate: float | None = None,
        seconds: float | None = None,
        settled: bool = True,
    ) -> None:
        """Tell how the training stands when the rows have been gone through `epochs` times.

        `answers` are probabilities, shape (lines, classes), from which losses and accuracies are
        taken; a classifier whose losses are of another kind tells its own `train_loss` instead, in
        nats. At 0 epochs the loss is that of who knows the classes' shares alone. `seconds` are
        those since the first epoch began; without them the clock tells. A loss that is not
        `settled`, such as a mean over a training's first steps, may be large in a sound training:
        it trips a rule only where it is no number. Raises `UserError` where the training is to
        stop.
        """
        ...


def blind_answers(labels: Sequence[str], watch: Watch) -> NDArray[np.float64]:
    """Return the classes' shares among labels as the answer to each of a watch's lines."""
    rows = Counter(labels)
    shares = [rows[name] / len(labels) for name in watch.classes]
    return np.tile(shares, (len(watch.lines), 1))
