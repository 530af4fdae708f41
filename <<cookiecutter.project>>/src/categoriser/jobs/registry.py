"""What SageMaker already has of a release: its package, and its jobs by their names.

The Lambda functions hold this module too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

# What SageMaker says of a training job, and of a processing job, that was never made.
NEVER_MADE = ("ValidationException", "ResourceNotFound")


def package_of(sagemaker: SageMakerClient, group: str, description: str) -> str:
    """Return the ARN of a group's package of this description; empty where there is none."""
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    for page in pages:
        for package in page["ModelPackageSummaryList"]:
            if package.get("ModelPackageDescription") == description:
                return package["ModelPackageArn"]
    return ""
