"""A training on SageMaker: what is asked first, how it is followed, and what is brought back.

The SDK's own part is in `check_model_trainer.py`; here a stand-in starts the job.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from job_helpers.inputs import pack_model
from release_helpers.data import ROWS
from release_helpers.remote_aws import NEWEST_JOB, REPOSITORY, RemoteAws
from release_helpers.settings import DATA, PROJECT, changed, tools_session

from categoriser.errors import UserError
from categoriser.jobs.spec.release_run import ReleaseRun
from categoriser.model.package import Categoriser
from categoriser.params import Params, set_params
from release.remote import training
from release.remote.training import train_remotely

NAME = f"{PROJECT}-laptop-20261130101500"
ARCHIVE = f"runs/laptop-1/training/{NAME}/output/model.tar.gz"
# Of a job that an earlier call has started.
TAGS = {"Project": PROJECT, "Release": "laptop-1", "Data": "data/then.csv"}


@pytest.fixture
def started(
    remote: RemoteAws, root: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[ReleaseRun]:
    """Let a stand-in start jobs, which complete; give the runs that were started."""
    Path("data").mkdir()
    Path("data/own.csv").write_text(ROWS)
    set_params(Path("params.yaml"), {"data.path": "data/own.csv"})
    pack_model(model, tmp_path / "packed")
    packed = (tmp_path / "packed/model.tar.gz").read_bytes()
    boto3.client("s3").put_object(Bucket=DATA, Key=ARCHIVE, Body=packed)
    remote.answers |= {"DescribeTrainingJob": described(), "ListTags": tagged(TAGS)}
    runs: list[ReleaseRun] = []

    def start(_: boto3.Session, run: ReleaseRun, params: Params) -> str:
        runs.append(run)
        remote.answers["ListTags"] = tagged(run.lineage)
        return NAME

    monkeypatch.setattr(training, "start_by_sdk", start)
    return runs


def tagged(tags: dict[str, str]) -> dict[str, Any]:
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def described(status: str = "Completed", **more: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": NAME,
        "TrainingJobArn": f"arn:aws:sagemaker:eu-west-1:111122223333:training-job/{NAME}",
        "TrainingJobStatus": status,
        "ResourceConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 10,
        },
        "SecondaryStatus": status,
        "SecondaryStatusTransitions": [
            {
                "Status": status,
                "StartTime": datetime(2026, 11, 30, tzinfo=UTC),
                "StatusMessage": "m",
            }
        ],
        "CreationTime": datetime(2026, 11, 30, tzinfo=UTC),
        "ModelArtifacts": {"S3ModelArtifacts": f"s3://{DATA}/{ARCHIVE}"},
        "HyperParameters": {"fasttext_svm.dim": "16"},
        "FinalMetricDataList": [{"MetricName": "validation_accuracy", "Value": 0.5}],
        "BillableTimeInSeconds": 95,
        **more,
    }


def train(*, job: str = "", yes: bool = True) -> None:
    train_remotely(changed(), tools_session(), job=job, image="", yes=yes)


def test_the_model_is_brought_back_into_a_folder_of_the_job_s_own(
    started: list[ReleaseRun], model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train()

    back = Path("remote") / NAME
    assert Categoriser.load(back / "model").classes == Categoriser.load(model).classes
    record = json.loads((back / "job.json").read_text())
    assert record["figures"] == {"validation_accuracy": 0.5}
    assert record["billed_seconds"] == 95
    assert record["hyperparameters"] == {"fasttext_svm.dim": "16"}
    assert (record["data"], record["instance"]) == ("data/own.csv", "ml.m5.large")
    assert record["tags"] == started[0].lineage
    assert not Path("model").exists()
    assert "validation_accuracy 0.5; billed 95 seconds" in capsys.readouterr().out


def test_a_job_that_was_left_alone_is_brought_back_by_its_name(
    started: list[ReleaseRun], remote: RemoteAws
) -> None:
    set_params(Path("params.yaml"), {"experiment.name": "smaller vectors"})

    train(job=NAME, yes=False)

    record = json.loads((Path("remote") / NAME / "job.json").read_text())
    assert (record["data"], record["tags"]) == ("data/then.csv", TAGS)
    assert record["experiment"]["name"] == "smaller vectors"
    assert started == []
    assert remote.made("GetProducts") == []


def test_a_job_of_a_release_is_not_brought_back(
    started: list[ReleaseRun], remote: RemoteAws
) -> None:
    remote.answers["ListTags"] = tagged({"Project": PROJECT, "Release": "20261130-101500-abcdef1"})

    with pytest.raises(UserError, match=f"{NAME} has no tag Data: it is no job of"):
        train(job=NAME)

    assert not Path("remote").exists()


def test_cost_and_image_are_said_and_asked_for_before_anything_is_uploaded(
    started: list[ReleaseRun], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match="nobody consented"):
        train(yes=False)

    said = capsys.readouterr().out
    assert f"train on data/own.csv with {REPOSITORY}@{NEWEST_JOB}" in said
    assert "at most 0.06 USD" in said
    assert started == []
    listed = boto3.client("s3").list_objects_v2(Bucket=DATA, Prefix="runs/")
    assert [item["Key"] for item in listed["Contents"]] == [ARCHIVE]


def test_a_training_that_fails_leaves_no_folder(
    started: list[ReleaseRun], remote: RemoteAws
) -> None:
    fault = "AlgorithmError: 5 rows are bad"
    remote.answers["DescribeTrainingJob"] = described("Failed", FailureReason=fault)

    with pytest.raises(UserError, match=f"{NAME} failed: {fault}"):
        train()

    assert not Path("remote").exists()


def test_an_archive_that_is_no_model_leaves_no_folder(started: list[ReleaseRun]) -> None:
    boto3.client("s3").put_object(Bucket=DATA, Key=ARCHIVE, Body=b"no archive")

    with pytest.raises(UserError, match="is not a tar"):
        train()

    assert not (Path("remote") / NAME).exists()
