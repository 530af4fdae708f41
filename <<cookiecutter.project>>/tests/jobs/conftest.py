"""The image's settings, one training, one evaluation of it, and an account with its baseline."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from job_helpers.inputs import (
    pack_diagnostics,
    pack_model,
    released_manifest,
    run_training,
    write_channel,
)
from job_helpers.live_account import DATA, LIVE, RELEASES, Account
from job_helpers.small_settings import write_small_settings
from measured import CANDIDATE
from moto import mock_aws

from categoriser.jobs import evaluation_job

# As SageMaker gives them: texts.
HYPERPARAMETERS = {
    f"{CANDIDATE}.epoch": "7",
    f"{CANDIDATE}.lr": "0.5",
    f"{CANDIDATE}.quantise": "false",
}


@pytest.fixture(scope="session")
def settings_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the image's working directory, with settings for few rows and little time."""
    folder = tmp_path_factory.mktemp("image")
    write_small_settings(folder)
    return folder


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory, settings_folder: Path) -> tuple[Path, str]:
    """Train once: the folder for /opt/ml, and what stood on stdout."""
    ml = tmp_path_factory.mktemp("training")
    write_channel(ml / "input/data/data", released_manifest())
    done = run_training(ml, settings_folder, **HYPERPARAMETERS)
    assert done.returncode == 0, done.stderr
    return ml, done.stdout


@pytest.fixture(scope="session")
def evaluation_inputs(tmp_path_factory: pytest.TempPathFactory, training: tuple[Path, str]) -> Path:
    """Make the folder for /opt/ml with an evaluation's inputs."""
    ml = tmp_path_factory.mktemp("evaluation")
    shutil.copytree(training[0] / "input/data/data", ml / "processing/input/data")
    (ml / "processing/output").mkdir()
    pack_model(training[0] / "model", ml / "processing/input/model")
    pack_diagnostics(training[0], ml / "processing/input/diagnostics")
    return ml


@pytest.fixture(scope="session")
def evaluated(evaluation_inputs: Path, settings_folder: Path) -> tuple[Path, str]:
    """Evaluate once: the folder with the results, and the exit message."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(settings_folder)
        return evaluation_inputs / "processing/output", evaluation_job.evaluate_release(
            evaluation_inputs
        )


@pytest.fixture
def account(
    evaluated: tuple[Path, str],
    training: tuple[Path, str],
    settings_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Account]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
    monkeypatch.chdir(settings_folder)
    environment = {
        "scheduled_time": "2026-11-22T13:00:00Z",
        "sagemaker_endpoint_datacapture_prefix": f"s3://{LIVE}/captures",
        "ground_truth_source": f"s3://{LIVE}/ground-truth",
        "labels": f"s3://{LIVE}/labels",
        "data_manifest": f"s3://{DATA}/releases/data.zip",
        "labelled_manifest": f"s3://{DATA}/releases/labelled.zip",
        "baseline": f"s3://{DATA}/runs/{RELEASES[1]}/evaluation/baseline",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield Account(evaluated[0] / "baseline", training[0] / "model")
