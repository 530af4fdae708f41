"""The verbs around a release: preflight, status, data-release, rollback, why; the test of dev."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from hashlib import md5
from os import environ
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from botocore.exceptions import ClientError

from categoriser.data.own import in_own_form
from categoriser.errors import UserError
from categoriser.io.digests import digest
from categoriser.io.text_files import read_lines
from categoriser.manifest import File, Manifest
from categoriser.paths import HOLDOUT
from release.build import DATA, check
from release.settings import Settings, account, command, consent, console, each, show, stack

# What the templates make, of what botocore knows the regions.
SERVICES = (
    "apigateway",
    "application-autoscaling",
    "cloudwatch",
    "codebuild",
    "codedeploy",
    "codepipeline",
    "ec2",
    "ecr",
    "events",
    "kms",
    "lambda",
    "logs",
    "s3",
    "sagemaker",
    "scheduler",
    "sns",
)
# Some for each layer: who has them is hardly without the others.
ACTIONS = "cloudformation:CreateChangeSet cloudformation:ExecuteChangeSet codebuild:CreateProject "
ACTIONS += "codebuild:StartBuild codepipeline:CreatePipeline ecr:CreateRepository events:PutRule "
ACTIONS += "iam:CreateRole iam:PassRole iam:PutRolePolicy kms:CreateKey lambda:CreateFunction "
ACTIONS += "logs:CreateLogGroup s3:CreateBucket s3:PutBucketPolicy s3:PutObject sns:CreateTopic"
CLICK = "in the console: Developer Tools, Settings, Connections, Update pending connection"
STAGE = "DeployProd"
ALARMS = (
    "release",
    "unhealthy",
    "api-5xx",
    "drift",
    "quality",
    "unread",
    "missing",
    "labels",
    "schedules",
)
# A stack in such a state takes no update.
STUCK = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
CANDIDATE = ("errors", "5xx", "latency", "failures")
REVERT = "revert the commit in Git and push, which makes a release of it"

# Preflight.


def services(settings: Settings, opened: boto3.Session, part: str) -> list[str]:
    """By what this botocore knows of the region."""
    place = settings.region
    regions = opened.get_partition_for_region(place)
    known = {name: opened.get_available_regions(name, regions) for name in SERVICES}
    lacking = [name for name in known if place not in known[name]]
    return [f"{name} is not in {place}: take another region" for name in lacking]


def quotas(settings: Settings, opened: boto3.Session, part: str) -> list[str]:
    """During a release there are two endpoints: the one that serves and the one to come.

    Applied quotas go before AWS's defaults; an instance without either is misspelt.
    """
    need: Counter[str] = Counter()
    if part != "prod":
        need[f"{settings.train.instance} for training job usage"] += 1
        need[f"{settings.train.instance} for processing job usage"] += 1
        need[f"{settings.dev.instance} for endpoint usage"] += 2 * (settings.dev.kind == "instance")
    if part != "tools":
        need[f"{settings.monitor.instance} for processing job usage"] += 1
        need[f"{settings.prod.instance} for endpoint usage"] += 2 * settings.prod.maximum
    client = opened.client("service-quotas")
    have: dict[str, float] = {}
    for source in ("list_aws_default_service_quotas", "list_service_quotas"):
        found = each(client, source, "Quotas", ServiceCode="sagemaker")
        have |= {quota["QuotaName"]: quota["Value"] for quota in found}
    # `+` leaves out what needs none.
    faults = [f"{n}: no such quota: is the instance type right?" for n in +need if n not in have]
    short = [name for name, count in need.items() if have.get(name, count) < count]
    mend = "ask for more in the console: Service Quotas, Amazon SageMaker"
    faults += [f"{name} is {have[name]:g}, and {need[name]} are needed: {mend}" for name in short]
    return faults


def connection(settings: Settings, opened: boto3.Session, part: str) -> list[str]:
    cloud, name = opened.client("cloudformation"), f"{settings.project}-pipeline"
    if not stack(cloud, name):
        raise UserError("no pipeline yet")
    query = {"StackName": name, "LogicalResourceId": "GitConnection"}
    arn = cloud.describe_stack_resource(**query)["StackResourceDetail"]["PhysicalResourceId"]
    found = opened.client("codeconnections").get_connection(ConnectionArn=arn)["Connection"]
    state = found["ConnectionStatus"]
    return [] if state == "AVAILABLE" else [f"it is {state}: {CLICK}"]


def permissions(settings: Settings, opened: boto3.Session, part: str) -> list[str]:
    """Ask IAM about the caller; where that is a role's session, about the role."""
    arn, iam = opened.client("sts").get_caller_identity()["Arn"], opened.client("iam")
    if ":assumed-role/" in arn:
        arn = iam.get_role(RoleName=arn.split("/")[1])["Role"]["Arn"]
    asked = {"PolicySourceArn": arn, "ActionNames": ACTIONS.split()}
    found = each(iam, "simulate_principal_policy", "EvaluationResults", **asked)
    refused = [item["EvalActionName"] for item in found if item["EvalDecision"] != "allowed"]
    return [f"{arn} may not {name}: deploy as an administrator" for name in refused]


