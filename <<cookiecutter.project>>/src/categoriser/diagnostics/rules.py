"""The rules: from the facts of a training to findings. Pure functions, a rule each.

To add one, write a function from `Facts` to readings, name it in `RULES`, and give it a threshold
and an action in params.yaml, under its name in `categoriser.params.Diagnostics`.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec import Struct

from categoriser.diagnostics.findings import Diagnostics, Finding, RuleReading
from categoriser.diagnostics.series import Step, Training
from categoriser.params import Diagnostics as Settings
from categoriser.params import DiagnosticsRule

DECIMALS = 6


class ClassRows(Struct):
    """A class: its rows in training and validation, and the validation rows answered with it."""

    train: int
    validation: int
    answered: int


class PartShares(Struct):
    """Shares of a part's rows, and of its words; None where it has none.

    `lines_in_training` is of rows whose line, which is what the classifier reads, training has too.
    """

    lines_in_training: float | None
    unknown_words: float | None


class Facts(Struct):
    """What the rules judge.

    The accuracies are of the finished classifier, without rules, on samples of the two parts. Fewer
    than `min_rows` validation rows are too few to compare the two.
    """

    training: Training
    classes: dict[str, ClassRows]
    parts: dict[str, PartShares]
    train_accuracy: float | None
    valid_accuracy: float | None
    min_rows: int


class Reading(NamedTuple):
    """A value to be held against a threshold, of a class or a part, and what it says in words.

    `value` is None where it is not a number, which no threshold allows.
    """

    where: str
    value: float | None
    sentence: str


class Rule(NamedTuple):
    """How values are read, and on which side of the threshold they trip."""

    read: Callable[[Facts, float], Iterable[Reading]]
    trips_under: bool = False

    def trips(self, value: float | None, threshold: float) -> bool:
        if value is None:
            return True
        return value < threshold if self.trips_under else value > threshold

    def worst(self, readings: Iterable[Reading]) -> float | None:
        values = [reading.value for reading in readings if reading.value is not None]
        return (min if self.trips_under else max)(values, default=None)


def loss_not_decreasing(facts: Facts, threshold: float) -> Iterable[Reading]:
    """Read how much of the first loss, that of the classes' shares alone, is gone at the end.

    What is told of a training may be of a part of the model, so the share of the first errors that
    the finished classifier avoids counts instead where it is larger.
    """
    first, last = facts.training.first, facts.training.last
    if first is None or last is None:
        return
    losses = {
        "training": (first.train_loss, last.train_loss),
        "validation": (first.valid_loss, last.valid_loss),
    }
    avoided = {
        "training": errors_avoided(first.train_accuracy, facts.train_accuracy),
        "validation": errors_avoided(first.valid_accuracy, facts.valid_accuracy),
    }
    for where, (before, after) in losses.items():
        if before and after is not None:
            fall = 1 - after / before
            share = avoided[where]
            yield Reading(
                where,
                fall if share is None else max(fall, share),
                f"the loss on {where} rows went from {before:.3f} to {after:.3f}, less than "
                f"{threshold:.0%} down, and the model avoids no more of the errors: see whether "
                "the labels belong to the texts, then train longer or with another learning rate",
            )


def errors_avoided(before: float | None, after: float | None) -> float | None:
    """Return the share of an accuracy's errors that another one avoids; None for no errors."""
    if before is None or after is None or before == 1:
        return None
    return 1 - (1 - after) / (1 - before)


def exploding_loss(facts: Facts, threshold: float) -> Iterable[Reading]:
    """Read the training loss at the end, or where it tripped first, as so many times the first."""
    first = facts.training.first
    step = facts.training.exploded or facts.training.last
    if first is not None and step is not None:
        reading = explosion(first, step, threshold)
        if reading:
            yield reading


def explosion(first: Step, step: Step, threshold: float) -> Reading | None:
    """Return how a step's training loss stands to the first's; None where a loss is not told."""
    reached = f"after {step.epochs:.2f} epochs"
    if step.broken:
        return Reading("", None, f"{reached} the loss is not a number: lower the learning rate")
    if step.train_loss is None or not first.train_loss:
        return None
    return Reading(
        "",
        step.train_loss / first.train_loss,
        f"{reached} the training loss is {step.train_loss:.3f}, where {first.train_loss:.3f} "
        f"is without any training (allowed: {threshold:g} times that): lower the learning rate",
    )


