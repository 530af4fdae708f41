"""Looking at a fastText model while it trains, from a thread beside it.

fastText tells nothing of a training with one thread (with more, it prints a mean of all losses so
far). But it trains without Python's lock, into matrices that can be read at any time. How far it is
can be seen by how much its threads have read, which Linux tells in /proc. So the answers of the
model as it stands are had at each quarter of an epoch, without a change to the training. They are
those of about that moment, since the training goes on meanwhile. Where epochs are shorter than a
look, which takes some hundredths of a second, they have fewer.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from categoriser.diagnostics.watch import Watch
from categoriser.model.fasttext_inputs import Inputs

# Where Linux tells of this process's threads.
TASKS = Path("/proc/self/task")
# Bytes that C++ reads of a file at once.
BLOCK = 8191
SECONDS_BETWEEN_LOOKS = 0.01
STEPS_AN_EPOCH = 4
MOST_STEPS = 200

Floats = NDArray[np.float64]


class FileProgress:
    """How often fastText has trained on its file, told by the bytes that its threads have read.

    With one thread it trains in the thread that calls it, with more in new ones. At first it goes
    through the file for the words, which is no epoch.
    """

    def __init__(self, path: Path) -> None:
        """Take a file before its training, in the thread that will call fastText."""
        self._size = path.stat().st_size
        self._caller = str(threading.get_native_id())
        self._others = {task.name for task in tasks()} - {self._caller}
        self._counts: dict[str, int] = {}
        # Linux still tells of a thread for a moment after Python has forgotten it.
        self._python: set[str] = set()
        self._before = self._read()

    def epochs(self) -> float:
        """Return how often the file has been read since the words were.

        Before that it is 0 or less; on a system that does not tell, it is always -1.
        """
        read = self._read() - self._before - self._size
        # fastText is still sorting the words until it has read again, a block or the whole
        # file. The thread may have read a little else, such as how much it has read.
        begun = read >= min(BLOCK / 2, self._size / 2)
        return read / self._size if begun else min(read / self._size, 0)

    def _read(self) -> int:
        """Return how many bytes have been read, by threads that have ended too."""
        self._python |= {str(thread.native_id) for thread in threading.enumerate()}
        ignored = self._others | self._python - {self._caller}
        for task in tasks():
            if task.name not in ignored:
                with suppress(OSError):  # it has ended since, or may not be read
                    first, _, _ = (task / "io").read_text().partition("\n")
                    self._counts[task.name] = int(first.removeprefix("rchar:"))
        return sum(count for name, count in self._counts.items() if name not in ignored)


def tasks() -> list[Path]:
    """Return the folders in which Linux tells of this process's threads; none elsewhere."""
    return [*TASKS.iterdir()] if TASKS.is_dir() else []


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
    def beside(self, progress: FileProgress) -> Iterator[None]:
        """Look at each step while the block trains, and at the model that is trained.

        Raises what the watch raised, which has stopped the training.
        """
        done = threading.Event()
        with ThreadPoolExecutor(1) as thread:
            followed = thread.submit(self._follow, progress, done)
            try:
                yield
            finally:
                seconds = time.monotonic() - self._begun
                done.set()
                # Rather than what fastText raises when it is stopped.
                followed.result()
        seen = self._seen or self._prepare()
        self._tell(self._epochs, seconds, seen, self._weights(seen))

    def _follow(self, progress: FileProgress, done: threading.Event) -> None:
        length = max(1 / STEPS_AN_EPOCH, self._epochs / MOST_STEPS)
        due = length
        try:
            while not done.wait(SECONDS_BETWEEN_LOOKS):
                epochs = progress.epochs()
                seconds = time.monotonic() - self._begun
                if epochs <= 0:
                    # Where nothing tells how far it is, it has begun all the same.
                    if epochs > -1:
                        self._begun = time.monotonic()
                elif self._seen is None:
                    self._seen = self._prepare()
                elif due <= epochs < self._epochs:
                    due = (math.floor(epochs / length) + 1) * length
                    weights = self._weights(self._seen)
                    # These may be the finished model's, which is told of by itself.
                    if not done.is_set():
                        self._tell(epochs, seconds, self._seen, weights)
        except BaseException:
            # A weight that is no number ends fastText's training at the next line.
            np.asarray(self._model.f.getOutputMatrix())[:] = np.nan
            raise

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
