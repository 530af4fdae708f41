"""The SageMaker SDK's own `ModelTrainer`, against moto: it sends the release's training job.

`make test-remote` runs it in the environment of `make train-remote`.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from msgspec import json
from release_helpers.data import ROWS
from release_helpers.remote_aws import NEWEST_JOB, REPOSITORY, RemoteAws
from release_helpers.settings import DATA, PROJECT, changed, tools_session
from sagemaker.core.telemetry import telemetry_logging

from categoriser.io.s3_uri import S3Uri
from categoriser.jobs.spec.release_run import training
from categoriser.jobs.spec.sagemaker import training_request
from categoriser.manifest import parse
from categoriser.params import read_params, set_params
from categoriser.tracking.remote_jobs import RECORD, RemoteJob
from release.remote import training as verb
from release.remote.laptop_run import laptop_run

METADATA = b'{"candidate": "fasttext_svm"}'


@pytest.fixture
def job(
    remote: RemoteAws, root: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Any], Path]:
    """Train once: the request that was sent, and the job's folder."""
    Path("data").mkdir()
    Path("data/own.csv").write_text(ROWS)
    set_params(Path("params.yaml"), {"data.path": "data/own.csv"})
    sent: list[dict[str, Any]] = []
    own: Any = BaseClient.__dict__["_make_api_call"]

    def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "CreateTrainingJob":
            sent.append(parameters)
            put_model(parameters)
        return own(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    told: list[Any] = []
    monkeypatch.setattr(telemetry_logging, "_requests_helper", lambda *given: told.append(given))
    verb.train_remotely(changed(), tools_session(), job="", image="", yes=True)
    assert told == []
    assert remote.made("SimulatePrincipalPolicy") == []
    [request] = sent
    return request, Path("remote") / request["TrainingJobName"]


def put_model(request: dict[str, Any]) -> None:
    """Put a model where SageMaker puts a job's."""
    place = S3Uri.parse(request["OutputDataConfig"]["S3OutputPath"])
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo("metadata.json")
        member.size = len(METADATA)
        archive.addfile(member, io.BytesIO(METADATA))
    key = f"{place.key}/{request['TrainingJobName']}/output/model.tar.gz"
    boto3.client("s3").put_object(Bucket=place.bucket, Key=key, Body=stream.getvalue())


def test_the_job_is_the_release_s_but_for_its_name_and_knobs(
    job: tuple[dict[str, Any], Path], remote: RemoteAws
) -> None:
    request, _ = job
    sent = dict(request)
    run = laptop_run(changed(), tools_session(), f"{REPOSITORY}@{NEWEST_JOB}")
    described = training_request(training(run))
    # The run's own id, which is of its time.
    [release] = [tag["Value"] for tag in sent["Tags"] if tag["Key"] == "Release"]
    described = json.decode(json.encode(described).replace(run.release.encode(), release.encode()))
    assert sent.pop("TrainingJobName").startswith(f"{PROJECT}-laptop-")
    described.pop("TrainingJobName")
    # SageMaker's own default.
    described["OutputDataConfig"]["CompressionType"] = "GZIP"
    sent.pop("HyperParameters")
    assert {name: value for name, value in sent.items() if value not in ({}, None)} == described


def test_the_knobs_are_this_machine_s(job: tuple[dict[str, Any], Path]) -> None:
    request, _ = job
    knobs = read_params().train.candidates["fasttext_svm"]
    assert request["HyperParameters"]["fasttext_svm.dim"] == str(knobs["dim"])
    assert request["HyperParameters"]["fasttext_svm.quantise"] == "false"


def test_the_channel_has_the_rows_and_their_manifest(job: tuple[dict[str, Any], Path]) -> None:
    request, _ = job
    [channel] = request["InputDataConfig"]
    place = S3Uri.parse(channel["DataSource"]["S3DataSource"]["S3Uri"])
    s3 = boto3.client("s3")
    assert place.bucket == DATA
    rows = s3.get_object(Bucket=DATA, Key=f"{place.key}transactions.csv")["Body"].read()
    assert rows.decode().splitlines()[1:] == ROWS.splitlines()[1:]
    manifest = parse(s3.get_object(Bucket=DATA, Key=f"{place.key}data.json")["Body"].read(), "m")
    assert (manifest.files[0].rows, list(manifest.dvc)) == (80, ["data/own.csv"])


def test_model_and_figures_are_brought_back(job: tuple[dict[str, Any], Path]) -> None:
    request, folder = job
    assert (folder / "model/metadata.json").read_bytes() == METADATA
    record = json.decode((folder / RECORD).read_bytes(), type=RemoteJob)
    assert record.name == request["TrainingJobName"]
    assert record.tags["JobImage"] == NEWEST_JOB
    assert record.figures
    assert not Path("model").exists()
