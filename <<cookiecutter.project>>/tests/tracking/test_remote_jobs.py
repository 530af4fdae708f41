"""A training job that was brought back, as a run of MLflow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from tracking_helpers.tracked_project import Project

from categoriser import paths
from categoriser.errors import UserError
from categoriser.model.package import Categoriser
from categoriser.tracking.comparing.recorded_runs import TAG_OF_KIND
from categoriser.tracking.mirror import Mirror
from categoriser.tracking.remote_jobs import RemoteJob, remote_states
from categoriser.tracking.track import add_remote_jobs

JOB = RemoteJob(
    name="bank-laptop-1",
    data="data/own.csv",
    model="s3://b/runs/laptop-1/training/bank-laptop-1/output/model.tar.gz",
    instance="ml.m5.large",
    hyperparameters={"fasttext_svm.dim": "16"},
    figures={"validation_log_loss": 0.25},
    tags={"Project": "bank", "Release": "laptop-1", "DvcHash": "0123"},
    milliseconds=1_000_000,
    billed_seconds=95,
    experiment={"name": "", "goal": "fewer reviews", "hypothesis": ""},
)


def bring_back(categoriser: Categoriser, name: str, milliseconds: int) -> Path:
    folder = paths.REMOTE / name
    categoriser.save(folder / "model")
    facts: dict[str, Any] = {field: getattr(JOB, field) for field in JOB.__struct_fields__}
    changed = facts | {"name": name, "milliseconds": milliseconds}
    (folder / "job.json").write_text(json.dumps(changed))
    return folder


def runs(project: Project) -> list[Run]:
    client = MlflowClient()
    experiment = client.get_experiment_by_name(project.name)
    assert experiment
    return list(client.search_runs([experiment.experiment_id]))


def test_a_job_is_a_run_with_its_name_tags_knobs_figures_and_files(
    project: Project, categoriser: Categoriser
) -> None:
    bring_back(categoriser, "bank-laptop-1", 1_000_000)

    add_remote_jobs(Mirror(project.name))

    [run] = runs(project)
    assert run.info.run_name == "bank-laptop-1"
    assert run.info.status == "FINISHED"
    assert run.data.tags["training_job"] == "bank-laptop-1"
    assert run.data.tags["Release"] == "laptop-1"
    assert run.data.tags["goal"] == "fewer reviews"
    assert run.data.tags["candidate_trained"] == categoriser.metadata.candidate
    # Whose runs are compared with each other: those of a pipeline, its candidates, its trials.
    assert run.data.tags.keys().isdisjoint(TAG_OF_KIND.values())
    assert run.data.tags["mlflow.source.name"] == "make train-remote"
    assert run.data.params["train.candidates.fasttext_svm.dim"] == "16"
    assert run.data.metrics["validation_log_loss"] == 0.25
    assert run.data.metrics["billed_seconds"] == 95
    files = {file.path for file in MlflowClient().list_artifacts(run.info.run_id)}
    assert files == {"job.json", "metadata.json"}


def test_a_job_that_is_mirrored_is_passed_over_and_an_interrupted_run_is_made_anew(
    project: Project, categoriser: Categoriser
) -> None:
    bring_back(categoriser, "bank-laptop-1", 1_000_000)
    mirror = Mirror(project.name)
    [(_, state)] = remote_states()
    mirror.start(state)

    add_remote_jobs(mirror)
    [run] = runs(project)
    add_remote_jobs(mirror)

    assert [one.info.run_id for one in runs(project)] == [run.info.run_id]
    assert run.info.status == "FINISHED"


def test_jobs_come_in_the_order_of_their_times(project: Project, categoriser: Categoriser) -> None:
    bring_back(categoriser, "a-later", 2)
    bring_back(categoriser, "b-earlier", 1)

    assert [state.name for _, state in remote_states()] == ["b-earlier", "a-later"]


def test_a_record_that_is_damaged_is_named(project: Project, categoriser: Categoriser) -> None:
    folder = bring_back(categoriser, "bank-laptop-1", 1)
    (folder / "job.json").write_text("{}")
    with pytest.raises(UserError, match=r"job\.json"):
        list(remote_states())
    shutil.rmtree(folder)
    assert list(remote_states()) == []
