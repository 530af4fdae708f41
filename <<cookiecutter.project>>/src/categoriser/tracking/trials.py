"""What `make tune` tried, as it wrote it down, as runs of MLflow."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from categoriser import paths
from categoriser.io.dvc_lock import read_lock
from categoriser.io.git_commands import person
from categoriser.model.tuning_record import TuningRecord, parse_tuning
from categoriser.params import Experiment
from categoriser.tracking.states import State, data_tags


@dataclass(frozen=True)
class Search:
    """A search, and its trials in the order in which they were tried."""

    whole: State
    trials: list[State]


def read_search(path: Path = paths.TUNING) -> Search | None:
    """Return the last search; None where there was none. Raises `UserError` for another file."""
    if not path.exists():
        return None
    content = path.read_bytes()
    tuning = parse_tuning(content, path)
    tags = {
        "tuning": hashlib.sha256(content).hexdigest(),
        **data_tags(read_lock(), tuning.data),
        "author": person(),
        "tuning_outcome": "kept" if tuning.kept is not None else "nothing better",
    }
    trials = [trial_state(tuning, number, tags) for number in range(len(tuning.trials))]
    return Search(search_state(tuning, tags), trials)


def search_state(tuning: TuningRecord, tags: dict[str, str]) -> State:
    """Return a search as a state with the figures of the trial that is kept, or of the first."""
    count = len(tuning.trials)
    best = tuning.trials[tuning.kept or 0]
    return State(
        experiment=Experiment.model_validate(tuning.experiment),
        params={
            "data.path": tuning.data,
            "seed": tuning.seed,
            "train.folds": tuning.folds,
            "trials": count,
        },
        metrics=known_figures(best.measured),
        tags=tags,
        milliseconds=tuning.milliseconds,
        name=f"make tune: {count} trials, seed {tuning.seed}",
    )


def trial_state(tuning: TuningRecord, number: int, tags: dict[str, str]) -> State:
    """Return a trial as a state."""
    trial = tuning.trials[number]
    within = f"train.candidates.{tuning.candidate}"
    params = {f"{within}.{name}": value for name, value in trial.knobs.items()}
    return State(
        experiment=Experiment.model_validate(tuning.experiment),
        params=params | {"data.path": tuning.data, "train.folds": tuning.folds},
        metrics=known_figures(trial.measured),
        tags=tags | {"trial": str(number)},
        milliseconds=tuning.milliseconds + trial.milliseconds,
        name=f"trial {number}" if number else "the settings as they were",
    )


def known_figures(measured: Mapping[str, float | None]) -> dict[str, float]:
    """Return the figures that there are: a training that failed has no log loss."""
    return {name: float(value) for name, value in measured.items() if value is not None}
