"""`make deploy` and `make teardown`: the layers, and what the pipeline put on them.

Each layer is a change set that is shown and asked for (YES=1 answers yes). The release's own stacks
(train, dev, prod, monitor) are the pipeline's to deploy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from os import environ
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from categoriser.errors import UserError
from categoriser.params import read_params
from release.build import BASE, DATA, base_source, package
from release.operate import data_release
from release.settings import Settings, account, command, consent, console, each, read, show

# Kept by `make teardown`: the data, and the roles with which a stack is deleted.
KEPT = ("data", "identity", "deployers")
# Ends of the types that bill: by the hour, the month or the request, or for what they hold.
BILLS = "Alarm Bucket Dashboard Endpoint Function Key LogGroup Pipeline Project Repository RestApi"
STUCK = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
SHOWN = ("Action", "LogicalResourceId", "ResourceType", "Replacement")
UNCHANGED = ("didn't contain changes", "No updates are to be performed")
# What an earlier teardown has deleted.
GONE = ("does not exist", "pending deletion")
NEXT = """The layers stand. Next:
1. Confirm the e-mail that AWS has sent to {email}.
2. A new connection is PENDING until someone clicks it, in the console: Developer Tools, Settings,
   Connections, Update pending connection. `make preflight` shows whether it is.
3. Push to {branch}: that starts the pipeline. `make status` shows it."""


def layers(settings: Settings) -> list[tuple[str, str]]:
    """Return the layers in order: the part that their account holds, and their names.

    Parts: `all`; with an account for production, `tools` and `prod`.
    """
    parts = ["tools", "prod"] if settings.prod_account_id else ["all"]
    own = [*KEPT, *(["network"] if settings.network == "vpc" else [])]
    below = [(part, name) for part in parts for name in own]
    return [*below, (parts[0], "images"), (parts[0], "pipeline")]


def deploy(settings: Settings, opened: boto3.Session) -> None:
    """Create or change layer after layer; image and data are there before the pipeline is."""
    put = opened.resource("s3").Bucket(settings.bucket("artifacts", opened)).put_object
    order, here = layers(settings), account(opened)
    clouds = {part: settings.session(part).client("cloudformation") for part in dict(order)}
    for part, name in order:
        cloud, others = clouds[part], {"Part": part, "ToolsAccountId": here}
        if name == "pipeline":
            seed(settings, opened, put)
            others["LambdaKey"], body = package(settings)
            put(Key=others["LambdaKey"], Body=body)
        apply(cloud, settings, name, others)
    console.print(NEXT.format(email=settings.email, branch=settings.source.branch))


def state(cloud: Any, stack: str) -> str:
    """Return a stack's status, empty where there is none."""
    try:
        return str(cloud.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
    except ClientError as error:
        if "does not exist" in str(error):
            return ""
        raise


def apply(cloud: Any, settings: Settings, name: str, others: dict[str, str]) -> None:
    """Change a stack by a change set: shown, asked for, executed, waited for, read back.

    Raises `UserError` where it is stuck, fails, is not consented to, or ends as something else.
    """
    stack = f"{settings.project}-{name}"
    before = state(cloud, stack)
    if before in STUCK:
        mend = f"`aws cloudformation delete-stack --stack-name {stack}`, then deploy again"
        raise UserError(f"{stack} is {before}: mend what its events name, {mend}")
    kind = "create" if before in ("", "REVIEW_IN_PROGRESS") else "update"
    change = {"StackName": stack, "ChangeSetName": f"deploy-{time.time_ns()}"}
    values = settings.parameters(name, others)
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
    cloud.create_change_set(
        **change,
        ChangeSetType=kind.upper(),
        TemplateBody=read(name),
        Parameters=given,
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Tags=[{"Key": "Project", "Value": settings.project}],
    )
    try:
        cloud.get_waiter("change_set_create_complete").wait(**change)
    except WaiterError as error:
        reason = error.last_response.get("StatusReason", str(error))
        cloud.delete_change_set(**change)
        if not any(words in reason for words in UNCHANGED):
            raise UserError(f"{stack}: {reason}") from None
        console.print(f"{stack}: nothing to change")
        return
    changes = (
        row["ResourceChange"] for row in each(cloud, "describe_change_set", "Changes", **change)
    )
    show(stack, SHOWN, ([row.get(column, "") for column in SHOWN] for row in changes))
    consent(f"Change {stack}?")
    begun = datetime.now(UTC)
    cloud.execute_change_set(**change, RetainExceptOnCreate=True)
    try:
        cloud.get_waiter(f"stack_{kind}_complete").wait(StackName=stack)
    except WaiterError:
        query = {"StackName": stack, "Filters": {"FailedEvents": True}}
        said = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
            for event in each(cloud, "describe_events", "OperationEvents", **query)
            if event["Timestamp"] > begun
        ]
        raise UserError(f"{stack} failed; mend {said[-1:]} and deploy again") from None
    live = cloud.describe_stacks(StackName=stack)["Stacks"][0]["Parameters"]
    if other := [item["ParameterKey"] for item in given if item not in live]:
        raise UserError(f"{stack} stands, but with another {', '.join(other)}: who changes it too?")


