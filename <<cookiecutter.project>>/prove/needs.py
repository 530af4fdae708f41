"""Whose role a test's AWS calls are made with, and whether that role allows them.

`@pytest.mark.actor("api")` on a test says that the code under test runs with the role
`<project>-api-<region>`. Each call that the code makes through botocore, to moto or to a stub, is
recorded; the test fails where the role in the templates does not allow what the call needs. What
the test's own lines call, to arrange or to look, does not count; nor does what boto's threads call
for them. What one call needs is in `RESOURCES` and `SPECIAL`: an operation in neither is a failure.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from prove import templates as aws

Context = dict[str, str]
Parameters = dict[str, Any]

PROJECT = aws.PROJECT
REGION = aws.PSEUDO["AWS::Region"]
ACCOUNT = aws.PSEUDO["AWS::AccountId"]
OTHER = "444455556666"
MOTO_ACCOUNT = "123456789012"
TEMPLATES = ("serving", "identity", "deployers")
BOTO = re.compile(r"/(botocore|boto3|s3transfer|moto|unittest|concurrent|threading)[./]")
# Whose frames are a test's own.
TESTS = tuple(str(aws.ROOT / folder) for folder in ("tests", "prove"))
# Tests with this mark run in one process, where others run beside them.
TOGETHER = pytest.mark.xdist_group("actors")


class Call(NamedTuple):
    actor: str
    service: str
    operation: str
    parameters: Parameters


class Need(NamedTuple):
    """An action on a resource, and the condition keys that AWS would set."""

    action: str
    resource: str
    context: Context = {}  # noqa: RUF012

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


# What one call needs. ------------------------------------------------------------------------

PREFIXES = {"sagemaker-runtime": "sagemaker"}
# The resource of an operation whose action has its name: the part of the ARN after the account,
# with the call's parameters in braces; `*` where IAM knows no resource for the action.
# From the service authorization reference.
RESOURCES: dict[str, str] = {
    "cloudwatch.DescribeAlarms": "*",
    "cloudwatch.GetMetricData": "*",
    "codedeploy.PutLifecycleEventHookExecutionStatus": "*",
    "codepipeline.GetPipelineState": "{name}",
    "codepipeline.ListActionExecutions": "{pipelineName}",
    "codepipeline.ListPipelineExecutions": "{pipelineName}",
    "codepipeline.PutJobFailureResult": "*",
    "codepipeline.PutJobSuccessResult": "*",
    "codepipeline.StartPipelineExecution": "{name}",
    "ecr.BatchGetImage": "repository/{repositoryName}",
    "ecr.DescribeImages": "repository/{repositoryName}",
    "events.DeleteRule": "rule/{Name}",
    "events.PutRule": "rule/{Name}",
    "events.PutTargets": "rule/{Rule}",
    "events.RemoveTargets": "rule/{Rule}",
    "lambda.AddPermission": "function:{FunctionName}",
    "lambda.GetFunctionConfiguration": "function:{FunctionName}:{Qualifier}",
    "lambda.RemovePermission": "function:{FunctionName}",
    "logs.AssociateKmsKey": "log-group:{logGroupName}",
    "logs.CreateLogGroup": "log-group:{logGroupName}",
    "logs.PutRetentionPolicy": "log-group:{logGroupName}",
    "sagemaker.CreateProcessingJob": "processing-job/{ProcessingJobName}",
    "sagemaker.CreateTrainingJob": "training-job/{TrainingJobName}",
    "sagemaker.DescribeEndpoint": "endpoint/{EndpointName}",
    "sagemaker.DescribeEndpointConfig": "endpoint-config/{EndpointConfigName}",
    "sagemaker.DescribeModelPackage": "{ModelPackageName}",
    "sagemaker.DescribeProcessingJob": "processing-job/{ProcessingJobName}",
    "sagemaker.DescribeTrainingJob": "training-job/{TrainingJobName}",
    "sagemaker.ListModelPackages": "*",
    "sagemaker.StopProcessingJob": "processing-job/{ProcessingJobName}",
    "sagemaker.StopTrainingJob": "training-job/{TrainingJobName}",
    "sagemaker.UpdateModelPackage": "{ModelPackageArn}",
    "sagemaker-runtime.InvokeEndpoint": "endpoint/{EndpointName}",
}


def key() -> str:
    """Give the ARN of the project's key."""
    return str(aws.resolve({"Fn::ImportValue": f"{PROJECT}-KeyArn"}, "identity"))


