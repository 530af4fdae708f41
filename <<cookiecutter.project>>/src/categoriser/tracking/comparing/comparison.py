"""What runs tell when they lie beside each other, for a table, a page and plots.

Figures are compared on the same rows alone: each data set has a comparison of its own.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from categoriser.errors import UserError
from categoriser.intervals import Interval
from categoriser.tracking.comparing.recorded_runs import Kind, RecordedRun
from categoriser.tracking.intervals import HIGH, LOW

# By these, the first that a run has. Of runs first what was measured on rows of training: to choose
# by held-out rows makes their figures too good.
METRICS: dict[Kind, tuple[str, ...]] = {
    "runs": ("merchant_folds.accuracy", "random.accuracy", "time.accuracy"),
    "candidates": ("folds_accuracy",),
    "trials": ("folds_log_loss",),
}
# What makes the folds, and so the figures on them.
FOLDS = "train.folds"
# Of the digests, so many characters tell the data apart.
DIGEST = 8


@dataclass(frozen=True)
class Parameter:
    """A parameter that differs between runs, and the shortest name that no other one has."""

    name: str
    short: str
    numbers: bool  # there are several values, and all are numbers


@dataclass(frozen=True)
class Group:
    """The runs of an experiment with one goal and one hypothesis, and the best of their figures."""

    number: int
    experiment: str
    goal: str
    hypothesis: str
    runs: int
    best: float | None


@dataclass(frozen=True)
class ComparedRun:
    """A run and the number of its group. `best` is whether no other one's figure is better."""

    run: RecordedRun
    group: int
    best: bool

    def figure(self, metric: str) -> Interval | None:
        """Return a figure, with the ends of its interval or twice itself; None for none."""
        value = self.value(metric)
        if value is None:
            return None
        low, high = self.value(metric + LOW), self.value(metric + HIGH)
        if low is None or high is None:
            return Interval(value, value, value)
        return Interval(value, low, high)

    def value(self, metric: str) -> float | None:
        return finite(self.run.metrics, metric)


@dataclass(frozen=True)
class Comparison:
    """Runs on the same data, the best first.

    `metrics` are the one that is compared by, then those that are shown beside it.
    """

    data: str
    metrics: list[str]
    parameters: list[Parameter]
    groups: list[Group]
    runs: list[ComparedRun]

    @property
    def metric(self) -> str:
        return self.metrics[0]


def compare(runs: Sequence[RecordedRun], kind: Kind, asked: str | None) -> list[Comparison]:
    """Return a comparison for each data set, that of the newest run first.

    Raises `UserError` for a metric that no run has.
    """
    metric = metric_of(runs, kind, asked)
    by_data: dict[tuple[str, ...], list[RecordedRun]] = {}
    for run in sorted(runs, key=lambda run: -run.started):
        by_data.setdefault(data_key(run, metric), []).append(run)
    return [on_same_data(same, metric) for same in by_data.values()]


def metric_of(runs: Sequence[RecordedRun], kind: Kind, asked: str | None) -> str:
    """Return the metric that is asked for, or else the first of those of its kind that there is."""
    known = {
        name
        for run in runs
        for name in run.metrics
        if not name.endswith((LOW, HIGH)) and finite(run.metrics, name) is not None
    }
    if not known:
        raise UserError(f"none of the {kind} has a metric: `make track` mirrors what there is")
    if asked is None:
        return next((name for name in METRICS[kind] if name in known), min(known))
    if asked not in known:
        raise UserError(f"no run has a metric {asked!r}; there are: {', '.join(sorted(known))}")
    return asked


def less_is_better(metric: str) -> bool:
    return metric.endswith(("loss", "error"))


def data_key(run: RecordedRun, metric: str) -> tuple[str, ...]:
    """Return what must be equal for figures to be comparable: data, parts, and folds of folds'."""
    digests = (run.tags.get("dvc_data", ""), run.tags.get("dvc_prepared", ""))
    return (*digests, run.params.get(FOLDS, "") if "folds" in metric else "")


def on_same_data(runs: Sequence[RecordedRun], metric: str) -> Comparison:
    """Compare runs that may be compared."""
    sign = 1 if less_is_better(metric) else -1

    def worse(value: float | None) -> float:
        return math.inf if value is None else sign * value

    ranked = sorted(runs, key=lambda run: worse(finite(run.metrics, metric)))
    best = finite(ranked[0].metrics, metric)
    of_group: dict[tuple[str, str, str], list[RecordedRun]] = {}
    for run in ranked:
        of_group.setdefault(group_key(run), []).append(run)
    numbers = {key: number for number, key in enumerate(of_group, 1)}
    return Comparison(
        data=data_in_words(ranked[0], metric),
        metrics=[metric, *beside(metric, ranked)],
        parameters=differing(ranked),
        groups=[
            Group(numbers[key], *key, len(same), finite(same[0].metrics, metric))
            for key, same in of_group.items()
        ],
        runs=[
            ComparedRun(
                run,
                numbers[group_key(run)],
                best is not None and finite(run.metrics, metric) == best,
            )
            for run in ranked
        ],
    )


def group_key(run: RecordedRun) -> tuple[str, str, str]:
    return run.experiment, run.tags.get("goal", ""), run.tags.get("hypothesis", "")


def data_in_words(run: RecordedRun, metric: str) -> str:
    """Say which rows the figures are of."""
    data, prepared, folds = data_key(run, metric)
    path = run.params.get("data.path", "a file that is not named")
    said = f"{path}, {data[:DIGEST] or 'version unknown'}"
    if prepared:
        said += f", prepared as {prepared[:DIGEST]}"
    return f"{said}, {folds} folds" if folds else said


def beside(metric: str, runs: Iterable[RecordedRun]) -> list[str]:
    """Return the metrics that are of a kind with this one: of other parts, or on the same folds."""
    depth = metric.count(".")
    last = metric.rpartition(".")[2]
    known = {name for run in runs for name in run.metrics if name.count(".") == depth}
    return sorted(
        name
        for name in known - {metric}
        if not name.endswith((LOW, HIGH)) and (depth == 0 or name.endswith(f".{last}"))
    )


def differing(runs: Sequence[RecordedRun]) -> list[Parameter]:
    """Return the parameters that are not the same in all runs; to lack one is a value too."""
    names = sorted({name for run in runs for name in run.params})
    differ = [name for name in names if len({run.params.get(name) for run in runs}) > 1]
    return [Parameter(name, shortest(name, differ), are_numbers(name, runs)) for name in differ]


def shortest(name: str, names: Iterable[str]) -> str:
    """Return the shortest end of a dotted name that no other one of the names has."""
    parts = name.split(".")
    ends = [".".join(parts[first:]) for first in reversed(range(len(parts)))]
    others = [f".{other}" for other in names if other != name]
    alone = (end for end in ends if not any(other.endswith(f".{end}") for other in others))
    return next(alone, name)


def are_numbers(name: str, runs: Iterable[RecordedRun]) -> bool:
    """Return whether a parameter's values are several, and all finite numbers."""
    values = {number(run.params[name]) for run in runs if name in run.params}
    return len(values) > 1 and None not in values


def number(text: str) -> float | None:
    """Return a text's finite number; None for another text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def finite(metrics: Mapping[str, float], name: str) -> float | None:
    value = metrics.get(name, math.nan)
    return value if math.isfinite(value) else None
