"""Trainings that are watched: what is noted, what is stopped, and that the model stays the same."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest
from diagnostics_helpers.made_facts import facts, noisy_rows, worded_rows
from measured import KNOBS

from categoriser.diagnostics.rules import judge
from categoriser.diagnostics.series import Series, belongs, read_series
from categoriser.diagnostics.training_watch import TrainingWatch
from categoriser.diagnostics.watch import Watch
from categoriser.errors import UserError
from categoriser.jobs.spec.release_run import LOGGED_DIAGNOSTICS, LOGGED_NUMBER
from categoriser.model import fasttext_probe
from categoriser.model.classifier import classifier_of, fit_watched
from categoriser.model.classifiers import linear
from categoriser.model.linear_fit import blind_loss
from categoriser.model.training_rows import TrainingRows
from categoriser.params import DiagnosticsRule, Params

ROWS = worded_rows(6000)
VALID = worded_rows(500, seed=1)
CANDIDATES: dict[str, Mapping[str, Any]] = {"fasttext_svm": KNOBS | {"lr": 0.1}, "linear": {}}
LENIENT = DiagnosticsRule(threshold=2.0, action="stop")


def begun(
    folder: Path, rows: TrainingRows = ROWS, rule: DiagnosticsRule = LENIENT
) -> TrainingWatch:
    watch = TrainingWatch(folder / "series.jsonl", "own", rule)
    watch.begin(rows[:2], VALID[:2])
    return watch


def series_in(folder: Path) -> Series:
    found = read_series(folder / "series.jsonl")
    assert found
    return found


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_a_watched_training_gives_the_model_of_one_that_is_not(
    tmp_path: Path, candidate: str
) -> None:
    watch = begun(tmp_path)
    classifier = classifier_of(candidate)
    models = {
        "watched": fit_watched(classifier, ROWS, CANDIDATES[candidate], watch),
        "alone": classifier.fit(ROWS, CANDIDATES[candidate]),
    }
    contents = {}
    for name, model in models.items():
        (tmp_path / name).mkdir()
        model.save(tmp_path / name)
        contents[name] = [path.read_bytes() for path in sorted((tmp_path / name).iterdir())]
    assert contents["watched"] == contents["alone"]


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_the_series_fall_and_are_logged_as_sagemaker_reads_them(
    tmp_path: Path, candidate: str, caplog: pytest.LogCaptureFixture
) -> None:
    watch = begun(tmp_path)
    with caplog.at_level(logging.INFO):
        fit_watched(classifier_of(candidate), ROWS, CANDIDATES[candidate], watch)
    steps = series_in(tmp_path).steps
    first, last = steps[0], steps[-1]
    assert first.epochs == 0
    assert [step.epochs for step in steps] == sorted({step.epochs for step in steps})
    # The classes' shares are near a half: ln 2.
    assert first.valid_loss == pytest.approx(np.log(2), abs=0.01)
    assert first.train_loss
    assert last.train_loss
    assert last.train_loss < first.train_loss / 5
    assert last.valid_accuracy
    assert last.valid_accuracy > 0.95
    assert (watch.training.first, watch.training.last) != (None, None)
    # Which is the same whenever the model is.
    assert watch.training.last
    assert watch.training.last.examples_per_second is None
    said = "\n".join(caplog.messages)
    for name in set(LOGGED_DIAGNOSTICS) - {"findings"}:
        assert re.findall(f"{name}={LOGGED_NUMBER}", said), name


def test_fasttext_tells_of_its_training_while_it_goes_on(tmp_path: Path) -> None:
    many = worded_rows(60_000)
    fit_watched(classifier_of("fasttext_svm"), many, KNOBS, begun(tmp_path, many))
    between = series_in(tmp_path).steps[1:-1]
    assert len(between) > KNOBS["epoch"] / 2
    for step in between:
        assert step.learning_rate == pytest.approx(
            KNOBS["lr"] * (1 - step.epochs / KNOBS["epoch"]), abs=1e-5
        )
        assert step.train_accuracy
        assert 0 < step.train_accuracy <= 1


def test_fasttext_tells_all_its_epochs_of_few_rows(tmp_path: Path) -> None:
    few = worded_rows(300)
    knobs = KNOBS | {"epoch": 3000}
    fit_watched(classifier_of("fasttext_svm"), few, knobs, begun(tmp_path, few))
    told = [step.epochs for step in series_in(tmp_path).steps]
    assert max(np.diff(told)) < 1000


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("candidate", CANDIDATES)
def test_the_speeds_agree_with_the_time_that_the_training_takes(
    tmp_path: Path, candidate: str, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the system does not tell how far fastText is."""
    if not told:
        monkeypatch.setattr(fasttext_probe, "TASKS", tmp_path / "none")
    watch = begun(tmp_path)
    # As long as rows may be prepared before the training.
    time.sleep(0.5)
    start = time.monotonic()
    fit_watched(classifier_of(candidate), ROWS, CANDIDATES[candidate], watch)
    took = time.monotonic() - start
    first, *steps = series_in(tmp_path).steps
    assert first.examples_per_second is None
    seconds = [
        len(ROWS.lines) * (step.epochs - before.epochs) / (step.examples_per_second or 1e-9)
        for before, step in zip([first, *steps], steps, strict=False)
    ]
    assert took / 20 < sum(seconds) < took
    # The first step is no leap: what comes before the first epoch is not in its time.
    assert seconds[0] > sum(seconds) / 200


