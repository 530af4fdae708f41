"""`make preflight`: what a release needs, looked at before it. A fault ends it with status 1.

Docker is not among it: CodeBuild builds the images. That a job ends within the hour for which
CloudFormation waits is a matter of the settings, which are read first.
"""

from collections import Counter

import boto3
from botocore.exceptions import ClientError

from categoriser.errors import UserError
from release.settings import Settings, account, command, console, each, stack

SERVICES = "apigateway codebuild codedeploy codepipeline dynamodb ecr events kms lambda sagemaker"
# Some for each layer: who has them is hardly without the others.
ACTIONS = "cloudformation:CreateChangeSet cloudformation:ExecuteChangeSet codebuild:CreateProject "
ACTIONS += "codebuild:StartBuild codepipeline:CreatePipeline ecr:CreateRepository events:PutRule "
ACTIONS += "iam:CreateRole iam:PassRole iam:PutRolePolicy kms:CreateKey lambda:CreateFunction "
ACTIONS += "logs:CreateLogGroup s3:CreateBucket s3:PutBucketPolicy s3:PutObject sns:CreateTopic"
CLICK = "in the console: Developer Tools, Settings, Connections, Update pending connection"


def services(settings: Settings, opened: boto3.Session, part: str) -> list[str]:
    """By what this botocore knows of the region."""
    place = settings.region
    regions = opened.get_partition_for_region(place)
    known = {name: opened.get_available_regions(name, regions) for name in SERVICES.split()}
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
    status = found["ConnectionStatus"]
    return [] if status == "AVAILABLE" else [f"it is {status}: {CLICK}"]


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
    """Print each account's checks. Raises `UserError` where there are faults."""
    faults = 0
    settings.parameters("monitor", {})  # It reads monitoring.yaml too.
    for part in ["tools", "prod"] if settings.prod_account_id else ["all"]:
        reached = settings.session(part)
        console.print(f"account {account(reached)}: credentials ok")
        also = [connection] if settings.connected and part != "prod" else []
        for check in (services, quotas, permissions, *also):
            try:
                found = check(settings, reached, part)
            except (ClientError, UserError) as error:
                console.print(f"  {check.__name__} not checked: {error}")
                continue
            console.print(f"  {check.__name__} {'; '.join(found) or 'ok'}")
            faults += len(found)
    if faults:
        raise UserError(f"{faults} faults, on which a release would fail")


if __name__ == "__main__":
    command(preflight)
