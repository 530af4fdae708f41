"""`make preflight`: what AWS still wants before a deployment, account by account."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache, partial

import boto3
from botocore.exceptions import ClientError

from categoriser.errors import UserError
from categoriser.monitor.monitor_settings import read_monitor_settings
from release.accounts import account_id, open_session
from release.connection import connection_faults
from release.console import console
from release.remote.defaults import BATCH_INSTANCES, SEARCH_JOBS_AT_ONCE
from release.settings import ReleaseSettings
from release.training_services import TRAINING_SERVICES

# The services that the templates use, as far as botocore knows their regions.
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
    *TRAINING_SERVICES,
)
# Some actions for each layer: a caller who may do these will have the others too.
ACTIONS = (
    "cloudformation:CreateChangeSet",
    "cloudformation:ExecuteChangeSet",
    "codebuild:CreateProject",
    "codebuild:StartBuild",
    "codepipeline:CreatePipeline",
    "ecr:CreateRepository",
    "events:PutRule",
    "iam:CreateRole",
    "iam:PassRole",
    "iam:PutRolePolicy",
    "kms:CreateKey",
    "lambda:CreateFunction",
    "logs:CreateLogGroup",
    "s3:CreateBucket",
    "s3:PutBucketPolicy",
    "s3:PutObject",
    "sns:CreateTopic",
)

# A check of one account, which returns its faults.
AccountCheck = Callable[[], list[str]]
# The quotas of an account by name, asked for once.
Quotas = Callable[[], Mapping[str, float]]


def print_preflight(settings: ReleaseSettings) -> None:
    """Print each account's checks of what a release needs. Raises `UserError` where any fails.

    What only the verbs that run on SageMaker from this machine need is a warning. Docker is not
    checked: CodeBuild builds the images. That a job ends before the stage Train gives up is a
    matter of the settings, which were read first.
    """
    faults = 0
    read_monitor_settings()  # Raises for what the monitor's stack could not be made of.
    for part in ("tools", "prod") if settings.prod_account_id else ("all",):
        session = open_session(settings, part)
        console.print(f"account {account_id(session)}: credentials ok")
        quotas = cache(partial(applied_quotas, session))
        for name, check in checks_of(settings, session, part, quotas).items():
            faults += report(name, check)
        for name, check in warnings_of(settings, part, quotas).items():
            report(name, check, ", a warning:")
    if faults:
        raise UserError(f"{faults} faults, on which a release would fail")


def checks_of(
    settings: ReleaseSettings, session: boto3.Session, part: str, quotas: Quotas
) -> dict[str, AccountCheck]:
    """Return the checks of the account that holds a part, by the names that are printed."""
    checks: dict[str, AccountCheck] = {
        "services": lambda: missing_services(settings.region, session),
        "quotas": lambda: short_quotas(needed_quotas(settings, part), quotas()),
        "permissions": lambda: missing_permissions(session),
    }
    if settings.has_connection and part != "prod":
        checks["connection"] = lambda: connection_faults(settings, session)
    return checks


def warnings_of(settings: ReleaseSettings, part: str, quotas: Quotas) -> dict[str, AccountCheck]:
    """Return the checks on which no release fails: of quotas, by the verb that needs them."""
    if part == "prod":
        return {}
    instance = settings.train.instance
    searching = {f"{instance} for training job usage": SEARCH_JOBS_AT_ONCE}
    answering = {f"{instance} for transform job usage": BATCH_INSTANCES}
    return {
        "quotas of make tune REMOTE=1": lambda: short_quotas(searching, quotas()),
        "quotas of make batch": lambda: short_quotas(answering, quotas()),
    }


def report(name: str, check: AccountCheck, what: str = "") -> int:
    """Print what a check finds, or why it could not be made; return how much it has found."""
    try:
        found = check()
    except (ClientError, UserError) as error:
        console.print(f"  {name} not checked: {error}")
        return 0
    console.print(f"  {name}{what} {'; '.join(found)}" if found else f"  {name} ok")
    return len(found)


def missing_services(region: str, session: boto3.Session) -> list[str]:
    """Return the faults of a region, by what this botocore knows of it."""
    partition = session.get_partition_for_region(region)
    return [
        f"{service} is not in {region}: take another region"
        for service in SERVICES
        if region not in session.get_available_regions(service, partition)
    ]


def short_quotas(needed: Mapping[str, int], applied: Mapping[str, float]) -> list[str]:
    """Return the quotas of SageMaker that would be exceeded, or that do not exist.

    An instance type without a quota is misspelt.
    """
    mend = "ask for more in the console: Service Quotas, Amazon SageMaker"
    faults = []
    for name, count in needed.items():
        if name not in applied:
            faults.append(f"{name}: no such quota: is the instance type right?")
        elif applied[name] < count:
            faults.append(f"{name} is {applied[name]:g}, and {count} are needed: {mend}")
    return faults


def needed_quotas(settings: ReleaseSettings, part: str) -> dict[str, int]:
    """Return how many instances a release needs at once, by the quota's name.

    During a release there are two endpoints: the one that serves and the one to come.
    """
    needed: Counter[str] = Counter()
    if part != "prod":
        needed[f"{settings.train.instance} for training job usage"] += 1
        needed[f"{settings.train.instance} for processing job usage"] += 1
        if settings.dev.kind == "instance":
            needed[f"{settings.dev.instance} for endpoint usage"] += 2
    if part != "tools":
        needed[f"{settings.monitor.instance} for processing job usage"] += 1
        needed[f"{settings.prod.instance} for endpoint usage"] += 2 * settings.prod.maximum
    return needed


def applied_quotas(session: boto3.Session) -> dict[str, float]:
    """Return the account's quotas of SageMaker by name; AWS's where it has not its own."""
    client = session.client("service-quotas")
    quotas: dict[str, float] = {}
    defaults = client.get_paginator("list_aws_default_service_quotas")
    for page in defaults.paginate(ServiceCode="sagemaker"):
        quotas |= {quota["QuotaName"]: quota["Value"] for quota in page.get("Quotas", [])}
    own = client.get_paginator("list_service_quotas")
    for page in own.paginate(ServiceCode="sagemaker"):
        quotas |= {quota["QuotaName"]: quota["Value"] for quota in page.get("Quotas", [])}
    return quotas


def missing_permissions(session: boto3.Session) -> list[str]:
    """Return what IAM says the caller may not; where that is a role's session, the role."""
    iam = session.client("iam")
    arn = session.client("sts").get_caller_identity()["Arn"]
    if ":assumed-role/" in arn:
        arn = iam.get_role(RoleName=arn.split("/")[1])["Role"]["Arn"]
    simulated = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=arn, ActionNames=ACTIONS
    )
    return [
        f"{arn} may not {result['EvalActionName']}: deploy as an administrator"
        for page in simulated
        for result in page.get("EvaluationResults", [])
        if result["EvalDecision"] != "allowed"
    ]