@pytest.mark.parametrize("count", [300, 2000])
@pytest.mark.parametrize("alpha", linear.Classifier.SEARCH["alpha"])
def test_sound_trainings_of_few_rows_are_not_stopped(
    tmp_path: Path, alpha: float, count: int
) -> None:
    rows = noisy_rows(count)
    for passes in (1, *linear.Classifier.SEARCH["passes"]):
        watch = begun(tmp_path, rows)
        fit_watched(linear.Classifier, rows, {"alpha": alpha, "passes": passes}, watch)
        assert watch.training.exploded is None
        wild = series_in(tmp_path).steps[1].train_loss
        assert alpha > 1e-6 or (wild and wild > LENIENT.threshold * blind_loss(rows.labels))


def test_a_linear_training_that_explodes_is_stopped(tmp_path: Path) -> None:
    rows = noisy_rows(2000)
    with pytest.raises(UserError, match="the training was stopped: after 5"):
        fit_watched(linear.Classifier, rows, {"alpha": 1e-15, "passes": 5}, begun(tmp_path, rows))


def test_labels_by_chance_do_not_let_the_loss_fall(tmp_path: Path, params: Params) -> None:
    for by_chance in (False, True):
        rows = worded_rows(6000, by_chance)
        watch = begun(tmp_path, rows)
        watch.begin(rows[:2], worded_rows(500, by_chance, seed=1)[:2])
        fit_watched(classifier_of("fasttext_svm"), rows, KNOBS, watch)
        last = watch.training.last
        assert last
        found = judge(
            facts(
                training=watch.training,
                train_accuracy=last.train_accuracy,
                valid_accuracy=last.valid_accuracy,
            ),
            params.diagnostics,
        )
        assert (found.counts["loss_not_decreasing"] > 0) == by_chance


def test_a_rule_stops_fasttext_at_once(tmp_path: Path) -> None:
    many = worded_rows(60_000)
    knobs = KNOBS | {"epoch": 500}
    watch = begun(tmp_path, many)
    watch.step(0, train_loss=1.0)
    with pytest.raises(UserError, match=r"training was stopped: after .* lower the learning rate"):
        classifier_of("fasttext_svm").fit(many, knobs, Rising(watch))
    assert series_in(tmp_path).steps[-1].epochs < 100


