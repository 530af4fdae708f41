"""`make tune [MINUTES=5]`: try a candidate's knobs at random; write what is surely better.

Better is a lower log loss at no lower accuracy, or a higher accuracy at no higher log loss, by more
than noise explains. It is measured on folds by merchant of the training rows: each row is answered
by a fit that has seen no row of its merchant. Noise is that of drawing whole merchants, and the
more settings are tried, the larger a difference must be to count. Only better settings are written
to params.yaml.
"""

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from categoriser.data.rows import read_rows
from categoriser.errors import UserError
from categoriser.io.dvc_commands import dvc_status
from categoriser.io.replacing import write_json
from categoriser.model.calibration import row_losses
from categoriser.model.choice import read_choice
from categoriser.model.classifier import Classifier, classifier_of
from categoriser.model.folds import answer_folds, calibrated, in_folds
from categoriser.model.knobs import Knobs
from categoriser.model.training_rows import TRAINING_COLUMNS
from categoriser.model.tuning_record import TrialRecord, TuningRecord
from categoriser.params import Params, Prepare, Train, read_params, set_params
from categoriser.paths import CHOICE, PARAMS, PREPARED, TUNING

log = logging.getLogger(__name__)

# The figures of a trial, by the names that MLflow shows.
LOG_LOSS = "folds_log_loss"
ACCURACY = "folds_accuracy"
FAILED = {LOG_LOSS: math.inf, ACCURACY: 0.0}
# More training rows than these are drawn from: a trial then takes seconds, not a minute.
MOST_ROWS = 20_000
# The stages that make the rows which are searched on.
PREPARING = ("generate", "validate", "prepare")
# Not the folds of `choose`: knobs that fit these by chance would seem better there too.
DRAW = "tune"
# What a knob is called that the settings do not name.
DEFAULT = "default"
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
class FoldFigures:
    """How settings answered the rows of all folds: which were right, and -ln p(true class)."""

    right: NDArray[np.bool_]  # (rows,)
    losses: NDArray[np.float64]  # (rows,), in nats

    def measured(self) -> dict[str, float]:
        """Return the means to six decimals, by the names of a trial's figures."""
        return {
            LOG_LOSS: round(float(self.losses.mean()), 6),
            ACCURACY: round(float(self.right.mean()), 6),
        }


@dataclass(frozen=True)
class Trial:
    """Settings, their figures on the folds, and how much better they are than the first."""

    number: int
    knobs: Knobs
    measured: dict[str, float]
    seconds: float  # since the search began
    log_loss: Gain
    accuracy: Gain

    @property
    def loss(self) -> float:
        return self.measured[LOG_LOSS]

    @property
    def share_right(self) -> float:
        return self.measured[ACCURACY]

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


class Folds:
    """Training rows in folds by merchant, on which settings are tried."""

    def __init__(
        self, prepared: Path, settings: Train, split: Prepare, step: Callable[[], None]
    ) -> None:
        """Read the rows; `step` is called after each fold of each trial.

        Raises `UserError` where no merchant can be held out.
        """
        rows = read_rows(prepared / "train.parquet", *TRAINING_COLUMNS)
        if rows.height > MOST_ROWS:
            rows = rows.sample(MOST_ROWS, seed=0)
        self._rows = in_folds(rows, settings.folds, split, DRAW)
        if self._rows["fold"].n_unique() < 2:
            raise UserError("the training rows are of too few merchants to hold any out")
        self._validation = read_rows(prepared / "validation.parquet", *TRAINING_COLUMNS)
        self._step = step
        self._labels = self._rows["category"].unique().sort().to_list()
        asked = self._rows.filter("asked")
        place = {label: number for number, label in enumerate(self._labels)}
        self._truth = np.array([place[label] for label in asked["category"]])
        self.merchants = asked["key"].rank("dense").to_numpy().astype(np.int64) - 1

    def answers(self, classifier: type[Classifier], knobs: Knobs) -> FoldFigures:
        """Answer each fold by a fit on the others. Raises `UserError` where nothing is trained."""
        folds = answer_folds(
            classifier, knobs, self._rows, self._validation, self._labels, self._step
        )
        table = calibrated(folds)
        right = table.argmax(axis=1) == self._truth
        return FoldFigures(right, row_losses(self._truth, table))


def search(
    folds: Folds, classifier: type[Classifier], current: Mapping[str, Any], seed: int
) -> Iterator[Trial]:
    """Yield trials of settings from the classifier's `SEARCH`, without end.

    The current settings come first, then draws; the same seed gives the same. Settings with which
    training fails have an infinite loss. Raises `UserError` where that is so of the current ones.
    """
    began = time.monotonic()
    first = folds.answers(classifier, dict(current))
    for number, knobs in enumerate(draws(classifier, dict(current), seed)):
        try:
            found = folds.answers(classifier, knobs) if number else first
        except UserError:
            yield Trial(number, knobs, FAILED, time.monotonic() - began, LOSS, LOSS)
            continue
        yield compared(number, knobs, found, first, folds, time.monotonic() - began)


def compared(
    number: int,
    knobs: Knobs,
    found: FoldFigures,
    first: FoldFigures,
    folds: Folds,
    seconds: float,
) -> Trial:
    """Return a trial of knobs that were measured, beside the first settings' figures."""
    return Trial(
        number,
        knobs,
        found.measured(),
        seconds,
        gain(first.losses - found.losses, folds.merchants),
        gain(found.right.astype(float) - first.right, folds.merchants),
    )


def draws(classifier: type[Classifier], knobs: Knobs, seed: int) -> Iterator[Knobs]:
    """Yield the settings as they are, then others from the classifier's `SEARCH`."""
    random = np.random.default_rng(seed)
    while True:
        yield knobs
        for name, values in classifier.SEARCH.items():
            knobs = knobs | {name: values[random.integers(len(values))]}