def preflight(settings: Settings, opened: boto3.Session) -> None:
    """Print each account's checks of what a release needs. Raises `UserError` where it lacks any.

    Docker is not among it: CodeBuild builds the images. That a job ends within the hour for which
    CloudFormation waits is a matter of the settings, which were read first.
    """
    faults = 0
    settings.parameters("monitor", {})  # It reads monitoring.yaml too.
    for part in ["tools", "prod"] if settings.prod_account_id else ["all"]:
        reached = settings.session(part)
        console.print(f"account {account(reached)}: credentials ok")
        also = [connection] if settings.connected and part != "prod" else []
        for ask in (services, quotas, permissions, *also):
            try:
                found = ask(settings, reached, part)
            except (ClientError, UserError) as error:
                console.print(f"  {ask.__name__} not checked: {error}")
                continue
            console.print(f"  {ask.__name__} {'; '.join(found) or 'ok'}")
            faults += len(found)
    if faults:
        raise UserError(f"{faults} faults, on which a release would fail")


# A release that lives.


def status(settings: Settings, opened: boto3.Session) -> None:
    """Print what is live, the stages, the last decisions on retraining, and the alarms."""
    name, live = settings.project, settings.session(settings.live)
    rows = waiting(settings, opened) + stuck(settings, live)
    stands = stack(live.client("cloudformation"), f"{name}-prod").get("Outputs", [])
    rows += [(output["OutputKey"], output["OutputValue"]) for output in stands]
    alarms = [f"{name}-{alarm}" for alarm in ALARMS]
    for release, endpoint, share in serving(live, name):
        alarms += [f"{name}-{alarm}-{release}" for alarm in CANDIDATE]
        state = live.client("sagemaker").describe_endpoint(EndpointName=endpoint)["EndpointStatus"]
        rows.append((f"release {release}", f"{share:.0%} of traffic; endpoint {endpoint} {state}"))
    for stage in opened.client("codepipeline").get_pipeline_state(name=name)["stageStates"]:
        state = stage.get("latestExecution", {}).get("status", "never ran")
        waits = stage["stageName"] == "Approval" and state == "InProgress"
        rows.append((f"stage {stage['stageName']}", "waits for approval" if waits else state))
    s3, store = opened.client("s3"), settings.bucket("data", opened)
    made = each(s3, "list_objects_v2", "Contents", Bucket=store, Prefix="retraining/")
    for key in sorted(item["Key"] for item in made)[-3:]:
        decision = json.load(s3.get_object(Bucket=store, Key=key)["Body"])
        words = "; ".join(decision["against"]) or f"started {decision['started']}"
        rows.append((f"retraining {decision['time']}", f"{decision['cause']}: {words}"))
    kinds = ["MetricAlarm", "CompositeAlarm"]
    found = live.client("cloudwatch").describe_alarms(AlarmNames=alarms, AlarmTypes=kinds)
    both = found["MetricAlarms"] + found["CompositeAlarms"]
    rows += [(f"alarm {alarm['AlarmName']}", alarm["StateValue"]) for alarm in both]
    show(name, ("what", "how it stands"), rows)


def waiting(settings: Settings, opened: boto3.Session) -> list[tuple[str, str]]:
    """Return what is to be said of a connection that nobody has clicked yet."""
    if not settings.connected:
        return []
    try:
        found = connection(settings, opened, "all")
    except UserError:
        return []
    said = "until then each run fails in Source; afterwards push, or release the change anew"
    return [("connection", f"{words}; {said}") for words in found]


