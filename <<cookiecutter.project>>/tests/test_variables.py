"""Empty variables, as CI sets a secret that it does not have: they count as none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import boto3
import mlflow
import pytest

from categoriser.command import run_command
from categoriser.io.privileges import give_up_root
from categoriser.tracking import store, track


def test_a_command_forgets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "")
    monkeypatch.setenv("KNOWN", "value")
    run_command(lambda: None)
    assert "SECRET" not in os.environ
    assert os.environ["KNOWN"] == "value"


def test_tracking_goes_to_the_projects_own_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text('[project]\nname = "mine"\n')
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    stores: list[str] = []
    monkeypatch.setattr(track, "Mirror", lambda _: stores.append(mlflow.get_tracking_uri()))
    monkeypatch.setattr(track, "track", lambda _: None)
    run_command(lambda: track.track_into_mlflow(only=None))
    assert stores == [store.OWN_STORE]


def test_aws_is_asked_without_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"):
        monkeypatch.setenv(name, "")
    opened: list[boto3.Session] = []
    run_command(lambda: opened.append(boto3.Session(region_name="eu-west-1")))
    assert opened[0].client("s3").meta.endpoint_url.startswith("https://s3.")


def test_a_container_stays_root(monkeypatch: pytest.MonkeyPatch) -> None:
    user = os.geteuid()
    monkeypatch.setenv("RUN_AS", "")
    run_command(give_up_root)
    assert os.geteuid() == user


@pytest.mark.parametrize("command", ["processing", "train_job"])
def test_a_job_says_in_a_line_which_user_there_is_not(command: str) -> None:
    line = [sys.executable, "-m", f"categoriser.jobs.{command}"]
    done = subprocess.run(
        line, env=os.environ | {"RUN_AS": "nobody"}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: RUN_AS is 'nobody'; it must be a user's number")
    assert len(done.stderr.splitlines()) == 1
