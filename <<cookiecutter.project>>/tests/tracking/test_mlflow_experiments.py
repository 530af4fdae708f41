"""A state's run is in the experiment that its params.yaml names, once, with what is aimed at."""

from __future__ import annotations

import json

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from tracking_helpers.tracked_project import Project, versions

from categoriser import paths
from categoriser.errors import UserError
from categoriser.params import set_params
from categoriser.tracking.track import track_into_mlflow


def say(**values: str) -> None:
    set_params(paths.PARAMS, {f"experiment.{name}": value for name, value in values.items()})


def runs_of(experiment: str) -> list[Run]:
    found = MlflowClient().get_experiment_by_name(experiment)
    return list(MlflowClient().search_runs([found.experiment_id])) if found else []


def test_a_run_is_in_the_experiment_that_is_named_and_says_what_it_is_for(project: Project) -> None:
    name = f"{project.name}, smaller vectors"
    project.reproduce(0.1)
    say(name=name, goal="less memory", hypothesis="16 do")
    track_into_mlflow(None)
    track_into_mlflow(None)
    (run,) = runs_of(name)
    assert project.runs() == []
    assert run.data.tags["goal"] == "less memory"
    assert run.data.tags["hypothesis"] == "16 do"
    assert run.data.tags["mlflow.note.content"] == "Goal: less memory\n\nHypothesis: 16 do"
    assert not any("experiment" in parameter for parameter in run.data.params)
    # Said in other words, and committed, it is the same run.
    say(hypothesis="8 do")
    project.commit()
    track_into_mlflow(None)
    (again,) = runs_of(name)
    assert again.info.run_id == run.info.run_id
    assert again.data.tags["hypothesis"] == "8 do"
    assert str(again.data.tags["mlflow.note.content"]).endswith("8 do")


def test_a_state_may_be_the_baseline_of_another_experiment_too(project: Project) -> None:
    project.reproduce(0.1)
    project.commit()
    track_into_mlflow(None)
    (first,) = project.runs()
    assert "goal" not in first.data.tags
    other = f"{project.name}-other"
    say(name=other)
    track_into_mlflow(None)
    track_into_mlflow(None)
    assert [run.info.run_id for run in project.runs()] == [first.info.run_id]
    (second,) = runs_of(other)
    assert second.data.tags["model_version"] == first.data.tags["model_version"] == "1"
    assert versions(project) == ["1"]


def test_dvcs_experiments_go_where_their_settings_say(project: Project) -> None:
    project.reproduce(0.1)
    begun = project.commit()
    other = f"{project.name}-tries"
    project.reproduce(0.3)
    say(name=other, hypothesis="faster")
    tried = project.commit()
    project.call("git", "update-ref", f"refs/exps/{begun[:2]}/{begun[2:]}/brave-try", tried)
    project.call("git", "reset", "--quiet", "--hard", begun)
    track_into_mlflow("experiments")
    track_into_mlflow("experiments")
    (run,) = runs_of(other)
    assert run.info.run_name == "brave-try"
    assert run.data.tags["hypothesis"] == "faster"
    assert run.info.status == "FINISHED"
    # The run that it began at is in another experiment, so there is nothing to nest it in.
    assert "mlflow.parentRunId" not in run.data.tags
    assert project.runs() == []


def test_a_search_stays_in_the_experiment_that_it_was_made_for(project: Project) -> None:
    place = f"{project.name}-search"
    trial = {"knobs": {"lr": 0.1}, "measured": {"folds_log_loss": 0.5}, "milliseconds": 9}
    found = {
        "candidate": "linear",
        "data": "data/own.csv",
        "seed": 7,
        "kept": None,
        "milliseconds": 1000,
        "trials": [trial],
        "folds": 3,
        "experiment": {"name": place, "goal": "g", "hypothesis": "h"},
    }
    project.write(paths.TUNING, json.dumps(found))
    track_into_mlflow("tuning")
    track_into_mlflow("tuning")
    runs = runs_of(place)
    assert len(runs) == 2
    assert {run.data.tags["hypothesis"] for run in runs} == {"h"}
    assert {run.data.params["train.folds"] for run in runs} == {"3"}


def test_another_projects_experiment_is_left_alone(project: Project) -> None:
    project.reproduce(0.1)
    say(name=f"{project.name}-theirs")
    MlflowClient().create_experiment(f"{project.name}-theirs", tags={"project": "someone-else"})
    with pytest.raises(UserError, match="belongs to the project someone-else; name another"):
        track_into_mlflow(None)
    assert runs_of(f"{project.name}-theirs") == []
