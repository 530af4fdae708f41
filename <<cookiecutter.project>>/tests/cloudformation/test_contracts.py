"""What one file says of another: every name that is consumed is produced, and the reverse.

The files are templates, parameter files, buildspecs, Lambdas, the verbs and the monitor's code. Of
code the text is read, not run.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
import yaml

from categoriser.monitor import metrics as monitor_metrics
from categoriser.monitor.settings import Settings as Monitoring
from prove import example, project_files, resolver, roles, templates
from prove.policies import Need, allows, many, matches, statements
from prove.resource_types import NAMINGS, UNNAMED
from release import build, graph, layers, operate
from release.settings import Settings, flat

PROJECT, RELEASE = example.GIVEN["Project"], example.RELEASE
REGION, ACCOUNT, OTHER = (
    example.PSEUDO["AWS::Region"],
    example.PSEUDO["AWS::AccountId"],
    "444455556666",
)
LAYERS = ("data", "serving", "identity", "deployers", "network", "images", "pipeline")
RELEASED = build.STACKS
LAMBDAS = (
    "approval",
    "endpoint_start",
    "golden_cases",
    "prediction_api",
    "retraining",
    "traffic_hooks",
    "training_steps",
)
# Parameters of the three accounts that a template can be in.
ACCOUNTS: dict[str, resolver.Parameters] = {
    "all": {},
    "tools": {"Part": "tools", "ProdAccountId": OTHER},
    "prod": {
        "Part": "prod",
        "ProdAccountId": OTHER,
        "AWS::AccountId": OTHER,
        "LiveBucket": f"{PROJECT}-live-{OTHER}-{REGION}",
    },
}
IN = {
    "all": (*LAYERS, *RELEASED),
    "tools": (*LAYERS, "train", "dev"),
    "prod": ("data", "serving", "deployers", "network", "prod", "monitor"),
}


def made(name: str, part: str = "all", **given: Any) -> dict[str, dict[str, Any]]:
    """Give the resources that a template makes in an account, resolved, by logical id."""
    parameters = ACCOUNTS[part] | given
    present = resolver.present(name, parameters)
    resolved: dict[str, dict[str, Any]] = resolver.resolve(present, name, parameters)
    return resolved


def everything(kind: str = "", part: str = "all", **given: Any) -> dict[str, dict[str, Any]]:
    """Give the properties of an account's resources of a type, by `template.logical id`."""
    return {
        f"{name}.{key}": item.get("Properties", {})
        for name in IN[part]
        for key, item in made(name, part, **given).items()
        if kind in ("", item["Type"])
    }


def texts(value: Any) -> Iterator[str]:
    return (node for _, node in templates.walk(value) if isinstance(node, str))


def code(name: str) -> str:
    """Give a Lambda's module as `ast` writes it: single quotes, a statement a line, no comments."""
    return ast.unparse(ast.parse(project_files.text(f"lambdas/{name}.py")))


def key_arn() -> str:
    return resolver.arn("data", "Key")


def topic_arn() -> str:
    return resolver.arn("data", "Topic")


# -------------------------------------------------------------------------------- parameters

OPEN, CLOSE = "<" * 2, ">" * 2


def rendered(path: str) -> Any:
    """Read a YAML file of a project, or of the template that a project is made from."""
    answers = {
        "email": example.GIVEN["Email"],
        "aws_region": REGION,
        "git_host": example.GIVEN["SourceHost"],
        "repository": example.GIVEN["SourceRepository"],
        "branch": example.GIVEN["SourceBranch"],
        "prod_account_id": "",
        "project": PROJECT,
    }

    def answer(match: re.Match[str]) -> str:
        name = match[1].split(".")[1].split()[0].strip(")") if "." in match[1] else ""
        value = answers.get(name, "python:3.13-slim")
        return json.dumps(value) if "tojson" in match[1] else value

    text = re.sub(f"{OPEN}(.*?){CLOSE}", answer, project_files.text(path))
    return yaml.safe_load(text)


def settings() -> Settings:
    return Settings.model_validate(rendered("cloudformation/settings.yaml"))


def monitoring() -> Monitoring:
    return Monitoring.model_validate(rendered("monitoring/monitoring.yaml"))


def known_parameters() -> dict[str, str]:
    """Give what settings.yaml and monitoring.yaml say, by the parameters' names."""
    found = flat(settings()) | flat(monitoring().schedule, "Schedule")
    found |= flat(monitoring().captures, "Captures") | flat(monitoring().quality, "Quality")
    return found | flat(monitoring().alarms, "Alarms")


# What the verbs add to the settings, and what Build does.
BY_DEPLOY = {"Part", "ToolsAccountId", "LambdaKey"}
BY_BUILD = {name.title().replace("_", "") for name in build.GIVEN}
BY_BUILD |= {"Run", "LambdaKey", "ToolsAccountId"}


def declared(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = templates.every()[name]["Parameters"]
    return found


def overrides() -> dict[str, dict[str, str]]:
    """Give the pipeline's ParameterOverrides by template."""
    return {
        stack(action): json.loads(action["Configuration"].get("ParameterOverrides", "{}"))
        for action in actions()
        if action["ActionTypeId"]["Provider"] == "CloudFormation"
    }


def test_the_layers_are_those_that_deploy_makes() -> None:
    """In each account: none that makes nothing, and none missing."""
    for part, account in (("all", ""), ("tools", OTHER), ("prod", OTHER)):
        chosen = settings().model_copy(update={"prod_account_id": account, "network": "vpc"})
        order = [name for where, name in layers.layers(chosen) if where == part]
        assert {*order} == {*IN[part]} - {*RELEASED}, part
        for name in order:
            assert resolver.present(name, ACCOUNTS[part]), f"{name} makes nothing in {part}"


def test_a_layer_is_deployed_after_what_its_roles_name() -> None:
    """A role is refused that has a policy which is not there yet."""
    made_by = {
        resolver.arn(name, key): name
        for name, key, _ in templates.everywhere("AWS::IAM::ManagedPolicy")
    }
    for name in LAYERS:
        for item in made(name, Network="vpc").values():
            for policy in item.get("Properties", {}).get("ManagedPolicyArns", []):
                assert LAYERS.index(made_by[policy]) <= LAYERS.index(name), name


# Services that botocore calls otherwise than CloudFormation calls their types.
CALLED = {"ApplicationAutoScaling": "application-autoscaling"}


def test_preflight_asks_for_the_services_that_the_templates_use() -> None:
    kinds = {item["Type"] for _, _, item in templates.everywhere()}
    words = {kind.split("::")[1] for kind in kinds if not kind.startswith("Custom::")}
    used = {CALLED.get(word, word.lower()) for word in words}
    session = boto3.Session()
    placed = {name for name in used if session.get_available_regions(name)}
    assert sorted(operate.SERVICES) == sorted(placed)
    # Of these botocore has no regions: IAM is everywhere, and templates leave out a budget.
    assert used - placed == {"iam", "budgets", "codeconnections"}


@pytest.mark.parametrize("name", [*LAYERS, *RELEASED])
def test_every_parameter_has_a_value(name: str) -> None:
    """A default does not count: it would hide a setting that never arrives."""
    given = known_parameters().keys() | (BY_DEPLOY if name in LAYERS else BY_BUILD)
    extra = overrides().get(name, {}).keys()
    assert extra <= declared(name).keys(), "CloudFormation refuses a parameter that is not declared"
    assert declared(name).keys() - given == extra


def test_every_setting_and_every_value_of_build_is_some_templates_parameter() -> None:
    wanted = {key for name in (*LAYERS, *RELEASED) for key in declared(name)}
    assert wanted >= BY_DEPLOY | BY_BUILD
    # What the verbs and Build's requests read themselves.
    code = "".join(project_files.text(f"release/{name}.py") for name in ("build", "stacks"))
    code += project_files.text("release/settings.py")
    for name in flat(settings()).keys() - wanted:
        word = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        short = word.split("_", 1)[-1]
        assert re.search(rf"\.({word}|{short})\b", code), f"nobody reads the setting {word}"


def test_a_parameter_is_the_same_in_every_template() -> None:
    found: dict[str, tuple[str, Any]] = {}
    for name in (*LAYERS, *RELEASED):
        for key, parameter in declared(name).items():
            said = {k: v for k, v in parameter.items() if k not in ("Description", "Default")}
            first, other = found.setdefault(key, (name, said))
            assert said == other, f"{key} in {name} is {said}, and in {first} {other}"


def test_parameters_take_what_the_settings_say() -> None:
    """And what the tests here say, which else would prove nothing."""
    for name in (*LAYERS, *RELEASED):
        for key, parameter in declared(name).items():
            for value in {
                str(example.GIVEN[key]),
                known_parameters().get(key, str(example.GIVEN[key])),
            }:
                allowed = [str(each) for each in parameter.get("AllowedValues", [value])]
                assert value in allowed, f"{name}.{key}: {value}"
                assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value), f"{name}.{key}"
                if parameter["Type"] == "Number":
                    low, high = (parameter.get(f"{end}Value") for end in ("Min", "Max"))
                    assert (low or 0) <= float(value) <= (high or float(value)), f"{name}.{key}"


# What the whole value of a property is, by a parameter. A property's name alone does not tell
# ResourceId, say, from another.
PLAIN = {
    "AlarmsViolations": {"Threshold"},
    "AlarmsWindows": {"EvaluationPeriods"},
    "ApprovalMinutes": {"TimeoutInMinutes"},
    "ArtifactBucket": {"S3Bucket"},
    "BaseImage": {"Value"},
    "BudgetUsd": {"Amount"},
    "CapturesMaxMissing": {"Threshold"},
    "CapturesMaxUnread": {"Threshold"},
    "DevInstance": {"InstanceType"},
    "Email": {"Address", "Endpoint"},
    "LambdaKey": {"S3Key"},
    "LiveBucket": {"LIVE_BUCKET"},
    "LogDays": {"LogDays", "RetentionInDays"},
    "ModelPackageArn": {"ModelPackageName"},
    "PermissionsBoundary": {"PermissionsBoundary"},
    "ProdBakeMinutes": {"BAKE_MINUTES"},
    "ProdBurst": {"BurstLimit", "ThrottlingBurstLimit"},
    "ProdCanaryMinutes": {"CANARY_MINUTES", "CanaryInterval"},
    "ProdCanaryPercent": {"CanaryPercentage"},
    "ProdCapturePercent": {"CAPTURE_PERCENT", "InitialSamplingPercentage"},
    "ProdDailyQuota": {"Limit"},
    "ProdInstance": {"InstanceType"},
    "ProdMaximum": {"MaxCapacity", "Maximum"},
    "ProdMinimum": {"MinCapacity", "Minimum"},
    "ProdRate": {"RateLimit", "ThrottlingRateLimit"},
    "ProdRequestsPerInstance": {"TargetValue"},
    "QualityMaxBadLabels": {"Threshold"},
    "RetrainCoolDownHours": {"COOL_DOWN_HOURS"},
    "ServeImage": {"Image"},
    "SourceHost": {"ProviderType"},
}


def test_a_parameter_is_where_its_name_says() -> None:
    places: dict[str, set[str]] = {}
    for name in (*LAYERS, *RELEASED):
        for path, node in templates.walk(templates.every()[name]["Resources"]):
            if isinstance(node, dict) and node.get("Ref") in declared(name):
                words = [each for each in path if isinstance(each, str) and each[:4] != "Fn::"]
                places.setdefault(node["Ref"], set()).add(words[-1])
    for parameter, expected in PLAIN.items():
        assert places.get(parameter) == expected, parameter


# -------------------------------------------------------------------------------- exports, roles


def exports(part: str) -> dict[str, Any]:
    found = {}
    for name in IN[part]:
        parameters = ACCOUNTS[part]
        for output in templates.every()[name].get("Outputs", {}).values():
            here = "Condition" not in output or resolver.holds(
                name, output["Condition"], parameters
            )
            if "Export" in output and here:
                export = resolver.resolve(output["Export"]["Name"], name, parameters)
                found[export] = resolver.resolve(output["Value"], name, parameters)
    return found


def imports(part: str, **given: Any) -> set[str]:
    found = set()
    for name in IN[part]:
        parameters = ACCOUNTS[part] | given
        for _, node in templates.walk(resolver.present(name, parameters)):
            if isinstance(node, dict) and "Fn::If" in node:
                continue
            if isinstance(node, dict) and "Fn::ImportValue" in node:
                found.add(resolver.resolve(node["Fn::ImportValue"], name, parameters))
    return found


@pytest.mark.parametrize("part", ACCOUNTS)
def test_what_a_template_imports_its_account_exports(part: str) -> None:
    assert imports(part, Network="vpc") <= exports(part).keys()


def test_what_is_exported_is_imported() -> None:
    assert exports("all").keys() == imports("all", Network="vpc")


def test_exports_are_what_they_are_called() -> None:
    buckets = {f"{kind.title()}Bucket": kind for kind in ("log", "artifact", "data")}
    names = {"log": "logs", "artifact": "artifacts"}
    expected = {
        f"{PROJECT}-{export}": f"{PROJECT}-{names.get(kind, kind)}-{ACCOUNT}-{REGION}"
        for export, kind in buckets.items()
    }
    expected[f"{PROJECT}-KeyArn"] = key_arn()
    expected[f"{PROJECT}-TopicArn"] = topic_arn()
    found = exports("all")
    assert expected.items() <= found.items()
    first, second = (
        resolver.physical("network", f"{which}Subnet") for which in ("First", "Second")
    )
    assert found[f"{PROJECT}-Subnets"] == f"{first},{second}"
    assert "SecurityGroup" in found[f"{PROJECT}-SecurityGroup"]
    assert found[f"{PROJECT}-ReleaseRepository"].endswith("ReleaseRepository.RepositoryUri")
    # Where there are two accounts, each has its own key, topic and logs.
    both = exports("tools").keys() & exports("prod").keys()
    assert f"{PROJECT}-DataBucket" not in exports("prod")
    assert {f"{PROJECT}-{name}" for name in ("KeyArn", "TopicArn")} <= both