def encrypted(action: str, service: str) -> Need:
    return Need(f"kms:{action}", key(), {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"})


def read(bucket: str, name: str, version: str | None) -> list[Need]:
    return [
        Need("s3:GetObjectVersion" if version else "s3:GetObject", f"arn:aws:s3:::{bucket}/{name}"),
        encrypted("Decrypt", "s3"),
    ]


def get(p: Parameters) -> list[Need]:
    return read(p["Bucket"], p["Key"], p.get("VersionId"))


def put(p: Parameters) -> list[Need]:
    return [
        Need("s3:PutObject", f"arn:aws:s3:::{p['Bucket']}/{p['Key']}"),
        encrypted("GenerateDataKey", "s3"),
    ]


def part(p: Parameters) -> list[Need]:
    # A part is encrypted with the upload's key, which has to be decrypted first.
    return [*put(p), encrypted("Decrypt", "s3")]


def copy(p: Parameters) -> list[Need]:
    source = p["CopySource"]
    if isinstance(source, str):
        path, _, version = source.partition("?versionId=")
        bucket, _, name = path.partition("/")
        source = {"Bucket": bucket, "Key": name, "VersionId": version}
    return [*read(source["Bucket"], source["Key"], source.get("VersionId")), *put(p)]


def listing(action: str) -> Callable[[Parameters], list[Need]]:
    def needs(p: Parameters) -> list[Need]:
        return [Need(action, f"arn:aws:s3:::{p['Bucket']}", {"s3:prefix": p.get("Prefix", "")})]

    return needs


def metrics(p: Parameters) -> list[Need]:
    return [Need("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": p["Namespace"]})]


def publish(p: Parameters) -> list[Need]:
    kms = [encrypted(action, "sns") for action in ("GenerateDataKey", "Decrypt")]
    return [Need("sns:Publish", p["TopicArn"]), *kms]


def register(p: Parameters) -> list[Need]:
    group = p["ModelPackageGroupName"]
    forms = (f"model-package-group/{group}", f"model-package/{group}/*")
    return [Need("sagemaker:CreateModelPackage", named("sagemaker", form, {})) for form in forms]


def invoke(p: Parameters) -> list[Need]:
    form = "{FunctionName}" if p["FunctionName"].startswith("arn:") else "function:{FunctionName}"
    return [Need("lambda:InvokeFunction", named("lambda", form, p))]


def formed(action: str) -> Callable[[Parameters], list[Need]]:
    def needs(p: Parameters) -> list[Need]:
        form = "{StackName}" if p["StackName"].startswith("arn:") else "stack/{StackName}/0"
        return [Need(f"cloudformation:{action}", named("cloudformation", form, p))]

    return needs


SPECIAL: dict[str, Callable[[Parameters], list[Need]]] = {
    "cloudformation.DescribeStacks": formed("DescribeStacks"),
    "cloudformation.GetTemplate": formed("GetTemplate"),
    # Anybody may ask who they are.
    "sts.GetCallerIdentity": lambda p: [],
    "cloudwatch.PutMetricData": metrics,
    "lambda.Invoke": invoke,
    "s3.AbortMultipartUpload": lambda p: [
        Need("s3:AbortMultipartUpload", f"arn:aws:s3:::{p['Bucket']}/{p['Key']}")
    ],
    "s3.CompleteMultipartUpload": part,
    "s3.CopyObject": copy,
    "s3.CreateMultipartUpload": put,
    "s3.GetObject": get,
    "s3.HeadObject": get,
    "s3.HeadBucket": listing("s3:ListBucket"),
    "s3.ListObjects": listing("s3:ListBucket"),
    "s3.ListObjectsV2": listing("s3:ListBucket"),
    "s3.ListObjectVersions": listing("s3:ListBucketVersions"),
    "s3.PutObject": put,
    "s3.UploadPart": part,
    "sagemaker.CreateModelPackage": register,
    "sns.Publish": publish,
}


def named(prefix: str, form: str, parameters: Parameters) -> str:
    """Put a call's parameters into an ARN's form; one that is an ARN already is the resource."""
    if form == "*":
        return form
    values = {"project": PROJECT} | {
        name: value[0] if isinstance(value, list) and value else value
        for name, value in parameters.items()
    }
    if "AlarmNames" in form and not parameters.get("AlarmNames"):
        values["AlarmNames"] = "*"
    text = f"arn:aws:{prefix}:{REGION}:{ACCOUNT}:{form.format(**values)}"
    return text[text.rindex("arn:") :]


def needs(call: Call) -> list[Need]:
    """Give what IAM asks for one call.

    Raises:
        LookupError: neither table holds the operation.

    """
    operation = f"{call.service}.{call.operation}"
    if operation in SPECIAL:
        return SPECIAL[operation](call.parameters)
    if operation not in RESOURCES:
        raise LookupError(f"{operation}: prove/actors.py does not know what it needs")
    prefix = PREFIXES.get(call.service, call.service)
    resource = named(prefix, RESOURCES[operation], call.parameters)
    found = [Need(f"{prefix}:{call.operation}", resource)]
    if call.parameters.get("Tags") and prefix == "sagemaker":
        found.append(Need("sagemaker:AddTags", resource))
    if "RoleArn" in call.parameters:
        service = {"iam:PassedToService": f"{prefix}.amazonaws.com"}
        found.append(Need("iam:PassRole", call.parameters["RoleArn"], service))
    return found


# What a role allows. -------------------------------------------------------------------------


@cache
def roles(part: str = "all") -> dict[str, dict[str, Any]]:
    """Give each role of the templates by its actor, its properties resolved.

    Args:
        part: `all` in one account; `tools` or `prod` where there are two.

    """
    found, shared = {}, {}
    for template in TEMPLATES:
        for key, resource in aws.present(template, accounts(part)).items():
            properties = aws.resolve(resource["Properties"], template, accounts(part))
            if resource["Type"] == "AWS::IAM::Role":
                actor = (
                    properties["RoleName"].removeprefix(f"{PROJECT}-").removesuffix(f"-{REGION}")
                )
                found[actor] = properties
            else:
                shared[aws.arn(template, key, accounts(part))] = properties
    for role in found.values():
        role["Policies"] += [shared[each] for each in role.get("ManagedPolicyArns", ())]
    return found


def accounts(part: str) -> Parameters:
    """Give parameters: which account is what, the templates' own being `ACCOUNT`; with a VPC."""
    tools, prod = {"all": (ACCOUNT, ""), "tools": (ACCOUNT, OTHER), "prod": (OTHER, ACCOUNT)}[part]
    known = {"Part": part, "ToolsAccountId": tools, "ProdAccountId": prod, "Network": "vpc"}
    return known | {"SourceRepository": "bank/categoriser"}


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in role.get("Policies", []):
        yield from many(policy["PolicyDocument"]["Statement"])


def matches(pattern: str, text: str) -> bool:
    """Tell whether an IAM pattern (`*`, `?`) covers a text, which may be a pattern itself."""
    parts = re.split(r"([*?])", pattern)
    form = "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in parts)
    return re.fullmatch(form, text, re.DOTALL) is not None


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringLike": matches,
    "ArnLike": matches,
    "ArnEquals": matches,
    "Bool": lambda wanted, value: wanted == value,
}