def stuck(settings: Settings, live: boto3.Session) -> list[tuple[str, str]]:
    """Return the pipeline's stacks that take no update, as after a first creation that failed.

    Those of train and dev the pipeline replaces by itself.
    """
    rows = []
    for name in ("prod", "monitor"):
        title = f"{settings.project}-{name}"
        state = stack(live.client("cloudformation"), title).get("StackStatus", "")
        if state in STUCK:
            mend = f"`aws cloudformation delete-stack --stack-name {title}`, then retry the stage"
            rows.append((f"stack {title}", f"{state}: mend what its events name, {mend}"))
    return rows


def serving(live: boto3.Session, project: str) -> list[tuple[str, str, float]]:
    """Return release, endpoint and share of the traffic of each version that the alias names."""
    functions, api = live.client("lambda"), {"FunctionName": f"{project}-api"}
    try:
        alias = functions.get_alias(**api, Name="live")
    except functions.exceptions.ResourceNotFoundException:
        return []
    others = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    shares = {alias["FunctionVersion"]: 1 - sum(others.values())} | others
    found = each(functions, "list_versions_by_function", "Versions", **api)
    env = {version["Version"]: version["Environment"]["Variables"] for version in found}
    return [(env[n]["RELEASE_ID"], env[n]["ENDPOINT_NAME"], share) for n, share in shares.items()]


def data_release(settings: Settings, opened: boto3.Session, files: str = "") -> None:
    """Upload files, named with spaces between, and the manifest: they are what is trained on.

    A bank's file is uploaded in the project's own form. Raises `UserError` for rows that are not
    valid or held out, and for a form that is not settled; then nothing is uploaded.
    """
    paths = [Path(name) for name in files.split()]
    if HOLDOUT.resolve() in map(Path.resolve, paths):
        raise UserError(f"{HOLDOUT} is kept apart: its rows are never trained on")
    with TemporaryDirectory(prefix="categoriser-") as folder:
        own = in_own_form(paths, Path(folder))
        check(own)
        upload(settings, opened, dict(zip(paths, own, strict=True)))


def upload(settings: Settings, opened: boto3.Session, files: dict[Path, Path]) -> None:
    """Upload files in the project's own form, by the path each is named by, and the manifest."""
    put, store = opened.client("s3").put_object, settings.bucket("data", opened)
    parts, hashes = [], {}
    for named, path in files.items():
        key, body = f"raw/{path.name}", path.read_bytes()
        version = put(Bucket=store, Key=key, Body=body)["VersionId"]
        rows = sum(1 for line in read_lines(path) if line.strip()) - 1
        parts.append(File(f"s3://{store}/{key}", version, digest(path), rows))
        # As DVC makes it.
        hashes[named.as_posix()] = md5(body, usedforsecurity=False).hexdigest()
    put(Bucket=store, Key=DATA, Body=Manifest("data-release", tuple(parts), hashes).zip())
    console.print(f"{sum(part.rows for part in parts):,} rows are what is trained on from now on")


def lived(runs: list[dict[str, Any]]) -> list[str]:
    """Return the executions that stand behind what is live, which is the last.

    Of `runs`, the newest first, a rollback takes away what came after its target; one that goes
    forward, to what an earlier one took away, adds it again.
    """
    line: list[str] = []
    for run in reversed(runs):
        name = run["pipelineExecutionId"]
        name = run.get("rollbackMetadata", {}).get("rollbackTargetPipelineExecutionId", name)
        if name in line:
            del line[line.index(name) :]
        line.append(name)
    return line


