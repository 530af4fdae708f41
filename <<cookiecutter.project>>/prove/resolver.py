"""The release's templates as plain data, and what their functions come to for one project.

What resolves here is what CloudFormation would make of a template's text: parameters, conditions,
imports, physical names and ARNs. What only AWS knows comes out as `<stack>-<logical id>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
# The project's own name, since some of its files have it where the tests read them.
PROJECT: str = yaml.safe_load((ROOT / "cloudformation/settings.yaml").read_text())["project"]
PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::AccountId": "111122223333",
    "AWS::Region": "ap-southeast-2",
    "AWS::URLSuffix": "amazonaws.com",
}
RELEASE = "20261122-101500-abcdef1"
# What the parameters are in tests: each another value, so that one for another is seen.
DIGEST = "sha256:" + "0123456789abcdef" * 4
REGISTRY = f"111122223333.dkr.ecr.ap-southeast-2.amazonaws.com/{PROJECT}"
GIVEN: dict[str, Any] = {
    "AlarmsViolations": 1,
    "AlarmsWindows": 2,
    "ApprovalMinutes": 4320,
    "ArtifactBucket": f"{PROJECT}-artifacts-111122223333-ap-southeast-2",
    "BaseImage": "registry.example.com/python:3.13-slim",
    "BudgetUsd": 300,
    "CapturesMaxMissing": 0.1,
    "CapturesMaxUnread": 0.05,
    "DataBucket": f"{PROJECT}-data-111122223333-ap-southeast-2",
    "DevInstance": "ml.t2.medium",
    "DevKind": "instance",
    "Email": "team@example.com",
    "JobImage": f"{REGISTRY}@{DIGEST}",
    "LambdaKey": f"lambdas/{DIGEST[7:]}.zip",
    "LambdaPython": "3.13",
    "LiveBucket": f"{PROJECT}-live-111122223333-ap-southeast-2",
    "LogDays": 90,
    "ModelPackageArn": (f"arn:aws:sagemaker:ap-southeast-2:111122223333:model-package/{PROJECT}/7"),
    "MonitorInstance": "ml.t3.medium",
    "Network": "none",
    "Part": "all",
    "PermissionsBoundary": "",
    "ProdAccountId": "",
    "ProdAuth": "iam",
    "ProdCanaryPercent": 10,
    "ProdCanaryMinutes": 5,
    "ProdBakeMinutes": 10,
    "ProdBurst": 40,
    "ProdCapturePercent": 100,
    "ProdDailyQuota": 100_000,
    "ProdInstance": "ml.m5.large",
    "ProdLatencyMs": 500,
    "ProdMaximum": 4,
    "ProdMinimum": 3,
    "ProdRate": 20,
    "ProdRequestsPerInstance": 700,
    "QualityMaxBadLabels": 0.04,
    "Project": PROJECT,
    "ReleaseId": RELEASE,
    "RetrainCoolDownHours": 72,
    "RetrainMonthly": "false",
    "Run": f"s3://{PROJECT}-data-111122223333-ap-southeast-2/runs/{RELEASE}",
    "ScheduleEveryHours": "24",
    "ServeImage": f"{REGISTRY}@{DIGEST[:-1]}0",
    "SourceBranch": "main",
    "SourceHost": "GitHub",
    "SourceRepository": "team/bank",
    "ToolsAccountId": "111122223333",
}
NOTHING = object()  # AWS::NoValue
# What custom resources answer where the text of a template needs a number.
ANSWERS = {("Custom::Hosting", "Instances"): 3}

Template = dict[str, Any]
Parameters = dict[str, Any]

# The property with a resource's physical name, and its ARN: service, then the rest with the name
# in it. From the pages "Resource types defined by" of the service authorization reference.
NAMES: dict[str, tuple[str, str]] = {
    "AWS::ApiGateway::ApiKey": ("Name", ""),
    "AWS::ApiGateway::RestApi": ("Name", ""),
    "AWS::ApiGateway::Stage": ("StageName", ""),
    "AWS::ApiGateway::UsagePlan": ("UsagePlanName", ""),
    "AWS::Budgets::Budget": ("Budget.BudgetName", ""),
    "AWS::CloudWatch::Alarm": ("AlarmName", "cloudwatch:{r}:{a}:alarm:{n}"),
    "AWS::CloudWatch::CompositeAlarm": ("AlarmName", "cloudwatch:{r}:{a}:alarm:{n}"),
    "AWS::CloudWatch::Dashboard": ("DashboardName", "cloudwatch::{a}:dashboard/{n}"),
    "AWS::CodeBuild::Project": ("Name", "codebuild:{r}:{a}:project/{n}"),
    "AWS::CodeCommit::Repository": ("RepositoryName", "codecommit:{r}:{a}:{n}"),
    "AWS::CodeConnections::Connection": (
        "ConnectionName",
        "codeconnections:{r}:{a}:connection/{n}",
    ),
    "AWS::CodeDeploy::Application": ("ApplicationName", "codedeploy:{r}:{a}:application:{n}"),
    "AWS::CodeDeploy::DeploymentConfig": (
        "DeploymentConfigName",
        "codedeploy:{r}:{a}:deploymentconfig:{n}",
    ),
    "AWS::CodeDeploy::DeploymentGroup": ("DeploymentGroupName", ""),
    "AWS::CodePipeline::Pipeline": ("Name", "codepipeline:{r}:{a}:{n}"),
    "AWS::ECR::Repository": ("RepositoryName", "ecr:{r}:{a}:repository/{n}"),
    "AWS::Events::EventBus": ("Name", "events:{r}:{a}:event-bus/{n}"),
    "AWS::Events::EventBusPolicy": ("StatementId", ""),
    "AWS::Events::Rule": ("Name", "events:{r}:{a}:rule/{n}"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "iam::{a}:policy/{n}"),
    "AWS::IAM::Role": ("RoleName", "iam::{a}:role/{n}"),
    "AWS::KMS::Alias": ("AliasName", "kms:{r}:{a}:{n}"),
    "AWS::KMS::Key": ("", "kms:{r}:{a}:key/{n}"),
    "AWS::Lambda::Function": ("FunctionName", "lambda:{r}:{a}:function:{n}"),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs:{r}:{a}:log-group:{n}:*"),
    "AWS::S3::Bucket": ("BucketName", "s3:::{n}"),
    "AWS::SNS::Topic": ("TopicName", "sns:{r}:{a}:{n}"),
    "AWS::SQS::Queue": ("QueueName", "sqs:{r}:{a}:{n}"),
    "AWS::SageMaker::Endpoint": ("EndpointName", "sagemaker:{r}:{a}:endpoint/{n}"),
    "AWS::SageMaker::EndpointConfig": (
        "EndpointConfigName",
        "sagemaker:{r}:{a}:endpoint-config/{n}",
    ),
    "AWS::SageMaker::Model": ("ModelName", "sagemaker:{r}:{a}:model/{n}"),
    "AWS::SageMaker::ModelPackageGroup": (
        "ModelPackageGroupName",
        "sagemaker:{r}:{a}:model-package-group/{n}",
    ),
    "AWS::Scheduler::Schedule": ("Name", "scheduler:{r}:{a}:schedule/{g}/{n}"),
    "AWS::Scheduler::ScheduleGroup": ("Name", "scheduler:{r}:{a}:schedule-group/{n}"),
}
# Ref gives these by ARN; the others by name. From each type's page, "Return values".
REF_IS_ARN = {
    "AWS::CodeConnections::Connection",
    "AWS::IAM::ManagedPolicy",
    "AWS::SNS::Topic",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Model",
    "AWS::SageMaker::ModelPackageGroup",
}
# Functions of nothing but their arguments.
PLAIN: dict[str, Callable[..., Any]] = {
    "Fn::Join": lambda separator, values: separator.join(map(str, values)),
    "Fn::Select": lambda index, values: values[int(index)],
    "Fn::Split": lambda separator, text: text.split(separator),
    "Fn::Cidr": lambda block, count, *_: [f"{block}#{index}" for index in range(int(count))],
    "Fn::GetAZs": lambda *region: [f"{''.join(region)}{zone}" for zone in "abc"],
}
LOGIC: dict[str, Callable[[list[bool]], bool]] = {
    "Fn::And": all,
    "Fn::Or": any,
    "Fn::Not": lambda each: not each[0],
}
# `${A.B}`, and not the literal `${!A}`.
VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")

# What was read. A mutant (mutation.py) stands here in place of the original.
_templates: dict[str, Template] = {}
_sources: dict[str, str] = {}


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, and a date left as it is written."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _short)


def load(text: str) -> Template:
    template: Template = yaml.load(text, Loader)
    return template


def templates() -> dict[str, Template]:
    """Give each template by its name, as one dictionary that all share: change only copies."""
    if not _templates:
        for path in sorted((ROOT / "cloudformation").glob("*.yaml")):
            if path.stem != "settings":
                _templates[path.stem] = load(path.read_text())
    return _templates


def source(path: str) -> str:
    """Give the text of a file of the project."""
    if path not in _sources:
        _sources[path] = (ROOT / path).read_text()
    return _sources[path]


def resources(name: str, kind: str = "") -> dict[str, dict[str, Any]]:
    """Give a template's resources of a type, or all, by logical id."""
    every: dict[str, dict[str, Any]] = templates()[name]["Resources"]
    return {key: value for key, value in every.items() if kind in ("", value["Type"])}