def fulfilled(condition: dict[str, dict[str, Any]], context: Context) -> bool:
    for operator, tests in condition.items():
        for name, wanted in tests.items():
            if name not in context:
                if operator.startswith("ForAllValues:"):
                    continue
                return False
            test = OPERATORS[operator.split(":")[-1]]
            if not any(test(str(each), context[name]) for each in many(wanted)):
                return False
    return True


def covers(statement: dict[str, Any], need: Need) -> bool:
    """Tell whether a statement speaks of what is needed."""
    return (
        any(matches(a.lower(), need.action.lower()) for a in many(statement["Action"]))
        and any(matches(resource, need.resource) for resource in many(statement["Resource"]))
        and fulfilled(statement.get("Condition", {}), need.context)
    )


def allows(role: dict[str, Any], need: Need) -> bool:
    found = [statement["Effect"] for statement in statements(role) if covers(statement, need)]
    return "Allow" in found and "Deny" not in found


# The recorder. -------------------------------------------------------------------------------

# (actor, action, resource) of every call so far: what explains a role's statements.
RECORDED: set[tuple[str, str, str]] = set()
stage: dict[str, str | None] = {"actor": None}


@contextmanager
def acting(actor: str | None) -> Iterator[None]:
    """Let what is called in here be another actor's than the test's; with None nobody's.

    For code of the project that a test uses to see what happened, and for a function that stands in
    for what AWS would run with a role of its own. Threads that run meanwhile are that actor's too.
    """
    before, stage["actor"] = stage["actor"], actor
    try:
        yield
    finally:
        stage["actor"] = before