def rollback(settings: Settings, opened: boto3.Session, execution: str = "") -> None:
    """Put back what an execution released: by default what was live before that which is.

    Raises `UserError` for a target that CodePipeline would refuse, or whose artifacts are gone.
    """
    pipeline, name = opened.client("codepipeline"), settings.project
    query = {"pipelineName": name, "filter": {"succeededInStage": {"stageName": STAGE}}}
    runs = [*each(pipeline, "list_pipeline_executions", "pipelineExecutionSummaries", **query)]
    able = [run["pipelineExecutionId"] for run in runs if run["executionType"] == "STANDARD"]
    target = execution or "".join(lived(runs)[-2:-1])
    if target not in able:
        fault = f"{target or 'no earlier execution'} cannot be put back: it must have passed"
        raise UserError(f"{fault} {STAGE}, and be no rollback itself. These can: {', '.join(able)}")
    query["filter"] = {"pipelineExecutionId": target}
    actions = [*each(pipeline, "list_action_executions", "actionExecutionDetails", **query)]
    if actions[0]["pipelineVersion"] != pipeline.get_pipeline(name=name)["pipeline"]["version"]:
        raise UserError(f"{target} is from before the pipeline was edited; {REVERT}")
    used = [action["input"] for action in actions if action["stageName"] == STAGE]
    artifacts = [artifact for given in used for artifact in given.get("inputArtifacts", [])]
    for place in (artifact["s3location"] for artifact in artifacts):
        try:
            opened.client("s3").head_object(Bucket=place["bucket"], Key=place["key"])
        except ClientError as error:
            raise UserError(f"{target}: {place['key']} has expired ({error}); {REVERT}") from None
    consent(f"Put back what {target} released?")
    pipeline.rollback_stage(pipelineName=name, stageName=STAGE, targetPipelineExecutionId=target)
    console.print("It is on its way: `make status` shows it")


def why(settings: Settings, opened: boto3.Session, prediction: str = "", days: str = "7") -> None:
    """Print where a prediction comes from: capture, release, commit, images, data, approver.

    Raises `UserError` that says where it looked, or what is no id or number of days.
    """
    if not re.fullmatch(r"[0-9a-f]{32}|probe-[\w-]+", prediction):
        form = "32 of 0-9 and a-f, such as the API answers as prediction_id"
        raise UserError(f"PREDICTION={prediction} is no id of a prediction: it has {form}")
    if not re.fullmatch("[1-9][0-9]{0,3}", days):
        raise UserError(f"DAYS={days} is no number of days: write 1 to 9999")
    live = settings.session(settings.live)
    s3, store = live.client("s3"), {"Bucket": settings.bucket("live", live)}
    place = store | {"Prefix": "captures/", "Delimiter": "/"}
    ends = [item["Prefix"] for item in each(s3, "list_objects_v2", "CommonPrefixes", **place)]
    times = [datetime.now(UTC) - timedelta(days=day) for day in range(int(days))]
    folders = [f"{end}main/{time:%Y/%m/%d}/" for time in times for end in ends]
    lists = (each(s3, "list_objects_v2", "Contents", **store, Prefix=folder) for folder in folders)
    keys = (item["Key"] for items in lists for item in items)
    sign = re.compile(f'"inferenceId": ?"{prediction}"'.encode())
    key = next((k for k in keys if sign.search(s3.get_object(**store, Key=k)["Body"].read())), "")
    if not key:
        raise UserError(
            f"{prediction!r} is in no capture of the last {days} days of {ends}; captures come "
            "minutes late, and hold prod.capture_percent of the calls (more days: DAYS=...)"
        )
    endpoint = key.split("/")[1]
    facts = {"Capture": f"s3://{store['Bucket']}/{key}", "Endpoint": endpoint}
    sagemaker, group = opened.client("sagemaker"), {"ModelPackageGroupName": settings.project}
    for item in each(sagemaker, "list_model_packages", "ModelPackageSummaryList", **group):
        model = sagemaker.describe_model_package(ModelPackageName=item["ModelPackageArn"])
        lineage = model.get("CustomerMetadataProperties", {})
        if endpoint == f"{settings.project}-{lineage.get('Release')}":
            facts |= {"Approval": model.get("ApprovalDescription", "none")} | lineage
    for name, value in facts.items():
        console.print(f"{name}: {value}")


def prove(settings: Settings, opened: boto3.Session) -> None:
    """Ask dev's endpoint the golden cases, and see that it refuses a malformed request.

    Raises what `golden_cases.prove` raises, and `UserError`.
    """
    import golden_cases  # The Lambdas' own checks, with their libraries.
    import s3_documents

    endpoint = environ["ENDPOINT"]
    known = s3_documents.read_document(environ["GOLDEN"])
    golden_cases.prove(known, endpoint, [f"probe-test-{n}" for n in range(len(known["cases"]))])
    try:
        golden_cases.ask(endpoint, '{"text": ', "probe-test")
    except ClientError as error:
        if error.response.get("OriginalStatusCode") == 400:
            return
    raise UserError(f"{endpoint} answers a malformed request otherwise than with 400")


if __name__ == "__main__":
    command(preflight, status, data_release, rollback, why, prove)
