"""Runs beside each other: on the same data alone, the best first, by what differs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tracking_helpers.recorded import recorded

from categoriser.errors import UserError
from categoriser.intervals import Interval
from categoriser.tracking.comparing.comparison import ComparedRun, compare, shortest
from categoriser.tracking.comparing.recorded_runs import RecordedRun


def names(runs: list[ComparedRun]) -> list[str]:
    return [one.run.name for one in runs]


def with_metrics(run: RecordedRun, **metrics: float) -> RecordedRun:
    return replace(run, metrics={name.replace("__", "."): one for name, one in metrics.items()})


def test_the_best_is_first_and_marked_and_a_run_without_the_figure_last() -> None:
    runs = [recorded(1, 0.7), recorded(2), recorded(3, 0.9), recorded(4, 0.9), recorded(5, 0.8)]
    [compared] = compare(runs, "runs", None)
    assert names(compared.runs) == ["run 4", "run 3", "run 5", "run 1", "run 2"]
    assert [one.best for one in compared.runs] == [True, True, False, False, False]
    assert compared.runs[-1].figure("random.accuracy") is None


def test_less_loss_is_better() -> None:
    runs = [with_metrics(recorded(one), folds_log_loss=one) for one in (2, 1, 3)]
    [compared] = compare(runs, "trials", None)
    assert names(compared.runs) == ["run 1", "run 2", "run 3"]
    assert compared.runs[0].best


def test_a_figure_that_is_no_number_is_none() -> None:
    runs = [recorded(1, 0.5), recorded(2, math.nan), recorded(3, math.inf)]
    [compared] = compare(runs, "runs", None)
    assert compared.runs[0].run.name == "run 1"
    assert [one.figure("random.accuracy") for one in compared.runs[1:]] == [None, None]


@pytest.mark.parametrize("tag", ["tag_dvc_data", "tag_dvc_prepared"])
def test_runs_on_other_rows_are_compared_apart_the_newest_first(tag: str) -> None:
    runs = [recorded(1, 0.9, **{tag: "0f" * 16}), recorded(2, 0.7), recorded(3, 0.6)]
    newer, older = compare(runs, "runs", None)
    assert names(newer.runs) == ["run 2", "run 3"]
    assert names(older.runs) == ["run 1"]
    assert newer.runs[0].best
    assert older.runs[0].best
    assert "0f0f0f0f" in older.data
    assert newer.data != older.data


def test_figures_on_other_folds_are_compared_apart_but_not_others() -> None:
    runs = [
        with_metrics(recorded(one, **{"train.folds": one}), merchant_folds__accuracy=1, a__b=1)
        for one in (3, 5)
    ]
    assert len(compare(runs, "runs", "merchant_folds.accuracy")) == 2
    assert len(compare(runs, "runs", "a.b")) == 1


def test_the_default_is_measured_on_training_rows_and_figures_of_its_kind_are_beside_it() -> None:
    figures = {
        "random__accuracy": 0.9,
        "random__accuracy__low": 0.8,
        "random__accuracy__high": 1.0,
        "random__macro_f1": 0.7,
        "random__reference__accuracy": 0.6,
        "merchant_folds__accuracy": 0.5,
    }
    [compared] = compare([with_metrics(recorded(1), **figures)], "runs", None)
    assert compared.metrics == ["merchant_folds.accuracy", "random.accuracy"]
    [one] = compared.runs
    assert one.figure("random.accuracy") == Interval(0.9, 0.8, 1.0)
    assert one.figure("merchant_folds.accuracy") == Interval(0.5, 0.5, 0.5)


def test_parameters_that_differ_have_the_shortest_names_that_tell_them_apart() -> None:
    one = recorded(1, 0.5, **{"train.a.lr": 0.1, "train.b.lr": "1e-3", "train.a.dim": 8, "same": 1})
    other = recorded(2, 0.5, **{"train.a.lr": 0.2, "train.b.lr": "auto", "same": 1})
    [compared] = compare([one, other], "runs", None)
    assert [(each.short, each.numbers) for each in compared.parameters] == [
        ("dim", False),  # one value has no scale
        ("a.lr", True),
        ("b.lr", False),
    ]
    assert shortest("lr", ["lr", "train.lr"]) == "lr"


def test_runs_are_grouped_by_experiment_goal_and_hypothesis_the_best_first() -> None:
    runs = [
        recorded(1, 0.6),
        recorded(2, 0.7, tag_goal="g", tag_hypothesis="h"),
        recorded(3, 0.8, tag_goal="g"),
        recorded(4, 0.9, tag_goal="g", tag_hypothesis="h"),
    ]
    [compared] = compare(runs, "runs", None)
    told = [(one.goal, one.hypothesis, one.runs, one.best) for one in compared.groups]
    assert told == [("g", "h", 2, 0.9), ("g", "", 1, 0.8), ("", "", 1, 0.6)]
    assert [one.group for one in compared.runs] == [1, 2, 1, 3]


def test_metrics_that_there_are_not_are_answered_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match=r"no run has a metric 'f1'; there are: random\.accuracy"):
        compare([recorded(1, 0.5)], "runs", "f1")
    with pytest.raises(UserError, match="none of the runs has a metric"):
        compare([recorded(1)], "runs", None)
