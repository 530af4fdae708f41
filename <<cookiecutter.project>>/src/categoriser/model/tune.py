"""`make tune [MINUTES=5]`: try the classifier's knobs at random; write what is surely better.

Better is a lower log loss at no lower accuracy, or a higher accuracy at no higher log loss, on the
validation rows, by more than noise explains. Noise is that of drawing whole merchants, and the more
settings are tried, the larger a difference must be to count. Only better settings are written to
params.yaml.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl
from msgspec import to_builtins
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from categoriser.data.rows import read_rows
from categoriser.errors import UserError
from categoriser.io.replacing import write_json
from categoriser.model.classifier import Classifier
from categoriser.model.metadata import Knobs
from categoriser.model.train import (
    TRAINING_COLUMNS,
    ValidationAnswers,
    answer_validation,
    training_rows,
    validation_figures,
)
from categoriser.model.tuning_record import TrialRecord, TuningRecord
from categoriser.params import read_params, set_params
from categoriser.paths import PARAMS, PREPARED, TUNING

FAILED = {"validation_log_loss": math.inf, "validation_accuracy": 0.0}
# The table shows so many trials, the best first.
SHOWN_TRIALS = 10


@dataclass(frozen=True)
class Gain:
    """By how much a figure of a trial is better than that of the settings as they were."""

    value: float
    error: float  # the standard error of `value`

    def is_sure(self, confidence: float, tried: int) -> bool:
        """Tell whether it is over 0 by more than noise explains, in the best of so many.

        Bonferroni's bound: the doubt that is allowed is shared among all that were tried.
        """
        doubt = (1 - confidence) / 2 / max(tried, 1)
        return self.value > NormalDist().inv_cdf(1 - doubt) * self.error


# What settings that cannot be trained gain.
LOSS = Gain(-math.inf, 0)


@dataclass(frozen=True)
class Trial:
    """Settings, the validation's figures of them, and how much better they are than the first."""

    number: int
    knobs: Knobs
    measured: dict[str, float]
    seconds: float  # since the search began
    log_loss: Gain
    accuracy: Gain

    @property
    def loss(self) -> float:
        return self.measured["validation_log_loss"]

    @property
    def share_right(self) -> float:
        return self.measured["validation_accuracy"]

    def is_better(self, confidence: float, tried: int) -> bool:
        """Tell whether one figure is surely better, and the other no worse."""
        figures = (self.log_loss, self.accuracy)
        return all(figure.value >= 0 for figure in figures) and any(
            figure.is_sure(confidence, tried) for figure in figures
        )


def gain(better: NDArray[np.float64], groups: NDArray[np.int64]) -> Gain:
    """Return the mean of differences row by row, whose error is that of drawing whole groups."""
    rows = np.bincount(groups)
    sums = np.bincount(groups, weights=better)
    mean = float(better.mean())
    spread = float(np.sum((sums - rows * mean) ** 2)) * len(rows) / max(len(rows) - 1, 1)
    return Gain(mean, math.sqrt(spread) / len(better))


def search(prepared: Path, current: Mapping[str, Any], seed: int) -> Iterator[Trial]:
    """Yield trials of settings from `Classifier.SEARCH`, without end.

    The current settings come first, then draws; the same seed gives the same. Settings with which
    training fails have an infinite loss. Raises `UserError` where there are no validation rows.
    """
    began = time.monotonic()
    rows = read_rows(prepared / "train.parquet", *TRAINING_COLUMNS)
    validation = read_rows(prepared / "validation.parquet", *TRAINING_COLUMNS)
    # Rows of classes that are not trained say nothing of the settings.
    validation = validation.filter(pl.col("category").is_in(rows["category"].unique().implode()))
    if validation.is_empty():
        raise UserError("no validation rows to compare on; raise params.yaml: prepare.validation")
    fitted_on = training_rows(rows)
    weighed_on = training_rows(validation)
    merchants = validation["key"].rank("dense").to_numpy().astype(np.int64) - 1

    def answers_with(knobs: Knobs) -> ValidationAnswers:
        return answer_validation(Classifier.fit(fitted_on, weighed_on, knobs), validation)

    first = answers_with(dict(current))
    for number, knobs in enumerate(draws(dict(current), seed)):
        try:
            found = answers_with(knobs) if number else first
        except UserError:
            yield Trial(number, knobs, FAILED, time.monotonic() - began, LOSS, LOSS)
            continue
        yield Trial(
            number,
            knobs,
            to_builtins(validation_figures(found)),
            time.monotonic() - began,
            gain(first.losses - found.losses, merchants),
            gain(found.right.astype(float) - first.right, merchants),
        )


def draws(knobs: Knobs, seed: int) -> Iterator[Knobs]:
    """Yield the settings as they are, then others from `Classifier.SEARCH`."""
    random = np.random.default_rng(seed)
    while True:
        yield knobs
        for name, values in Classifier.SEARCH.items():
            knobs = knobs | {name: values[random.integers(len(values))]}


