"""Starts the double of AWS, prepares a release in it, and reads what it was asked.

A workflow's engine has an environment of its own: there this needs boto3 and PyYAML. The double
runs with the Python of `.venv`, which has moto.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from prove.example import GIVEN, REGION
from workflow_helpers.sent_requests import keep_sent

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv/bin/python"
BUCKET: str = GIVEN["DataBucket"]
# The release's own folder in it.
RUN: str = GIVEN["Run"]
PREFIX = RUN.removeprefix(f"s3://{BUCKET}/")
# The operation of each step's request.
OPERATIONS = {
    "training": "CreateTrainingJob",
    "evaluation": "CreateProcessingJob",
    "model_package": "CreateModelPackage",
}
# What the double's own processes know: the project's code, and no account.
VARIABLES = {
    "PATH": "/usr/bin:/bin",
    "PYTHONPATH": os.pathsep.join(f"{ROOT / name}" for name in ("", "src", "tests")),
}
# Credentials that no account knows.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_DEFAULT_REGION": REGION,
}


class RunningAws:
    """The double of AWS at an address; `folder` is where it writes and reads."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.folder = folder

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which boto3, of any program, asks the double."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.address}

    def client(self, service: str) -> Any:
        """Give boto3's client of a service."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.address,
            region_name=REGION,
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )

    def fail(self, *faults: dict[str, Any]) -> None:
        """Let operations of SageMaker's go wrong, each as `recorded_aws.Fault` says."""
        (self.folder / "faults.json").write_text(json.dumps(faults), encoding="utf-8")

    def make_release(self, form: str = "plain", verdict: str = "passed") -> dict[str, Any]:
        """Leave a release as Build does, and the verdict that its evaluation will leave.

        Give the requests of its jobs, by step. Forms and verdicts are those of
        `workflow_helpers.made_release`.
        """
        module = "workflow_helpers.made_release"
        command = [str(PYTHON), "-m", module, self.address, form, verdict]
        subprocess.run(command, cwd=ROOT, env=VARIABLES, check=True)
        found = self.client("s3").get_object(Bucket=BUCKET, Key=f"{PREFIX}/requests.json")
        requests: dict[str, Any] = json.load(found["Body"])
        return requests

    def requests(self, operation: str) -> list[dict[str, Any]]:
        """Give the requests of an operation of SageMaker's, in the order in which they came."""
        path = self.folder / "requests.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        recorded = [json.loads(line) for line in lines]
        return [each["request"] for each in recorded if each["operation"] == operation]


@contextmanager
def running_aws(folder: Path) -> Iterator[RunningAws]:
    """Run the double of AWS, with files in a folder, until the block ends."""
    command = [str(PYTHON), "-m", "workflow_helpers.recorded_aws", str(folder)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, env=VARIABLES, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        assert process.stdout is not None
        address = process.stdout.readline().decode().strip()
        try:
            assert address, (folder / "log").read_text(encoding="utf-8")
            aws = RunningAws(address, folder)
            yield aws
            keep_trained(aws)
        finally:
            process.terminate()


def keep_trained(aws: RunningAws) -> None:
    """Keep the requests of the last release that was trained and registered, if one was."""
    sent = {step: aws.requests(operation) for step, operation in OPERATIONS.items()}
    if all(sent.values()):
        keep_sent({step: requests[-1] for step, requests in sent.items()})
