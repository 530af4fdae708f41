"""Runs within runs: DVC's experiments, and the trials of a search."""

from __future__ import annotations

import json

import pytest
from mlflow import MlflowClient
from tracking_helpers.tracked_project import Project, alias

from categoriser import paths
from categoriser.errors import UserError
from categoriser.tracking.track import track_into_mlflow


def test_experiments_are_nested_in_the_run_that_they_began_at(project: Project) -> None:
    project.reproduce(0.1)
    begun = project.commit()
    project.reproduce(0.3)
    tried = project.commit()
    project.call("git", "update-ref", f"refs/exps/{begun[:2]}/{begun[2:]}/brave-try", tried)
    project.call("git", "update-ref", "refs/exps/exec/EXEC_HEAD", tried)
    project.call("git", "reset", "--quiet", "--hard", begun)
    project.reproduce(0.1)
    track_into_mlflow(None)
    track_into_mlflow(None)
    parent, child = project.runs()
    assert child.info.run_name == "brave-try"
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.data.metrics == {"random.accuracy": 0.7}
    assert child.info.status == "FINISHED"
    assert "mlflow.parentRunId" not in parent.data.tags
    # A try is not a candidate, even where it passed.
    assert alias(project, "candidate") == "1"


def test_a_search_s_trials_are_nested_in_its_run(project: Project) -> None:
    trials = [
        {"knobs": {"lr": lr}, "measured": {"validation_log_loss": loss}, "milliseconds": 9}
        for lr, loss in ((0.1, 0.5), (0.2, None), (0.3, 0.4))
    ]
    found = {"data": "data/own.csv", "seed": 7, "kept": 2, "milliseconds": 1000, "trials": trials}
    project.write(paths.TUNING, json.dumps(found))
    track_into_mlflow("tuning")
    track_into_mlflow("tuning")
    experiment = MlflowClient().get_experiment_by_name(project.name)
    assert experiment
    runs = MlflowClient().search_runs([experiment.experiment_id])
    by_name = {str(run.info.run_name): run for run in runs}
    whole = by_name.pop("make tune: 3 trials, seed 7")
    assert sorted(by_name) == ["the settings as they were", "trial 1", "trial 2"]
    assert {run.data.tags["mlflow.parentRunId"] for run in by_name.values()} == {whole.info.run_id}
    assert by_name["trial 2"].data.params["train.classifier.lr"] == "0.3"
    assert by_name["trial 2"].data.metrics == whole.data.metrics == {"validation_log_loss": 0.4}
    assert by_name["trial 1"].data.metrics == {}
    assert {run.info.status for run in runs} == {"FINISHED"}
    project.write(paths.TUNING, "[]")
    with pytest.raises(UserError, match=r"tuning\.json is damaged"):
        track_into_mlflow("tuning")
