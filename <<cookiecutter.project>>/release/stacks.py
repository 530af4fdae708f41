"""`make deploy` and `make teardown`: the layers, and what the pipeline put on them.

Each layer is a change set that is shown and asked for (YES=1 answers yes). The release's own stacks
(train, dev, prod, monitor) are the pipeline's to deploy.
"""

import re
import time
from datetime import UTC, datetime
from os import environ
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from categoriser.errors import UserError
from categoriser.params import read_params
from release.build import BASE, DATA, base_source, package
from release.layers import KEPT, layers
from release.operate import CLICK, STUCK, data_release
from release.settings import Settings, account, command, consent, console, each, read, show, stack

# Ends of the types that bill: by the hour, the month or the request, or for what they hold.
BILLS = "Alarm Bucket Dashboard Endpoint Function Key LogGroup Pipeline Project Repository RestApi"
SHOWN = ("Action", "LogicalResourceId", "ResourceType", "Replacement")
UNCHANGED = ("didn't contain changes", "No updates are to be performed")
# What an earlier teardown has deleted.
GONE = ("does not exist", "pending deletion")
NEXT = """The layers stand. Next:
- Confirm the e-mail that AWS has sent to {settings.email}.{pending}
- Push to {settings.source.branch}: that starts the pipeline. `make status` shows it."""
PENDING = f"""
- A new connection is PENDING until someone clicks it, {CLICK}.
  The run that the new pipeline begins by itself fails in Source until then: that is no fault."""


def deploy(settings: Settings, opened: boto3.Session) -> None:
    """Create or change layer after layer; image and data are there before the pipeline is.

    With DRY=1 what would change is shown, and nothing is changed. Raises `UserError` where there
    are no data yet, and as `apply` and `seed`.
    """
    dry = environ.get("DRY", "0") not in ("", "0")
    if not (data := read_params().data.path).exists():
        raise UserError(f"{data} is missing: run `make run` first, or see data.path in params.yaml")
    put = opened.resource("s3").Bucket(settings.bucket("artifacts", opened)).put_object
    order, here = layers(settings), account(opened)
    clouds = {part: settings.session(part).client("cloudformation") for part in dict(order)}
    for part, name in order:
        cloud, others = clouds[part], {"Part": part, "ToolsAccountId": here}
        if name == "pipeline":
            others["LambdaKey"], body = package(settings)
            if not dry:
                seed(settings, opened, put)
                put(Key=others["LambdaKey"], Body=body)
        apply(cloud, settings, name, others, dry)
    if dry:
        console.print("Nothing was changed: without DRY=1 each of these is asked for")
        return
    console.print(NEXT.format(settings=settings, pending=PENDING if settings.connected else ""))


def apply(
    cloud: Any, settings: Settings, name: str, others: dict[str, str], dry: bool = False
) -> None:
    """Change a stack by a change set: shown, asked for, executed, waited for, read back.

    If `dry`, it is shown and dropped; what does not stand yet is said to be new. Raises `UserError`
    where it is stuck, fails, is not consented to, or ends as something else.
    """
    title = f"{settings.project}-{name}"
    before = stack(cloud, title).get("StackStatus", "")
    if before in STUCK:
        mend = f"`aws cloudformation delete-stack --stack-name {title}`, then deploy again"
        raise UserError(f"{title} is {before}: mend what its events name, {mend}")
    kind = "create" if before in ("", "REVIEW_IN_PROGRESS") else "update"
    if dry and kind == "create":
        console.print(f"{title}: is new")
        return
    change = {"StackName": title, "ChangeSetName": f"deploy-{time.time_ns()}"}
    values = settings.parameters(name, others)
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
    form = {
        "TemplateBody": read(name),
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "Parameters": given,
    }
    tags = [{"Key": "Project", "Value": settings.project}]
    cloud.create_change_set(**change, **form, ChangeSetType=kind.upper(), Tags=tags)

    def drop() -> None:
        cloud.delete_change_set(**change)
        if kind == "create":
            # The stack is empty yet.
            cloud.delete_stack(StackName=title)

    try:
        cloud.get_waiter("change_set_create_complete").wait(**change)
    except WaiterError as error:
        reason = error.last_response.get("StatusReason", str(error))
        drop()
        if not any(words in reason for words in UNCHANGED):
            raise UserError(f"{title}: {reason}") from None
        console.print(f"{title}: nothing to change")
        return
    made = (
        row["ResourceChange"] for row in each(cloud, "describe_change_set", "Changes", **change)
    )
    show(title, SHOWN, ([row.get(column, "") for column in SHOWN] for row in made))
    if dry:
        drop()
        return
    try:
        consent(f"Change {title}?")
    except BaseException:
        drop()
        raise
    execute(cloud, kind, change, given)