@pytest.mark.parametrize("part", ACCOUNTS)
def test_the_settings_buckets_are_the_templates(part: str) -> None:
    """Build and the verbs give buckets by name, where a template's stack cannot import."""
    account = OTHER if part == "prod" else ACCOUNT
    made_here = {item["BucketName"] for item in everything("AWS::S3::Bucket", part).values()}
    kinds = {"all": "logs artifacts data live", "tools": "logs artifacts data", "prod": "logs live"}
    assert made_here == {f"{PROJECT}-{kind}-{account}-{REGION}" for kind in kinds[part].split()}
    if part == "all":
        assert made_here > {example.GIVEN[f"{kind}Bucket"] for kind in ("Artifact", "Data", "Live")}


# Which property of which type takes a role, and the service that works with it.
ROLES = {
    ("AWS::ApplicationAutoScaling::ScalableTarget", "RoleARN"): "application-autoscaling",
    ("AWS::CodeBuild::Project", "ServiceRole"): "codebuild",
    ("AWS::CodeDeploy::DeploymentGroup", "ServiceRoleArn"): "codedeploy",
    ("AWS::CodePipeline::Pipeline", "RoleArn"): "codepipeline",
    ("AWS::Events::Rule", "RoleArn"): "events",
    ("AWS::Lambda::Function", "Role"): "lambda",
    ("AWS::SageMaker::Model", "ExecutionRoleArn"): "sagemaker",
    ("AWS::Scheduler::Schedule", "RoleArn"): "scheduler",
}
# Whose work it is, by the name that the resource has.
ACTORS: dict[str, Callable[[dict[str, Any]], str]] = {
    "AWS::CodeBuild::Project": lambda item: str(item["Name"].removeprefix(f"{PROJECT}-")),
    "AWS::CodeDeploy::DeploymentGroup": lambda item: "codedeploy",
    "AWS::CodePipeline::Pipeline": lambda item: "pipeline",
    "AWS::Events::Rule": lambda item: "forward" if "event-bus" in str(item) else "events",
    "AWS::Lambda::Function": lambda item: {
        "prediction_api.handler": "api",
        "endpoint_start.handler": "hosting",
        "training_steps.handler": "jobs",
        "approval.handler": "approve",
        "retraining.handler": "retrain",
    }.get(item["Handler"], "hooks"),
    "AWS::SageMaker::Model": lambda item: "endpoint",
    "AWS::Scheduler::Schedule": lambda item: (
        "monthly" if item["Name"].endswith("-monthly") else "schedule"
    ),
}


def role_arns(part: str) -> dict[str, dict[str, Any]]:
    """Give an account's roles by ARN; the policies that a role shares are among its own."""
    account = ACCOUNTS[part].get("AWS::AccountId", ACCOUNT)
    shared = {
        f"arn:aws:iam::{account}:policy/{item['ManagedPolicyName']}": item
        for item in everything("AWS::IAM::ManagedPolicy", part).values()
    }
    return {
        f"arn:aws:iam::{account}:role/{item['RoleName']}": item
        | {"Policies": item["Policies"] + [shared[a] for a in item.get("ManagedPolicyArns", [])]}
        for item in everything("AWS::IAM::Role", part).values()
    }


@pytest.mark.parametrize("part", ACCOUNTS)
def test_who_works_with_a_role_is_trusted_by_it(part: str) -> None:
    """By its service, and as the source that the role's trust names."""
    made_roles = role_arns(part)
    for name in IN[part]:
        for given in ({}, {"SourceHost": "CodeCommit"}):
            parameters = ACCOUNTS[part] | given
            for key, item in made(name, part, **given).items():
                for path, value in templates.walk(item.get("Properties", {})):
                    service = ROLES.get((item["Type"], path[-1])) if path else None
                    # An action's role is CloudFormation's, or in the other account.
                    if service and "Stages" not in path:
                        where = f"{name}.{key}"
                        assert value in made_roles, f"{where}: {value}"
                        trusted(where, made_roles[value], service, source(name, key, parameters))
                        actor = ACTORS[item["Type"]](item["Properties"])
                        assert actor in value, f"{where} works as {value}"


def source(name: str, key: str, given: resolver.Parameters) -> str:
    """Give the ARN that a service says it works for."""
    item = templates.resources(name)[key]
    if item["Type"] == "AWS::CodeDeploy::DeploymentGroup":
        properties = resolver.resolve(item["Properties"], name, given)
        place = f"{properties['ApplicationName']}/{properties['DeploymentGroupName']}"
        account = given.get("AWS::AccountId", ACCOUNT)
        return f"arn:aws:codedeploy:{REGION}:{account}:deploymentgroup:{place}"
    if item["Type"] == "AWS::Scheduler::Schedule":
        # Scheduler's page: the group's ARN, not the schedule's.
        group = resolver.resolve(item["Properties"], name, given).get("GroupName", "default")
        account = given.get("AWS::AccountId", ACCOUNT)
        return f"arn:aws:scheduler:{REGION}:{account}:schedule-group/{group}"
    return resolver.arn(name, key, given)


def trusted(where: str, role: dict[str, Any], service: str, arn: str) -> None:
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"]["Service"] == f"{service}.amazonaws.com", where
    condition = {k.removesuffix("IfExists"): v for k, v in trust["Condition"].items()}
    assert condition["StringEquals"] == {"aws:SourceAccount": arn.split(":")[4]}, where
    sources = many(condition["ArnLike"]["aws:SourceArn"])
    assert any(matches(each, arn) for each in sources), f"{where}: {arn} is not of {sources}"


# ------------------------------------------------------------------------------- the pipeline


def pipeline(**given: Any) -> dict[str, Any]:
    properties: dict[str, Any] = made("pipeline", **given)["Pipeline"]["Properties"]
    return properties


def actions(**given: Any) -> list[dict[str, Any]]:
    """Give all actions in the order in which they run."""
    return [
        action
        for stage in pipeline(**given)["Stages"]
        for action in sorted(stage["Actions"], key=lambda each: int(each.get("RunOrder", 1)))
    ]


def stack(action: dict[str, Any]) -> str:
    return str(action["Configuration"]["StackName"]).removeprefix(f"{PROJECT}-")


def buildspec(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = yaml.safe_load(project_files.text(f"buildspecs/{name}.yaml"))
    return spec


HOSTS = ["GitHub", "CodeCommit"]


@pytest.mark.parametrize("host", HOSTS)
def test_an_artifact_is_made_before_it_is_used_and_used_where_it_is_made(host: str) -> None:
    ready: set[str] = set()
    used: set[str] = set()
    for action in actions(SourceHost=host):
        wanted = {each["Name"] for each in action.get("InputArtifacts", [])}
        assert wanted <= ready, action["Name"]
        used |= wanted
        new = {each["Name"] for each in action.get("OutputArtifacts", [])}
        assert not new & ready, action["Name"]
        ready |= new
    # A source must make one; the base image's digest alone is wanted.
    assert ready - used == {"Base"}
    code = project_files.text("release/build.py")
    assert {*re.findall(r"CODEBUILD_SRC_DIR_(\w+)", code)} == {"Data"}
    (build_action,) = [each for each in actions() if each["Name"] == "Build"]
    assert build_action["Configuration"]["PrimarySource"] == "Source"
    assert [each["Name"] for each in build_action["InputArtifacts"]] == ["Source", "Data"]


def test_a_stack_is_made_of_its_own_template_and_parameters() -> None:
    order = []
    for action in actions():
        if action["ActionTypeId"]["Provider"] == "CloudFormation":
            configuration, name = action["Configuration"], stack(action)
            order.append(name)
            assert configuration["TemplatePath"] == f"Built::cloudformation/{name}.yaml"
            assert configuration["TemplateConfiguration"] == f"Built::parameters/{name}.json"
            assert name in templates.every()
    assert order == [*RELEASED]
    files = buildspec("build")["artifacts"]["files"]
    assert {"cloudformation/*", "parameters/*"} <= {*files}
    assert 'Path(f"parameters/{stack}.json")' in project_files.text("release/build.py")


def test_a_stacks_role_is_of_its_account_and_cloudformations() -> None:
    wanted = {"train": "stage", "dev": "stage", "prod": "release", "monitor": "release"}
    for part, cross in (("all", ""), ("tools", OTHER)):
        for action in actions(ProdAccountId=cross):
            if action["ActionTypeId"]["Provider"] != "CloudFormation":
                continue
            name = stack(action)
            here = OTHER if cross and name in ("prod", "monitor") else ACCOUNT
            form = f"arn:aws:iam::{here}:role/{PROJECT}-{{}}-{REGION}"
            role = action["Configuration"]["RoleArn"]
            assert role == form.format(wanted[name])
            made_roles = role_arns("prod" if here == OTHER else part)
            (trust,) = made_roles[role]["AssumeRolePolicyDocument"]["Statement"]
            assert trust["Principal"]["Service"] == "cloudformation.amazonaws.com"
            (pattern,) = trust["Condition"]["ArnLikeIfExists"].values()
            names = f"arn:aws:cloudformation:{REGION}:{here}:stack/{PROJECT}-{name}/0"
            assert any(matches(each, names) for each in many(pattern))
            assert action.get("RoleArn") == (
                form.format("pipeline-actions") if here == OTHER else None
            )
    (rule,) = condition_rules(OTHER)
    assert rule["RoleArn"] == f"arn:aws:iam::{OTHER}:role/{PROJECT}-pipeline-actions-{REGION}"
    assert "RoleArn" not in condition_rules("")[0]


def condition_rules(cross: str) -> list[dict[str, Any]]:
    stage = pipeline(ProdAccountId=cross)["Stages"][-1]
    rules: list[dict[str, Any]] = stage["OnSuccess"]["Conditions"][0]["Rules"]
    return rules


# From the CodePipeline user guide, "Variables reference": what an action's provider makes.
VARIABLES = {
    "CodeStarSourceConnection": {"CommitId", "BranchName", "FullRepositoryName"},
    "CodeCommit": {"CommitId", "BranchName", "RepositoryName"},
    "ECR": {"ImageDigest", "ImageTag", "ImageURI", "RegistryId", "RepositoryName"},
    "S3": {"VersionId", "ETag", "BucketName", "ObjectKey"},
}


def variables(action: dict[str, Any]) -> set[str]:
    provider = action["ActionTypeId"]["Provider"]
    if provider == "CodeBuild":
        (spec,) = [
            project["Source"]["BuildSpec"]
            for project in everything("AWS::CodeBuild::Project").values()
            if project["Name"] == action["Configuration"]["ProjectName"]
        ]
        found = yaml.safe_load(project_files.text(spec))["env"].get("exported-variables", [])
        return {*found}
    if provider == "CloudFormation":
        return {*templates.every()[stack(action)].get("Outputs", {})}
    return VARIABLES.get(provider, set())


@pytest.mark.parametrize("host", HOSTS)
def test_a_variable_is_made_before_it_is_used_and_used_where_it_is_made(host: str) -> None:
    known = {"codepipeline": {"PipelineExecutionId"}}
    used: set[tuple[str, str]] = set()
    for action in actions(SourceHost=host):
        for text in texts(action):
            for place, name in re.findall(r"#\{(\w+)\.(\w+)\}", text):
                assert name in known.get(place, set()), f"{action['Name']}: {place}.{name}"
                used.add((place, name))
        if "Namespace" in action:
            assert action["Namespace"] not in known
            known[action["Namespace"]] = variables(action)
    assert known.keys() == {place for place, _ in used}, "a namespace that nobody reads"
    unread = {(place, name) for place in ("Build", "Train", "Dev") for name in known[place]} - used
    # The console shows the images beside the action.
    assert unread <= {("Build", "SERVE_IMAGE"), ("Build", "JOB_IMAGE")}


def given_by(action: dict[str, Any]) -> dict[str, str]:
    """Give an action's environment variables by name."""
    listed = json.loads(action["Configuration"].get("EnvironmentVariables", "[]"))
    return {each["name"]: each["value"] for each in listed}


# What each build gets, and from where.
ENVIRONMENTS: dict[str, dict[str, str]] = {
    "base": {
        "BASE_IMAGE": example.GIVEN["BaseImage"],
        "REPOSITORY": f"{PROJECT}-images-BaseRepository.RepositoryUri",
    },
    "build": {
        "ARTIFACT_BUCKET": example.GIVEN["ArtifactBucket"],
        "DATA_BUCKET": example.GIVEN["DataBucket"],
        "LIVE_BUCKET": example.GIVEN["LiveBucket"],
        "REPOSITORY": f"{PROJECT}-images-ReleaseRepository.RepositoryUri",
        "SUBNETS": "",
        "SECURITY_GROUP": "",
        "COMMIT": "#{Git.CommitId}",
        "BASE_DIGEST": "#{Base.ImageDigest}",
        "DATA_VERSION": "#{Data.VersionId}",
        "EXECUTION": "#{codepipeline.PipelineExecutionId}",
    },
    "test": {
        "ENDPOINT": "#{Dev.EndpointName}",
        "GOLDEN": f"s3://{example.GIVEN['DataBucket']}/runs/#{{Build.RELEASE_ID}}/evaluation/golden.json",
    },
}


def environment(name: str, part: str = "all", **given: Any) -> dict[str, str]:
    """Give the environment of a CodeBuild project, its pipeline action's included."""
    found: dict[str, str] = {}
    for project in everything("AWS::CodeBuild::Project", part, **given).values():
        if project["Source"]["BuildSpec"] == f"buildspecs/{name}.yaml":
            for each in project["Environment"].get("EnvironmentVariables", []):
                found[each["Name"]] = each["Value"]
            for action in actions(**given):
                if action["Configuration"].get("ProjectName") == project["Name"]:
                    found |= given_by(action)
    return found


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_build_gets_what_it_reads_and_no_more(name: str) -> None:
    assert environment(name) == ENVIRONMENTS[name]
    spec = buildspec(name)
    commands = "\n".join(
        command for phase in spec["phases"].values() for command in phase["commands"]
    )
    read = {*re.findall(r"\$\{?([A-Z][A-Z_]+)", commands)}
    own = {*re.findall(r"(?<![\w$-])([A-Z][A-Z_]+)=", commands)}
    for module, verb in re.findall(r"-m release\.(\w+) ([\w-]+)", commands):
        read |= environ_of(f"release/{module}.py", verb.replace("-", "_"))
    lambdas = spec.get("env", {}).get("variables", {}).keys()
    exported = {*spec.get("env", {}).get("exported-variables", [])}
    given = environment(name).keys()
    assert read - own - {"CODEBUILD_SRC_DIR_Data"} <= given | lambdas
    assert given <= read | exported, "given and not read"
    assert exported <= own | given, "exported and never set"


def environ_of(path: str, verb: str) -> set[str]:
    """Give the environment variables that a verb's function reads, with those that it calls."""
    found, _ = reads(path, verb)
    tree = ast.parse(project_files.text(path))
    text = ast.unparse(function(tree, verb))
    for name in ("GIVEN", "NETWORK"):
        if name in text:
            found |= {*getattr(build, name)}
    return found


def test_build_in_a_network_and_across_accounts() -> None:
    inside = environment("build", Network="vpc")
    assert inside["SUBNETS"] == exports("all")[f"{PROJECT}-Subnets"]
    assert inside["SECURITY_GROUP"] == exports("all")[f"{PROJECT}-SecurityGroup"]
    apart = environment("build", "tools", ProdAccountId=OTHER)
    assert apart["LIVE_BUCKET"] == f"{PROJECT}-live-{OTHER}-{REGION}"


def test_each_buildspec_is_a_projects_and_each_verb_in_it_exists() -> None:
    specs = [p["Source"]["BuildSpec"] for p in everything("AWS::CodeBuild::Project").values()]
    assert sorted(specs) == [f"buildspecs/{name}.yaml" for name in ("base", "build", "test")]
    names = {p["Name"] for p in everything("AWS::CodeBuild::Project").values()}
    assert names == {f"{PROJECT}-{name}" for name in ("base", "build", "test")}
    (base,) = [p for p in everything("AWS::CodeBuild::Project").values() if "base" in p["Name"]]
    assert base["Source"]["Location"] == f"{example.GIVEN['ArtifactBucket']}/{build.BASE}"
    for name in ("build", "test"):
        for module, verb in re.findall(
            r"-m release\.(\w+) ([\w-]+)", project_files.text(f"buildspecs/{name}.yaml")
        ):
            assert verb.replace("-", "_") in verbs(f"release/{module}.py"), f"{module} {verb}"
    assert {*build.BASE_FILES} >= {"buildspecs/base.yaml"}


def verbs(path: str) -> set[str]:
    """Give the verbs that a module's `command(...)` offers."""
    found = re.findall(r"\n    command\(([^)]*)\)", project_files.text(path))
    return {word.strip() for words in found for word in words.split(",")}


def test_the_verbs_of_make_exist() -> None:
    called = re.findall(r"release\.(\w+)(?: ([a-z][a-z-]*))?", project_files.text("Makefile"))
    assert called
    for module, verb in called:
        if verb:
            assert verb.replace("-", "_") in verbs(f"release/{module}.py"), f"{module} {verb}"


# ------------------------------------------------------------------------------------- Lambdas


def function(tree: ast.Module, name: str) -> ast.FunctionDef:
    return next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)