def arranged() -> bool:
    """Tell whether the nearest frame outside boto is a test's own."""
    frame = sys._getframe(2)
    while frame:
        name = frame.f_code.co_filename
        if not BOTO.search(name):
            return name.startswith(TESTS)
        frame = frame.f_back  # type: ignore[assignment]
    return False


def here(value: Any, region: str) -> Any:
    """Give a parameter with moto's account and the client's region replaced by the project's."""
    if isinstance(value, dict):
        return {name: here(each, region) for name, each in value.items()}
    if isinstance(value, list):
        return [here(each, region) for each in value]
    if isinstance(value, str):
        text = value.replace(MOTO_ACCOUNT, ACCOUNT)
        return text.replace(f":{region}:", f":{REGION}:") if text.startswith("arn:") else text
    return value


def refusals(calls: Iterable[Call]) -> Iterator[str]:
    """Yield what the actors' roles do not allow of their calls, and keep what these needed."""
    for call in calls:
        for need in needs(call):
            RECORDED.add((call.actor, need.action, need.resource))
            if not allows(roles()[call.actor], need):
                context = "".join(f", {name} = {value}" for name, value in need.context.items())
                operation = f"{call.service}.{call.operation}"
                yield f"{call.actor} may not {need}{context} (asked by {operation})"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "actor(name): AWS calls are made with this actor's role")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep in one process what records calls; what looks at them all is marked so itself."""
    if item.get_closest_marker("actor"):
        item.add_marker(TOGETHER)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put last what looks at all that was recorded."""
    items.sort(key=lambda item: item.path.name == "test_permissions.py")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test with its calls recorded, and fail it for what its actor's role refuses."""
    mark = item.get_closest_marker("actor")
    if mark is None:
        return (yield)
    calls: list[Call] = []
    original = BaseClient._make_api_call

    def recorded(self: Any, operation: str, parameters: Parameters) -> Any:
        actor = None if arranged() else stage["actor"]
        if actor:
            region = self.meta.region_name or REGION
            service = self.meta.service_model.service_name
            calls.append(Call(actor, service, operation, here(parameters, region)))
        try:
            return original(self, operation, parameters)
        except ClientError as error:
            # S3 says of an object that it is not there only to who may list the bucket; to others
            # the access is denied.
            if actor and error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                calls.append(Call(actor, "s3", "HeadBucket", {"Bucket": parameters["Bucket"]}))
            raise

    with pytest.MonkeyPatch.context() as patch, acting(*mark.args):
        patch.setattr(BaseClient, "_make_api_call", recorded)
        result = yield
    if refused := sorted(set(refusals(calls))):
        pytest.fail("\n".join(refused), pytrace=False)
    return result
