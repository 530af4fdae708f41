"""A training is in MLflow while it trains, and once when it is over."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from msgspec import json
from tracking_helpers.tracked_project import Project

from categoriser import paths
from categoriser.diagnostics.findings import Action, Diagnostics, Finding, RuleReading
from categoriser.diagnostics.series import Series, SeriesHead, Step, TimedStep, Training
from categoriser.errors import UserError
from categoriser.io.replacing import write_json
from categoriser.params import Experiment
from categoriser.tracking import mirror, training_follower
from categoriser.tracking.mirror import Mirror
from categoriser.tracking.track import track_into_mlflow
from categoriser.tracking.training_follower import following_training

LOSSES = [2.0, 1.0, 0.5, 0.25]
PATIENCE = 60.0
# The experiment that runs go into is the settings' own.
SETTINGS = "experiment: {name: ''}\n"


def write_series(name: str, losses: list[float]) -> None:
    """Write the series of a training as far as it is, beside the document of its ends."""
    now = int(time.time() * 1000)
    steps = [
        TimedStep(epochs=place, train_loss=loss, milliseconds=now)
        for place, loss in enumerate(losses)
    ]
    lines = [json.encode(one) + b"\n" for one in (SeriesHead(name, "own", 10, now), *steps)]
    paths.SERIES.write_bytes(b"".join(lines))


def end_training(action: Action | None = None) -> None:
    """Write what the stages `train` and `diagnose` write when they are over."""
    ends = [Step(epochs=place, train_loss=LOSSES[place]) for place in (0, 3)]
    write_json(paths.TRAINING, Training("own", 10, *ends))
    found = () if action is None else (Finding("duplicates", "time", 0.4, 0.2, action, "so"),)
    reading = RuleReading("duplicates", 0.4, 0.2, action or "report", len(found))
    write_json(paths.DIAGNOSTICS, Diagnostics("own", 10, (reading,), found))
    paths.DIAGNOSTICS_PAGE.write_text("page")


def all_runs(project: Project) -> list[Run]:
    experiment = MlflowClient().get_experiment_by_name(project.name)
    return MlflowClient().search_runs([experiment.experiment_id]) if experiment else []


def losses_of(run: Run) -> list[float]:
    history = MlflowClient().get_metric_history(run.info.run_id, "training.train_loss")
    return [one.value for one in sorted(history, key=lambda one: one.step)]


def await_losses(project: Project, count: int) -> Run:
    """Wait until the one run has so many steps."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        runs = all_runs(project)
        if runs and len(losses_of(runs[0])) == count:
            return runs[0]
        time.sleep(0.1)
    raise AssertionError(f"no run with {count} steps: {runs}")


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_follower, "SECONDS_BETWEEN_LOOKS", 0.05)


@pytest.fixture
def followed(project: Project) -> Project:
    """Follow a training: its run grows while it trains."""
    Path("reports").mkdir()
    project.write(paths.PARAMS, SETTINGS)
    project.write(".gitignore", "/model\n/mlruns\n/data\n/reports/plots\n*.html\n")
    write_series("of before", LOSSES)
    with following_training():
        write_series("this one", LOSSES[:2])
        assert await_losses(project, 2).info.status == "RUNNING"
        write_series("this one", LOSSES)
        await_losses(project, 4)
        end_training("report")
    return project


def test_the_run_that_was_followed_becomes_the_state_s(followed: Project) -> None:
    [before] = all_runs(followed)
    assert before.info.status == "FINISHED"
    assert before.data.tags["diagnostics"] == "duplicates"
    model = followed.reproduce(0.25)
    followed.commit()
    track_into_mlflow(None)
    track_into_mlflow(None)
    [run] = all_runs(followed)
    assert run.info.run_id == before.info.run_id
    assert run.info.status == "FINISHED"
    assert losses_of(run) == LOSSES
    assert run.data.tags["model_digest"] == model
    assert run.data.params["train.lr"] == "0.25"
    told = {name for name in run.data.metrics if name.startswith("training.")}
    assert told == {"training.epochs", "training.train_loss"}
    assert run.data.metrics["diagnostics.duplicates"] == 0.4
    assert run.data.metrics["diagnostics.findings.duplicates"] == 1
    assert run.info.run_name != before.info.run_name
    names = {one.path for one in MlflowClient().list_artifacts(run.info.run_id)}
    assert {"diagnostics.json", "diagnostics.html", "report.html"} <= names