def reads(path: str, name: str) -> tuple[set[str], set[str]]:
    """Give what a function reads, with all of its module that it mentions: environment, names."""
    tree = ast.parse(project_files.text(path))
    bodies: dict[str, ast.AST] = {
        node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    # crhelper's resource is no function: those that it decorates are called.
    registered = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(each).startswith(f"{name}.") for each in node.decorator_list)
    ]
    seen, found = set[str](), set[str]()
    todo = [name] if name in bodies else registered
    # What the module reads when it is loaded.
    nodes: list[ast.AST] = [node for node in tree.body if node not in bodies.values()]
    while todo:
        if (current := todo.pop()) not in seen:
            seen.add(current)
            nodes.append(bodies[current])
            words = {n.id for n in ast.walk(bodies[current]) if isinstance(n, ast.Name)}
            todo += [word for word in words if word in bodies]
    for node in (each for top in nodes for each in ast.walk(top)):
        match node:
            case ast.Subscript(slice=ast.Constant(value=str(key))):
                found |= {key} if ast.unparse(node.value).endswith("environ") else set()
    return found, seen


def functions() -> dict[str, dict[str, Any]]:
    """Give each Lambda function's properties by its name."""
    return {item["FunctionName"]: item for item in everything("AWS::Lambda::Function").values()}


HANDLERS = {
    f"{PROJECT}-api": "prediction_api.handler",
    f"{PROJECT}-approve": "approval.handler",
    f"{PROJECT}-dev-golden": "golden_cases.handler",
    f"{PROJECT}-dev-hosting": "endpoint_start.handler",
    f"{PROJECT}-golden": "golden_cases.handler",
    f"{PROJECT}-hosting": "endpoint_start.handler",
    f"{PROJECT}-jobs": "training_steps.handler",
    f"{PROJECT}-retrain": "retraining.handler",
    f"CodeDeployHook_{PROJECT}-after": "traffic_hooks.after",
    f"CodeDeployHook_{PROJECT}-before": "traffic_hooks.before",
}


def test_each_handler_is_a_function_of_event_and_context() -> None:
    assert {name: item["Handler"] for name, item in functions().items()} == HANDLERS
    for handler in HANDLERS.values():
        module, name = handler.split(".")
        tree = ast.parse(project_files.text(f"lambdas/{module}.py"))
        made_by = [
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
        ]
        if made_by:  # crhelper's resource is called with both
            assert ast.unparse(made_by[0]).startswith("CfnResource("), handler
            continue
        found = function(tree, name)
        given = [each.arg for each in found.args.args]
        hooked = any(ast.unparse(each) == "hook" for each in found.decorator_list)
        assert given == ([] if hooked else ["event", "context"]), handler


def test_each_function_is_the_release_packages() -> None:
    for name, item in functions().items():
        assert item["Code"] == {
            "S3Bucket": example.GIVEN["ArtifactBucket"],
            "S3Key": example.GIVEN["LambdaKey"],
        }, name
        assert item["Runtime"] == "python3.13", name
        assert item["Architectures"] == ["arm64"], name
        assert item["TracingConfig"] == {"Mode": "Active"}, name
        assert item["LoggingConfig"] == {"LogGroup": f"/aws/lambda/{name}"}, name


def test_each_function_and_build_has_a_log_that_ends_and_is_encrypted() -> None:
    groups = {item["LogGroupName"]: item for item in everything("AWS::Logs::LogGroup").values()}
    builds = {p["Name"]: p for p in everything("AWS::CodeBuild::Project").values()}
    assert groups.keys() == {f"/aws/lambda/{name}" for name in functions()} | {
        f"/aws/codebuild/{name}" for name in builds
    }
    for name, item in groups.items():
        assert item["RetentionInDays"] == example.GIVEN["LogDays"], name
        assert item["KmsKeyId"] == key_arn(), name
    for name, item in builds.items():
        assert item["LogsConfig"]["CloudWatchLogs"] == {
            "Status": "ENABLED",
            "GroupName": f"/aws/codebuild/{name}",
        }


def candidate() -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{PROJECT}-api:1"


def live_endpoint() -> str:
    return f"{PROJECT}-{RELEASE}"


ALARMS = [f"{PROJECT}-{kind}-{RELEASE}" for kind in ("errors", "5xx", "latency", "failures")]
# What each function finds in its environment.
VALUES: dict[str, Callable[[], Any]] = {
    "ALARMS": lambda: ",".join(ALARMS),
    "BAKE_MINUTES": lambda: example.GIVEN["ProdBakeMinutes"],
    "CANARY_MINUTES": lambda: example.GIVEN["ProdCanaryMinutes"],
    "CANDIDATE": candidate,
    "CAPTURE_PERCENT": lambda: example.GIVEN["ProdCapturePercent"],
    "COOL_DOWN_HOURS": lambda: example.GIVEN["RetrainCoolDownHours"],
    "DATA_BUCKET": lambda: example.GIVEN["DataBucket"],
    "ENDPOINT_CONFIG": live_endpoint,
    "ENDPOINT_NAME": live_endpoint,
    "GOLDEN": lambda: f"{example.GIVEN['Run']}/evaluation/golden.json",
    "LIVE_BUCKET": lambda: example.GIVEN["LiveBucket"],
    "MODEL_PACKAGE_GROUP": lambda: resolver.physical("data", "ModelPackageGroup"),
    "PIPELINE": lambda: resolver.physical("pipeline", "Pipeline"),
    "POWERTOOLS_METRICS_NAMESPACE": lambda: f"{PROJECT}/Api",
    "RELEASE_ID": lambda: RELEASE,
    "TOPIC_ARN": topic_arn,
}


@pytest.mark.parametrize("name", HANDLERS)
def test_a_function_gets_what_it_reads_and_no_more(name: str) -> None:
    module, handler = HANDLERS[name].split(".")
    variables = dict(functions()[name].get("Environment", {}).get("Variables", {}))
    service = variables.pop("POWERTOOLS_SERVICE_NAME", "")
    wanted, _ = reads(f"lambdas/{module}.py", handler)
    if module == "prediction_api":
        wanted |= {"POWERTOOLS_METRICS_NAMESPACE"}
        assert service == "api", "the metrics' dimension"
    assert variables.keys() == wanted
    assert variables == {key: VALUES[key]() for key in wanted}


def test_what_custom_resources_say_is_what_is_read() -> None:
    """And each asks the function that its template makes for it."""
    for name, module, token in (
        ("train", "training_steps", f"{PROJECT}-jobs"),
        ("dev", "golden_cases", f"{PROJECT}-dev-golden"),
        ("dev", "endpoint_start", f"{PROJECT}-dev-hosting"),
        ("prod", "golden_cases", f"{PROJECT}-golden"),
        ("prod", "endpoint_start", f"{PROJECT}-hosting"),
    ):
        text = code(module)
        read = {*re.findall(r"properties(?:\.get\(|\[)'(\w+)'", text)}
        for words in re.findall(
            r"\['ResourceProperties'\]\[(?:key\] for key in \()?(.*?)[\])]", text
        ):
            read |= {*re.findall(r"'(\w+)'", words)}
        if module == "training_steps":  # what a requests.json is of, and a job's name says
            read |= {"Release"}
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{token}"
        asking = {
            key: item["Properties"]
            for key, item in made(name).items()
            if item["Type"].startswith("Custom::") and item["Properties"]["ServiceToken"] == arn
        }
        assert asking, token
        for key, properties in asking.items():
            given = {*properties} - {"ServiceToken", "ServiceTimeout"}
            assert given <= read, f"{name}.{key}"
            # Dev's endpoint has one instance.
            left = {"Function", "Minimum", "Maximum"} if name == "dev" else {"Function", "Endpoint"}
            assert read - given <= left | {"Endpoint"}, f"{name}.{key}"
            # Else CloudFormation would not ask again for another release.
            assert RELEASE in json.dumps(properties), f"{name}.{key}"


def test_every_custom_resource_asks_a_function_of_its_own_template() -> None:
    for name in RELEASED:
        own = {
            resolver.arn(name, key) for key in templates.resources(name, "AWS::Lambda::Function")
        }
        for key, item in made(name).items():
            if item["Type"].startswith("Custom::"):
                assert item["Properties"]["ServiceToken"] in own, f"{name}.{key}"


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_an_endpoint_begins_with_what_is_made_for_it(name: str) -> None:
    """Its log is there before SageMaker would make one, by the name that SageMaker gives it."""
    found = made(name)
    asked = found["Hosting"]["Properties"]
    assert asked["EndpointName"] == found["Endpoint"]["Properties"]["EndpointName"]
    assert asked["LogDays"] == example.GIVEN["LogDays"]
    assert asked["Key"] == key_arn()
    written = templates.resources(name)
    assert "Hosting" in graph.needs(written, "Endpoint")
    if name == "prod":
        (variant,) = written["EndpointConfig"]["Properties"]["ProductionVariants"]
        assert variant["InitialInstanceCount"] == {"Fn::GetAtt": ["Hosting", "Instances"]}
        assert "Data['Instances'] = " in code("endpoint_start")
        assert asked["Function"] == found["Api"]["Properties"]["FunctionName"]
        assert (asked["Minimum"], asked["Maximum"]) == (
            found["ScalableTarget"]["Properties"]["MinCapacity"],
            found["ScalableTarget"]["Properties"]["MaxCapacity"],
        )


