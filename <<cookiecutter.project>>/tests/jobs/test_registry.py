"""The package of a release, in a registry that answers page by page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from categoriser.jobs.registry import package_of
from prove.example import ACCOUNT, PROJECT, REGION

GROUP = {"ModelPackageGroupName": PROJECT}


def package(version: int, **described: str) -> dict[str, Any]:
    """Give a package as the registry lists it."""
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{PROJECT}/{version}"
    known = {"CreationTime": datetime.now(UTC), "ModelPackageStatus": "Completed"}
    return {**GROUP, **known, "ModelPackageArn": arn, **described}


@pytest.fixture
def sagemaker() -> Iterator[Any]:
    """Give a client of a registry with two pages."""
    client = boto3.client("sagemaker", REGION, aws_access_key_id="-", aws_secret_access_key="-")
    first = [package(1), package(2, ModelPackageDescription="Release of yesterday")]
    second = [package(3, ModelPackageDescription="Release of today")]
    with Stubber(client) as stub:
        pages = "list_model_packages"
        stub.add_response(pages, {"ModelPackageSummaryList": first, "NextToken": "2"}, GROUP)
        stub.add_response(pages, {"ModelPackageSummaryList": second}, {**GROUP, "NextToken": "2"})
        yield client


@pytest.mark.parametrize(
    ("description", "version"), [("Release of yesterday", "2"), ("Release of today", "3")]
)
def test_a_release_s_package_is_found_by_its_description(
    sagemaker: Any, description: str, version: str
) -> None:
    assert package_of(sagemaker, PROJECT, description).endswith(f"/{PROJECT}/{version}")


def test_a_release_that_is_not_registered_has_no_package(sagemaker: Any) -> None:
    assert package_of(sagemaker, PROJECT, "Release of to") == ""