def execute(cloud: Any, kind: str, change: dict[str, str], given: list[dict[str, str]]) -> None:
    """Execute a change set, wait for its end, and read back that its parameters stand.

    Raises `UserError` where it fails, or another's parameters stand.
    """
    title = change["StackName"]
    begun = datetime.now(UTC)
    cloud.execute_change_set(**change, RetainExceptOnCreate=True)
    try:
        cloud.get_waiter(f"stack_{kind}_complete").wait(StackName=title)
    except WaiterError:
        query = {"StackName": title, "Filters": {"FailedEvents": True}}
        events = each(cloud, "describe_events", "OperationEvents", **query)
        new = [event for event in events if event["Timestamp"] > begun]
        said = [f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason')}" for one in new]
        raise UserError(f"{title} failed; mend {said[-1:]} and deploy again") from None
    live = stack(cloud, title)["Parameters"]
    if other := [item["ParameterKey"] for item in given if item not in live]:
        raise UserError(f"{title} stands, but with another {', '.join(other)}: who changes it too?")


def seed(settings: Settings, opened: boto3.Session, put: Any) -> None:
    """Build the base image and release the first data, unless they are there."""
    base, builds = f"{settings.project}-base", opened.client("codebuild")
    if not opened.client("ecr").list_images(repositoryName=base)["imageIds"]:
        build = running(builds, base)
        if build:
            console.print(f"{base} is being built already, by {build}: this waits for it")
        else:
            # This wakes the rule of images.yaml too, whose build then finds nothing left to do.
            put(Key=BASE, Body=base_source()[1])
            build = builds.start_build(projectName=base)["build"]["id"]
            console.print(f"{base} is being built")
        asked = builds.batch_get_builds
        while (status := asked(ids=[build])["builds"][0]["buildStatus"]) == "IN_PROGRESS":
            time.sleep(10)
        if status != "SUCCEEDED":
            raise UserError(f"{base}: its build has {status}; its log is in CodeBuild")
    data = {"Bucket": settings.bucket("data", opened), "Prefix": DATA}
    if not opened.client("s3").list_objects_v2(**data)["KeyCount"]:
        data_release(settings, opened, str(read_params().data.path))


def running(builds: Any, project: str) -> str:
    """Return the id of the build of a project that is under way, nothing where none is.

    Two at once would push one tag, which never moves: the later would fail.
    """
    # The newest first; none runs longer than a few of these take.
    ids = builds.list_builds_for_project(projectName=project)["ids"][:10]
    found = builds.batch_get_builds(ids=ids)["builds"] if ids else []
    return next((str(one["id"]) for one in found if one["buildStatus"] == "IN_PROGRESS"), "")


def teardown(settings: Settings, opened: boto3.Session) -> None:
    """List what bills, ask, and delete it; what `KEPT` names goes only with DATA=1.

    Raises `UserError` that names what could not be deleted.
    """
    tools, live = layers(settings)[-1][0], settings.live
    order = [(tools, "pipeline"), (live, "monitor"), (live, "prod"), (tools, "dev")]
    order += [(tools, "train"), *reversed(layers(settings)[:-1])]
    kept = () if environ.get("DATA") else KEPT
    accounts = {part: settings.session(part) for part in (tools, live)}
    clouds = {part: reached.client("cloudformation") for part, reached in accounts.items()}
    stand = [(part, f"{settings.project}-{name}", name in kept) for part, name in order]
    bills, left = [], []
    held: dict[bool, list[Any]] = {True: [], False: []}
    for part, title, stay in (row for row in stand if stack(clouds[row[0]], row[1])):
        query = {"StackName": title}
        items = each(clouds[part], "list_stack_resources", "StackResourceSummaries", **query)
        found = [(item["ResourceType"], item.get("PhysicalResourceId", "")) for item in items]
        fate, ends = "kept without DATA=1" if stay else "deleted", (*BILLS.split(), "Schedule")
        bills += [(title, name, kind, fate) for kind, name in found if kind.endswith(ends)]
        held[stay].append((part, title, found))
    logs = [
        (reached, name)
        for reached in accounts.values()
        for name in endpoint_logs(reached, settings.project)
    ]
    bills += [("no stack", name, "AWS::Logs::LogGroup", "deleted") for _, name in logs]
    show("What bills", ("stack", "resource", "type", "fate"), bills)
    gone = held[False]
    if gone or logs:
        titles = [title for _, title, _ in gone]
        titles += [f"the logs of {len(logs)} endpoints"] if logs else []
        consent(f"Delete {', '.join(titles)}?")
    else:
        console.print("there is nothing to delete")
    for part, title, found in gone:
        try:
            for kind, physical in found:
                purge(accounts[part], kind, physical)
            clouds[part].delete_stack(StackName=title)
            clouds[part].get_waiter("stack_delete_complete").wait(StackName=title)
        except (BotoCoreError, ClientError) as error:
            left.append(f"{title}: {error}")
    for reached, name in logs:
        try:
            reached.client("logs").delete_log_group(logGroupName=name)
        except (BotoCoreError, ClientError) as error:
            left.append(f"{name}: {error}")
    if stays := held[True]:
        console.print(f"kept, and deleted with DATA=1: {', '.join(title for _, title, _ in stays)}")
    if left:
        raise UserError("not deleted, and so may bill on:\n  " + "\n  ".join(left))


def endpoint_logs(opened: boto3.Session, project: str) -> list[str]:
    """Return the log groups of an account's endpoints, of every release: no stack owns them."""
    place = f"/aws/sagemaker/Endpoints/{project}-"
    # Another project's name may begin with this one's.
    form = re.escape(place) + r"(dev-)?\d{8}-\d{6}-[0-9a-f]{7}"
    groups = each(
        opened.client("logs"), "describe_log_groups", "logGroups", logGroupNamePrefix=place
    )
    return [group["logGroupName"] for group in groups if re.fullmatch(form, group["logGroupName"])]


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
