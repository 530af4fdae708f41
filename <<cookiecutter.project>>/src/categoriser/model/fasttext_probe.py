"""Looking at a fastText model while it trains, from a thread beside it.

fastText tells nothing of a training with one thread (with more, it prints a mean of all losses so
far). But it trains without Python's lock, into matrices that can be read at any time, and how far
it is can be seen by how far it has read its file, which Linux tells in /proc. So the answers of the
model as it stands are had at each quarter of an epoch, without a change to the training. They are
those of about that moment, since the training goes on meanwhile.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from categoriser.diagnostics.watch import Watch
from categoriser.model.fasttext_inputs import Inputs

# Where Linux tells of the files that this process has open.
OPEN_FILES = Path("/proc/self/fd")
POSITIONS = Path("/proc/self/fdinfo")
SECONDS_BETWEEN_LOOKS = 0.01
STEPS_AN_EPOCH = 4
MOST_STEPS = 200

Floats = NDArray[np.float64]


class FileProgress:
    """How often a file has been read through, by all who have it open in this process."""

    def __init__(self, path: Path) -> None:
        self._path = str(path.resolve())
        self._size = path.stat().st_size
        self._positions: dict[str, int] = {}
        self._read = 0

    def times(self) -> float:
        """Look again; a reader is looked at oftener than it goes through the file."""
        found = dict(self._look())
        for reader, position in found.items():
            # At its end a reader goes back to the file's start.
            self._read += (position - self._positions.get(reader, position)) % self._size
        self._positions = found
        return self._read / self._size

    def _look(self) -> Iterator[tuple[str, int]]:
        for link in OPEN_FILES.iterdir() if OPEN_FILES.is_dir() else ():
            try:
                if str(link.readlink()) == self._path:
                    first, _, _ = (POSITIONS / link.name).read_text().partition("\n")
                    yield link.name, int(first.removeprefix("pos:"))
            except OSError:
                continue  # closed since


class Seen(NamedTuple):
    """Lines as the model sees them: the inputs that they have, and the shares of each in a line.

    `shares` has the shape (lines, inputs). `classes` are the places of the sorted classes.
    """

    inputs: NDArray[np.int32]
    shares: sp.csr_array
    classes: list[int]


class Weights(NamedTuple):
    """Weights at one moment: shape (inputs, dim), and (classes, dim)."""

    inputs: Floats
    output: Floats


class Probe:
    """What a watch wants to know of a model that trains."""

    def __init__(
        self,
        model: Any,
        classes_of: Callable[[Any], list[str]],
        lr: float,
        epochs: int,
        watch: Watch,
    ) -> None:
        """Take a model before its training; then `classes_of` gives its classes in its order."""
        self._model = model
        self._classes_of = classes_of
        self._lr = lr
        self._epochs = epochs
        self._watch = watch
        self._begun = time.monotonic()
        self._seen: Seen | None = None

    @contextmanager
    def beside(self, lines: Path) -> Iterator[None]:
        """Look at each step while the block trains on a file of lines.

        Raises what the watch raised, which has stopped the training.
        """
        done = threading.Event()
        with ThreadPoolExecutor(1) as thread:
            followed = thread.submit(self._follow, FileProgress(lines), done)
            try:
                yield
            finally:
                done.set()
                # Rather than what fastText raises when it is stopped.
                followed.result()

    def _follow(self, progress: FileProgress, done: threading.Event) -> None:
        length = max(1 / STEPS_AN_EPOCH, self._epochs / MOST_STEPS)
        due = length
        try:
            while not done.wait(SECONDS_BETWEEN_LOOKS):
                # The first time through it, fastText takes the words.
                epochs = progress.times() - 1
                if epochs <= 0:
                    self._begun = time.monotonic()
                elif self._seen is None:
                    self._seen = self._prepare()
                elif epochs >= due:
                    due = (math.floor(epochs / length) + 1) * length
                    seconds = time.monotonic() - self._begun
                    weights = self._weights(self._seen)
                    # These may be the finished model's, which is told of by itself.
                    if not done.is_set():
                        self._tell(epochs, seconds, self._seen, weights)
        except BaseException:
            # A weight that is no number ends fastText's training at the next line.
            np.asarray(self._model.f.getOutputMatrix())[:] = np.nan
            raise

    def look(self) -> None:
        """Tell the watch how the trained model stands. Raises as `Watch.step`."""
        seconds = time.monotonic() - self._begun
        seen = self._seen or self._prepare()
        self._tell(self._epochs, seconds, seen, self._weights(seen))

    def _prepare(self) -> Seen:
        """Return what the watch's lines are to the model, whose words are known by now."""
        shares = Inputs(self._model).shares(self._watch.lines)
        inputs = np.unique(shares.indices)
        labels = self._classes_of(self._model)
        classes = sorted(range(len(labels)), key=labels.__getitem__)
        return Seen(inputs, sp.csr_array(shares[:, inputs]), classes)

    def _weights(self, seen: Seen) -> Weights:
        """Copy those of the model's weights that answer the lines."""
        inputs = np.asarray(self._model.f.getInputMatrix())[seen.inputs]
        output = np.asarray(self._model.f.getOutputMatrix())[seen.classes]
        return Weights(inputs.astype(np.float64), output.astype(np.float64))

    def _tell(self, epochs: float, seconds: float, seen: Seen, weights: Weights) -> None:
        # Not `@` of the two arrays: BLAS adds in an order that depends on its threads.
        scores = np.einsum("rd,cd->rc", seen.shares @ weights.inputs, weights.output)
        powers: Floats = np.exp(scores - scores.max(axis=1, keepdims=True))
        self._watch.step(
            epochs,
            answers=powers / powers.sum(axis=1, keepdims=True),
            # As fastText lowers it: evenly, to 0 at the end.
            learning_rate=self._lr * max(1 - epochs / self._epochs, 0),
            seconds=seconds,
        )