def tune(
    prepared: Path,
    params: Path,
    record: Path,
    minutes: float,
    trials: int | None,
    seed: int,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[list[Trial], Trial | None]:
    """Search until the time or the number of trials is up; return them, and what is written.

    `say` is told of each trial; the file `record` is written for `make track`. Training and
    validation rows decide; no held-out row is read.
    """
    settings = read_params(params)
    began = time.time()
    end = time.monotonic() + 60 * minutes
    done: list[Trial] = []
    for trial in search(prepared, settings.train.classifier, seed):
        done.append(trial)
        say(trial_line(trial, min(done, key=lambda one: one.loss)))
        if len(done) == trials or (trials is None and time.monotonic() > end):
            break
    kept = choose(done, settings.evaluate.confidence)
    if kept:
        set_params(
            params, {f"train.classifier.{name}": value for name, value in kept.knobs.items()}
        )
    tuning = TuningRecord(
        data=str(settings.data.path),
        kept=kept.number if kept else None,
        milliseconds=int(1000 * began),
        seed=seed,
        trials=[trial_record(trial) for trial in done],
    )
    write_json(record, tuning)
    return done, kept


def choose(done: list[Trial], confidence: float) -> Trial | None:
    """Return the trial of least log loss among those that are surely better than the first."""
    better = (trial for trial in done[1:] if trial.is_better(confidence, len(done) - 1))
    return min(better, key=lambda trial: trial.loss, default=None)


def trial_record(trial: Trial) -> TrialRecord:
    """Return what is written of a trial: JSON has no infinity."""
    measured = {
        name: value if math.isfinite(value) else None for name, value in trial.measured.items()
    }
    return TrialRecord(trial.knobs, measured, int(1000 * trial.seconds))


def trial_line(trial: Trial, best: Trial) -> str:
    """Say in one line how a trial went, and which is the best so far."""
    name = f"trial {trial.number}" if trial.number else "as it is"
    found = f"{name}, {trial.seconds:.0f} s: "
    if not math.isfinite(trial.loss):
        found += "training fails"
    else:
        found += f"log loss {trial.loss:.4f}, accuracy {trial.share_right:.2%}"
    leader = f"trial {best.number}" if best.number else "as it is"
    return f"{found}; best so far {best.loss:.4f} ({leader})"


def outcome(done: list[Trial], kept: Trial | None) -> str:
    """Say in one line what changed, or why nothing did."""
    first = done[0]
    if kept:
        changed = ", ".join(
            f"{name} {first.knobs.get(name)} → {value}"
            for name, value in kept.knobs.items()
            if first.knobs.get(name) != value
        )
        return (
            f"{PARAMS}: {changed}: log loss {first.loss:.4f} → {kept.loss:.4f}, "
            f"accuracy {first.share_right:.2%} → {kept.share_right:.2%}. `make run` trains with it."
        )
    best = min(done[1:], key=lambda trial: trial.loss, default=first)
    if best is first or not math.isfinite(best.loss):
        return f"Nothing else could be trained; {PARAMS} stays as it is."
    return (
        f"Nothing is better by more than noise; {PARAMS} stays as it is. The lowest log loss, "
        f"trial {best.number}'s, is better by {signed(best.log_loss.value)} (standard error "
        f"{best.log_loss.error:.4f}), its accuracy by {signed(100 * best.accuracy.value)} points "
        f"({100 * best.accuracy.error:.4f})."
    )


def signed(value: float) -> str:
    """Write a difference to four decimals, with its sign."""
    return f"{value:+.4f}".replace("-", "−")


def trials_table(done: list[Trial]) -> Table:
    """Show the best trials, with those knobs that differ between trials."""
    ranked = sorted(done, key=lambda trial: trial.loss)
    values = {name: {str(trial.knobs.get(name)) for trial in done} for name in done[0].knobs}
    names = [name for name, tried in values.items() if len(tried) > 1]
    title = f"the best of {len(done)} trials"
    shown = Table("trial", "log loss", "accuracy", *names, title=title)
    for trial in ranked[:SHOWN_TRIALS]:
        figures = (f"{trial.loss:.4f}", f"{trial.share_right:.4f}")
        shown.add_row(str(trial.number), *figures, *(str(trial.knobs[name]) for name in names))
    return shown


def tune_here(minutes: float, trials: int | None, seed: int) -> None:
    """Tune the project's params.yaml, and print how the search goes and what it found."""
    console = Console(soft_wrap=True, highlight=False)
    done, kept = tune(PREPARED, PARAMS, TUNING, minutes, trials, seed, console.print)
    console.print(trials_table(done))
    console.print(outcome(done, kept))
