"""The pipeline's approval action: it marks a release's model package in the registry.

What the release deploys becomes Approved, in the name of the person who approved it; what is newer
and approved becomes Rejected, since the newest approved package is the next model's champion.
"""

import json
import os
import re
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Tracer

if TYPE_CHECKING:
    from types_boto3_codepipeline.type_defs import FailureDetailsTypeDef
    from types_boto3_sagemaker.type_defs import DescribeModelPackageOutputTypeDef

# Of a package's metadata: who approved it; which rollback has rejected it.
APPROVER = "Approver"
PUT_BACK = "PutBack"
# What CodePipeline takes of a message is 5,000; people read less.
MESSAGE_CHARACTERS = 1000
# The longest value of a package's metadata.
METADATA_CHARACTERS = 256
logger = Logger()
tracer = Tracer()
codepipeline = boto3.client("codepipeline")
sagemaker = boto3.client("sagemaker")


@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: Any) -> None:
    """CodePipeline's Invoke action: UserParameters are JSON of `package` and `execution`."""
    job = event["CodePipeline.job"]
    given = job["data"]["actionConfiguration"]["configuration"]["UserParameters"]
    try:
        mark(**json.loads(given))
    except Exception as error:
        logger.exception("not approved")
        details: FailureDetailsTypeDef = {
            "type": "JobFailed",
            "message": str(error)[:MESSAGE_CHARACTERS],
        }
        codepipeline.put_job_failure_result(jobId=job["id"], failureDetails=details)
    else:
        codepipeline.put_job_success_result(jobId=job["id"])


def mark(package: str, execution: str) -> None:
    """Set a package Approved in the name of who approved its release, and those after it Rejected.

    Who approved is recorded with the package: nobody approves the execution of a rollback, which
    deploys an earlier or, after another rollback, a later package anew. What is newer than the one
    that is deployed was put back with it, for the newest that is approved is what the next model is
    compared with. Raises `LookupError` where nobody approved, and `PermissionError` where a person
    has rejected the package in the registry: only a rollback's own rejection is taken back.
    """
    known = sagemaker.describe_model_package(ModelPackageName=package)
    metadata = known.get("CustomerMetadataProperties", {})
    if known["ModelApprovalStatus"] == "Rejected" and PUT_BACK not in metadata:
        words = known.get("ApprovalDescription", "without a reason")
        raise PermissionError(f"{package} was rejected in the registry ({words}): approve it there")
    if known["ModelApprovalStatus"] != "Approved":
        who = metadata.get(APPROVER) or approver(metadata.get("Execution", execution))
        decide(known, "Approved", f"{execution}, approved by {who}", {APPROVER: who})
    for name in approved_since(known):
        other = sagemaker.describe_model_package(ModelPackageName=name)
        words = f"{execution}, put back to {package}"
        decide(other, "Rejected", words, {PUT_BACK: execution})


def approved_since(known: "DescribeModelPackageOutputTypeDef") -> list[str]:
    """Return the ARNs of a group's approved packages that are newer than one."""
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=known["ModelPackageGroupName"],
        ModelApprovalStatus="Approved",
        CreationTimeAfter=known["CreationTime"],
    )
    found = [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]
    return [name for name in found if name != known["ModelPackageArn"]]


def decide(
    known: "DescribeModelPackageOutputTypeDef", status: str, words: str, facts: dict[str, str]
) -> None:
    """Set a package's status, with its reason, and facts that its metadata keep.

    All metadata are sent: AWS does not say whether those that are not would stay.
    """
    metadata = known.get("CustomerMetadataProperties", {})
    kept = {name: value for name, value in metadata.items() if name != PUT_BACK}
    request: dict[str, Any] = {
        "ModelPackageArn": known["ModelPackageArn"],
        "ModelApprovalStatus": status,
        "ApprovalDescription": f"execution {words}",
        "CustomerMetadataProperties": kept | facts,
    }
    if PUT_BACK in metadata:
        request["CustomerMetadataPropertiesToRemove"] = [PUT_BACK]
    sagemaker.update_model_package(**request)


def approver(execution: str) -> str:
    """Return who approved an execution, in the characters that the registry's metadata take.

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
