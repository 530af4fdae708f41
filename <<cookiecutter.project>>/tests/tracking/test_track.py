"""A real repository with DVC is mirrored, once and whole, or it is said what is missing."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from tracking_helpers.tracked_project import Project, alias, versions

from categoriser import paths
from categoriser.errors import UserError
from categoriser.io.digests import digest
from categoriser.tracking.states import workspace
from categoriser.tracking.track import track_into_mlflow


def test_the_workspace_is_mirrored_once_and_whole(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = project.reproduce(0.25)
    commit = project.commit()
    monkeypatch.setenv("IMAGE_DIGEST", "sha256:1f")
    track_into_mlflow(None)
    assert "new states in MLflow: 1" in capsys.readouterr().out
    track_into_mlflow(None)
    assert "new states in MLflow: 0" in capsys.readouterr().out

    (run,) = project.runs()
    assert run.info.status == "FINISHED"
    assert run.data.params["train.lr"] == "0.25"
    assert run.data.metrics == {"random.accuracy": 0.75}
    expected = {
        "dvc_lock": digest(paths.LOCK),
        "dvc_data": hashlib.md5(b"rows").hexdigest(),
        "gate": "passed",
        "git_commit": commit,
        "git_dirty": "false",
        "model_digest": model,
        "image_digest": "sha256:1f",
    }
    assert {name: run.data.tags.get(name) for name in expected} == expected
    assert "release" not in run.data.tags
    client = MlflowClient()
    names = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert names == {"plots", "gate.json", "report.html", "model_card.md"}
    assert [plot.path for plot in client.list_artifacts(run.info.run_id, "plots")] == [
        "plots/confusion.csv"
    ]
    version = client.get_model_version_by_alias(project.name, "candidate")
    assert version.run_id == run.info.run_id
    assert version.tags["model_digest"] == model

    # Interrupted, it is made anew; the model that it registered stays.
    client.update_run(run.info.run_id, status="RUNNING")
    track_into_mlflow(None)
    (again,) = project.runs()
    assert again.info.run_id != run.info.run_id
    assert again.info.status == "FINISHED"
    assert again.data.tags["model_version"] == "1"
    assert versions(project) == ["1"]
    assert mlflow.pyfunc.load_model(f"models:/{project.name}@candidate")


def test_a_fresh_clone_gets_gits_history(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.reproduce(0.1)
    first = project.commit()
    project.write("README.md", "no new state")
    project.commit()
    project.reproduce(0.2)
    (project.folder / paths.METRICS).unlink()
    project.commit()
    project.reproduce(0.25)
    project.write(paths.METRICS, "{")
    project.commit()
    # A branch is one state, that of its merge.
    project.call("git", "checkout", "--quiet", "-b", "side")
    project.reproduce(0.28)
    project.commit()
    project.reproduce(0.3, "validate", "train", "evaluate", passed=False)
    project.commit()
    project.call("git", "checkout", "--quiet", "main")
    project.call("git", "merge", "--quiet", "--no-ff", "--no-edit", "side")
    last = project.call("git", "rev-parse", "HEAD")
    clone = tmp_path_factory.mktemp("clone")
    project.call("git", "clone", "--quiet", ".", str(clone))
    monkeypatch.chdir(clone)
    track_into_mlflow(None)
    track_into_mlflow(None)

    runs = project.runs()
    assert [run.data.params["train.lr"] for run in runs] == ["0.1", "0.3"]
    assert [run.data.metrics["random.accuracy"] for run in runs] == [0.9, 0.7]
    assert [run.data.tags["gate"] for run in runs] == ["passed", "failed"]
    assert [run.data.tags["git_commit"] for run in runs] == [first, last]
    assert all(run.info.status == "FINISHED" for run in runs)
    assert all(run.info.end_time == run.info.start_time for run in runs)
    assert "model_digest" not in runs[1].data.tags

    # With the model there, the last state is mirrored in full, in place of its commit's run.
    monkeypatch.chdir(project.folder)
    track_into_mlflow(None)
    assert project.runs()[0].info.run_id == runs[0].info.run_id
    assert len(project.runs()) == 2
    assert "model_digest" in project.runs()[1].data.tags


def test_dirty_or_not_and_the_commit_that_comes_after_its_run(project: Project) -> None:
    project.reproduce(0.1)
    paths.LOCK.unlink()
    shutil.rmtree("reports")
    parent = project.commit()
    # What the pipeline writes leaves the commit clean; its parameters do not.
    project.reproduce(0.1)
    assert workspace().tags["git_dirty"] == "false"
    project.reproduce(0.25)
    track_into_mlflow(None)
    (run,) = project.runs()
    assert (run.data.tags["git_commit"], run.data.tags["git_dirty"]) == (parent, "true")
    commit = project.commit()
    track_into_mlflow(None)
    (found,) = project.runs()
    assert found.info.run_id == run.info.run_id
    assert (found.data.tags["git_commit"], found.data.tags["git_dirty"]) == (commit, "false")


def test_an_earlier_verdict_is_not_taken_for_this_models(project: Project) -> None:
    project.reproduce(0.1, passed=False)
    verdict = paths.VERDICT.read_text()
    # One that passed would be in dvc.lock.
    project.reproduce(0.2, "validate", "train", "evaluate")
    assert workspace().tags["gate"] == "not run"
    # One that failed is another model's.
    project.write(paths.VERDICT, verdict)
    track_into_mlflow(None)
    (run,) = project.runs()
    assert run.data.tags["gate"] == "not run"
    names = {artifact.path for artifact in MlflowClient().list_artifacts(run.info.run_id)}
    assert names == {"plots"}
    assert alias(project, "candidate") is None


def test_files_that_are_not_the_locks_are_refused_but_history_is_not(project: Project) -> None:
    project.reproduce(0.1)
    project.commit()
    project.write(paths.PARAMS, paths.PARAMS.read_text().replace("0.1", "0.2"))
    with pytest.raises(UserError, match=r"not run: train\); mend what `dvc repro` reports first"):
        track_into_mlflow(None)
    (run,) = project.runs()
    assert run.data.params["train.lr"] == "0.1"
    assert "model_digest" not in run.data.tags


def test_runs_have_names_authors_sources_and_data(project: Project) -> None:
    project.reproduce(0.1)
    commit = project.commit()
    project.reproduce(0.2)
    track_into_mlflow(None)
    old, new = project.runs()
    assert old.info.run_name == f"state ({commit[:7]})"
    assert old.data.tags["mlflow.user"] == "n"
    assert old.data.tags["mlflow.source.name"] == "dvc.yaml"
    assert old.data.tags["mlflow.source.git.commit"] == commit
    assert str(new.info.run_name).endswith(f" UTC, on {commit[:7]}")
    for run in (old, new):
        assert run.inputs
        [given] = run.inputs.dataset_inputs
        assert given.dataset.name == "data/own.csv"
        assert given.dataset.digest == hashlib.md5(b"rows").hexdigest()
        assert [tag.value for tag in given.tags] == ["training"]
    # Committed, it is called by its commit, and is the same run.
    last = project.commit()
    track_into_mlflow(None)
    assert [run.info.run_name for run in project.runs()] == [
        f"state ({commit[:7]})",
        f"state ({last[:7]})",
    ]
    assert project.runs()[1].info.run_id == new.info.run_id


def test_a_store_of_another_folder_is_refused(
    project: Project,
    database: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    shutil.copy(database.removeprefix("sqlite:///"), "mlflow.db")
    project.reproduce(0.1)
    track_into_mlflow(None)
    track_into_mlflow(None)
    assert any(Path("mlruns").rglob("confusion.csv"))
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(project.folder, copy, dirs_exist_ok=True)
    monkeypatch.chdir(copy)
    with pytest.raises(UserError, match=f"belongs to a project at {project.folder}; remove"):
        track_into_mlflow(None)


def test_without_git_the_workspace_is_mirrored(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.folder.parent))
    project.reproduce(0.25)
    shutil.rmtree(".git")
    project.write(".dvc/config", "[core]\n    no_scm = true\n")
    track_into_mlflow(None)
    (run,) = project.runs()
    assert run.data.metrics == {"random.accuracy": 0.75}
    assert "git_commit" not in run.data.tags
    assert run.data.tags["git_dirty"] == "unknown"


def test_what_is_missing_is_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"dvc\.lock is missing"):
        track_into_mlflow(None)
    project.reproduce(0.1)
    shutil.rmtree(".dvc")
    with pytest.raises(UserError, match="`dvc status --json` failed"):
        track_into_mlflow(None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(UserError, match=r"MLflow at http://127\.0\.0\.1:1"):
        track_into_mlflow(None)
