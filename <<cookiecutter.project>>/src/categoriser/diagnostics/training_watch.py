"""The watch of the stage `train`: it writes the series, logs it, and stops what explodes."""

import logging
import math
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import json, structs
from numpy.typing import NDArray

from categoriser.diagnostics.rules import exploded
from categoriser.diagnostics.series import SeriesHead, Step, TimedStep, Training
from categoriser.errors import UserError
from categoriser.io.replacing import write_text
from categoriser.params import DiagnosticsRule

log = logging.getLogger(__name__)

# Rows of each part that are answered at a step.
SAMPLE_ROWS = 1000
# A probability of 0 costs so much, not infinitely much.
LEAST_PROBABILITY = 1e-15
DECIMALS = 6

Floats = NDArray[np.float64]


class Sample:
    """Rows of a part, evenly spaced, in which steps are measured; and their true classes."""

    def __init__(self, lines: Sequence[str], labels: Sequence[str], classes: Sequence[str]) -> None:
        place = {name: number for number, name in enumerate(classes)}
        known = [number for number, label in enumerate(labels) if label in place]
        spacing = math.ceil(len(known) / SAMPLE_ROWS) or 1
        self.lines = [lines[number] for number in known[::spacing]]
        self.truth = np.array([place[labels[number]] for number in known[::spacing]], dtype=int)

    def measure(self, answers: Floats) -> tuple[float | None, float | None]:
        """Return mean loss and accuracy of answers, shape (lines, classes).

        Both are None without lines, and where answers are no numbers.
        """
        if not self.lines or not np.isfinite(answers).all():
            return None, None
        truth = answers[np.arange(len(self.truth)), self.truth]
        right = answers.argmax(axis=1) == self.truth
        losses = -np.log(np.maximum(truth, LEAST_PROBABILITY))
        return round(float(losses.mean()), DECIMALS), round(float(right.mean()), DECIMALS)


class TrainingWatch:
    """A `Watch` that writes the series to a file; after the training it has its `training`."""

    def __init__(self, series: Path, candidate: str, exploding: DiagnosticsRule) -> None:
        self._series = series
        self._candidate = candidate
        self._exploding = exploding

    def begin(
        self, train: tuple[Sequence[str], Sequence[str]], valid: tuple[Sequence[str], Sequence[str]]
    ) -> None:
        """Take the lines and labels that are trained on, and those that are not."""
        self.classes = sorted(set(train[1]))
        self._train = Sample(*train, self.classes)
        self._valid = Sample(*valid, self.classes)
        self.lines = [*self._train.lines, *self._valid.lines]
        rows = len(train[0])
        self.training = Training(self._candidate, rows)
        self._begun = time.monotonic()
        self._last = (0.0, 0.0)
        head = SeriesHead(uuid.uuid4().hex, self._candidate, rows, milliseconds())
        write_text(self._series, json.encode(head).decode() + "\n")

    def step(
        self,
        epochs: float,
        *,
        answers: Floats | None = None,
        train_loss: float | None = None,
        learning_rate: float | None = None,
        seconds: float | None = None,
        settled: bool = True,
    ) -> None:
        """Measure and note a step; see `Watch`. Raises `UserError` for a loss that explodes."""
        speed = self._examples_per_second(epochs, seconds)
        step = Step(
            epochs=round(epochs, DECIMALS),
            train_loss=None if train_loss is None else number_or_none(train_loss),
            learning_rate=None if learning_rate is None else round(learning_rate, DECIMALS),
            broken=any(
                told is not None and not np.isfinite(told).all() for told in (answers, train_loss)
            ),
        )
        if answers is not None:
            count = len(self._train.lines)
            own_loss, step.train_accuracy = self._train.measure(answers[:count])
            step.valid_loss, step.valid_accuracy = self._valid.measure(answers[count:])
            step.train_loss = own_loss if train_loss is None else step.train_loss
        self._note(step, speed)
        # A loss that is not told is no explosion.
        if step.tells_loss:
            self._judge(step, settled=settled)

    def _examples_per_second(self, epochs: float, seconds: float | None) -> float | None:
        """Return the speed since the step before; None where no row was trained on since."""
        now = time.monotonic() - self._begun if seconds is None else seconds
        (before, then), self._last = self._last, (epochs, now)
        if epochs <= before or now <= then:
            return None
        return self.training.rows * (epochs - before) / (now - then)

    def _note(self, step: Step, examples_per_second: float | None) -> None:
        """Write a step, with what the clock says, to the file and to the log."""
        timed = TimedStep(**structs.asdict(step), milliseconds=milliseconds())
        if examples_per_second is not None:
            timed.examples_per_second = round(examples_per_second, 1)
        with self._series.open("ab") as stream:
            stream.write(json.encode(timed) + b"\n")
        # SageMaker's metric definitions find `name=value` anywhere in a line.
        told = " ".join(f"{name}={value:.6g}" for name, value in timed.figures().items())
        log.info("epochs=%.2f %s", step.epochs, told)

    def _judge(self, step: Step, *, settled: bool) -> None:
        first = self.training.first or step
        self.training.first = first
        self.training.last = step
        if not settled and not step.broken:
            return
        found = exploded(first, step, self._exploding)
        if found is None:
            return
        if found.action == "stop":
            raise UserError(
                f"the training was stopped: {found.sentence} (params.yaml: diagnostics)"
            )
        self.training.exploded = self.training.exploded or step


def number_or_none(value: float) -> float | None:
    """Round a figure; JSON has no word for one that is not finite."""
    return round(value, DECIMALS) if math.isfinite(value) else None


def milliseconds() -> int:
    return int(time.time() * 1000)