def test_the_steps_of_training_are_asked_for_in_their_order() -> None:
    steps = made("train")
    order = {"Training": "training", "Evaluation": "evaluation", "Registration": "model_package"}
    for key, step in order.items():
        assert steps[key]["Properties"]["Step"] == step
        assert steps[key]["Properties"]["Requests"] == f"{example.GIVEN['Run']}/requests.json"
        assert f'"{step}"' in project_files.text("release/build.py")
    assert steps["Evaluation"]["DependsOn"] == "Training"
    assert steps["Registration"]["DependsOn"] == "Evaluation"
    output = templates.every()["train"]["Outputs"]["ModelPackageArn"]["Value"]
    assert output in ({"Ref": "Registration"}, {"Fn::GetAtt": ["Registration", "ModelPackageArn"]})
    # A GetAtt of a custom resource is what its function puts in Data.
    for _, node in templates.walk(templates.every()["train"]):
        if isinstance(node, dict) and "Fn::GetAtt" in node:
            target, attribute = node["Fn::GetAtt"]
            if target in order:
                assert target == "Registration"
                assert f"Data['{attribute}'] = " in code("training_steps")


def test_golden_cases_are_asked_of_the_candidate() -> None:
    dev, prod = made("dev")["Golden"]["Properties"], made("prod")["Golden"]["Properties"]
    golden = f"{example.GIVEN['Run']}/evaluation/golden.json"
    assert dev["Golden"] == prod["Golden"] == golden
    assert dev["Endpoint"] == f"{PROJECT}-dev-{RELEASE}"
    assert "Function" not in dev
    assert prod["Function"] == candidate()
    assert "Endpoint" not in prod
    assert '"golden.json"' in project_files.text("src/categoriser/jobs/evaluation_job.py")
    outputs = resolver.resolve(templates.every()["dev"]["Outputs"], "dev")
    assert outputs["EndpointName"]["Value"] == dev["Endpoint"]


# ---------------------------------------------------------------------------- endpoints, the API


@pytest.mark.parametrize("kind", ["instance", "serverless"])
def test_dev_hosts_the_candidate(kind: str) -> None:
    found = made("dev", DevKind=kind)
    name = f"{PROJECT}-dev-{RELEASE}"
    model, config = found["Model"]["Properties"], found["EndpointConfig"]["Properties"]
    assert model["ModelName"] == name
    trained = f"{example.GIVEN['Run']}/training/{PROJECT}-{RELEASE}-training/output/model.tar.gz"
    assert model["PrimaryContainer"] == {
        "Image": example.GIVEN["ServeImage"],
        "ModelDataUrl": trained,
    }
    (variant,) = config["ProductionVariants"]
    assert (variant["VariantName"], variant["ModelName"]) == ("main", name)
    assert ("ServerlessConfig" in variant) == (kind == "serverless")
    assert variant.get("InstanceType") == (None if kind == "serverless" else "ml.t2.medium")
    # Serverless inference has no isolation, no volume key and no network of one's own.
    assert model.get("EnableNetworkIsolation") == (None if kind == "serverless" else True)
    assert config.get("KmsKeyId") == (None if kind == "serverless" else key_arn())
    inside = made("dev", DevKind=kind, Network="vpc")["Model"]["Properties"].get("VpcConfig")
    assert (inside is None) == (kind == "serverless")
    assert found["Endpoint"]["Properties"] == {"EndpointName": name, "EndpointConfigName": name}
    assert config["EndpointConfigName"] == name


def test_prod_hosts_the_approved_package_and_captures_what_it_answers() -> None:
    found = made("prod")
    name = live_endpoint()
    model, config = found["Model"]["Properties"], found["EndpointConfig"]["Properties"]
    assert model["ModelName"] == config["EndpointConfigName"] == name
    assert model["PrimaryContainer"] == {"ModelPackageName": example.GIVEN["ModelPackageArn"]}
    assert model["EnableNetworkIsolation"] is True
    (variant,) = config["ProductionVariants"]
    assert (variant["VariantName"], variant["ModelName"]) == ("main", name)
    assert variant["InstanceType"] == example.GIVEN["ProdInstance"]
    assert found["Endpoint"]["Properties"] == {"EndpointName": name, "EndpointConfigName": name}
    capture = config["DataCaptureConfig"]
    assert capture["EnableCapture"] is True
    assert capture["InitialSamplingPercentage"] == example.GIVEN["ProdCapturePercent"]
    assert capture["DestinationS3Uri"] == f"s3://{example.GIVEN['LiveBucket']}/captures"
    assert "}/captures" in code("traffic_hooks")
    assert [each["CaptureMode"] for each in capture["CaptureOptions"]] == ["Input", "Output"]
    kinds = {each for kind in capture["CaptureContentTypeHeader"].values() for each in kind}
    assert kinds == {"text/csv", "application/json", "application/jsonlines"}
    assert capture["KmsKeyId"] == config["KmsKeyId"] == key_arn()
    target = found["ScalableTarget"]["Properties"]
    assert target["ResourceId"] == f"endpoint/{name}/variant/main"
    assert templates.every()["prod"]["Resources"]["ScalingPolicy"]["Properties"][
        "ScalingTargetId"
    ] == {"Ref": "ScalableTarget"}


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_a_model_in_the_network_is_in_its_subnets(name: str) -> None:
    inside = made(name, Network="vpc")["Model"]["Properties"]["VpcConfig"]
    assert inside["Subnets"] == exports("all")[f"{PROJECT}-Subnets"].split(",")
    assert inside["SecurityGroupIds"] == [exports("all")[f"{PROJECT}-SecurityGroup"]]
    assert "VpcConfig" not in made(name)["Model"]["Properties"]


def test_the_alias_points_at_the_candidate_and_codedeploy_shifts_it() -> None:
    found = made("prod")
    assert found["ApiVersion"]["Properties"]["FunctionName"] == f"{PROJECT}-api"
    assert found["Live"]["Properties"] == {
        "FunctionName": f"{PROJECT}-api",
        "FunctionVersion": "1",
        "Name": "live",
    }
    assert found["Live"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"] == {
        "ApplicationName": PROJECT,
        "DeploymentGroupName": PROJECT,
        "BeforeAllowTrafficHook": f"CodeDeployHook_{PROJECT}-before",
        "AfterAllowTrafficHook": f"CodeDeployHook_{PROJECT}-after",
    }
    group = found["DeploymentGroup"]["Properties"]
    assert group["ApplicationName"] == found["Application"]["Properties"]["ApplicationName"]
    assert (group["ApplicationName"], group["DeploymentGroupName"]) == (PROJECT, PROJECT)
    assert [each["Name"] for each in group["AlarmConfiguration"]["Alarms"]] == ALARMS