def over_fitting(facts: Facts, threshold: float) -> Iterable[Reading]:
    """Read the accuracy on training rows less that on validation rows, if they are not too few."""
    train, valid = facts.train_accuracy, facts.valid_accuracy
    enough = sum(one.validation for one in facts.classes.values()) >= facts.min_rows
    if enough and train is not None and valid is not None:
        yield Reading(
            "",
            train - valid,
            f"the model is right on {train:.1%} of training rows and {valid:.1%} of validation "
            f"rows, over {threshold:.0%} apart: train for fewer epochs or with fewer inputs, or "
            "give more rows",
        )


def class_imbalance(facts: Facts, threshold: float) -> Iterable[Reading]:
    """Read the training rows of the largest class by those of the smallest."""
    rows = {name: one.train for name, one in facts.classes.items() if one.train}
    if not rows:
        return
    largest, smallest = max(rows, key=rows.__getitem__), min(rows, key=rows.__getitem__)
    yield Reading(
        smallest,
        rows[largest] / rows[smallest],
        f"{largest} has {rows[largest]:,} training rows and {smallest} {rows[smallest]:,}, over "
        f"{threshold:g} times as many: give rows of the small classes, or join them",
    )


def dead_classes(facts: Facts, threshold: float) -> Iterable[Reading]:
    """Read the validation rows of each class; 0 for one that is answered there."""
    for name, one in facts.classes.items():
        yield Reading(
            name,
            0 if one.answered else one.validation,
            f"no validation row is answered with {name}, though {one.validation:,} are of it "
            f"(allowed: {threshold:g}): see its labels and texts, or give more rows of it",
        )


def too_little_data(facts: Facts, threshold: float) -> Iterable[Reading]:
    """Read the training rows of each class."""
    for name, one in facts.classes.items():
        yield Reading(
            name,
            one.train,
            f"{name} has {one.train:,} training rows, under {threshold:g}: give more rows of it, "
            "or join it with another class",
        )


def duplicates(facts: Facts, threshold: float) -> Iterable[Reading]:
    """Read the share of each part's rows whose line training has too."""
    for name, part in facts.parts.items():
        share = part.lines_in_training
        if share is not None:
            yield Reading(
                name,
                share,
                f"of the {name} rows {share:.1%} read as a training row does, over "
                f"{threshold:.0%}: figures on them say how well it remembers; see whether the data "
                "hold rows twice",
            )


def unknown_words(facts: Facts, threshold: float) -> Iterable[Reading]:
    """Read the share of unknown words of each part whose merchants are not new."""
    for name, part in facts.parts.items():
        share = part.unknown_words
        if share is not None and name != "merchant":
            yield Reading(
                name,
                share,
                f"of the words of the {name} rows {share:.1%} are in no training row, over "
                f"{threshold:.0%}: train on newer rows, or see how texts are normalised",
            )


# By their names in params.yaml.
RULES = {
    "loss_not_decreasing": Rule(loss_not_decreasing, trips_under=True),
    "exploding_loss": Rule(exploding_loss),
    "over_fitting": Rule(over_fitting),
    "class_imbalance": Rule(class_imbalance),
    "dead_classes": Rule(dead_classes),
    "too_little_data": Rule(too_little_data, trips_under=True),
    "duplicates": Rule(duplicates),
    "unknown_words": Rule(unknown_words),
}


def judge(facts: Facts, settings: Settings) -> Diagnostics:
    """Hold all facts against their rules' thresholds."""
    readings = []
    found = []
    for name, rule in RULES.items():
        setting: DiagnosticsRule = getattr(settings, name)
        read = [*rule.read(facts, setting.threshold)]
        tripped = [one for one in read if rule.trips(one.value, setting.threshold)]
        found += [finding(name, one, setting) for one in tripped]
        worst = rule.worst(read)
        readings.append(
            RuleReading(
                rule=name,
                value=None if worst is None else round(worst, DECIMALS),
                threshold=setting.threshold,
                action=setting.action,
                findings=len(tripped),
            )
        )
    training = facts.training
    return Diagnostics(training.candidate, training.rows, tuple(readings), tuple(found))


def exploded(first: Step, step: Step, setting: DiagnosticsRule) -> Finding | None:
    """Judge a step while the training goes on."""
    reading = explosion(first, step, setting.threshold)
    if reading and RULES["exploding_loss"].trips(reading.value, setting.threshold):
        return finding("exploding_loss", reading, setting)
    return None


def finding(name: str, reading: Reading, setting: DiagnosticsRule) -> Finding:
    """Return what a rule that tripped says."""
    value = reading.value
    return Finding(
        rule=name,
        where=reading.where,
        value=None if value is None else round(value, DECIMALS),
        threshold=setting.threshold,
        action=setting.action,
        sentence=reading.sentence,
    )
