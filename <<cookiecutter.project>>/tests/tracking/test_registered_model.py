"""The registered model: its versions, its answers, and the aliases candidate and champion."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from msgspec.structs import asdict
from tracking_helpers.tracked_project import Project, alias, versions

from categoriser import paths
from categoriser.contract import transactions
from categoriser.errors import UserError
from categoriser.io.digests import digest
from categoriser.model.package import Categoriser
from categoriser.tracking.track import track_into_mlflow


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
    # A model that belongs to no state is not a candidate.
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