@pytest.mark.parametrize("auth", ["iam", "api-key"])
def test_the_api_asks_the_alias(auth: str) -> None:
    found, written = made("prod", ProdAuth=auth), templates.resources("prod")
    alias = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{PROJECT}-api:live"
    paths = set()
    for word in ("Predict", "Feedback"):
        resource = written[f"{word}Resource"]["Properties"]
        assert resource["ParentId"] == {"Fn::GetAtt": ["RestApi", "RootResourceId"]}
        paths.add(f"/{resource['PathPart']}")
        method = found[f"{word}Method"]["Properties"]
        assert method["HttpMethod"] == "POST"
        assert written[f"{word}Method"]["Properties"]["ResourceId"] == {"Ref": f"{word}Resource"}
        models = written[f"{word}Method"]["Properties"]["RequestModels"]
        assert models == {"application/json": {"Ref": f"{word}Model"}}
        assert method["Integration"]["Uri"] == (
            f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{alias}/invocations"
        )
        assert method["AuthorizationType"] == ("AWS_IAM" if auth == "iam" else "NONE")
        assert method["ApiKeyRequired"] is (auth == "api-key")
        validator = {"Ref": "BodyValidator"}
        assert written[f"{word}Method"]["Properties"]["RequestValidatorId"] == validator
    assert {*re.findall(r"'(/[a-z]+)': ", code("prediction_api"))} == paths
    for item in written.values():
        if "RestApiId" in item.get("Properties", {}):
            assert item["Properties"]["RestApiId"] == {"Ref": "RestApi"}
    permission = found["ApiPermission"]["Properties"]
    assert permission["FunctionName"] == alias
    # The alarm's dimension.
    assert found["RestApi"]["Properties"]["Name"] == PROJECT
    url = resolver.resolve(templates.every()["prod"]["Outputs"]["ApiUrl"]["Value"], "prod")
    assert (
        url
        == f"https://{resolver.physical('prod', 'RestApi')}.execute-api.{REGION}.amazonaws.com/v1"
    )
    stage = found["Stage"]["Properties"]["StageName"]
    api = resolver.physical("prod", "RestApi")
    assert permission["SourceArn"] == (
        f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/{stage}/POST/*"
    )
    (deployment,) = [key for key, item in found.items() if item["Type"].endswith("::Deployment")]
    assert found["Stage"]["Properties"]["DeploymentId"] == resolver.physical("prod", deployment)
    made_first = {*written[deployment]["DependsOn"]}
    kinds = ("Method", "GatewayResponse")
    assert made_first == {k for k, v in written.items() if v["Type"].endswith(kinds)}
    assert ("UsagePlan" in found) == ("ApiKey" in found) == (auth == "api-key")


def test_a_holder_of_a_key_has_a_plan() -> None:
    written, found = templates.resources("prod"), made("prod", ProdAuth="api-key")
    assert written["UsagePlanKey"]["Properties"] == {
        "KeyId": {"Ref": "ApiKey"},
        "KeyType": "API_KEY",
        "UsagePlanId": {"Ref": "UsagePlan"},
    }
    stages = written["UsagePlan"]["Properties"]["ApiStages"]
    assert stages == [{"ApiId": {"Ref": "RestApi"}, "Stage": {"Ref": "Stage"}}]
    rates = {"RateLimit": example.GIVEN["ProdRate"], "BurstLimit": example.GIVEN["ProdBurst"]}
    assert found["UsagePlan"]["Properties"]["Throttle"] == rates
    (throttle,) = found["Stage"]["Properties"]["MethodSettings"]
    assert throttle["ThrottlingRateLimit"] == example.GIVEN["ProdRate"]
    assert throttle["ThrottlingBurstLimit"] == example.GIVEN["ProdBurst"]


# ------------------------------------------------------------------------------ metrics, alarms

# AWS's own metrics, by namespace: their names, and sets of dimensions under which they exist.
AWS_METRICS: dict[str, tuple[set[str], set[frozenset[str]]]] = {
    "AWS/ApiGateway": ({"5XXError"}, {frozenset({"ApiName", "Stage"})}),
    "AWS/Lambda": ({"Errors"}, {frozenset({"FunctionName", "Resource", "ExecutedVersion"})}),
    "AWS/SageMaker": (
        {"Invocation5XXErrors", "ModelLatency", "OverheadLatency", "Invocations"},
        {frozenset({"EndpointName", "VariantName"})},
    ),
    "AWS/Scheduler": ({"InvocationDroppedCount"}, {frozenset({"ScheduleGroup"})}),
}


def own_metrics() -> dict[str, tuple[set[str], set[frozenset[str]]]]:
    """Give what the API's handler and the monitor send, read off their code."""
    api = code("prediction_api")
    names = {*re.findall(r"add_metric\('(\w+)'", api)}
    names |= {*re.findall(r"'(\w+)', 'Count'", api)}
    names |= {*re.findall(r"'(\w+)'", re.findall(r"METRICS = \{(.*)\}", api)[0])}
    own = frozenset({"service", *re.findall(r"set_default_dimensions\((\w+)=", api)})
    # Of each, a test of the monitor's sees that it arrives.
    judged = {*monitor_metrics.ALARMED}
    ((first, second),) = re.findall(
        r'named = \{"(\w+)": endpoint, "(\w+)": schedule\}',
        project_files.text("src/categoriser/monitor/metrics.py"),
    )
    monitor = (judged, {frozenset({first, second})})
    return {
        f"{PROJECT}/Api": (names, {own}),
        rendered("monitoring/monitoring.yaml")["metrics"]["namespace"]: monitor,
    }


def alarms(**given: Any) -> dict[str, dict[str, Any]]:
    """Give the properties by name of the alarms of one metric each."""
    found = everything("AWS::CloudWatch::Alarm", **given).values()
    return {item["AlarmName"]: item for item in found if "Metrics" not in item}


def counted(**given: Any) -> dict[str, dict[str, Any]]:
    """Give the properties by name of the alarms of several metrics, counted together."""
    found = everything("AWS::CloudWatch::Alarm", **given).values()
    return {item["AlarmName"]: item for item in found if "Metrics" in item}


def dimensions(item: dict[str, Any]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in item["Dimensions"]}


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the metrics that an alarm reads: namespace, name, dimensions."""
    if "Metrics" not in alarm:
        return [alarm]
    parts = [part for part in alarm["Metrics"] if "MetricStat" in part]
    return [part["MetricStat"]["Metric"] for part in parts]


def test_an_alarm_watches_a_metric_that_somebody_sends() -> None:
    sent = AWS_METRICS | own_metrics()
    for name, alarm in (alarms() | counted()).items():
        for metric in metrics(alarm):
            names, sets = sent[metric["Namespace"]]
            assert metric["MetricName"] in names, name
            assert frozenset(dimensions(metric)) in sets, name


def test_the_failures_of_the_endpoint_are_a_share_of_its_calls() -> None:
    alarm = counted()[f"{PROJECT}-failures-{RELEASE}"]
    named = {part["Id"]: part for part in alarm["Metrics"]}
    share = named.pop("share")
    assert {key: part["MetricStat"]["Metric"]["MetricName"] for key, part in named.items()} == {
        "failures": "EndpointFailures",
        "calls": "EndpointCalls",
    }
    for part in named.values():
        stat = part["MetricStat"]
        assert dimensions(stat["Metric"]) == {"service": "api", "release": RELEASE}
        assert (stat["Period"], stat["Stat"], part["ReturnData"]) == (60, "Sum", False)
    # By the minute a few failures are none, and one such minute is none either.
    assert share["Expression"] == "IF(failures >= 3, 100 * failures / calls, 0)"
    assert share.get("ReturnData", True) is True
    assert (alarm["Threshold"], alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (
        10,
        2,
        5,
    )


# Of each alarm: the metric, the values of its dimensions, and from which number on it is red.
WATCHED: dict[str, tuple[str, dict[str, str], float, str]] = {
    f"{PROJECT}-errors-{RELEASE}": (
        "Errors",
        {
            "FunctionName": f"{PROJECT}-api",
            "Resource": f"{PROJECT}-api:live",
            "ExecutedVersion": "1",
        },
        1,
        "Sum",
    ),
    f"{PROJECT}-5xx-{RELEASE}": (
        "Invocation5XXErrors",
        {"EndpointName": f"{PROJECT}-{RELEASE}", "VariantName": "main"},
        1,
        "Sum",
    ),
    f"{PROJECT}-latency-{RELEASE}": (
        "ModelLatency",
        {"EndpointName": f"{PROJECT}-{RELEASE}", "VariantName": "main"},
        example.GIVEN["ProdLatencyMs"] * 1000,  # microseconds
        "p99",
    ),
    f"{PROJECT}-api-5xx": ("5XXError", {"ApiName": PROJECT, "Stage": "v1"}, 5, "Sum"),
    f"{PROJECT}-drift": (
        "violations",
        {"Endpoint": f"{PROJECT}-{RELEASE}", "MonitoringSchedule": f"{PROJECT}-check"},
        example.GIVEN["AlarmsViolations"],
        "Maximum",
    ),
    f"{PROJECT}-quality": (
        "quality_violations",
        {"Endpoint": f"{PROJECT}-{RELEASE}", "MonitoringSchedule": f"{PROJECT}-check"},
        example.GIVEN["AlarmsViolations"],
        "Maximum",
    ),
    f"{PROJECT}-unread": (
        "unread_captures",
        {"Endpoint": f"{PROJECT}-{RELEASE}", "MonitoringSchedule": f"{PROJECT}-check"},
        example.GIVEN["CapturesMaxUnread"],
        "Maximum",
    ),
    f"{PROJECT}-missing": (
        "missing_captures",
        {"Endpoint": f"{PROJECT}-{RELEASE}", "MonitoringSchedule": f"{PROJECT}-check"},
        example.GIVEN["CapturesMaxMissing"],
        "Maximum",
    ),
    f"{PROJECT}-labels": (
        "bad_labels",
        {"Endpoint": f"{PROJECT}-{RELEASE}", "MonitoringSchedule": f"{PROJECT}-labels"},
        example.GIVEN["QualityMaxBadLabels"],
        "Maximum",
    ),
    f"{PROJECT}-schedules": ("InvocationDroppedCount", {"ScheduleGroup": PROJECT}, 1, "Sum"),
}


def test_each_alarm_watches_what_it_is_called() -> None:
    found = alarms()
    assert found.keys() == WATCHED.keys()
    for name, (metric, values, threshold, statistic) in WATCHED.items():
        alarm = found[name]
        assert (alarm["MetricName"], dimensions(alarm)) == (metric, values), name
        assert float(alarm["Threshold"]) == threshold, name
        assert alarm.get("Statistic", alarm.get("ExtendedStatistic")) == statistic, name
        # CloudWatch looks back a week at most, and a day where the period is under an hour.
        seconds = int(alarm["Period"]) * int(alarm["EvaluationPeriods"])
        assert seconds <= (7 * 86_400 if int(alarm["Period"]) >= 3600 else 86_400), name


def test_each_alarm_that_pages_pages_the_topic() -> None:
    composite = everything("AWS::CloudWatch::CompositeAlarm")
    # The composite alarm pages for them all.
    silent = {*ALARMS, *counted()}
    for name, alarm in (alarms() | counted() | composite).items():
        for key in ("AlarmActions", "OKActions"):
            assert alarm.get(key, [topic_arn()]) == [topic_arn()], name
        assert ("AlarmActions" in alarm) == (name not in silent), name


def test_the_release_alarm_is_of_all_that_roll_back_and_of_no_other() -> None:
    (composite,) = everything("AWS::CloudWatch::CompositeAlarm").values()
    assert composite["AlarmName"] == f"{PROJECT}-release"
    assert composite["AlarmRule"] == " OR ".join(f'ALARM("{name}")' for name in ALARMS)
    (rule,) = condition_rules("")
    # The pipeline's condition works in production's account, where the alarm is.
    assert {rule["Configuration"]["AlarmName"]} == counted().keys() - {*ALARMS}
    assert {f"{PROJECT}-{kind}" for kind in operate.ALARMS} == {
        composite["AlarmName"],
        *(counted().keys() - {*ALARMS}),
        *(name for name in WATCHED if RELEASE not in name),
    }
    assert {f"{PROJECT}-{kind}-{RELEASE}" for kind in operate.CANDIDATE} == {*ALARMS}


@pytest.mark.parametrize("hours", ["1", "2", "3", "4", "6", "8", "12", "24"])
def test_an_alarms_period_is_its_schedules(hours: str) -> None:
    found = made("monitor", ScheduleEveryHours=hours)
    for key in ("DriftAlarm", "QualityAlarm", "UnreadAlarm", "MissingAlarm", "LabelsAlarm"):
        assert int(found[key]["Properties"]["Period"]) == int(hours) * 3600
    own = [
        found[key]["Properties"]["ScheduleExpression"] for key in ("CheckSchedule", "LabelSchedule")
    ]
    for expression in own:
        (minute, hour, *_) = re.findall(r"cron\((.*)\)", expression)[0].split()
        assert minute in ("0", "30")
        first, _, step = hour.partition("/")
        runs = {"*": 24}.get(hour) or (24 // int(step) if step else 1)
        assert runs == 24 // int(hours)
        assert first in ("*", "0") or hours == "24"


# From the CloudWatch user guide, "Metric data format": a search's schema, in braces.
SCHEMA = re.compile(r"\{([^}]+)\}")


def test_the_dashboard_shows_metrics_that_somebody_sends() -> None:
    ((_, _, item),) = templates.everywhere("AWS::CloudWatch::Dashboard")
    body = json.loads(resolver.resolve(item["Properties"]["DashboardBody"], "prod"))
    sent = AWS_METRICS | own_metrics()
    searched = ""
    for widget in body["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], str):
                names, sets = sent[metric[0]]
                pairs = [each for each in metric[2:] if isinstance(each, str)]
                given = dict(zip(pairs[::2], pairs[1::2], strict=True))
                assert metric[1] in names
                assert frozenset(given) in sets
                expected = {"EndpointName": live_endpoint(), "VariantName": "main"}
                expected |= {"ApiName": PROJECT, "Stage": "v1"}
                assert given.items() <= expected.items()
            else:
                searched += metric[0]["expression"]
    for namespace, *names in (schema.split(",") for schema in SCHEMA.findall(searched)):
        assert frozenset(names) in sent[namespace][1], namespace
    assert f"{{{PROJECT}/Api," in searched, "all that the handler counts is shown"
    assert {*re.findall(r'FunctionName="(.*?)"', searched)} == {f"{PROJECT}-api"}
    assert f'MonitoringSchedule="{PROJECT}-check"' in searched
    shown = {arn for w in body["widgets"] for arn in w["properties"].get("alarms", [])}
    names = {*alarms(), *counted(), f"{PROJECT}-release"}
    form = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:"
    assert {arn.removeprefix(form) for arn in shown} == names


# ------------------------------------------------------------------- what the roles speak of

# What is in each bucket: an object of each kind.
OBJECTS = {
    "artifacts": (f"{PROJECT}/Built/x", build.BASE, example.GIVEN["LambdaKey"]),
    "data": (
        "raw/own.csv",
        build.DATA,
        "releases/labelled.zip",
        "retraining/x.json",
        *(
            f"runs/{RELEASE}/{name}"
            for name in (
                "data/transactions.csv",
                "requests.json",
                "evaluation/baseline/facts.json",
                "evaluation/gate.json",
                "evaluation/golden.json",
                f"training/{PROJECT}-{RELEASE}-training/output/model.tar.gz",
            )
        ),
    ),
    "live": (
        f"captures/{PROJECT}-{RELEASE}/main/2026/11/22/10/x.jsonl",
        "ground-truth/2026/11/22/10/x.jsonl",
        "labels/train.csv",
        f"reports/{PROJECT}-{RELEASE}/x",
    ),
}


def arns(part: str) -> set[str]:
    """Give the ARN of all that there is in an account, or what stands for it."""
    account = ACCOUNTS[part].get("AWS::AccountId", ACCOUNT)
    place, known = f"{REGION}:{account}", set[str]()
    for name in IN[part]:
        given = ACCOUNTS[part] | {"ProdAuth": "api-key"}
        for key, item in resolver.present(name, given).items():
            if NAMINGS.get(item["Type"], UNNAMED).arn:
                known.add(resolver.arn(name, key, given))
    for item in everything("AWS::S3::Bucket", part).values():
        kind = item["BucketName"].removeprefix(f"{PROJECT}-").split("-")[0]
        known |= {f"arn:aws:s3:::{item['BucketName']}/{key}" for key in OBJECTS.get(kind, ())}
    for group in [each for each in known if ":log-group:" in each]:
        known |= {group.removesuffix(":*"), f"{group.removesuffix('*')}log-stream:x"}
    ends = [f"Endpoints/{PROJECT}-{RELEASE}", f"Endpoints/{PROJECT}-dev-{RELEASE}"]
    for kind in ("TrainingJobs", "ProcessingJobs", *ends):
        group = f"arn:aws:logs:{place}:log-group:/aws/sagemaker/{kind}"
        known |= {group, f"{group}:log-stream:x"}
    known |= {f"arn:aws:cloudformation:{place}:stack/{PROJECT}-{name}/0" for name in IN[part]}
    job = f"{PROJECT}-{RELEASE}"
    sagemaker = [f"training-job/{job}-training", f"processing-job/{job}-evaluation"]
    sagemaker += [f"processing-job/{PROJECT}-{kind}-x" for kind in ("check", "label")]
    sagemaker += [f"model-package/{PROJECT}/7"]
    known |= {f"arn:aws:sagemaker:{place}:{each}" for each in sagemaker}
    # crhelper's rules, of the custom resources that it polls for.
    polled = [key for key, item in templates.resources("train").items() if "Custom" in item["Type"]]
    known |= {f"arn:aws:events:{place}:rule/{key}ab12CD34" for key in polled}
    known |= {f"arn:aws:lambda:{place}:function:{PROJECT}-api:{each}" for each in ("7", "live")}
    known |= {
        f"arn:aws:codedeploy:{place}:deploymentgroup:{PROJECT}/{PROJECT}",
        f"arn:aws:codedeploy:{place}:deploymentconfig:CodeDeployDefault.LambdaAllAtOnce",
        f"arn:aws:codestar-connections:{place}:connection/x",
        f"arn:aws:events:{place}:event-bus/default",
        f"arn:aws:cloudwatch:{place}:alarm:TargetTracking-endpoint/{job}/variant/main-x",
        f"arn:aws:application-autoscaling:{place}:scalable-target/x",
        f"arn:aws:iam::{account}:role/aws-service-role/sagemaker.application-autoscaling.x/x",
    }
    known |= {f"arn:aws:ec2:{place}:{each}/x" for each in ("subnet", "security-group")}
    known |= {f"arn:aws:ec2:{place}:network-interface/x"}
    for each in ("restapis", "apikeys", "usageplans", "tags"):
        known |= {f"arn:aws:apigateway:{REGION}::/{each}{end}" for end in ("", "/x")}
    return known


def pair(part: str) -> set[str]:
    """Give what there is in an account, and where there are two in the other as well."""
    return arns(part) if part == "all" else arns("tools") | arns("prod")


@pytest.mark.parametrize("part", ACCOUNTS)
def test_a_role_speaks_of_what_there_is(part: str) -> None:
    known = pair(part)
    # These roles are the same whether there are two accounts or one.
    here = ACCOUNTS[part].get("AWS::AccountId", ACCOUNT)
    both = known | {re.sub(rf":({ACCOUNT}|{OTHER}):", f":{here}:", each) for each in known}
    for arn, role in role_arns(part).items():
        for statement in statements(role):
            for resource in many(statement["Resource"]):
                shared = re.search(f"{PROJECT}-(hooks|hosting|pipeline)-{REGION}", arn)
                there = both if shared else known
                found = resource == "*" or any(matches(resource, each) for each in there)
                assert found, f"{arn}: {resource}"


# From SageMaker's guide: where it measures instances itself.
SAGEMAKER = {f"/aws/sagemaker/{kind}" for kind in ("Endpoints", "ProcessingJobs", "TrainingJobs")}


# Conditions of statements, and what their values may be: the project's own, or AWS's.
def condition_values() -> dict[str, set[str]]:
    services = ("cloudformation", "codedeploy", "events", "lambda", "sagemaker", "scheduler")
    repository = {example.GIVEN["SourceRepository"]}
    return {
        "application-autoscaling:service-namespace": {"sagemaker"},
        "aws:RequestTag/Project": {PROJECT},
        "aws:ResourceTag/Project": {PROJECT},
        "cloudwatch:namespace": {f"{PROJECT}/Monitor", *SAGEMAKER},
        "codeconnections:FullRepositoryId": repository,
        "codestar-connections:FullRepositoryId": repository,
        "iam:AWSServiceName": {"sagemaker.application-autoscaling.amazonaws.com"},
        "iam:PassedToService": {f"{service}.amazonaws.com" for service in services},
        "kms:GrantIsForAWSResource": {"true"},
        "kms:ViaService": {f"{service}.{REGION}.amazonaws.com" for service in ("s3", "sns")},
        "s3:prefix": {"ground-truth/2026/11/22/10/AROAEXAMPLE/"},
    }


@pytest.mark.parametrize("part", ACCOUNTS)
def test_a_roles_conditions_can_be_met(part: str) -> None:
    known = condition_values()
    for arn, role in role_arns(part).items():
        for statement in statements(role):
            for tests in statement.get("Condition", {}).values():
                for key, wanted in tests.items():
                    for value in many(wanted):
                        met = any(matches(str(value), each) for each in known[key])
                        assert met or value in known[key], f"{arn}: {key} is {value}"


def test_in_other_forms_a_role_speaks_of_what_there_is() -> None:
    repository = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:{example.GIVEN['SourceRepository']}"
    known = arns("all") | {repository}
    for given in VARIANTS:
        documents = [
            each["PolicyDocument"]
            for item in everything("AWS::IAM::Role", **given).values()
            for each in item["Policies"]
        ]
        policies = everything("AWS::IAM::ManagedPolicy", **given).values()
        for document in [*documents, *(each["PolicyDocument"] for each in policies)]:
            for statement in document["Statement"]:
                for resource in many(statement["Resource"]):
                    found = resource == "*" or any(matches(resource, e) for e in known)
                    assert found, resource


def test_codecommit_is_read_as_its_guides_say() -> None:
    """CodePipeline's and CodeBuild's, of a full clone."""
    wanted = {"pipeline": {"GetBranch", "GetCommit", "GetRepository"}, "build": {"GitPull"}}
    for item in everything("AWS::IAM::Role", SourceHost="CodeCommit").values():
        granted = {
            action.split(":")[1]
            for statement in statements(item)
            for action in many(statement["Action"])
            if action.startswith("codecommit:")
        }
        actor = item["RoleName"].removeprefix(f"{PROJECT}-").removesuffix(f"-{REGION}")
        assert granted == wanted.get(actor, set()), actor


def test_in_the_network_jobs_and_endpoints_may_have_interfaces() -> None:
    policy_arn = resolver.arn("serving", "Interfaces")
    assert policy_arn == f"arn:aws:iam::{ACCOUNT}:policy/{PROJECT}-interfaces-{REGION}"
    for network, wanted in (("none", set()), ("vpc", {"train", "endpoint", "monitor"})):
        found = {
            item["RoleName"].removeprefix(f"{PROJECT}-").removesuffix(f"-{REGION}")
            for item in everything("AWS::IAM::Role", Network=network).values()
            if policy_arn in item.get("ManagedPolicyArns", [])
        }
        assert found == wanted


def test_a_shared_policy_is_some_roles() -> None:
    attached = {
        policy
        for item in everything("AWS::IAM::Role", Network="vpc").values()
        for policy in item.get("ManagedPolicyArns", [])
    }
    made_here = {
        resolver.arn(name, key) for name, key, _ in templates.everywhere("AWS::IAM::ManagedPolicy")
    }
    assert attached == made_here


@pytest.mark.parametrize("part", ACCOUNTS)
def test_who_reads_or_writes_a_bucket_may_use_its_key(part: str) -> None:
    keys = {
        ACCOUNT: resolver.arn("data", "Key"),
        OTHER: resolver.arn("data", "Key", ACCOUNTS["prod"]),
    }
    through = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}
    uses = {"s3:GetObject": "kms:Decrypt", "s3:GetObjectVersion": "kms:Decrypt"}
    uses |= {"s3:PutObject": "kms:GenerateDataKey"}
    for arn, role in role_arns(part).items():
        for statement in statements(role):
            for action in uses.keys() & {*many(statement["Action"])}:
                for bucket in many(statement["Resource"]):
                    account = OTHER if OTHER in bucket else ACCOUNT
                    need = Need(uses[action], keys[account], through)
                    assert allows(role, need), f"{arn}: {action} on {bucket}"


# What an action is granted only under: a prefix of actions, and the condition's key.
UNDER = {
    "application-autoscaling:Deregister": "application-autoscaling:service-namespace",
    "application-autoscaling:Put": "application-autoscaling:service-namespace",
    "application-autoscaling:Register": "application-autoscaling:service-namespace",
    "application-autoscaling:Tag": "application-autoscaling:service-namespace",
    "application-autoscaling:Untag": "application-autoscaling:service-namespace",
    "cloudwatch:PutMetricData": "cloudwatch:namespace",
    "codeconnections:": "codeconnections:FullRepositoryId",
    "codestar-connections:": "codestar-connections:FullRepositoryId",
    "iam:CreateServiceLinkedRole": "iam:AWSServiceName",
    "iam:PassRole": "iam:PassedToService",
    "kms:CreateGrant": "kms:GrantIsForAWSResource",
    "kms:Decrypt": "kms:ViaService",
    "kms:GenerateDataKey": "kms:ViaService",
}


@pytest.mark.parametrize("part", ACCOUNTS)
def test_what_names_no_resource_is_under_a_condition(part: str) -> None:
    for arn, role in role_arns(part).items():
        for statement in statements(role):
            keys = {key for tests in statement.get("Condition", {}).values() for key in tests}
            for action in many(statement["Action"]):
                wanted = {key for prefix, key in UNDER.items() if action.startswith(prefix)}
                assert wanted <= keys, f"{arn}: {action}"


VARIANTS: list[dict[str, Any]] = [
    {},
    {"SourceHost": "CodeCommit"},
    {"Network": "vpc"},
    {"ProdAuth": "api-key"},
]


def test_only_actions_without_a_resource_are_on_all() -> None:
    """In each form of the templates, as test_permissions.py says it of the usual one."""
    free = {
        action
        for role in role_arns("all").values()
        for statement in statements(role)
        if statement["Resource"] == "*"
        for action in many(statement["Action"])
    }
    # Network interfaces are made and described by whoever is in the network.
    free |= {f"ec2:{verb}" for verb in EC2}
    for given in VARIANTS:
        for role in everything("AWS::IAM::Role", **given).values():
            for statement in statements(role):
                if statement["Resource"] == "*":
                    assert {*many(statement["Action"])} <= free, role["RoleName"]


EC2 = (
    "DescribeDhcpOptions",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcEndpoints",
    "DescribeVpcs",
)


def test_a_resources_policy_grants_no_whole_service() -> None:
    """But to the account itself, and what is denied to all."""
    for name, key, item in templates.everywhere():
        for _, node in templates.walk(item.get("Properties", {})):
            if isinstance(node, dict) and node.get("Effect") == "Allow":
                for action in many(node["Action"]):
                    whole = action.endswith(":*")
                    assert not whole or (key, node.get("Sid")) == ("Key", "AccountsOwnPolicies"), (
                        f"{name}.{key}: {action}"
                    )


# --------------------------------------------------------------------- what is told, and to whom


def policy(name: str, key: str, part: str = "all") -> list[dict[str, Any]]:
    """Give the statements of a resource's policy, resolved."""
    properties = made(name, part)[key]["Properties"]
    for word in ("KeyPolicy", "PolicyDocument", "RepositoryPolicyText", "ModelPackageGroupPolicy"):
        if word in properties:
            found: list[dict[str, Any]] = properties[word]["Statement"]
            return found
    return []


# The resource policies of an account that admit the other: whose, and the ARN that they are on.
ADMITTING: dict[str, dict[tuple[str, str], Callable[[], str]]] = {
    "tools": {
        ("data", "Key"): lambda: resolver.arn("data", "Key"),
        ("data", "ArtifactBucketPolicy"): lambda: "",
        ("data", "DataBucketPolicy"): lambda: "",
        ("data", "ModelPackageGroup"): lambda: "",
        ("images", "ReleaseRepository"): lambda: resolver.arn("images", "ReleaseRepository"),
        ("pipeline", "ProdEvents"): lambda: "",
    },
    "prod": {
        ("data", "Key"): lambda: resolver.arn("data", "Key", ACCOUNTS["prod"]),
        ("data", "LiveBucketPolicy"): lambda: "",
    },
}


def admitted(part: str) -> Iterator[tuple[str, str, str]]:
    """Yield (principal, action, resource) that an account's resource policies grant the other."""
    other = ACCOUNT if part == "prod" else OTHER
    for (name, key), of in ADMITTING[part].items():
        found = policy(name, key, part)
        if key == "ProdEvents":
            found = [made(name, part)[key]["Properties"]["Statement"]]
        for statement in found:
            if statement["Principal"] != {"AWS": f"arn:aws:iam::{other}:root"}:
                continue
            assert statement["Effect"] == "Allow"
            (principals,) = statement["Condition"]["ArnEquals"].values()
            assert {*statement["Condition"]["ArnEquals"]} == {"aws:PrincipalArn"}
            for principal in many(principals):
                for action in many(statement["Action"]):
                    for resource in many(statement.get("Resource", "*")):
                        assert of() or resource != "*", f"{key} grants all"
                        yield principal, action, (of() or resource)


def overlap(one: str, other: str) -> bool:
    return matches(one, other) or matches(other, one)


@pytest.mark.parametrize("part", ["tools", "prod"])
def test_across_accounts_what_is_asked_is_granted_and_the_reverse(part: str) -> None:
    """Both must allow: the resource's policy in `part`, and the role's own in the other account."""
    account = OTHER if part == "prod" else ACCOUNT
    granted, wrong = [*admitted(part)], []
    asked = [
        (arn, action, resource)
        for arn, role in role_arns("prod" if part == "tools" else "tools").items()
        for statement in statements(role)
        for resource in many(statement["Resource"])
        # A role in the other account is assumed by its own trust.
        if account in resource and ":role/" not in resource
        for action in many(statement["Action"])
    ]
    for one, others, words in ((asked, granted, "is not granted"), (granted, asked, "nobody asks")):
        wrong += [
            f"{who.split('/')[-1]}: {action} on {resource}: {words}"
            for who, action, resource in one
            if not any((who, action) == each[:2] and overlap(resource, each[2]) for each in others)
        ]
    assert not wrong, "\n".join(sorted(wrong))


# Services that resource policies admit: whose, which action, and what they must say.
def test_a_service_is_admitted_for_this_account() -> None:
    """EventBridge alone fills no condition, and a condition on it would drop its messages."""
    for name, key in (("data", "Key"), ("data", "TopicPolicy"), ("data", "LogBucketPolicy")):
        for statement in policy(name, key):
            services = (
                many(statement["Principal"].get("Service", []))
                if isinstance(statement["Principal"], dict)
                else []
            )
            condition = {
                k: v for test in statement.get("Condition", {}).values() for k, v in test.items()
            }
            if services == ["events.amazonaws.com"]:
                assert not condition
            elif services == [f"logs.{REGION}.amazonaws.com"]:
                (pattern,) = condition.values()
                for group in everything("AWS::Logs::LogGroup").values():
                    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group['LogGroupName']}"
                    assert matches(pattern, arn), arn
                assert [*condition] == ["kms:EncryptionContext:aws:logs:arn"]
            elif services:
                assert condition["aws:SourceAccount"] == ACCOUNT, f"{key}: {services}"


def test_policies_are_on_what_they_are_called() -> None:
    for item in made("data").values():
        properties = item["Properties"]
        if item["Type"] == "AWS::S3::BucketPolicy":
            arn = f"arn:aws:s3:::{properties['Bucket']}"
            for statement in properties["PolicyDocument"]["Statement"]:
                for resource in many(statement["Resource"]):
                    assert resource == arn or resource.startswith(f"{arn}/"), properties["Bucket"]
    topic = made("data")["TopicPolicy"]["Properties"]
    assert topic["Topics"] == [topic_arn()]
    assert {each["Resource"] for each in topic["PolicyDocument"]["Statement"]} == {topic_arn()}
    subscription = made("data")["Subscription"]["Properties"]
    assert subscription["TopicArn"] == topic_arn()
    alias = templates.resources("data")["KeyAlias"]["Properties"]
    assert alias["TargetKeyId"] == {"Ref": "Key"}
    assert resolver.physical("data", "KeyAlias") == f"alias/{PROJECT}"
    assert ":alias/{" in project_files.text("release/build.py"), "the requests' key"


def test_logs_are_encrypted_and_delivered_as_their_guides_say() -> None:
    """CloudWatch Logs' on a customer key, and the VPC's on flow logs in S3."""
    (logs,) = [each for each in policy("data", "Key") if each.get("Sid") == "Logs"]
    verbs = {"Encrypt", "Decrypt", "ReEncrypt*", "GenerateDataKey*", "DescribeKey"}
    assert {*logs["Action"]} == {f"kms:{verb}" for verb in verbs}
    delivery = {
        action: statement["Condition"]["StringEquals"]
        for statement in policy("data", "LogBucketPolicy")
        if statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
        for action in many(statement["Action"])
    }
    account = {"aws:SourceAccount": ACCOUNT}
    assert delivery == {
        "s3:PutObject": account | {"s3:x-amz-acl": "bucket-owner-full-control"},
        "s3:GetBucketAcl": account,
        "s3:ListBucket": account,
    }


def test_in_one_account_no_policy_admits_another() -> None:
    assert "RepositoryPolicyText" not in made("images")["ReleaseRepository"]["Properties"]
    assert "ModelPackageGroupPolicy" not in made("data")["ModelPackageGroup"]["Properties"]
    for text in texts([made(name) for name in IN["all"]]):
        assert not re.search(rf"::(?!{ACCOUNT}|aws)\d*:root", text), text


def test_the_budget_tells_the_address_before_and_after() -> None:
    budget = made("data")["Budget"]["Properties"]
    assert budget["Budget"]["BudgetName"] == f"{PROJECT}-{REGION}"
    for each, kind in zip(
        budget["NotificationsWithSubscribers"], ("ACTUAL", "FORECASTED"), strict=True
    ):
        assert each["Notification"]["NotificationType"] == kind
        assert each["Notification"]["ComparisonOperator"] == "GREATER_THAN"
        address = {"SubscriptionType": "EMAIL", "Address": example.GIVEN["Email"]}
        assert each["Subscribers"] == [address]


def test_the_account_itself_governs_its_key() -> None:
    (root,) = [each for each in policy("data", "Key") if each["Action"] == "kms:*"]
    assert root["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert "Condition" not in root


def test_all_that_can_be_is_under_the_projects_key() -> None:
    for part in ACCOUNTS:
        key = resolver.arn("data", "Key", ACCOUNTS[part])
        for name in IN[part]:
            resources = made(name, part)
            for path, value in templates.walk(resources):
                if path and path[-1] in KEYS and isinstance(value, str):
                    assert value == key, f"{name}.{path}"
            for item in resources.values():
                wanted = ENCRYPTED.get(item["Type"], set())
                here = {k for p, _ in templates.walk(item["Properties"]) for k in p}
                assert wanted <= here or "Serverless" in str(item), f"{name}: {item['Type']}"


KEYS = {"KmsKeyId", "KMSMasterKeyID", "KmsMasterKeyId", "KmsKey", "VolumeKmsKeyId", "EncryptionKey"}
ENCRYPTED = {
    "AWS::CodeBuild::Project": {"EncryptionKey"},
    "AWS::CodePipeline::Pipeline": {"EncryptionKey"},
    "AWS::ECR::Repository": {"KmsKey"},
    "AWS::Logs::LogGroup": {"KmsKeyId"},
    "AWS::SNS::Topic": {"KmsMasterKeyId"},
    "AWS::SageMaker::EndpointConfig": {"KmsKeyId"},
}


def test_the_pipelines_artifacts_are_under_the_projects_key() -> None:
    store = pipeline()["ArtifactStore"]
    assert store == {
        "Type": "S3",
        "Location": example.GIVEN["ArtifactBucket"],
        "EncryptionKey": {"Type": "KMS", "Id": key_arn()},
    }


# ------------------------------------------------------------------------------------- events


def rules(part: str = "all", **given: Any) -> dict[str, dict[str, Any]]:
    found = everything("AWS::Events::Rule", part, **given).values()
    return {item["Name"].removeprefix(f"{PROJECT}-"): item for item in found}


# From the EventBridge guide and the services' own pages on their events.
SOURCES = {
    "aws.s3": {"Object Created"},
    "aws.ecr": {"ECR Image Action"},
    "aws.codebuild": {"CodeBuild Build State Change"},
    "aws.codecommit": {"CodeCommit Repository State Change"},
    "aws.codepipeline": {
        f"CodePipeline {what} Execution State Change" for what in ("Pipeline", "Stage")
    },
    "aws.cloudwatch": {"CloudWatch Alarm State Change"},
    "aws.codedeploy": {"CodeDeploy Deployment State-change Notification"},
    "aws.sagemaker": {"SageMaker Processing Job State Change"},
}


def test_each_rule_hears_an_event_that_is_sent_and_reaches_what_there_is() -> None:
    for part, given in (("all", {"SourceHost": "CodeCommit"}), ("tools", {}), ("prod", {})):
        known = pair(part)
        for name, rule in rules(part, **given).items():
            pattern = rule.get("EventPattern", {})
            if pattern:
                (sender,) = pattern["source"]
                (kind,) = pattern["detail-type"]
                assert kind in SOURCES[sender], name
            else:
                assert rule["ScheduleExpression"].startswith("cron("), name
            for target in rule["Targets"]:
                assert target["Arn"] in known, f"{name}: {target['Arn']}"
                transformer = target.get("InputTransformer", {"InputTemplate": ""})
                used = {*re.findall(r"<([\w-]+)>", transformer["InputTemplate"])}
                assert used == {*transformer.get("InputPathsMap", {})}, name
                # Lambda and SNS admit by their own policies.
                plain = ":lambda:" in target["Arn"] or ":sns:" in target["Arn"]
                assert ("RoleArn" in target) != plain, name


REVISIONS = {"ECR": "IMAGE_DIGEST", "S3": "S3_OBJECT_VERSION_ID", "CodeCommit": "COMMIT_ID"}


def test_what_starts_the_pipeline_says_which_revision() -> None:
    """Else new data would be there and the old be trained on."""
    sources = {
        action["Name"]: action["ActionTypeId"]["Provider"]
        for action in actions(SourceHost="CodeCommit")
        if action["ActionTypeId"]["Category"] == "Source"
    }
    arn, started = resolver.arn("pipeline", "Pipeline"), set()
    for name, rule in rules(SourceHost="CodeCommit").items():
        for target in rule["Targets"]:
            if target["Arn"] == arn:
                transformer = target["InputTransformer"]
                (revision,) = json.loads(transformer["InputTemplate"])["sourceRevisions"]
                started.add(revision["actionName"])
                assert revision["revisionType"] == REVISIONS[sources[revision["actionName"]]], name
                (path,) = transformer["InputPathsMap"].values()
                paths = {"image-digest", "object.version-id", "commitId"}
                assert path.removeprefix("$.detail.") in paths
    assert started == {"Base", "Data", "Git"}
    assert "'actionName': 'Data'" in code("retraining")


def source_action(name: str, **given: Any) -> dict[str, Any]:
    (found,) = [each for each in actions(**given) if each["Name"] == name]
    configuration: dict[str, Any] = found["Configuration"]
    return configuration


def test_the_pipeline_watches_what_nothing_in_it_writes() -> None:
    """The base image's tag, and one object: who may write them is not in the pipeline."""
    base, data = source_action("Base"), source_action("Data")
    assert base == {"RepositoryName": f"{PROJECT}-base", "ImageTag": "current"}
    assert data["S3Bucket"] == example.GIVEN["DataBucket"]
    assert data["S3ObjectKey"] == build.DATA
    assert build.DATA == "releases/data.zip"
    assert f"Key='{build.DATA}'" in code("retraining")
    repository = resolver.arn("images", "BaseRepository")
    item = f"arn:aws:s3:::{data['S3Bucket']}/{data['S3ObjectKey']}"
    writers: dict[str, set[str]] = {"ecr:PutImage": set(), "s3:PutObject": set()}
    for arn, role in role_arns("all").items():
        for action, resource in (("ecr:PutImage", repository), ("s3:PutObject", item)):
            if allows(role, Need(action, resource)):
                writers[action].add(arn.split(f"{PROJECT}-")[1].removesuffix(f"-{REGION}"))
    assert writers == {"ecr:PutImage": {"base"}, "s3:PutObject": {"retrain"}}
    at_work = {action["Configuration"].get("ProjectName") for action in actions()}
    assert f"{PROJECT}-base" not in at_work
    images = templates.resources("images")["BaseRepository"]["Properties"]
    assert images["ImageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    (free,) = images["ImageTagMutabilityExclusionFilters"]
    assert free["ImageTagMutabilityExclusionFilterValue"] == base["ImageTag"]
    assert made("images")["ReleaseRepository"]["Properties"]["RepositoryName"] == PROJECT
    assert made("images")["ReleaseRepository"]["Properties"]["ImageTagMutability"] == "IMMUTABLE"


def test_each_source_is_heard_of_once() -> None:
    found = rules(SourceHost="CodeCommit")
    base = found["base"]["EventPattern"]["detail"]
    assert base == {
        "action-type": ["PUSH"],
        "result": ["SUCCESS"],
        "repository-name": [source_action("Base")["RepositoryName"]],
        "image-tag": [source_action("Base")["ImageTag"]],
    }
    data = found["data"]["EventPattern"]["detail"]
    assert data == {
        "bucket": {"name": [source_action("Data")["S3Bucket"]]},
        "object": {"key": [source_action("Data")["S3ObjectKey"]]},
        # The retraining's copy is none of these: it starts the pipeline itself.
        "reason": ["PutObject", "CompleteMultipartUpload"],
    }
    assert source_action("Data")["PollForSourceChanges"] == "false"
    assert "s3.copy_object(" in code("retraining")
    commit = found["commit"]["EventPattern"]
    git = source_action("Git", SourceHost="CodeCommit")
    assert git["PollForSourceChanges"] == "false"
    arn = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:{example.GIVEN['SourceRepository']}"
    assert commit["resources"] == [arn]
    assert (
        commit["detail"]["referenceName"] == [git["BranchName"]] == [example.GIVEN["SourceBranch"]]
    )
    assert git["RepositoryName"] == example.GIVEN["SourceRepository"]
    source_rule = found["base-source"]["EventPattern"]["detail"]
    assert source_rule["bucket"] == {"name": [example.GIVEN["ArtifactBucket"]]}
    assert source_rule["object"] == {"key": [build.BASE]}
    for name in ("base-source", "base-weekly"):
        assert [t["Arn"] for t in found[name]["Targets"]] == [resolver.arn("images", "BaseProject")]


def test_git_starts_the_pipeline_by_its_connection() -> None:
    git = source_action("Git")
    assert git["ConnectionArn"] == resolver.arn("pipeline", "GitConnection")
    assert git["FullRepositoryId"] == example.GIVEN["SourceRepository"]
    assert git["BranchName"] == example.GIVEN["SourceBranch"]
    (trigger,) = pipeline()["Triggers"]
    assert trigger["GitConfiguration"]["SourceActionName"] == "Git"
    (push,) = trigger["GitConfiguration"]["Push"]
    assert push["Branches"] == {"Includes": [example.GIVEN["SourceBranch"]]}
    assert push["FilePaths"]["Excludes"]
    assert "Triggers" not in pipeline(SourceHost="CodeCommit")
    for host in ("GitHub", "CodeCommit"):
        # DVC wants the repository itself.
        assert (
            source_action("Git", SourceHost=host)["OutputArtifactFormat"] == "CODEBUILD_CLONE_REF"
        )
    assert "commit" not in rules()


def test_an_alarm_of_the_monitor_asks_for_retraining() -> None:
    heard = {f"{PROJECT}-drift", f"{PROJECT}-quality"}
    for part, account in (("all", ACCOUNT), ("tools", OTHER)):
        retrain = rules(part)["retrain"]
        assert {*retrain["EventPattern"]["detail"]["alarmName"]} == heard <= alarms().keys()
        assert retrain["EventPattern"]["detail"]["state"] == {"value": ["ALARM"]}
        assert retrain["EventPattern"]["account"] == [account]
        rolled = rules(part)["rolled-back"]["EventPattern"]
        assert rolled["account"] == [account]
        assert rolled["detail"]["application"] == [PROJECT]
    # Of two accounts, production's sends both events to the other's bus, which admits it.
    bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    sent = rules("prod")
    assert {*sent["alarms"]["EventPattern"]["detail"]["alarmName"]} == heard
    assert sent["shifts"]["EventPattern"]["detail"]["application"] == [PROJECT]
    for name in ("alarms", "shifts"):
        assert [target["Arn"] for target in sent[name]["Targets"]] == [bus]
        assert name not in rules()
    function = resolver.arn("pipeline", "RetrainFunction")
    assert [target["Arn"] for target in rules()["retrain"]["Targets"]] == [function]
    asking = {"RetrainRule": "retrain", "LabelsRule": "labels"}
    for key, name in asking.items():
        assert [target["Arn"] for target in rules()[name]["Targets"]] == [function]
        (permission,) = [
            item["Properties"]
            for item in made("pipeline").values()
            if item["Type"] == "AWS::Lambda::Permission"
            and item["Properties"]["SourceArn"] == resolver.arn("pipeline", key)
        ]
        assert permission["FunctionName"] == f"{PROJECT}-retrain"
    permissions = everything("AWS::Lambda::Permission").values()
    of_events = [each for each in permissions if each["Principal"] == "events.amazonaws.com"]
    assert len(of_events) == len(asking)
    labels = rules()["labels"]["EventPattern"]["detail"]
    assert labels == {
        "bucket": {"name": [example.GIVEN["DataBucket"]]},
        "object": {"key": ["releases/labelled.zip"]},
    }
    assert made("pipeline")["MonthlySchedule"]["Properties"]["Target"]["Arn"] == function
    for monthly, wanted in (("true", "ENABLED"), ("false", "DISABLED")):
        schedule = made("pipeline", RetrainMonthly=monthly)["MonthlySchedule"]["Properties"]
        assert schedule["State"] == wanted
    failures = made("pipeline")["RetrainFailures"]["Properties"]
    assert failures["FunctionName"] == f"{PROJECT}-retrain"
    assert failures["DestinationConfig"]["OnFailure"] == {"Destination": topic_arn()}


def test_people_are_told_by_name() -> None:
    (approval,) = [each for each in actions() if each["Name"] == "Approve"]
    assert approval["Configuration"]["NotificationArn"] == topic_arn()
    told = ("stage-failed", "superseded", "base-failed", "rolled-back", "failed-job")
    for name in told:
        assert [target["Arn"] for target in rules()[name]["Targets"]] == [topic_arn()], name
    detail = rules()["failed-job"]["EventPattern"]["detail"]
    prefixes = [each["prefix"] for each in detail["ProcessingJobName"]]
    for name, request in scheduled().items():
        job = request["ProcessingJobName"]
        assert sum(job.startswith(prefix) for prefix in prefixes) == 1, name
    (package,) = [each for each in actions() if each["Name"] == "Package"]
    assert package["Configuration"]["FunctionName"] == f"{PROJECT}-approve"
    given = json.loads(package["Configuration"]["UserParameters"])
    taken = function(ast.parse(project_files.text("lambdas/approval.py")), "mark").args.args
    assert [*given] == [each.arg for each in taken]
    assert given == {
        "package": "#{Train.ModelPackageArn}",
        "execution": "#{codepipeline.PipelineExecutionId}",
    }
    assert overrides()["prod"] == {"ModelPackageArn": "#{Train.ModelPackageArn}"}


# ------------------------------------------------------------------------------------ the monitor


def scheduled(**given: Any) -> dict[str, dict[str, Any]]:
    """Give the requests that the schedules send, by the schedule's end of name."""
    return {
        item["Name"].removeprefix(f"{PROJECT}-"): json.loads(item["Target"]["Input"])
        for item in everything("AWS::Scheduler::Schedule", **given).values()
        if item["Target"]["Arn"].endswith("createProcessingJob")
    }


def job_reads() -> dict[str, set[str]]:
    """Give the environment variables that each step of the job reads."""
    job = project_files.text("src/categoriser/monitor/job.py")
    read = {*re.findall(r'environment(?:\.get\(|\[)"(\w+)"', job)}
    read |= {*re.findall(r'(?:time|path)\("(\w+)"', job)}
    read |= {*re.findall(r'"(sagemaker_endpoint_datacapture_prefix|dataset_source)"', job)}
    (places,) = re.findall(
        r"PLACES = \((.*)\)", project_files.text("src/categoriser/jobs/labelling_job.py")
    )
    return {"monitor": read, "label": read | {*re.findall(r'"(\w+)"', places)}}


def of_captures() -> dict[str, str]:
    """Give what the check must know to count captures: as the live endpoint has it."""
    kind = "AWS::SageMaker::EndpointConfig"
    (config,) = (item["Properties"] for item in made("prod").values() if item["Type"] == kind)
    (variant,) = config["ProductionVariants"]
    percent = config["DataCaptureConfig"]["InitialSamplingPercentage"]
    return {"endpoint_variant": variant["VariantName"], "capture_percent": str(percent)}


def test_a_scheduled_job_is_told_what_it_reads() -> None:
    live, data = example.GIVEN["LiveBucket"], example.GIVEN["DataBucket"]
    common = {
        "AWS_DEFAULT_REGION": REGION,
        "scheduled_time": "<aws.scheduler.scheduled-time>",
        "sagemaker_endpoint_datacapture_prefix": f"s3://{live}/captures",
        "ground_truth_source": f"s3://{live}/ground-truth",
    }
    check = common | {
        "sagemaker_monitoring_schedule_name": f"{PROJECT}-check",
        "baseline": f"s3://{data}/runs/{{release}}/evaluation/baseline",
        "live_endpoint": live_endpoint(),
        **of_captures(),
        "output_path": "/opt/ml/processing/output",
        "publish_cloudwatch_metrics": "Enabled",
    }
    label = common | {
        "sagemaker_endpoint_name": live_endpoint(),
        "sagemaker_monitoring_schedule_name": f"{PROJECT}-labels",
        "publish_cloudwatch_metrics": "Enabled",
        "baseline": f"s3://{data}/runs/{RELEASE}/evaluation/baseline",
        "labels": f"s3://{live}/labels",
        "data_manifest": f"s3://{data}/{build.DATA}",
        "labelled_manifest": f"s3://{data}/releases/labelled.zip",
    }
    found = scheduled()
    assert found["check"]["Environment"] == check
    assert found["labels"]["Environment"] == label
    read = job_reads()
    steps = project_files.text("src/categoriser/jobs/processing.py")
    for name, step in (("check", "monitor"), ("labels", "label")):
        request = found[name]
        assert request["Environment"].keys() - {"AWS_DEFAULT_REGION"} <= read[step]
        assert request["AppSpecification"] == {
            "ImageUri": example.GIVEN["JobImage"],
            "ContainerEntrypoint": ["process", step],
        }
        assert f'"{step}":' in steps
        assert request["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/{PROJECT}-monitor-{REGION}"
        cluster = request["ProcessingResources"]["ClusterConfig"]
        assert cluster["InstanceType"] == example.GIVEN["MonitorInstance"]
        assert cluster["VolumeKmsKeyId"] == key_arn()
        tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        assert tags == {"Project": PROJECT, "Release": RELEASE}
        assert "NetworkConfig" not in request
        inside = scheduled(Network="vpc")[name]["NetworkConfig"]["VpcConfig"]
        assert inside["Subnets"] == exports("all")[f"{PROJECT}-Subnets"].split(",")
        assert inside["SecurityGroupIds"] == [exports("all")[f"{PROJECT}-SecurityGroup"]]
    (output,) = found["check"]["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == f"s3://{live}/reports"
    assert output["S3Output"]["LocalPath"] == check["output_path"]
    assert found["check"]["ProcessingOutputConfig"]["KmsKeyId"] == key_arn()


def test_who_makes_a_job_whose_volume_has_a_key_may_let_sagemaker_use_it() -> None:
    """SageMaker's page on API permissions asks it of the caller; else no job ever begins."""
    made_roles = {
        item["RoleName"].removeprefix(f"{PROJECT}-").removesuffix(f"-{REGION}"): item
        for item in everything("AWS::IAM::Role").values()
    }
    for_a_service = {"kms:GrantIsForAWSResource": "true"}
    for name, request in scheduled().items():
        key = request["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"]
        schedule = made_roles["schedule"]
        assert allows(schedule, Need("kms:DescribeKey", key)), name
        assert allows(schedule, Need("kms:CreateGrant", key, for_a_service)), name
        assert not allows(schedule, Need("kms:CreateGrant", key)), name
    # The jobs of training have volumes without one.
    assert "VolumeKmsKeyId" not in project_files.text("release/build.py")


def test_the_schedules_are_in_the_group_that_is_watched() -> None:
    group = resolver.physical("monitor", "Group")
    for item in everything("AWS::Scheduler::Schedule").values():
        if item["Target"]["Arn"].endswith("createProcessingJob"):
            assert item["GroupName"] == group
            target = "arn:aws:scheduler:::aws-sdk:sagemaker:createProcessingJob"
            assert item["Target"]["Arn"] == target


def test_the_monitors_alarms_are_of_as_many_windows_as_its_settings_say() -> None:
    for kind in ("drift", "quality"):
        watched = alarms()[f"{PROJECT}-{kind}"]
        assert watched["Namespace"] == monitoring().metrics.namespace == f"{PROJECT}/Monitor"
        assert watched["EvaluationPeriods"] == example.GIVEN["AlarmsWindows"]


def test_the_hosts_of_the_console_are_the_partitions() -> None:
    links = {
        "aws": "console.aws.amazon.com",
        "aws-us-gov": "console.amazonaws-us-gov.com",
    }
    for partition, host in links.items():
        (approval,) = [
            a for a in actions(**{"AWS::Partition": partition}) if a["Name"] == "Approve"
        ]
        assert f"{REGION}.{host}/s3/" in approval["Configuration"]["ExternalEntityLink"]


def test_the_network_is_one() -> None:
    written = templates.resources("network")
    for key, item in written.items():
        properties = item["Properties"]
        assert properties.get("VpcId", {"Ref": "Vpc"}) == {"Ref": "Vpc"}, key
        assert properties.get("RouteTableId", {"Ref": "RouteTable"}) == {"Ref": "RouteTable"}, key
    for which in ("First", "Second"):
        assert written[f"{which}Routes"]["Properties"]["SubnetId"] == {"Ref": f"{which}Subnet"}
        tags = made("network")[f"{which}Subnet"]["Properties"]["Tags"]
        assert tags == [{"Key": "Name", "Value": f"{PROJECT}-{which.lower()}"}]
    assert written["S3Endpoint"]["Properties"]["RouteTableIds"] == [{"Ref": "RouteTable"}]
    metrics = written["MetricsEndpoint"]["Properties"]
    subnets = [{"Ref": f"{which}Subnet"} for which in ("First", "Second")]
    assert metrics["SubnetIds"] == subnets
    assert metrics["SecurityGroupIds"] == [{"Ref": "EndpointSecurityGroup"}]
    (ingress,) = written["EndpointSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    assert ingress["SourceSecurityGroupId"] == {"Ref": "SecurityGroup"}
    services = {"s3": "com.amazonaws.{}.s3", "monitoring": "com.amazonaws.{}.monitoring"}
    found = made("network")
    assert found["S3Endpoint"]["Properties"]["ServiceName"] == services["s3"].format(REGION)
    here = found["MetricsEndpoint"]["Properties"]["ServiceName"]
    assert here == services["monitoring"].format(REGION)
    log = found["FlowLog"]["Properties"]
    assert log["LogDestination"] == f"arn:aws:s3:::{PROJECT}-logs-{ACCOUNT}-{REGION}/flow/"
    assert written["FlowLog"]["Properties"]["ResourceId"] == {"Ref": "Vpc"}
    allowed = [
        statement["Resource"]
        for statement in policy("data", "LogBucketPolicy")
        if statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    ]
    path = f"{log['LogDestination']}AWSLogs/{ACCOUNT}/x"
    assert any(matches(each, path) for each in allowed)
    assert found["Vpc"]["Properties"]["Tags"] == [{"Key": "Name", "Value": PROJECT}]


# ------------------------------------------------------------------------------------ variants

# Under which forms of the project each conditional resource is made.
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "one account": ("all", {}),
    "tools of two": ("tools", {}),
    "prod of two": ("prod", {}),
    "CodeCommit": ("all", {"SourceHost": "CodeCommit"}),
    "API keys": ("all", {"ProdAuth": "api-key"}),
    "VPC": ("all", {"Network": "vpc"}),
}
ONE = {"one account", "CodeCommit", "API keys", "VPC"}
TOOLS, PROD = ONE | {"tools of two"}, ONE | {"prod of two"}


def test_a_form_makes_what_it_needs() -> None:
    made_in: dict[str, set[str]] = {}
    for form, (part, given) in FORMS.items():
        for name in IN[part]:
            for key in made(name, part, **given):
                if "Condition" in templates.resources(name)[key]:
                    made_in.setdefault(f"{name}.{key}", set()).add(form)
    expected = {
        "data.ArtifactBucket": TOOLS,
        "data.ArtifactBucketPolicy": TOOLS,
        "data.Budget": TOOLS | PROD,
        "data.DataBucket": TOOLS,
        "data.DataBucketPolicy": TOOLS,
        "data.LiveBucket": PROD,
        "data.LiveBucketPolicy": PROD,
        "data.ModelPackageGroup": TOOLS,
        "serving.Interfaces": {"VPC"},
        "monitor.AlarmRule": {"prod of two"},
        "monitor.ShiftRule": {"prod of two"},
        "pipeline.CommitRule": {"CodeCommit"},
        "pipeline.GitConnection": TOOLS - {"CodeCommit"},
        "pipeline.ProdEvents": {"tools of two"},
        "prod.ApiKey": {"API keys"},
        "prod.UsagePlan": {"API keys"},
        "prod.UsagePlanKey": {"API keys"},
    }
    made_roles = {k: v for k, v in made_in.items() if k.split(".")[0] in roles.TEMPLATES}
    del made_roles["serving.Interfaces"]
    deployments = {k: v for k, v in made_in.items() if "Deployment" in k}
    rest = made_in.keys() - made_roles.keys() - deployments.keys()
    assert {key: made_in[key] for key in rest} == expected
    for key, forms in deployments.items():
        assert forms == ({"API keys"} if "Key" in key else PROD - {"API keys"}), key
    of_roles = {
        "tools": {"Approve", "Base", "Build", "Events", "Jobs", "Monthly", "Pipeline", "Retrain"}
        | {"Stage", "Test", "Train"},
        "prod": {"Api", "CodeDeploy", "Monitor", "Release", "Schedule", "Watch"},
        "apart": {"Forward", "PipelineActions"},
    }
    wanted = {"tools": TOOLS, "prod": PROD, "apart": {"prod of two"}}
    for key, forms in made_roles.items():
        (of,) = [kind for kind, names in of_roles.items() if key.split(".")[1] in names]
        assert forms == wanted[of], key


# ----------------------------------------------------------------------------------- buckets


@pytest.mark.parametrize("part", ACCOUNTS)
def test_what_ends_and_what_is_logged_is_what_is_there(part: str) -> None:
    logs = resolver.physical("data", "LogBucket", ACCOUNTS[part])
    (admits,) = [each for each in policy("data", "LogBucketPolicy", part) if logged(each)]
    for item in everything("AWS::S3::Bucket", part).values():
        kind = item["BucketName"].removeprefix(f"{PROJECT}-").split("-")[0]
        for rule in item["LifecycleConfiguration"]["Rules"]:
            prefix = rule.get("Prefix", "")
            if kind in OBJECTS:
                assert any(key.startswith(prefix) for key in OBJECTS[kind]), rule["Id"]
                # What a manifest names by version stays.
                kept = [key for key in OBJECTS[kind] if re.match("raw|releases|labels", key)]
                # The artifacts' versions are in no manifest.
                of_versions = kind != "artifacts" and "NoncurrentVersionExpiration" in rule
                ends = "ExpirationInDays" in rule or of_versions
                assert not ends or not any(key.startswith(prefix) for key in kept), rule["Id"]
        if "LoggingConfiguration" in item:
            place = item["LoggingConfiguration"]
            assert place["DestinationBucketName"] == logs
            path = f"arn:aws:s3:::{logs}/{place['LogFilePrefix']}x"
            assert matches(admits["Resource"], path)
            assert place["LogFilePrefix"] == f"s3/{kind}/"
            (source_arn,) = admits["Condition"]["ArnLike"].values()
            assert matches(source_arn, f"arn:aws:s3:::{item['BucketName']}")


def logged(statement: dict[str, Any]) -> bool:
    return bool(statement["Principal"] == {"Service": "logging.s3.amazonaws.com"})
