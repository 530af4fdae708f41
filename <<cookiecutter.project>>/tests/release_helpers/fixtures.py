"""Fixtures of the release: a project to release, AWS as answers or as moto has it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore import loaders
from botocore.client import BaseClient
from moto import mock_aws

from release import deploy, seeds
from release.base_image import BaseSource
from release.console import console
from release.lambda_bundle import SHARED_MODULES, LambdaBundle
from release.settings import SETTINGS, ReleaseSettings
from release_helpers.fake_aws import PROD, TOOLS, FakeAws
from release_helpers.fake_stacks import FakeStacks
from release_helpers.settings import (
    ARTIFACTS,
    BASE,
    COMMIT,
    DATA,
    GIVEN,
    IMAGE,
    JOB,
    LIVE,
    PROJECT,
    REGION,
    RELEASE,
    ROOT,
    SERVE,
    changed,
)

LOADER = loaders.create_loader()


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read botocore's models once for all tests: each session would read them anew."""
    monkeypatch.setattr(loaders, "create_loader", lambda *_: LOADER)


@pytest.fixture
def root(project: Path, models: None) -> Path:
    """Make the working directory a project that has its settings, templates and Lambdas."""
    for name in ("buildspecs", "cloudformation", "container", "lambdas", "monitoring"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in SHARED_MODULES:
        (project / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / "src" / name, project / "src" / name)
    (project / "requirements").mkdir()
    (project / "requirements/serve.txt").write_text("uvicorn==0.54\n")
    (project / SETTINGS).write_text(yaml.safe_dump(GIVEN))
    monitoring = project / "monitoring/monitoring.yaml"
    text = re.sub("namespace: .*", f"namespace: {PROJECT}/Monitor", monitoring.read_text())
    monitoring.write_text(text)
    return project


@pytest.fixture
def buckets(monkeypatch: pytest.MonkeyPatch, models: None) -> Iterator[None]:
    """Make the buckets, in moto, and the environment that the pipeline gives Build."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": REGION,
        "ARTIFACT_BUCKET": ARTIFACTS,
        "BASE_DIGEST": BASE,
        "COMMIT": COMMIT,
        "DATA_BUCKET": DATA,
        "DATA_VERSION": "data-version",
        "EXECUTION": "11111111-2222-3333-4444-555555555555",
        "JOB_IMAGE": IMAGE + JOB,
        "LIVE_BUCKET": LIVE,
        "RELEASE_ID": RELEASE,
        "SECURITY_GROUP": "",
        "SERVE_IMAGE": IMAGE + SERVE,
        "SUBNETS": "",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3 = boto3.client("s3")
        for bucket in (ARTIFACTS, DATA, LIVE):
            s3.create_bucket(
                Bucket=bucket,
                CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"},
            )
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, models: None) -> FakeAws:
    """Answer every call to AWS from a table; nobody has consented to anything."""
    table = FakeAws()
    monkeypatch.setattr(
        BaseClient, "_make_api_call", lambda client, *call: table.call(client, *call)
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tools")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    for name in ("YES", "DATA", "DRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(console, "width", 200)
    return table


@pytest.fixture
def two(cloud: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReleaseSettings:
    """Make the settings of two accounts, and prod's profile."""
    (tmp_path / "credentials").write_text(
        "[production]\naws_access_key_id = prod\naws_secret_access_key = secret\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))

    def identity(_: dict[str, Any]) -> dict[str, Any]:
        mine = {"tools": TOOLS, "prod": PROD}[cloud.keys[-1]]
        return {"Account": mine, "Arn": f"arn:aws:iam::{mine}:user/someone"}

    cloud.answers["GetCallerIdentity"] = identity
    return changed(prod_account_id=PROD, prod_profile="production")


@pytest.fixture
def layers(cloud: FakeAws, root: Path, monkeypatch: pytest.MonkeyPatch) -> FakeStacks:
    """Let nothing be there yet; the Lambdas' package and the first data are stand-ins."""
    bundle = LambdaBundle(f"lambdas/{'0' * 64}.zip", b"zip")
    monkeypatch.setattr(deploy, "bundle_lambdas", lambda _: bundle)
    monkeypatch.setattr(seeds, "base_source", lambda: BaseSource("short", b"source"))
    (root / "data").mkdir(exist_ok=True)
    (root / "data/generated.csv").touch()
    monkeypatch.setattr(
        seeds,
        "release_data",
        lambda *given: cloud.calls.append(("data_release", {"given": given})),
    )
    monkeypatch.setattr("release.seeds.time.sleep", lambda _: None)
    builds = iter(["IN_PROGRESS", "SUCCEEDED"])
    cloud.answers |= {
        "ListImages": {"imageIds": []},
        "ListBuildsForProject": {"ids": []},
        "StartBuild": {"build": {"id": "build"}},
        "BatchGetBuilds": lambda _: {"builds": [{"buildStatus": next(builds)}]},
        "ListObjectsV2": {"KeyCount": 0},
    }
    return FakeStacks(cloud)
