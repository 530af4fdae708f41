"""What Build makes of a commit and its data: jobs' requests, the Lambdas, and stacks' parameters.

The stages after it, which are CloudFormation's, look for them in S3 and in `parameters/`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import boto3

from categoriser.io.replacing import write_json
from categoriser.jobs.spec.artifact_keys import RUN_DATA, RUN_REQUESTS, run_prefix
from categoriser.jobs.spec.job import Network
from categoriser.jobs.spec.release_run import ReleaseRun, evaluation, model_package, training
from categoriser.jobs.spec.sagemaker import (
    Request,
    model_package_request,
    processing_request,
    training_request,
)
from categoriser.manifest import NAME, Manifest
from release.accounts import account_id, data_key, train_role
from release.lambda_bundle import bundle_lambdas
from release.lineage import hash_in_git, hash_in_manifest, within_limits
from release.parameters import stack_parameters
from release.settings import ReleaseSettings
from release.training_data import RELEASE_ROWS, read_manifest

# The stacks that the pipeline deploys after Build.
STACKS = ("train", "dev", "prod", "monitor")
PARAMETERS = Path("parameters")


@dataclass(frozen=True, kw_only=True)
class BuildInputs:
    """What the pipeline and the steps before give to the last one.

    The images are `repository@digest`; `subnets` are joined by commas, and empty as
    `security_group` is without a VPC.
    """

    release_id: str
    commit: str
    execution: str
    data_version: str
    manifest_folder: Path
    serve_image: str
    job_image: str
    artifact_bucket: str
    data_bucket: str
    live_bucket: str
    subnets: str
    security_group: str

    @property
    def run(self) -> str:
        """The folder of the release's data, requests and results."""
        return f"s3://{self.data_bucket}/{run_prefix(self.release_id)}"

    @property
    def network(self) -> Network:
        if not self.subnets:
            return Network()
        return Network(
            subnets=tuple(self.subnets.split(",")), security_groups=(self.security_group,)
        )


def new_release_id(commit: str) -> str:
    """Return the id of a release that begins now, such as 20261122-101500-0123abc."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{commit[:7]}"


def write_release(settings: ReleaseSettings, session: boto3.Session, given: BuildInputs) -> None:
    """Upload data, Lambdas and requests; write `parameters/<stack>.json`.

    Raises `UserError` where AWS would not take what the release is known by, before anything is
    uploaded.
    """
    manifest, manifest_text = read_manifest(given.manifest_folder)
    lineage = lineage_of(settings, given, manifest)
    metadata = metadata_of(given, manifest)
    bundle = bundle_lambdas(settings.lambda_python)
    run = release_run(settings, session, given, lineage, metadata)
    requests = json.dumps(requests_of(run), indent=2)
    s3 = session.client("s3")
    s3.put_object(Bucket=given.artifact_bucket, Key=bundle.key, Body=bundle.body)
    files = {
        f"{RUN_DATA}/{RELEASE_ROWS.name}": RELEASE_ROWS.read_bytes(),
        f"{RUN_DATA}/{NAME}": manifest_text,
        RUN_REQUESTS: requests.encode(),
    }
    for name, content in files.items():
        key = f"{run_prefix(given.release_id)}/{name}"
        s3.put_object(Bucket=given.data_bucket, Key=key, Body=content)
    others = parameters_of_release(given, bundle.key, account_id(session))
    for stack in STACKS:
        parameters = stack_parameters(settings, stack, others)
        write_json(PARAMETERS / f"{stack}.json", {"Parameters": parameters, "Tags": lineage})


def lineage_of(settings: ReleaseSettings, given: BuildInputs, manifest: Manifest) -> dict[str, str]:
    """Return what the stacks, jobs and package say of the release's origin."""
    return within_limits(
        {
            "Project": settings.project,
            "Release": given.release_id,
            "Commit": given.commit,
            "ServeImage": digest_of(given.serve_image),
            "JobImage": digest_of(given.job_image),
            "DataVersion": given.data_version,
            "DvcHash": hash_in_git(),
            "ManifestDvcHash": hash_in_manifest(manifest),
        }
    )


def metadata_of(given: BuildInputs, manifest: Manifest) -> dict[str, str]:
    """Return what only the package says."""
    return within_limits(
        {"Execution": given.execution, "LabelledThrough": manifest.labelled_through}
    )


def digest_of(image: str) -> str:
    """Return the digest of `repository@digest`."""
    return image.partition("@")[2]


def release_run(
    settings: ReleaseSettings,
    session: boto3.Session,
    given: BuildInputs,
    lineage: dict[str, str],
    metadata: dict[str, str],
) -> ReleaseRun:
    """Return what the release's jobs are made of."""
    return ReleaseRun(
        project=settings.project,
        release=given.release_id,
        folder=given.run,
        serve_image=given.serve_image,
        job_image=given.job_image,
        role=train_role(settings, session),
        key=data_key(settings, session),
        champion=champion_model(settings, session),
        instance=settings.train.instance,
        max_seconds=settings.train.minutes * 60,
        network=given.network,
        lineage=lineage,
        metadata=metadata,
    )


def champion_model(settings: ReleaseSettings, session: boto3.Session) -> str:
    """Return the model.tar.gz of the newest approved package; empty where there is none."""
    package = newest_approved(settings, session)
    if not package:
        return ""
    described = session.client("sagemaker").describe_model_package(ModelPackageName=package)
    return str(described["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])


def newest_approved(settings: ReleaseSettings, session: boto3.Session) -> str:
    """Return the ARN of the newest approved package; empty where there is none."""
    sagemaker = session.client("sagemaker")
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=settings.project,
        ModelApprovalStatus="Approved",
        SortOrder="Descending",
    )
    for page in pages:
        for package in page.get("ModelPackageSummaryList", []):
            return package["ModelPackageArn"]
    return ""


def requests_of(run: ReleaseRun) -> dict[str, Request]:
    """Return the requests that make the model, by the step of the stack `train` that sends them."""
    return {
        "training": training_request(training(run)),
        "evaluation": processing_request(evaluation(run)),
        "model_package": model_package_request(model_package(run)),
    }


def parameters_of_release(
    given: BuildInputs, lambda_key: str, tools_account: str
) -> Mapping[str, str]:
    """Return the parameters of the release's stacks that are not settings."""
    return {
        "ReleaseId": given.release_id,
        "Run": given.run,
        "ServeImage": given.serve_image,
        "JobImage": given.job_image,
        "ArtifactBucket": given.artifact_bucket,
        "DataBucket": given.data_bucket,
        "LiveBucket": given.live_bucket,
        "LambdaKey": lambda_key,
        "ToolsAccountId": tools_account,
    }
