"""Settings of a release for tests, and the names that follow from them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import boto3

from prove import example
from release.accounts import open_session
from release.settings import ReleaseSettings

ROOT = Path(__file__).parents[2]
PROJECT = example.PROJECT
RELEASE = example.RELEASE
REGION = "ap-southeast-2"
ARTIFACTS, DATA, LIVE = (
    f"{PROJECT}-{kind}-111122223333-{REGION}" for kind in ("artifacts", "data", "live")
)
COMMIT = RELEASE[-7:] + "0" * 33
IMAGE = f"111122223333.dkr.ecr.{REGION}.amazonaws.com/{PROJECT}@sha256:"
SERVE = "a" * 64
JOB = "b" * 64
BASE = "sha256:" + "c" * 64
GIVEN: dict[str, Any] = {
    "project": PROJECT,
    "email": "team@example.com",
    "region": REGION,
    "source": {"host": "GitHub", "repository": "example/bank", "branch": "main"},
    "base_image": "python:3.13-slim",
    "prod_account_id": "",
    "prod_profile": "",
    "permissions_boundary": "",
    "network": "none",
    "lambda_python": "3.13",
    "train": {"instance": "ml.m5.large", "minutes": 30},
    "dev": {"kind": "instance", "instance": "ml.t2.medium"},
    "prod": {
        "instance": "ml.m5.large",
        "minimum": 2,
        "maximum": 4,
        "requests_per_instance": 600,
        "auth": "iam",
        "rate": 20,
        "burst": 40,
        "daily_quota": 1000,
        "canary_percent": 10,
        "canary_minutes": 5,
        "bake_minutes": 10,
        "capture_percent": 100,
        "latency_ms": 500,
    },
    "approval_minutes": 4320,
    "monitor": {"instance": "ml.t3.medium"},
    "retrain": {"cool_down_hours": 72, "monthly": False},
    "budget_usd": 300,
    "log_days": 90,
}


def changed(**changes: Any) -> ReleaseSettings:
    """Make the settings with some values changed, by dotted name with __ for the dot."""
    given = copy.deepcopy(GIVEN)
    for name, value in changes.items():
        *sections, last = name.split("__")
        place = given
        for section in sections:
            place = place[section]
        place[last] = value
    return ReleaseSettings.model_validate(given)


def tools_session() -> boto3.Session:
    """Give a session in the account of the pipeline, the only one here."""
    return open_session(changed(), "tools")
