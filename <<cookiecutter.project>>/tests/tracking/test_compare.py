"""`make compare` asks a real store, says what there is not, and writes the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from verbs import run_verb

from categoriser import paths
from categoriser.errors import UserError
from categoriser.tracking.comparing import recorded_runs


@pytest.fixture
def client(
    tmp_path: Path, database: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database)
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.chdir(tmp_path)
    name = project_of(request)
    Path("pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    paths.VEGA.parent.mkdir()
    paths.VEGA.write_text("window.vegaEmbed = () => {};")
    return MlflowClient(database)


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    return project_of(request)


def project_of(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).replace("_", "-")


def experiment(client: MlflowClient, name: str, project: str) -> str:
    return str(client.create_experiment(name, tags={"project": project}))


def add_run(
    client: MlflowClient, place: str, number: int, metric: str = "random.accuracy", **tags: str
) -> None:
    made = client.create_run(place, number, tags or {"dvc_lock": "l"}, f"run {number}")
    params = [Param("train.dim", str(number))]
    client.log_batch(made.info.run_id, [Metric(metric, number / 10, 0, 0)], params)
    client.set_terminated(made.info.run_id)


def test_runs_of_all_experiments_of_the_project_are_compared(
    client: MlflowClient, project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (experiment(client, f"{project}-{one}", project) for one in "ab")
    theirs = experiment(client, f"{project}-c", "someone-else")
    for number, place in enumerate((first, second, first, theirs), 1):
        add_run(client, place, number)
    client.create_run(first, 5, {"dvc_lock": "l"}, "run 5")  # and never finished
    assert run_verb("compare") == 0
    said = capsys.readouterr().out
    assert "3 runs on" in said
    assert said.index("run 3 best") < said.index("run 2") < said.index("run 1")
    assert "run 4" not in said
    assert "run 5" not in said
    page = paths.COMPARISON.read_text(encoding="utf-8")
    assert all(f"run {number}" in page for number in (1, 2, 3))
    assert run_verb("compare", "--experiment", f"{project}-b", "--output", "other.html") == 0
    assert "1 run on" in capsys.readouterr().out
    assert "run 3" not in Path("other.html").read_text(encoding="utf-8")


def test_trials_and_candidates_are_never_mixed_with_runs(
    client: MlflowClient, project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = experiment(client, project, project)
    add_run(client, place, 1)
    add_run(client, place, 2, "folds_accuracy", candidate="linear", candidate_outcome="chosen")
    add_run(client, place, 3, "folds_log_loss", tuning="t", trial="0")
    add_run(client, place, 4, "folds_log_loss", tuning="t")  # the search as a whole
    for kind, number in (("runs", 1), ("candidates", 2), ("trials", 3)):
        assert run_verb("compare", "--kind", kind) == 0
        said = capsys.readouterr().out
        assert "1 run on" in said
        assert f"run {number}" in said


def test_what_there_is_not_is_answered_with_what_there_is(
    client: MlflowClient, project: str
) -> None:
    with pytest.raises(UserError, match=f"no experiment of {project} yet: `make run` makes one"):
        run_verb("compare")
    place = experiment(client, project, project)
    with pytest.raises(UserError, match=r"there are no trials .* yet: `make tune` makes them"):
        run_verb("compare", "--kind", "trials")
    add_run(client, place, 1)
    with pytest.raises(UserError, match=f"no experiment 'x'; there are: {project}$"):
        run_verb("compare", "--experiment", "x")
    with pytest.raises(UserError, match=r"no run has a metric 'x'; there are: random\.accuracy"):
        run_verb("compare", "--metric", "x")
    paths.VEGA.unlink()
    with pytest.raises(UserError, match=r"vega\.js is missing"):
        run_verb("compare")
    assert not paths.COMPARISON.exists()


def test_of_too_many_runs_the_newest_are_compared(
    client: MlflowClient,
    project: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = experiment(client, project, project)
    for number in (3, 1, 2):
        add_run(client, place, number)
    monkeypatch.setattr(recorded_runs, "MOST_RUNS", 2)
    assert run_verb("compare") == 0
    said = capsys.readouterr().out
    assert "2 runs on" in said
    assert "the newest 2 runs" in said
    assert "run 1" not in said


def test_a_server_that_does_not_answer_is_named(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(UserError, match=r"MLflow at http://127\.0\.0\.1:1"):
        run_verb("compare")
