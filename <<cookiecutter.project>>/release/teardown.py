"""`make teardown`: what bills is listed, asked for, and deleted; the data stay, or go too."""

import re
from dataclasses import dataclass
from typing import NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from categoriser.errors import UserError
from release.accounts import open_session
from release.cloudformation import find_stack, stack_name
from release.console import ask_consent, console, print_table
from release.layers import KEPT, Layer, layers_in_order
from release.settings import ReleaseSettings

# Ends of the types that bill: by the hour, the month or the request, or for what they hold.
BILLS = (
    "Alarm",
    "Bucket",
    "Dashboard",
    "Endpoint",
    "Function",
    "Key",
    "LogGroup",
    "Pipeline",
    "Project",
    "Repository",
    "RestApi",
    "Schedule",
)
# How AWS says that an earlier teardown has deleted it.
WORDS_OF_GONE = ("does not exist", "pending deletion")
KEY_WAITS_DAYS = 7
# Of a release's endpoint, or dev's; another project's name may begin with this one's.
ENDPOINT_OF_A_RELEASE = r"(dev-)?\d{8}-\d{6}-[0-9a-f]{7}"


class StackResource(NamedTuple):
    """A resource of a stack: its type, such as AWS::S3::Bucket, and its physical id."""

    kind: str
    name: str


@dataclass(frozen=True)
class StandingStack:
    """A stack that exists, in the account of a session, with what is in it."""

    session: boto3.Session
    name: str
    is_kept: bool
    resources: tuple[StackResource, ...]


class EndpointLog(NamedTuple):
    """The log group of an endpoint, which no stack owns."""

    session: boto3.Session
    name: str


def tear_down(settings: ReleaseSettings, *, data: bool = False, yes: bool = False) -> None:
    """List what bills, ask, and delete it; what `KEPT` names goes only with `data`.

    Raises `UserError` that names what could not be deleted.
    """
    sessions = {
        part: open_session(settings, part) for part in (tools_part(settings), settings.live_part)
    }
    stacks = standing_stacks(settings, sessions, data=data)
    logs = [
        EndpointLog(session, name)
        for session in sessions.values()
        for name in endpoint_logs(session, settings.project)
    ]
    print_bills(stacks, logs)
    doomed = [stack for stack in stacks if not stack.is_kept]
    ask_to_delete(doomed, logs, yes=yes)
    left = [*delete_stacks(doomed), *delete_logs(logs)]
    kept = [stack.name for stack in stacks if stack.is_kept]
    if kept:
        console.print(f"kept, and deleted with DATA=1: {', '.join(kept)}")
    if left:
        raise UserError("not deleted, and so may bill on:\n  " + "\n  ".join(left))


def tools_part(settings: ReleaseSettings) -> str:
    """Return the part that the pipeline's account holds."""
    return layers_in_order(settings)[-1].part


def order_of_deletion(settings: ReleaseSettings) -> list[Layer]:
    """Return the stacks so that each goes before what it rests on, the pipeline first."""
    tools = tools_part(settings)
    live = settings.live_part
    *below, pipeline = layers_in_order(settings)
    return [
        pipeline,
        Layer(live, "monitor"),
        Layer(live, "prod"),
        Layer(tools, "dev"),
        Layer(tools, "train"),
        *reversed(below),
    ]


def standing_stacks(
    settings: ReleaseSettings, sessions: dict[str, boto3.Session], *, data: bool
) -> list[StandingStack]:
    """Return the project's stacks that exist, in the order of their deletion."""
    found = []
    for part, template in order_of_deletion(settings):
        name = stack_name(settings, template)
        session = sessions[part]
        if find_stack(session.client("cloudformation"), name):
            is_kept = template in KEPT and not data
            found.append(StandingStack(session, name, is_kept, resources_of(session, name)))
    return found