def seed(settings: Settings, opened: boto3.Session, put: Callable[..., Any]) -> None:
    """Build the base image and release the first data, unless they are there."""
    base, builds = f"{settings.project}-base", opened.client("codebuild")
    if not opened.client("ecr").list_images(repositoryName=base)["imageIds"]:
        # This wakes the rule of images.yaml too, whose build then finds nothing left to do.
        put(Key=BASE, Body=base_source()[1])
        ids = [builds.start_build(projectName=base)["build"]["id"]]
        console.print(f"{base} is being built")
        status = "IN_PROGRESS"
        while status == "IN_PROGRESS":
            time.sleep(10)
            status = builds.batch_get_builds(ids=ids)["builds"][0]["buildStatus"]
        if status != "SUCCEEDED":
            raise UserError(f"{base}: its build has {status}; its log is in CodeBuild")
    data = {"Bucket": settings.bucket("data", opened), "Prefix": DATA}
    if not opened.client("s3").list_objects_v2(**data)["KeyCount"]:
        data_release(settings, opened, str(read_params().data.path))


def teardown(settings: Settings, opened: boto3.Session) -> None:
    """List what bills, ask, and delete it; what `KEPT` names goes only with DATA=1.

    Raises `UserError` that names what could not be deleted.
    """
    tools, live = layers(settings)[-1][0], settings.live
    order = [(tools, "pipeline"), (live, "monitor"), (live, "prod"), (tools, "dev")]
    order += [(tools, "train"), *reversed(layers(settings)[:-1])]
    accounts = {part: settings.session(part) for part in (tools, live)}
    clouds = {part: reached.client("cloudformation") for part, reached in accounts.items()}
    bills, gone, left = [], [], []
    for part, name in order:
        stack, kept = f"{settings.project}-{name}", name in KEPT and not environ.get("DATA")
        if not state(clouds[part], stack):
            continue
        query = {"StackName": stack}
        items = [*each(clouds[part], "list_stack_resources", "StackResourceSummaries", **query)]
        found = [(item["ResourceType"], item.get("PhysicalResourceId", "")) for item in items]
        for kind, physical in found:
            if kind.endswith((*BILLS.split(), "Schedule")):
                bills.append((stack, physical, kind, "kept without DATA=1" if kept else "deleted"))
        if not kept:
            gone.append((part, stack, found))
    show("What bills", ("stack", "resource", "type", "fate"), bills)
    consent(f"Delete {', '.join(stack for _, stack, _ in gone) or 'nothing'}?")
    for part, stack, found in gone:
        try:
            for kind, physical in found:
                purge(accounts[part], kind, physical)
            clouds[part].delete_stack(StackName=stack)
            clouds[part].get_waiter("stack_delete_complete").wait(StackName=stack)
        except (BotoCoreError, ClientError) as error:
            left.append(f"{stack}: {error}")
    if left:
        raise UserError("not deleted, and so may bill on:\n  " + "\n  ".join(left))


def purge(opened: boto3.Session, kind: str, name: str) -> None:
    """Delete what the deletion of its stack would leave: buckets, the key, the model packages."""
    try:
        if kind == "AWS::S3::Bucket":
            bucket = opened.resource("s3").Bucket(name)
            bucket.object_versions.delete()
            bucket.delete()
        elif kind == "AWS::KMS::Key":
            opened.client("kms").schedule_key_deletion(KeyId=name, PendingWindowInDays=7)
        elif kind == "AWS::SageMaker::ModelPackageGroup":
            sagemaker, group = opened.client("sagemaker"), {"ModelPackageGroupName": name}
            for item in each(sagemaker, "list_model_packages", "ModelPackageSummaryList", **group):
                sagemaker.delete_model_package(ModelPackageName=item["ModelPackageArn"])
            sagemaker.delete_model_package_group(**group)
    except ClientError as error:
        if not any(words in str(error) for words in GONE):
            raise


if __name__ == "__main__":
    command(deploy, teardown)
