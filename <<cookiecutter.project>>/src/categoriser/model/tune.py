"""`make tune [MINUTES=5]`: try the classifier's knobs at random, write the best to params.yaml."""

import argparse
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from categoriser.data.prepare import read_rows
from categoriser.errors import UserError, run
from categoriser.model.classifier import Classifier
from categoriser.model.train import COLUMNS, measure
from categoriser.params import read_params, set_params
from categoriser.paths import PARAMS, PREPARED

Knobs = dict[str, Any]
Trial = tuple[Knobs, dict[str, float]]


def search(prepared: Path, current: Mapping[str, Any], seed: int) -> Iterator[Trial]:
    """Yield settings from `Classifier.SEARCH` and what `measure` says of them, without end.

    The current settings come first, then draws; the same seed gives the same. Settings with which
    training fails have an infinite loss. Raises `UserError` where there are no validation rows.
    """
    rows = read_rows(prepared / "train.parquet", *COLUMNS)
    validation = read_rows(prepared / "validation.parquet", *COLUMNS)
    if validation.is_empty():
        raise UserError("no validation rows to compare on; raise params.yaml: prepare.validation")
    lines, labels = (rows[name].to_list() for name in COLUMNS)
    random = np.random.default_rng(seed)
    knobs = dict(current)
    yield knobs, measure(Classifier.fit(lines, labels, knobs), validation)
    while True:
        for name, values in Classifier.SEARCH.items():
            knobs = knobs | {name: values[random.integers(len(values))]}
        try:
            measured = measure(Classifier.fit(lines, labels, knobs), validation)
        except UserError:
            measured = {"validation_log_loss": math.inf, "validation_accuracy": 0.0}
        yield knobs, measured


def tune(
    prepared: Path, params: Path, minutes: float, trials: int | None, seed: int
) -> list[Trial]:
    """Search until the time or the number of trials is up; write the least log loss's knobs.

    Returns the trials, best first. Training and validation rows decide; no held-out row is read.
    """
    end = time.monotonic() + 60 * minutes
    done = []
    for trial in search(prepared, read_params(params).train.classifier, seed):
        done.append(trial)
        if len(done) == trials or (trials is None and time.monotonic() > end):
            break
    done.sort(key=lambda trial: trial[1]["validation_log_loss"])
    best = done[0][0]
    set_params(params, {f"train.classifier.{name}": value for name, value in best.items()})
    return done


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m categoriser.model.tune", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--trials", type=int, help="so many, however long they take")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    done = tune(PREPARED, PARAMS, arguments.minutes, arguments.trials, arguments.seed)

    names = [name for name in done[0][0] if len({str(knobs.get(name)) for knobs, _ in done}) > 1]
    table = Table("log loss", "accuracy", *names, title=f"the best of {len(done)} trials")
    for knobs, measured in done[:10]:
        figures = (measured["validation_log_loss"], measured["validation_accuracy"])
        table.add_row(*(f"{figure:.4f}" for figure in figures), *(str(knobs[n]) for n in names))
    console = Console()
    console.print(table)
    console.print(f"The first is in {PARAMS}; `dvc repro` trains with it.")


if __name__ == "__main__":
    run(main)
