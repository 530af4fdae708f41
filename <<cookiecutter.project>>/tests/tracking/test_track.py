"""What a state's files say, and a real repository with DVC mirrored into one MLflow database."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from dvc.repo import Repo
from measured import KNOBS
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from msgspec.structs import asdict

from categoriser import paths
from categoriser.contract import transactions
from categoriser.errors import UserError
from categoriser.features import VERSION, features
from categoriser.io.digests import digest
from categoriser.model.classifier import Classifier
from categoriser.model.package import Categoriser
from categoriser.tracking.states import flatten, git, history, read_state, workspace
from categoriser.tracking.track import track_into_mlflow

# categoriser.tracking.states


LOCK = b"""
stages:
  validate:
    deps:
    - {path: champion/profile.json, md5: '00'}
    - {path: data/own.csv, md5: b026}
"""
CONTENTS = {
    paths.LOCK: LOCK,
    paths.PARAMS: b"data: {path: data/own.csv}\ntrain: {lr: 0.5, seed: null}",
    paths.METRICS: b'{"random": {"accuracy": 0.75, "food & drink/f1": 1, "absent": null}}',
    paths.VERDICT: b'{"passed": false}',
}


def test_a_state_has_parameters_metrics_and_tags() -> None:
    state = read_state(CONTENTS, 5)
    assert state.params == {"data.path": "data/own.csv", "train.lr": 0.5, "train.seed": None}
    assert state.metrics == {"random.accuracy": 0.75, "random.food _ drink_f1": 1.0}
    assert state.tags == {
        "dvc_lock": hashlib.sha256(LOCK).hexdigest(),
        "dvc_data": "b026",
        "gate": "failed",
    }
    assert state.milliseconds == 5


@pytest.mark.parametrize(("verdict", "gate"), [('{"passed": true}', "passed"), ("{}", "not run")])
def test_the_gate_passed_failed_or_did_not_run(verdict: str, gate: str) -> None:
    assert read_state(CONTENTS | {paths.VERDICT: verdict.encode()}, 5).tags["gate"] == gate


def test_without_a_verdict_the_gate_did_not_run() -> None:
    files = {path: content for path, content in CONTENTS.items() if path != paths.VERDICT}
    assert read_state(files, 5).tags["gate"] == "not run"


def test_without_the_data_in_the_lock_there_is_no_hash() -> None:
    for lock in (b"stages: {}", b"stages: {validate: {deps: [{path: other, md5: '1'}]}}"):
        state = read_state(CONTENTS | {paths.LOCK: lock}, 5)
        assert state.tags["dvc_data"] == ""


def test_flatten_reads_what_json_and_yaml_hold() -> None:
    tree = json.loads('{"a": {"b": {"c:d": [1]}, "é": ""}, "f": {}}')
    assert dict(flatten(tree)) == {"a.b.c_d": [1], "a.é": ""}


def test_without_git_there_is_no_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert list(history()) == []
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git("version") is None
    assert list(history()) == []


# categoriser.tracking.track


# Stages that `dvc commit` records as run; the tests write their outputs.
PIPELINE = """
stages:
  validate:
    cmd: "true"
    deps: ["${data.path}", champion/profile.json]
    params: [data]
    outs: [data/validated]
  train: {cmd: "true", deps: [data/validated], params: [train], outs: [model]}
  evaluate:
    cmd: "true"
    deps: [champion, model]
    metrics: [{reports/metrics.json: {cache: false}}]
    plots: [reports/plots]
  gate:
    cmd: "true"
    deps: [reports/metrics.json]
    params: [gate]
    outs:
      - reports/gate.json: {cache: false}
      - reports/model_card.md: {cache: false}
      - reports/report.html
