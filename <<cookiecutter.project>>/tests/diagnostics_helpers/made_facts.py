"""Facts in which no rule finds anything, and classes of words to train on."""

from __future__ import annotations

import random
from typing import Any

from msgspec.structs import replace

from categoriser.diagnostics.rules import ClassRows, Facts, PartShares
from categoriser.diagnostics.series import Step, Training
from categoriser.model.training_rows import TrainingRows

FIRST = Step(epochs=0, train_loss=2.0, valid_loss=2.1)
LAST = Step(epochs=5, train_loss=0.1, valid_loss=0.3)
SOUND = Facts(
    training=Training("own", 1000, FIRST, LAST),
    classes={"food": ClassRows(700, 70, 71), "travel": ClassRows(300, 30, 29)},
    parts={
        "validation": PartShares(0.01, 0.01),
        "time": PartShares(0.02, 0.02),
        "merchant": PartShares(0.0, 0.3),
        "random": PartShares(None, None),
    },
    train_accuracy=0.95,
    valid_accuracy=0.93,
    min_rows=100,
)


def facts(**changes: Any) -> Facts:
    """Give the sound facts with some changed."""
    return replace(SOUND, **changes)


def training(**changes: Any) -> Facts:
    """Give the sound facts with another training."""
    return facts(training=replace(SOUND.training, **changes))


def worded_rows(count: int, labels_by_chance: bool = False, seed: int = 0) -> TrainingRows:
    """Give rows of two classes, told by their words, or labelled by chance alone."""
    draw = random.Random(seed)
    labels = [draw.choice(["food", "travel"]) for _ in range(count)]
    lines = [f"{label[:2]}{draw.randrange(40)} shop{draw.randrange(300)}" for label in labels]
    if labels_by_chance:
        labels = [draw.choice(["food", "travel"]) for _ in range(count)]
    return TrainingRows(lines, labels, lines)


def noisy_rows(count: int) -> TrainingRows:
    """Give rows of twelve classes, told by their words; a third of the labels are by chance."""
    draw = random.Random(0)
    names = [f"class {number}" for number in range(12)]
    true = [draw.choice(names) for _ in range(count)]
    lines = [f"{name[6:]}w{draw.randrange(40)} shop{draw.randrange(300)}" for name in true]
    labels = [draw.choice([name, name, draw.choice(names)]) for name in true]
    return TrainingRows(lines, labels, lines)
