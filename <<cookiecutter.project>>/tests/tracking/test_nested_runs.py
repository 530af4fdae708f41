"""Runs within runs: DVC's experiments, and the trials of a search."""

from __future__ import annotations

import json

import numpy as np
import pytest
from measured import SETTINGS
from mlflow import MlflowClient
from msgspec.structs import replace
from tracking_helpers.tracked_project import Project, alias

from categoriser import paths
from categoriser.errors import UserError
from categoriser.evaluation.choose import choice_of
from categoriser.model.package import Categoriser
from categoriser.params import Train
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


def test_the_candidates_are_nested_in_the_run_of_the_model_that_was_chosen(
    project: Project,
) -> None:
    settings = Train(review_threshold=0.6, folds=2, candidates={"linear": {"passes": 3}, "b": {}})
    truth = np.arange(100) % 2
    right = np.eye(2)[truth]
    half = np.eye(2)[np.zeros(100, int)]
    choice = choice_of({"linear": right, "b": half}, truth, np.arange(100), settings, SETTINGS)
    metadata = replace(project.categoriser.metadata, choice=choice)
    project.categoriser = Categoriser(project.categoriser.classifier, metadata)
    project.reproduce(0.1)
    track_into_mlflow(None)
    # The gate fails the same model later: its run is made anew, and so are the candidates'.
    project.reproduce(0.1, passed=False)
    track_into_mlflow(None)
    track_into_mlflow(None)
    experiment = MlflowClient().get_experiment_by_name(project.name)
    assert experiment
    runs = MlflowClient().search_runs([experiment.experiment_id])
    parents = {run.info.run_id for run in runs if "candidate" not in run.data.tags}
    nested = [run for run in runs if "candidate" in run.data.tags]
    assert {run.data.tags["mlflow.parentRunId"] for run in nested} <= parents
    for parent in parents:
        own = [run for run in nested if run.data.tags["mlflow.parentRunId"] == parent]
        by_name = {str(run.info.run_name): run for run in own}
        assert sorted(by_name) == ["candidate b", "candidate linear"]
        chosen = by_name["candidate linear"]
        assert chosen.data.tags["candidate_outcome"] == "chosen"
        assert chosen.data.params["train.candidates.linear.passes"] == "3"
        assert chosen.data.metrics["folds_accuracy"] == 1
        assert by_name["candidate b"].data.metrics["folds_chosen_lead_accuracy"] == 0.5


def test_a_search_s_trials_are_nested_in_its_run(project: Project) -> None:
    trials = [
        {"knobs": {"lr": lr}, "measured": {"folds_log_loss": loss}, "milliseconds": 9}
        for lr, loss in ((0.1, 0.5), (0.2, None), (0.3, 0.4))
    ]
    found = {
        "candidate": "linear",
        "data": "data/own.csv",
        "seed": 7,
        "kept": 2,
        "milliseconds": 1000,
        "trials": trials,
    }
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
    assert by_name["trial 2"].data.params["train.candidates.linear.lr"] == "0.3"
    assert by_name["trial 2"].data.metrics == whole.data.metrics == {"folds_log_loss": 0.4}
    assert by_name["trial 1"].data.metrics == {}
    assert {run.info.status for run in runs} == {"FINISHED"}
    project.write(paths.TUNING, "[]")
    with pytest.raises(UserError, match=r"tuning\.json is damaged"):
        track_into_mlflow("tuning")
