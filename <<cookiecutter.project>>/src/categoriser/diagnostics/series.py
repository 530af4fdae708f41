"""The series of a training: data/series.jsonl, a line a step, and data/training.json, its ends.

The lines tell the time, so no two trainings have the same, and DVC does not keep them. What rules
judge is the other document, which is the same whenever the model is.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from categoriser.errors import UserError
from categoriser.io.documents import read_document

MADE_BY = "dvc repro train"
# What a step has beside its figures.
NO_FIGURES = ("epochs", "broken")


class Step(Struct, omit_defaults=True):
    """How a training stands when its rows have been gone through `epochs` times.

    Losses are in nats; what the classifier does not tell is None, and so is what is no number. A
    loss that was told and is no number makes the step `broken`.
    """

    epochs: float
    train_loss: float | None = None
    train_accuracy: float | None = None
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    learning_rate: float | None = None
    examples_per_second: float | None = None
    broken: bool = False

    @property
    def tells_loss(self) -> bool:
        return self.broken or self.train_loss is not None or self.valid_loss is not None

    def figures(self) -> dict[str, float]:
        """Return what is known by name, without the epochs and the clock."""
        names = (field.name for field in msgspec.structs.fields(Step))
        told = {name: getattr(self, name) for name in names if name not in NO_FIGURES}
        return {name: value for name, value in told.items() if value is not None}


class SeriesHead(Struct):
    """The first line: which training it is, of which candidate and how many rows, and when."""

    training: str
    candidate: str
    rows: int
    milliseconds: int  # since 1970


class TimedStep(Step):
    """A further line: a step, and when it was taken."""

    milliseconds: int = 0  # since 1970


class Training(Struct):
    """What rules judge of a training: its first and its last step that told a loss, if any did.

    `exploded` is the first step whose loss was no number, or too large.
    """

    candidate: str
    rows: int
    first: Step | None = None
    last: Step | None = None
    exploded: Step | None = None


class Series(Struct):
    """What is in the file, or in the part of it that is written yet."""

    head: SeriesHead
    steps: list[TimedStep]


def read_training(path: Path) -> Training:
    """Read data/training.json. Raises `UserError` where it is missing or damaged."""
    return read_document(path, Training, MADE_BY)


def read_series(path: Path) -> Series | None:
    """Read data/series.jsonl, which may be growing; None where no training has told anything yet.

    Raises `UserError` for another file.
    """
    lines = list(_whole_lines(path))
    if not lines:
        return None
    try:
        head = msgspec.json.decode(lines[0], type=SeriesHead)
        steps = [msgspec.json.decode(line, type=TimedStep) for line in lines[1:]]
    except msgspec.DecodeError as error:
        raise UserError(f"{path} is damaged ({error}); `{MADE_BY}` makes it anew") from None
    return Series(head, steps)


def belongs(series: Series, training: Training) -> bool:
    """Tell whether a series is a training's: whether its losses end with the same figures."""
    told = [step for step in series.steps if step.tells_loss]
    if not told or training.last is None:
        return False
    ends = [(step.epochs, step.train_loss, step.valid_loss) for step in (told[-1], training.last)]
    return series.head.candidate == training.candidate and ends[0] == ends[1]


def _whole_lines(path: Path) -> Iterator[bytes]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    whole, _, _ = content.rpartition(b"\n")
    yield from whole.splitlines()