class Rising:
    """A watch that tells another of ever larger losses."""

    def __init__(self, watch: TrainingWatch) -> None:
        self.lines = watch.lines
        self.classes = watch.classes
        self._watch = watch

    def step(self, epochs: float, **_: Any) -> None:
        if epochs:
            self._watch.step(epochs, train_loss=epochs)


def test_a_learning_rate_that_explodes_ends_in_one_message(tmp_path: Path) -> None:
    many = worded_rows(20_000)
    knobs = KNOBS | {"lr": 1e6, "epoch": 50}
    with pytest.raises(UserError, match=r"fastText cannot train.*NaN|the training was stopped"):
        fit_watched(classifier_of("fasttext_svm"), many, knobs, begun(tmp_path, many))


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), 50.0])
def test_a_loss_that_explodes_stops_or_is_remembered(tmp_path: Path, loss: float) -> None:
    watch = begun(tmp_path)
    watch.step(0, train_loss=0.7)
    with pytest.raises(UserError, match="the training was stopped"):
        watch.step(1, train_loss=loss)
    watch = begun(tmp_path, rule=DiagnosticsRule(threshold=2.0, action="report"))
    watch.step(0, train_loss=0.7)
    watch.step(1, train_loss=loss)
    watch.step(2, train_loss=0.6)
    assert watch.training.exploded
    assert watch.training.exploded.epochs == 1
    assert len(series_in(tmp_path).steps) == 3


def test_an_unsettled_loss_stops_only_where_it_is_no_number(tmp_path: Path) -> None:
    watch = begun(tmp_path)
    watch.step(0, train_loss=0.7)
    watch.step(1, train_loss=50.0, settled=False)
    with pytest.raises(UserError, match=r"after 2\.00 epochs the loss is not a number"):
        watch.step(2, train_loss=float("nan"), settled=False)


def test_a_step_without_a_loss_is_noted_and_not_judged(tmp_path: Path) -> None:
    watch = begun(tmp_path)
    watch.step(0, train_loss=0.7)
    watch.step(1, train_loss=0.5)
    watch.step(2, learning_rate=0.1)
    assert watch.training.last
    assert watch.training.last.epochs == 1
    series = series_in(tmp_path)
    assert [step.epochs for step in series.steps] == [0, 1, 2]
    assert belongs(series, watch.training)


def test_answers_that_are_no_numbers_stop_a_training_and_are_right_nowhere(tmp_path: Path) -> None:
    watch = begun(tmp_path)
    answers = np.full((len(watch.lines), 2), 0.5)
    watch.step(0, answers=answers, train_loss=0.7)
    answers[-1] = np.nan
    with pytest.raises(UserError, match="is not a number"):
        watch.step(1, answers=answers, train_loss=0.5)
    step = series_in(tmp_path).steps[-1]
    assert (step.broken, step.valid_loss, step.valid_accuracy) == (True, None, None)
    assert step.train_accuracy is not None


class Silent:
    """A team's own classifier that knows of no watch."""

    LIBRARIES: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def fit(cls, rows: TrainingRows, settings: Mapping[str, Any]) -> Self:
        return cls()


class Telling(Silent):
    """And one that tells of its passes."""

    @classmethod
    def fit(
        cls, rows: TrainingRows, settings: Mapping[str, Any], watch: Watch | None = None
    ) -> Self:
        assert watch
        for epoch in range(3):
            watch.step(epoch, answers=np.full((len(watch.lines), 2), 0.5))
        return cls()


def test_a_classifier_of_ones_own_may_tell_or_not(tmp_path: Path) -> None:
    watch = begun(tmp_path)
    fit_watched(Silent, ROWS, {}, watch)  # type: ignore[arg-type]
    assert (series_in(tmp_path).steps, watch.training.last) == ([], None)
    fit_watched(Telling, ROWS, {}, watch)  # type: ignore[arg-type]
    assert [step.train_loss for step in series_in(tmp_path).steps] == [0.693147] * 3
