"""The pipeline's approval action: it marks a release's model package in the registry.

What the release deploys becomes Approved, in the name of the person who approved it; what is newer
and approved becomes Rejected, since the newest approved package is the next model's champion.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import boto3
from aws_lambda_powertools import Tracer
from aws_lambda_powertools.utilities.data_classes import CodePipelineJobEvent, event_source
from pipeline_action import answer_action, codepipeline

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from types_boto3_sagemaker.literals import ModelApprovalStatusType
    from types_boto3_sagemaker.type_defs import (
        DescribeModelPackageOutputTypeDef,
        UpdateModelPackageInputTypeDef,
    )

# Keys of a package's metadata: who approved it, and which rollback has rejected it.
APPROVER = "Approver"
PUT_BACK = "PutBack"
# The longest value of a package's metadata.
METADATA_CHARACTERS = 256
tracer = Tracer()
sagemaker = boto3.client("sagemaker")


@tracer.capture_lambda_handler
@event_source(data_class=CodePipelineJobEvent)
def handler(event: CodePipelineJobEvent, context: LambdaContext) -> None:
    """Answer CodePipeline's Invoke action: UserParameters are `package` and `execution` in JSON."""
    answer_action(event, mark)


def mark(package: str, execution: str) -> None:
    """Set a package Approved in the name of its release's approver, and the later ones Rejected.

    The approver is recorded with the package, since nobody approves the execution of a rollback,
    which deploys an earlier package anew, or, after another rollback, a later one. The packages
    that are newer than the deployed one are put back with it, because the next model is compared
    with the newest approved package. Raises `LookupError` where nobody approved, and
    `PermissionError` where a person has rejected the package in the registry: only a rollback's own
    rejection is taken back.
    """
    known = sagemaker.describe_model_package(ModelPackageName=package)
    metadata = known.get("CustomerMetadataProperties", {})
    if known["ModelApprovalStatus"] == "Rejected" and PUT_BACK not in metadata:
        words = known.get("ApprovalDescription", "without a reason")
        raise PermissionError(f"{package} was rejected in the registry ({words}): approve it there")
    if known["ModelApprovalStatus"] != "Approved":
        who = metadata.get(APPROVER) or approver(metadata.get("Execution", execution))
        set_status(known, "Approved", f"{execution}, approved by {who}", {APPROVER: who})
    for name in approved_since(known):
        other = sagemaker.describe_model_package(ModelPackageName=name)
        words = f"{execution}, put back to {package}"
        set_status(other, "Rejected", words, {PUT_BACK: execution})


def approved_since(known: DescribeModelPackageOutputTypeDef) -> list[str]:
    """Return the ARNs of a group's approved packages that are newer than one."""
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=known["ModelPackageGroupName"],
        ModelApprovalStatus="Approved",
        CreationTimeAfter=known["CreationTime"],
    )
    found = [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]
    return [name for name in found if name != known["ModelPackageArn"]]


def set_status(
    known: DescribeModelPackageOutputTypeDef,
    status: ModelApprovalStatusType,
    words: str,
    facts: dict[str, str],
) -> None:
    """Set a package's status, with its reason, and facts that its metadata keep.

    All metadata are sent: AWS does not say whether metadata that are not sent would stay.
    """
    metadata = known.get("CustomerMetadataProperties", {})
    kept = {name: value for name, value in metadata.items() if name != PUT_BACK}
    request: UpdateModelPackageInputTypeDef = {
        "ModelPackageArn": known["ModelPackageArn"],
        "ModelApprovalStatus": status,
        "ApprovalDescription": f"execution {words}",
        "CustomerMetadataProperties": kept | facts,
    }
    if PUT_BACK in metadata:
        request["CustomerMetadataPropertiesToRemove"] = [PUT_BACK]
    sagemaker.update_model_package(**request)


def approver(execution: str) -> str:
    """Return the approver of an execution, in the characters that the registry's metadata take.

    Raises `LookupError` where nobody did.
    """
    actions = codepipeline.list_action_executions(
        pipelineName=os.environ["PIPELINE"], filter={"pipelineExecutionId": execution}
    )
    for action in actions["actionExecutionDetails"]:
        category = action["input"]["actionTypeId"]["category"]
        if category == "Approval" and action["status"] == "Succeeded":
            return re.sub(r"[^\w .:/=+@-]", "_", action["updatedBy"])[:METADATA_CHARACTERS]
    raise LookupError(f"nobody approved the execution {execution}")