def tune(
    prepared: Path,
    params: Path,
    record: Path,
    minutes: float,
    trials: int | None,
    seed: int,
    candidate: str,
    say: Callable[[str], None] = lambda line: None,
    step: Callable[[], None] = lambda: None,
) -> tuple[list[Trial], Trial | None]:
    """Search a candidate's knobs until the time or the number of trials is up.

    Return the trials, and the one whose knobs are written, if any.
    `say` is told of each trial, and `step` is called after each fold of one; the file `record` is
    written for `make track`. Training rows decide; no held-out row is read. Raises `UserError`
    where the candidate is none of `params`.
    """
    settings = read_params(params)
    knobs = settings.train.knobs_of(candidate)
    folds = Folds(prepared, settings.train, settings.prepare, step)
    began = time.time()
    end = time.monotonic() + 60 * minutes
    done: list[Trial] = []
    for trial in search(folds, classifier_of(candidate), knobs, seed):
        done.append(trial)
        say(trial_line(trial, min(done, key=lambda one: one.loss)))
        if len(done) == trials or (trials is None and time.monotonic() > end):
            break
    kept = choose(done, settings.evaluate.confidence)
    if kept:
        keep(params, candidate, kept)
    write_json(record, search_record(settings, candidate, done, kept, began, seed))
    return done, kept


def keep(params: Path, candidate: str, kept: Trial) -> None:
    """Write a trial's knobs into params.yaml."""
    within = f"train.candidates.{candidate}"
    set_params(params, {f"{within}.{name}": value for name, value in kept.knobs.items()})


def log_measured(candidate: str) -> None:
    """Measure a candidate's knobs as one trial, and log its figures as `name=value` lines.

    Raises `UserError` where nothing is trained by them.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    params = read_params()
    folds = Folds(PREPARED, params.train, params.prepare, lambda: None)
    found = folds.answers(classifier_of(candidate), params.train.knobs_of(candidate))
    for name, value in found.measured().items():
        log.info("%s=%s", name, value)


def choose(done: list[Trial], confidence: float) -> Trial | None:
    """Return the trial of least log loss among those that are surely better than the first."""
    better = (trial for trial in done[1:] if trial.is_better(confidence, len(done) - 1))
    return min(better, key=lambda trial: trial.loss, default=None)


def search_record(
    params: Params,
    candidate: str,
    done: list[Trial],
    kept: Trial | None,
    began: float,
    seed: int,
) -> TuningRecord:
    """Return what is written of a search, which began so many seconds after 1970."""
    return TuningRecord(
        candidate=candidate,
        data=str(params.data.path),
        kept=kept.number if kept else None,
        milliseconds=int(1000 * began),
        seed=seed,
        trials=[trial_record(trial) for trial in done],
        folds=params.train.folds,
        experiment=params.experiment.model_dump(),
    )


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
            f"{name} {first.knobs.get(name, DEFAULT)} → {value}"
            for name, value in kept.knobs.items()
            if first.knobs.get(name) != value
        )
        return (
            f"{PARAMS}: {changed}: log loss {first.loss:.4f} → {kept.loss:.4f}, "
            f"accuracy {first.share_right:.2%} → {kept.share_right:.2%}. Next: `make run`."
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
    tried = dict.fromkeys(name for trial in done for name in trial.knobs)
    values = {name: {str(trial.knobs.get(name)) for trial in done} for name in tried}
    names = [name for name, tried in values.items() if len(tried) > 1]
    title = f"the best of {len(done)} trials"
    shown = Table("trial", "log loss", "accuracy", *names, title=title)
    for trial in ranked[:SHOWN_TRIALS]:
        figures = (f"{trial.loss:.4f}", f"{trial.share_right:.4f}")
        shown.add_row(
            str(trial.number), *figures, *(str(trial.knobs.get(name, DEFAULT)) for name in names)
        )
    return shown


def candidate_of(train: Train, choice: Path) -> str:
    """Return the candidate that went on last; where none has, the one that is named first."""
    if not choice.exists():
        return train.first
    chosen = read_choice(choice).chosen
    return chosen if chosen in train.candidates else train.first


def refuse_stale_rows() -> None:
    """Raise `UserError` where the prepared rows are not those of data and settings."""
    changed = dvc_status()
    stale = [stage for stage in PREPARING if stage in changed]
    if stale:
        raise UserError(
            f"{PREPARED} is of an earlier state (changed since: {', '.join(stale)}); "
            "`dvc repro prepare` makes it anew"
        )


def tune_here(minutes: float, trials: int | None, seed: int, candidate: str | None) -> None:
    """Tune the project's params.yaml, and print how the search goes and what it found.

    Without a candidate, it is that which went on last. Raises `UserError` where the prepared rows
    are not those of data and settings, and for no trials.
    """
    if trials is not None and trials < 1:
        raise UserError(f"{trials} trials try nothing: ask for one or more")
    refuse_stale_rows()
    train = read_params().train
    candidate = candidate or candidate_of(train, CHOICE)
    console = Console(soft_wrap=True, highlight=False)
    began = time.monotonic()
    with Progress(console=console, transient=True) as progress:
        if trials is None:
            task = progress.add_task("trying settings", total=60 * minutes)
        else:
            task = progress.add_task("trying settings", total=trials * train.folds)

        def step() -> None:
            if trials is None:
                progress.update(task, completed=time.monotonic() - began)
            else:
                progress.advance(task)

        done, kept = tune(
            PREPARED, PARAMS, TUNING, minutes, trials, seed, candidate, console.print, step
        )
    console.print(f"{candidate}, on folds by merchant of the training rows:")
    console.print(trials_table(done))
    console.print(outcome(done, kept))