def resources_of(session: boto3.Session, stack: str) -> tuple[StackResource, ...]:
    pages = session.client("cloudformation").get_paginator("list_stack_resources")
    return tuple(
        StackResource(item["ResourceType"], item.get("PhysicalResourceId", ""))
        for page in pages.paginate(StackName=stack)
        for item in page.get("StackResourceSummaries", [])
    )


def endpoint_logs(session: boto3.Session, project: str) -> list[str]:
    """Return the log groups of an account's endpoints, of every release: no stack owns them."""
    prefix = f"/aws/sagemaker/Endpoints/{project}-"
    pages = session.client("logs").get_paginator("describe_log_groups")
    return [
        group["logGroupName"]
        for page in pages.paginate(logGroupNamePrefix=prefix)
        for group in page.get("logGroups", [])
        if re.fullmatch(re.escape(prefix) + ENDPOINT_OF_A_RELEASE, group["logGroupName"])
    ]


def print_bills(stacks: list[StandingStack], logs: list[EndpointLog]) -> None:
    """Print what bills, and what becomes of it."""
    rows = [
        (
            stack.name,
            resource.name,
            resource.kind,
            "kept without DATA=1" if stack.is_kept else "deleted",
        )
        for stack in stacks
        for resource in stack.resources
        if resource.kind.endswith(BILLS)
    ]
    rows += [("no stack", log.name, "AWS::Logs::LogGroup", "deleted") for log in logs]
    print_table("What bills", ("stack", "resource", "type", "fate"), rows)


def ask_to_delete(stacks: list[StandingStack], logs: list[EndpointLog], *, yes: bool) -> None:
    """Ask, if there is anything to delete. Raises `UserError` where nobody consents."""
    named = [stack.name for stack in stacks]
    if logs:
        named.append(f"the logs of {len(logs)} endpoints")
    if named:
        ask_consent(f"Delete {', '.join(named)}?", yes=yes)
    else:
        console.print("there is nothing to delete")


def delete_stacks(stacks: list[StandingStack]) -> list[str]:
    """Delete stack after stack; return what could not be deleted, and why."""
    left = []
    for stack in stacks:
        cloudformation = stack.session.client("cloudformation")
        try:
            for resource in stack.resources:
                purge(stack.session, resource)
            cloudformation.delete_stack(StackName=stack.name)
            cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack.name)
        except (BotoCoreError, ClientError) as error:
            left.append(f"{stack.name}: {error}")
    return left


def delete_logs(logs: list[EndpointLog]) -> list[str]:
    """Delete log groups; return what could not be deleted, and why."""
    left = []
    for session, name in logs:
        try:
            session.client("logs").delete_log_group(logGroupName=name)
        except (BotoCoreError, ClientError) as error:
            left.append(f"{name}: {error}")
    return left


def purge(session: boto3.Session, resource: StackResource) -> None:
    """Delete what the deletion of its stack would leave: buckets, the key, the model packages."""
    try:
        if resource.kind == "AWS::S3::Bucket":
            bucket = session.resource("s3").Bucket(resource.name)
            bucket.object_versions.delete()
            bucket.delete()
        elif resource.kind == "AWS::KMS::Key":
            session.client("kms").schedule_key_deletion(
                KeyId=resource.name, PendingWindowInDays=KEY_WAITS_DAYS
            )
        elif resource.kind == "AWS::SageMaker::ModelPackageGroup":
            delete_model_packages(session, resource.name)
    except ClientError as error:
        if not any(words in str(error) for words in WORDS_OF_GONE):
            raise


def delete_model_packages(session: boto3.Session, group: str) -> None:
    """Delete a group of model packages, and what is in it."""
    sagemaker = session.client("sagemaker")
    pages = sagemaker.get_paginator("list_model_packages")
    for page in pages.paginate(ModelPackageGroupName=group):
        for package in page.get("ModelPackageSummaryList", []):
            sagemaker.delete_model_package(ModelPackageName=package["ModelPackageArn"])
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
