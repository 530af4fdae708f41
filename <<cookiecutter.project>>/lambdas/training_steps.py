"""The custom resources of training: a training job, an evaluation job, a model package.

Properties: `Step` (training, evaluation, model_package), `Release`, and `Requests`, the uri of the
requests by step. A job's name, its physical id, stands for release and step, so a job is run once:
CloudFormation's second call, a retry, and a rollback's update to the old release all find it.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from textwrap import shorten
from typing import Any

import boto3
from botocore.exceptions import ClientError
from crhelper import CfnResource
from s3_documents import read_document

KIND = {"training": "Training", "evaluation": "Processing"}
sagemaker = boto3.client("sagemaker")
handler = CfnResource(json_logging=True, log_level="INFO", sleep_on_delete=0)


@handler.create
@handler.update
def start(event: dict[str, Any], context: Any) -> str:
    """Make the job or the package, unless it is there; return the physical id."""
    step, uri = (event["ResourceProperties"][key] for key in ("Step", "Requests"))
    request = read_document(uri)[step]
    if step in KIND:
        with suppress(sagemaker.exceptions.ResourceInUse):
            call("create", step, request)
        return str(request[f"{KIND[step]}JobName"])
    gate = read_document(f"{uri.rpartition('/')[0]}/evaluation/gate.json")
    if not gate["passed"]:
        words = f"the gate refuses the model: {'; '.join(gate['faults'])}"
        raise RuntimeError(shorten(words, 256, placeholder=" ..."))
    group, name = request["ModelPackageGroupName"], request["ModelPackageDescription"]
    lists = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    known = [package for page in lists for package in page["ModelPackageSummaryList"]]
    same = [package for package in known if package.get("ModelPackageDescription") == name]
    package = same[0] if same else sagemaker.create_model_package(**request)
    leads = [v for v in gate["verdicts"] if v["gate"] == "champion" and v["value"] is not None]
    figures = [f"{v['figure']} ({v['part']}) {v['value']:+.4f}" for v in leads]
    # For who approves. CloudFormation takes 4 KB.
    handler.Data["Summary"] = "; ".join(figures)[:500] or "no live model to compare with"
    handler.Data["ModelPackageArn"] = package["ModelPackageArn"]
    return str(package["ModelPackageArn"])


@handler.poll_create
@handler.poll_update
def finished(event: dict[str, Any], context: Any) -> Any:
    """Return the physical id once the work is done, else None. Raises with the job's reason."""
    step, name = event["ResourceProperties"]["Step"], event["CrHelperData"]["PhysicalResourceId"]
    if step not in KIND:
        return name
    # Whatever raises below: it is this job that CloudFormation deletes then, that is stops.
    handler.PhysicalResourceId = name
    job = call("describe", step, {f"{KIND[step]}JobName": name})
    status, age = job[f"{KIND[step]}JobStatus"], datetime.now(UTC) - job["CreationTime"]
    # CloudFormation gives up after 60 minutes, and polls are 2 apart.
    if status in ("InProgress", "Stopping") and age < timedelta(minutes=55):
        return None
    if status != "Completed":
        reason = job.get("FailureReason") or f"not done after {age}"
        words = f"{name}: {status}; log group /aws/sagemaker/{KIND[step]}Jobs; {reason}"
        raise RuntimeError(shorten(words, 256, placeholder=" ..."))
    return name


@handler.delete
def stop(event: dict[str, Any], context: Any) -> None:
    """Stop a job that is not done. Packages stay: they are the registry's."""
    step, name = event["ResourceProperties"]["Step"], event["PhysicalResourceId"]
    # Where the creation failed, crhelper made a name up, of no job.
    if step in KIND and name.endswith(f"-{step}"):
        job = {f"{KIND[step]}JobName": name}
        try:
            if call("describe", step, job)[f"{KIND[step]}JobStatus"] == "InProgress":
                call("stop", step, job)
        except ClientError as error:
            # What never was made.
            if error.response["Error"]["Code"] not in ("ValidationException", "ResourceNotFound"):
                raise


def call(verb: str, step: str, request: dict[str, Any]) -> Any:
    return getattr(sagemaker, f"{verb}_{KIND[step].lower()}_job")(**request)
