"""A run of this machine's own: its rows in S3, and what its jobs are made of.

The jobs are a release's (`categoriser.jobs.spec`), in a folder beside those of releases. The rows
and the knobs are this machine's; code, rules and all other settings are the image's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path

import boto3
import yaml

from categoriser.errors import UserError
from categoriser.io.git_commands import git
from categoriser.io.s3_uri import S3Uri
from categoriser.jobs.spec.artifact_keys import RUN_DATA, run_prefix
from categoriser.jobs.spec.job import Network
from categoriser.jobs.spec.release_run import ReleaseRun
from categoriser.manifest import NAME, Manifest
from categoriser.model.knobs import Knobs
from categoriser.params import read_params
from release.accounts import bucket_name, data_key, train_role
from release.build import digest_of
from release.cloudformation import find_stack, stack_name
from release.data_release import upload_file
from release.lineage import NO_HASH, within_limits
from release.settings import ReleaseSettings
from release.training_data import RELEASE_ROWS, validate_together

# The tag of a run's jobs that names the file of their rows.
DATA_TAG = "Data"


def new_run_id() -> str:
    """Return the id of a run that begins now, such as laptop-20261130-101500."""
    return f"laptop-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def laptop_run(settings: ReleaseSettings, session: boto3.Session, job_image: str) -> ReleaseRun:
    """Return what the jobs of a new run are made of."""
    run_id = new_run_id()
    bucket = bucket_name(settings, "data", session)
    return ReleaseRun(
        project=settings.project,
        release=run_id,
        folder=f"s3://{bucket}/{run_prefix(run_id)}",
        serve_image="",
        job_image=job_image,
        role=train_role(settings, session),
        key=data_key(settings, session),
        champion="",
        instance=settings.train.instance,
        max_seconds=settings.train.minutes * 60,
        network=jobs_network(settings, session),
        lineage=run_lineage(settings, session, run_id, job_image),
        metadata={},
    )


def jobs_network(settings: ReleaseSettings, session: boto3.Session) -> Network:
    """Return the subnets and the security group of the stack `network`, if the settings want it."""
    if settings.network == "none":
        return Network()
    name = stack_name(settings, "network")
    stack = find_stack(session.client("cloudformation"), name)
    if stack is None:
        raise UserError(f"there is no stack {name}, and so no network for the job: `make deploy`")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return Network(
        subnets=tuple(outputs["Subnets"].split(",")), security_groups=(outputs["SecurityGroup"],)
    )


def run_lineage(
    settings: ReleaseSettings, session: boto3.Session, run_id: str, image: str
) -> dict[str, str]:
    """Return what the run's jobs say of their origin, as tags."""
    commit = (git("rev-parse", "HEAD") or b"").decode().strip()
    path = read_params().data.path
    return within_limits(
        {
            "Project": settings.project,
            "Release": run_id,
            "Commit": commit or NO_HASH,
            "JobImage": digest_of(image),
            # Of the rows as they are, which need not be those that Git knows.
            "DvcHash": md5_of(path) if path.exists() else NO_HASH,
            "StartedBy": session.client("sts").get_caller_identity()["Arn"],
            DATA_TAG: path.as_posix(),
        }
    )


def upload_rows(session: boto3.Session, run: ReleaseRun) -> None:
    """Upload the rows that the pipeline trains on, and their manifest, as Build does.

    Raises `UserError` for rows that are not valid; then nothing is uploaded.
    """
    path = read_params().data.path
    validate_together([path])
    place = S3Uri.parse(run.folder)
    folder = f"{place.key}/{RUN_DATA}"
    rows = upload_file(session, place.bucket, f"{folder}/{RELEASE_ROWS.name}", RELEASE_ROWS)
    manifest = Manifest("data-release", (rows,), {path.as_posix(): md5_of(path)})
    session.client("s3").put_object(
        Bucket=place.bucket, Key=f"{folder}/{NAME}", Body=manifest.json()
    )


def md5_of(path: Path) -> str:
    """Return a file's hash as DVC makes it."""
    return md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def as_hyperparameters(candidate: str, knobs: Knobs) -> dict[str, str]:
    """Return a candidate's knobs as the training job takes them: texts, which are YAML."""
    return {f"{candidate}.{name}": yaml_text(value) for name, value in knobs.items()}


def yaml_text(value: object) -> str:
    """Write a value so that YAML reads it back: `1e-06` would be a text to it, not a number."""
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()