def everywhere(kind: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (template, logical id, resource) of a type, or of all, over all templates."""
    for name in templates():
        for key, value in resources(name, kind).items():
            yield name, key, value


def walk(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield (path, node) of a tree of dicts and lists, itself first."""
    yield path, value
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(item, (*path, key))


def references(value: Any) -> Iterator[str]:
    """Yield what a value refers to: parameters, logical ids, pseudo parameters, `Id.Attribute`."""
    for _, node in walk(value):
        if isinstance(node, dict) and len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref":
                yield argument
            elif function == "Fn::GetAtt":
                yield ".".join(argument)
            elif function == "Fn::Sub":
                text, own = (argument, {}) if isinstance(argument, str) else argument
                yield from (v for v in VARIABLE.findall(text) if v not in own)


def parameters(name: str, given: Parameters | None = None) -> Parameters:
    """Give a template's parameters: what is given here, else in `GIVEN`.

    Raises:
        KeyError: neither has a value, and the template says no default.

    """
    known = GIVEN | (given or {})
    return {
        key: known[key] if key in known else parameter["Default"]
        for key, parameter in templates()[name].get("Parameters", {}).items()
    }


def holds(name: str, condition: str, given: Parameters | None = None) -> bool:
    """Tell whether a template's condition is true for these parameters."""
    return bool(_Resolver(name, given).condition(condition))


def present(name: str, given: Parameters | None = None) -> dict[str, dict[str, Any]]:
    """Give the resources that these parameters make, by logical id, unresolved."""
    return {
        key: value
        for key, value in resources(name).items()
        if "Condition" not in value or holds(name, value["Condition"], given)
    }


def resolve(value: Any, name: str, given: Parameters | None = None) -> Any:
    """Give a value of a template with all functions worked out.

    Args:
        value: any part of the template.
        name: the template's.
        given: parameters, and pseudo parameters other than `PSEUDO`'s; the rest as `parameters`.

    """
    result = _Resolver(name, given).value(value)
    return None if result is NOTHING else result


def physical(name: str, key: str, given: Parameters | None = None) -> str:
    """Give a resource's physical name."""
    return _Resolver(name, given).name(key)


def arn(name: str, key: str, given: Parameters | None = None) -> str:
    """Give a resource's ARN."""
    return _Resolver(name, given).arn(key)


class _Resolver:
    def __init__(self, name: str, given: Parameters | None) -> None:
        self.template = name
        self.given = given or {}
        self.known = PSEUDO | {k: v for k, v in self.given.items() if k.startswith("AWS::")}
        self.known |= parameters(name, given)
        self.known.setdefault("AWS::StackName", f"{self.project}-{name}")
        stack = self._format("cloudformation:{r}:{a}:stack/{n}/0", self.known["AWS::StackName"])
        self.known.setdefault("AWS::StackId", stack)

    @property
    def project(self) -> str:
        return str(self.known.get("Project", PROJECT))

    def _format(self, form: str, name: str) -> str:
        text = form.format(r=self.known["AWS::Region"], a=self.known["AWS::AccountId"], n=name)
        return f"arn:{self.known['AWS::Partition']}:{text}"

    def name(self, key: str) -> str:
        resource = resources(self.template)[key]
        value: Any = resource.get("Properties", {})
        for part in NAMES.get(resource["Type"], ("", ""))[0].split("."):
            value = value.get(part) if isinstance(value, dict) else None
        resolved = self.value(value)
        return f"{self.project}-{self.template}-{key}" if resolved in (None, NOTHING) else resolved

    def arn(self, key: str) -> str:
        kind = resources(self.template)[key]["Type"]
        form = NAMES.get(kind, ("", ""))[1]
        assert form, f"{self.template}.{key}: prove/templates.py knows no ARN of {kind}"
        group = self.value(resources(self.template)[key].get("Properties", {}).get("GroupName"))
        return self._format(form.replace("{g}", group or "default"), self.name(key))

    def ref(self, target: str) -> Any:
        if target == "AWS::NoValue":
            return NOTHING
        if target in self.known:
            kind = templates()[self.template].get("Parameters", {}).get(target, {}).get("Type", "")
            value = self.known[target]
            many = kind == "CommaDelimitedList" or kind.startswith("List<")
            return value.split(",") if many and isinstance(value, str) else value
        resource = resources(self.template)[target]
        if resource["Type"] == "AWS::Lambda::Version":
            return f"{self.value(self.function(resource))}:1"
        if resource["Type"] == "AWS::Lambda::Alias":
            return f"{self.value(self.function(resource))}:{resource['Properties']['Name']}"
        return self.arn(target) if resource["Type"] in REF_IS_ARN else self.name(target)

    def function(self, resource: dict[str, Any]) -> str:
        """Give the ARN of a version's or alias's function, which may be given by name."""
        given = str(self.value(resource["Properties"]["FunctionName"]))
        form = NAMES["AWS::Lambda::Function"][1]
        return given if given.startswith("arn:") else self._format(form, given)

    def attribute(self, target: str, attribute: str) -> Any:
        resource = resources(self.template)[target]  # KeyError: no such resource
        if resource["Type"] == "AWS::Lambda::Version" and attribute == "Version":
            return "1"
        if (resource["Type"], attribute) in ANSWERS:
            return ANSWERS[resource["Type"], attribute]
        prefix = NAMES.get(resource["Type"], ("", ""))
        if attribute == prefix[0]:
            return self.name(target)
        if prefix[1] and attribute in ("Arn", f"{resource['Type'].rsplit(':', 1)[1]}Arn"):
            return self.arn(target)
        return f"{self.project}-{self.template}-{target}.{attribute}"

    def sub(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument

        def put(match: re.Match[str]) -> str:
            variable = match[1]
            if variable in own:
                return str(self.value(own[variable]))
            if "." in variable:
                return str(self.attribute(*variable.split(".", 1)))
            return str(self.ref(variable))

        return VARIABLE.sub(put, text).replace("${!", "${")

    def imported(self, export: str) -> Any:
        for name, template in templates().items():
            for output in template.get("Outputs", {}).values():
                if "Export" in output:
                    other = _Resolver(name, {**self.given, "Project": self.project})
                    if other.value(output["Export"]["Name"]) == export:
                        return other.value(output["Value"])
        raise KeyError(f"{self.template} imports {export}, which no template exports")

    def condition(self, condition: Any) -> bool:
        if isinstance(condition, str):
            return self.condition(templates()[self.template]["Conditions"][condition])
        ((function, argument),) = condition.items()
        if function == "Condition":
            return self.condition(argument)
        if function == "Fn::Equals":
            left, right = self.value(argument)
            return str(left) == str(right)
        return LOGIC[function]([self.condition(each) for each in argument])

    def value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [each for each in map(self.value, value) if each is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function == "Ref":
                return self.ref(argument)
            if function.startswith("Fn::"):
                return self.call(function, argument)
        pairs = ((key, self.value(each)) for key, each in value.items())
        return {key: each for key, each in pairs if each is not NOTHING}

    def call(self, function: str, argument: Any) -> Any:
        if function == "Fn::GetAtt":
            return self.attribute(*argument)
        if function == "Fn::Sub":
            return self.sub(argument)
        if function == "Fn::If":
            return self.value(argument[1 if self.condition(argument[0]) else 2])
        if function == "Fn::ImportValue":
            return self.imported(self.value(argument))
        if function == "Fn::FindInMap":
            first, second, third = self.value(argument)
            return templates()[self.template]["Mappings"][first][second][third]
        return PLAIN[function](*self.value(argument))
