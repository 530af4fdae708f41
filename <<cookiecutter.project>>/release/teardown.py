"""`make teardown`: what bills is listed, asked for, and deleted; the data stay, or go too."""

from dataclasses import dataclass
from typing import NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from categoriser.errors import UserError
from categoriser.plural import plural
from release.accounts import open_session
from release.cloudformation import find_stack, stack_name
from release.console import ask_consent, console, print_table
from release.layers import KEPT, Layer, layers_in_order
from release.settings import ReleaseSettings
from release.unowned import LOG_GROUP, UnownedResource, endpoint_logs
from release.workflow_teardown import WORKFLOW_STACKS, workflow_resources

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


def tear_down(settings: ReleaseSettings, *, data: bool = False, yes: bool = False) -> None:
    """List what bills, ask, and delete it; what `KEPT` names goes only with `data`.

    Raises `UserError` that names what could not be deleted.
    """
    sessions = {
        part: open_session(settings, part) for part in (tools_part(settings), settings.live_part)
    }
    releases = standing_stacks(settings, sessions, release_stacks(settings), data=data)
    layers = standing_stacks(settings, sessions, layer_stacks(settings), data=data)
    unowned = [
        resource
        for session in sessions.values()
        for resource in (
            *workflow_resources(session, settings.project),
            *endpoint_logs(session, settings.project),
        )
    ]
    print_bills([*releases, *layers], unowned)
    doomed = [stack for stack in layers if not stack.is_kept]
    ask_to_delete([*releases, *doomed], unowned, yes=yes)
    left = [*delete_stacks(releases), *delete_unowned(unowned), *delete_stacks(doomed)]
    kept = [stack.name for stack in layers if stack.is_kept]
    if kept:
        console.print(f"kept, and deleted with DATA=1: {', '.join(kept)}")
    if left:
        raise UserError("not deleted, and so may bill on:\n  " + "\n  ".join(left))


def tools_part(settings: ReleaseSettings) -> str:
    """Return the part that the pipeline's account holds."""
    return layers_in_order(settings)[-1].part


def release_stacks(settings: ReleaseSettings) -> list[Layer]:
    """Return the stacks that use the layers, the pipeline first, in the order of their deletion."""
    tools = tools_part(settings)
    live = settings.live_part
    return [
        layers_in_order(settings)[-1],
        Layer(live, "monitor"),
        Layer(live, "prod"),
        Layer(tools, "dev"),
        Layer(tools, "train"),
        *(Layer(tools, template) for template in WORKFLOW_STACKS),
    ]


def layer_stacks(settings: ReleaseSettings) -> list[Layer]:
    """Return the layers below the pipeline so that each goes before what it rests on."""
    *below, _ = layers_in_order(settings)
    return below[::-1]


def standing_stacks(
    settings: ReleaseSettings,
    sessions: dict[str, boto3.Session],
    stacks: list[Layer],
    *,
    data: bool,
) -> list[StandingStack]:
    """Return those of the stacks that exist, in their order."""
    found = []
    for part, template in stacks:
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


def print_bills(stacks: list[StandingStack], unowned: list[UnownedResource]) -> None:
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
    rows += [("no stack", resource.name, resource.kind, "deleted") for resource in unowned]
    print_table("What bills", ("stack", "resource", "type", "fate"), rows)


def ask_to_delete(
    stacks: list[StandingStack], unowned: list[UnownedResource], *, yes: bool
) -> None:
    """Ask, if there is anything to delete. Raises `UserError` where nobody consents."""
    named = [stack.name for stack in stacks]
    named += [resource.name for resource in unowned if resource.kind != LOG_GROUP]
    logs = sum(resource.kind == LOG_GROUP for resource in unowned)
    if logs:
        named.append(f"the logs of {plural(logs, 'endpoint')}")
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
                purge(resource, stack)
            cloudformation.delete_stack(StackName=stack.name)
            cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack.name)
        except (BotoCoreError, ClientError) as error:
            left.append(f"{stack.name}: {error}")
    return left


def delete_unowned(unowned: list[UnownedResource]) -> list[str]:
    """Delete what no stack owns; return what could not be deleted, and why."""
    left = []
    for resource in unowned:
        try:
            resource.delete()
        except (BotoCoreError, ClientError, UserError) as error:
            left.append(f"{resource.name}: {error}")
    return left


def purge(resource: StackResource, stack: StandingStack) -> None:
    """Delete what the deletion of its stack would leave, and what would hinder it.

    That is the buckets, the key, the model packages, and a policy's use by roles of the team's own.
    """
    session = stack.session
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
        elif resource.kind == "AWS::IAM::ManagedPolicy":
            detach_policy(resource.name, stack)
    except ClientError as error:
        if not any(words in str(error) for words in WORDS_OF_GONE):
            raise


def detach_policy(policy: str, stack: StandingStack) -> None:
    """Take a policy from roles that are not its stack's: IAM deletes none that a role still has."""
    iam = stack.session.client("iam")
    own = {resource.name for resource in stack.resources}
    pages = iam.get_paginator("list_entities_for_policy").paginate(
        PolicyArn=policy, EntityFilter="Role"
    )
    roles = {role["RoleName"] for page in pages for role in page.get("PolicyRoles", [])}
    for role in sorted(roles - own):
        iam.detach_role_policy(RoleName=role, PolicyArn=policy)


def delete_model_packages(session: boto3.Session, group: str) -> None:
    """Delete a group of model packages, and what is in it."""
    sagemaker = session.client("sagemaker")
    pages = sagemaker.get_paginator("list_model_packages")
    for page in pages.paginate(ModelPackageGroupName=group):
        for package in page.get("ModelPackageSummaryList", []):
            sagemaker.delete_model_package(ModelPackageName=package["ModelPackageArn"])
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