def test_a_training_again_of_a_state_that_is_there_leaves_one_run(followed: Project) -> None:
    followed.reproduce(0.25)
    followed.commit()
    track_into_mlflow(None)
    with following_training():
        write_series("the same again", LOSSES)
        end = time.monotonic() + PATIENCE
        while len(all_runs(followed)) < 2 and time.monotonic() < end:
            time.sleep(0.1)
    assert len(all_runs(followed)) == 2
    track_into_mlflow(None)
    [run] = all_runs(followed)
    assert losses_of(run) == LOSSES


def test_without_a_follower_the_series_come_with_the_state(project: Project) -> None:
    model = project.reproduce(0.25)
    write_series("alone", LOSSES)
    end_training()
    project.write(".gitignore", "/model\n/mlruns\n/data\n/reports/plots\n*.html\n")
    project.commit()
    track_into_mlflow(None)
    [run] = all_runs(project)
    assert losses_of(run) == LOSSES
    assert run.data.tags["model_digest"] == model
    assert run.data.tags["diagnostics"] == "nothing found"


@pytest.mark.parametrize("stopped", ["while it trained", "by a rule"])
def test_a_training_that_was_stopped_has_failed(project: Project, stopped: str) -> None:
    Path("reports").mkdir()
    project.write(paths.PARAMS, SETTINGS)
    with following_training():
        write_series("sick", LOSSES)
        await_losses(project, 4)
        if stopped == "by a rule":
            end_training("stop")
    [run] = all_runs(project)
    assert run.info.status == "FAILED"
    assert ("diagnostics" in run.data.tags) == (stopped == "by a rule")


def test_where_mlflow_cannot_be_used_the_pipeline_goes_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Series] = []
    raised: list[threading.ExceptHookArgs] = []
    bring = training_follower._bring

    def tell(series: Series, *others: Any) -> None:
        tried.append(series)
        bring(series, *others)

    project.write("broken.db", "no database")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///broken.db")
    monkeypatch.setattr(training_follower, "_bring", tell)
    monkeypatch.setattr(threading, "excepthook", raised.append)
    with following_training():
        write_series("unseen", LOSSES)
    assert len(tried) == 1
    assert raised == []


@pytest.mark.parametrize("fault", [UserError("damaged"), MlflowException("away"), OSError("full")])
def test_a_run_that_cannot_be_followed_to_its_end_is_ended(
    project: Project, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise fault

    monkeypatch.setattr(Mirror, "add_steps", fail)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    project.write(paths.PARAMS, SETTINGS)
    with following_training():
        write_series("this one", LOSSES)
    [run] = all_runs(project)
    assert run.info.status == "KILLED"


@pytest.mark.parametrize("own_store", [True, False])
def test_runs_that_were_left_are_ended_when_the_next_training_begins(
    project: Project, database: str, monkeypatch: pytest.MonkeyPatch, own_store: bool
) -> None:
    """On a server another's training may be going on."""
    project.write(paths.PARAMS, SETTINGS)
    if own_store:
        shutil.copy(database.removeprefix("sqlite:///"), "mlflow.db")
        # MLflow keeps a store open by its address: a relative one would be an earlier test's.
        address = f"sqlite:///{project.folder}/mlflow.db"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        monkeypatch.setattr(mirror, "OWN_STORE", address)
        mlflow.set_tracking_uri(address)
    store = Mirror(project.name)
    began = int(time.time() * 1000)
    left = {
        name: store.start_training(SeriesHead(name, "own", 10, began), Experiment(name=experiment))
        for name, experiment in {"of before": "", "another's": f"{project.name}-tried"}.items()
    }
    others = store.client.create_run(store.experiment_id("")).info.run_id
    write_series("of before", LOSSES)
    with following_training():
        write_series("this one", LOSSES)
    statuses = {name: store.client.get_run(run).info.status for name, run in left.items()}
    killed = "KILLED" if own_store else "RUNNING"
    assert statuses == {"of before": "KILLED", "another's": killed}
    assert store.client.get_run(others).info.status == "RUNNING"


def test_a_followed_run_that_was_interrupted_while_it_became_a_state_is_made_anew(
    followed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed.reproduce(0.25)
    followed.commit()
    with monkeypatch.context() as patch:
        patch.setattr(Mirror, "add_candidates", interrupt)
        with pytest.raises(KeyboardInterrupt):
            track_into_mlflow(None)
    assert "FINISHED" not in {run.info.status for run in all_runs(followed)}
    track_into_mlflow(None)
    [whole] = all_runs(followed)
    assert whole.info.status == "FINISHED"
    assert whole.data.tags["model_version"]
    assert losses_of(whole) == LOSSES


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def test_where_nothing_is_trained_nothing_is_made(project: Project) -> None:
    write_series("of before", LOSSES)
    with following_training():
        time.sleep(0.3)
    assert all_runs(project) == []