"""


@pytest.fixture(scope="module")
def categoriser() -> Categoriser:
    texts = ["spotify sydney", "cafe perth", "aldi sydney"]
    labels = ["entertainment", "eating_out", "groceries"]
    return Categoriser(
        Classifier.fit(features(transactions(zip(texts, [1, 2, 3], strict=True))), labels, KNOBS),
        {
            "features_version": VERSION,
            "libraries": {"numpy": "2.4.0"},
            "review_threshold": 0.6,
            "temperature": 1.0,
        },
    )


class Project:
    """A repository whose pipeline's outputs are written by hand; the working folder."""

    def __init__(self, folder: Path, name: str, categoriser: Categoriser) -> None:
        self.folder, self.name, self.categoriser = folder, name, categoriser
        self.write("pyproject.toml", f'[project]\nname = "{name}"\n')
        self.write("dvc.yaml", PIPELINE)
        self.write(".gitignore", "/model\n/mlruns\n/data/validated\n/reports/plots\n*.html\n")
        self.write("data/own.csv", "rows")
        self.write(paths.CHAMPION_FACTS, "null")
        self.write(paths.CHAMPION_PROFILE, "null")
        self.write("data/validated", "rows")
        self.call("git", "init", "--quiet", "--initial-branch=main")
        Repo.init(str(folder)).close()

    def write(self, path: Path | str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8")

    def call(self, *command: str) -> str:
        identity = ["-c", "user.name=n", "-c", "user.email=n@example.com"]
        command = ("git", *identity, *command[1:]) if command[0] == "git" else command
        return subprocess.run(
            command, cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    def reproduce(self, lr: float, *stages: str, passed: bool = True) -> str:
        """Put the pipeline's outputs there as if the stages (all) had run; return the digest."""
        self.write(
            paths.PARAMS, f"data: {{path: data/own.csv}}\ntrain: {{lr: {lr}}}\ngate: {{floor: 0}}\n"
        )
        model = Categoriser(
            self.categoriser.classifier, self.categoriser.metadata | {"temperature": 1 + lr}
        )
        model.save(self.folder / paths.MODEL)
        found = digest(self.folder / paths.MODEL)
        self.write(paths.METRICS, json.dumps({"random": {"accuracy": 1 - lr}}))
        self.write(paths.PLOTS / "confusion.csv", f"{lr}")
        self.write(paths.VERDICT, json.dumps({"passed": passed, "model": found}))
        self.write(paths.REPORT, f"report {lr}")
        self.write(paths.MODEL_CARD, f"card {lr}")
        self.record(*stages)
        return found

    def record(self, *stages: str) -> None:
        """Write dvc.lock as if the stages (all) had run; within the process, to save seconds."""
        with Repo(str(self.folder)) as repo:
            for stage in stages or (None,):
                repo.commit(stage, force=True)

    def commit(self) -> str:
        self.call("git", "add", "--all")
        self.call("git", "commit", "--quiet", "--message=state")
        return self.call("git", "rev-parse", "HEAD")

    def runs(self) -> list[Run]:
        """Return the experiment's runs by learning rate, which rises from state to state."""
        experiment = MlflowClient().get_experiment_by_name(self.name)
        assert experiment
        found = MlflowClient().search_runs([experiment.experiment_id])
        return sorted(found, key=lambda run: float(run.data.params["train.lr"]))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make the store that all tests share, since to make one takes seconds."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    MlflowClient().search_experiments()
    return uri


@pytest.fixture
def project(
    tmp_path: Path,
    database: str,
    categoriser: Categoriser,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database)
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, request.node.name.replace("_", "-"), categoriser)


def alias(project: Project, name: str) -> str | None:
    try:
        return str(MlflowClient().get_model_version_by_alias(project.name, name).version)
    except MlflowException:
        return None


def versions(project: Project) -> list[str]:
    found = MlflowClient().search_model_versions(f"name = '{project.name}'")
    return sorted(str(version.version) for version in found)


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

    # Interrupted, it is made anew; the model that it registered stands.
    client.update_run(run.info.run_id, status="RUNNING")
    track_into_mlflow(None)
    (again,) = project.runs()
    assert again.info.run_id != run.info.run_id
    assert again.info.status == "FINISHED"
    assert again.data.tags["model_version"] == "1"
    assert versions(project) == ["1"]
    assert mlflow.pyfunc.load_model(f"models:/{project.name}@candidate")


def test_the_registered_model_answers_as_the_packaged_one_anywhere(
    project: Project, database: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project.reproduce(0.25)
    track_into_mlflow(None)
    packaged = Categoriser.load(paths.MODEL)
    frame = pd.DataFrame({"text": ["spotify p0d3d89b19", "café"], "price": [11.99, -4.0]})
    # In another process and folder, with the sources that were logged and no others.
    code = (
        "import json, mlflow, pandas, sys; mlflow.set_tracking_uri(sys.argv[1]);"
        "answers = mlflow.pyfunc.load_model(sys.argv[2]).predict(pandas.read_json(sys.argv[3]));"
        "print(json.dumps(answers.to_dict('records')))"
    )
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    frame.to_json(elsewhere / "rows.json", double_precision=15)
    model = f"models:/{project.name}@candidate"
    done = subprocess.run(
        [sys.executable, "-c", code, database, model, "rows.json"],
        cwd=elsewhere,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(done.stdout)
    asked = transactions(frame.itertuples(index=False))
    expected = packaged.predict_proba(asked).tolist()
    assert [list(answer["probabilities"].values()) for answer in answers] == expected
    assert answers == [asdict(answer) for answer in packaged.predict(asked)]


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


def test_candidate_is_the_workspace_s_if_it_passed_and_champion_the_one_of_its_digest(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    champion = project.reproduce(0.1)
    track_into_mlflow(None)
    assert alias(project, "champion") is None
    project.reproduce(0.2)
    track_into_mlflow(None)
    assert alias(project, "candidate") == "2"
    project.reproduce(0.9, "validate", "train", "evaluate", passed=False)
    # Promoted, the champion alone differs from what the stages read: they need not have run.
    project.write(paths.CHAMPION_FACTS, json.dumps({"digest": champion}))
    project.write(paths.CHAMPION_PROFILE, "{}")
    track_into_mlflow(None)
    assert [run.data.tags["gate"] for run in project.runs()] == ["passed", "passed", "failed"]
    assert versions(project) == ["1", "2", "3"]
    assert (alias(project, "candidate"), alias(project, "champion")) == (None, "1")
    # A champion of another registry is said; a workspace that is refused hinders no alias.
    capsys.readouterr()
    project.write(paths.CHAMPION_FACTS, json.dumps({"digest": "0" * 64}))
    track_into_mlflow(None)
    assert "the champion 000000000000 is not in the registry" in capsys.readouterr().out
    project.write(paths.CHAMPION_FACTS, json.dumps({"digest": digest(paths.MODEL)}))
    project.write("data/own.csv", "other rows")
    with pytest.raises(UserError, match="not run: validate"):
        track_into_mlflow(None)
    assert alias(project, "champion") == "3"


def test_another_verdict_or_champion_is_another_run_of_the_same_version(project: Project) -> None:
    model = project.reproduce(0.1)
    project.write(paths.CHAMPION_FACTS, json.dumps({"digest": model}))
    project.record()
    track_into_mlflow(None)
    assert alias(project, "champion") == "1"
    (passed,) = project.runs()
    lock = paths.LOCK.read_bytes()
    # DVC does not record a gate that fails.
    project.write(paths.PARAMS, paths.PARAMS.read_text().replace("floor: 0", "floor: 1"))
    project.write(paths.VERDICT, json.dumps({"passed": False, "model": model}))
    track_into_mlflow(None)
    track_into_mlflow(None)
    assert paths.LOCK.read_bytes() == lock
    runs = {run.data.tags["gate"]: run for run in project.runs()}
    assert sorted(runs) == ["failed", "passed"]
    assert len(project.runs()) == 2
    assert runs["passed"].info.run_id == passed.info.run_id
    assert runs["failed"].data.params["gate.floor"] == "1"
    assert (alias(project, "candidate"), alias(project, "champion")) == (None, "1")
    # Compared with itself as the champion, the model is judged anew and not registered anew.
    project.write(paths.CHAMPION_FACTS, json.dumps({"digest": model, "metrics": {}}))
    project.write(paths.VERDICT, json.dumps({"passed": True, "model": model}))
    project.record()
    track_into_mlflow(None)
    assert [run.data.tags["model_version"] for run in project.runs()] == ["1", "1", "1"]
    assert alias(project, "candidate") == "1"
    assert versions(project) == ["1"]


def test_going_back_to_earlier_data_takes_the_candidate_along(project: Project) -> None:
    project.reproduce(0.1)
    track_into_mlflow(None)
    project.reproduce(0.2)
    track_into_mlflow(None)
    assert alias(project, "candidate") == "2"
    project.reproduce(0.1)
    track_into_mlflow(None)
    assert alias(project, "candidate") == "1"
    # A model that is no state's is no candidate.
    project.write("data/own.csv", "other rows")
    project.write(paths.MODEL / "metadata.json", "{}")
    with pytest.raises(UserError, match="not run: "):
        track_into_mlflow(None)
    assert alias(project, "candidate") is None


def test_a_champion_that_was_retired_has_no_alias(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = project.reproduce(0.1)
    project.write(paths.CHAMPION_FACTS, json.dumps({"digest": model}))
    project.record()
    track_into_mlflow(None)
    assert alias(project, "champion") == "1"
    project.write(paths.CHAMPION_FACTS, "null")
    # Whatever the stages say: `make promote FORGET=champion` ends well.
    project.write(paths.PARAMS, "{}")
    track_into_mlflow("champion")
    assert alias(project, "champion") is None


def test_a_registered_model_that_was_deleted_is_registered_again(project: Project) -> None:
    model = project.reproduce(0.1)
    track_into_mlflow(None)
    MlflowClient().delete_registered_model(project.name)
    track_into_mlflow(None)
    version = MlflowClient().get_model_version_by_alias(project.name, "candidate")
    assert version.tags["model_digest"] == model
    (run,) = project.runs()
    assert version.run_id == run.info.run_id
    assert mlflow.pyfunc.load_model(f"models:/{project.name}@candidate")


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
    # A try is no candidate, even where it passed.
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
