"""The registry of models, as the functions find it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import botocore.awsrequest
import botocore.exceptions

from lambda_helpers.world import World
from prove.example import PROJECT


def registry(world: World) -> list[dict[str, Any]]:
    group = {"ModelPackageGroupName": PROJECT}
    with suppress(botocore.exceptions.ClientError):
        world.registered_model.sagemaker.create_model_package_group(**group)
    found = world.registered_model.sagemaker.list_model_packages(**group)["ModelPackageSummaryList"]
    return [package for package in found if package["ModelPackageGroupName"] == PROJECT]


def package(world: World, status: str = "PendingManualApproval", **metadata: str) -> str:
    registry(world)
    made = world.registered_model.sagemaker.create_model_package(
        ModelPackageGroupName=PROJECT,
        ModelApprovalStatus=status,
        CustomerMetadataProperties=metadata,
    )
    return str(made["ModelPackageArn"])
