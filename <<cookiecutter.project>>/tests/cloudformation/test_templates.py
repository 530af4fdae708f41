"""The templates by themselves: linters, what the linters do not see, AWS's limits, the decisions.

What one file says of another is in test_contracts.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import botocore.session
import pytest
import yaml
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as SCHEMAS

from categoriser.errors import UserError
from prove import example, project_files, resolver, templates
from prove.linter import LONGEST, REGIONS, WITHOUT_VALUES, plain
from prove.resource_types import NAMINGS
from release import build, graph

RELEASES = ("train", "dev", "prod", "monitor")
CHECKOV = Path(os.environ.get("CHECKOV") or project_files.ROOT / ".tools/checkov/bin/checkov")

# ------------------------------------------------------------------------------------ linters


@pytest.fixture(scope="module")
def checkov() -> Iterator[subprocess.Popen[str]]:
    """Run checkov while cfn-lint runs: each takes ten seconds."""
    assert CHECKOV.exists(), "checkov is missing: make .tools/checkov/ready"
    command = [str(CHECKOV), "--framework", "cloudformation", "--compact", "--quiet"]
    # A relative folder: checkov takes 40 letters and slashes in a row, as of a path, for a secret.
    command += ["--skip-download", "--directory", "cloudformation", "--output", "json"]
    with subprocess.Popen(
        command, cwd=project_files.ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


def test_cfn_lint_finds_nothing(checkov: subprocess.Popen[str], tmp_path: Path) -> None:
    """All in one call, for one region of each partition; and each with its values worked out.

    The second form shows cfn-lint the names, the ARNs and the numbers that functions hide from it.
    """
    paths = [project_files.ROOT / f"cloudformation/{name}.yaml" for name in templates.every()]
    for name in templates.every().keys() - WITHOUT_VALUES:
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps({"Resources": plain(name)}))
    linter = Path(sys.executable).with_name("cfn-lint")
    command = [str(linter), *map(str, paths), "--regions", *REGIONS]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


# Checks of checkov's that are not met: of which resources, and why.
SKIPPED = {
    "CKV_AWS_18": ("LogBucket", "it holds the access logs; its own would fill it"),
    "CKV_AWS_51": ("BaseRepository", "the tag `current` moves, all others are immutable"),
    "CKV_AWS_76": (
        "Stage",
        "its role is the account's, no stack's; each request is logged and traced",
    ),
    "CKV_AWS_111": ("Release", "PutCompositeAlarm is refused on less than all resources"),
    "CKV_AWS_115": (".*", "a new account has ten in all, and any reservation is refused there"),
    "CKV_AWS_116": (".*", "who invokes it waits for it; RetrainFunction tells its failures"),
    "CKV_AWS_117": (".*", "it calls AWS's own APIs only"),
    "CKV_AWS_120": ("Stage", "no two transactions are alike"),
    "CKV_AWS_173": (".*", "names, nothing secret; Lambda encrypts them with its own key"),
    "CKV_AWS_370": ("Model", "dev's is isolated unless serverless, which cannot be; If hides it"),
}


def test_checkov_finds_only_what_is_chosen(checkov: subprocess.Popen[str]) -> None:
    found, _ = checkov.communicate()
    failed = json.loads(found)["results"]["failed_checks"]
    unexpected = [
        f"{check['check_id']} {check['resource']} in {check['file_path']}: {check['check_name']}"
        for check in failed
        if not re.fullmatch(
            SKIPPED.get(check["check_id"], ("",))[0], check["resource"].rsplit(".", 1)[-1]
        )
    ]
    assert not unexpected, "\n".join(unexpected)
    assert not SKIPPED.keys() - {check["check_id"] for check in failed}, "a skip skips nothing"


# ---------------------------------------------------------------- what cfn-lint does not see

# Of an action: category and provider, and its Configuration's keys, those first that it must have.
# From the CodePipeline user guide, "Action structure reference".
ACTIONS: dict[tuple[str, str], tuple[set[str], set[str]]] = {
    ("Source", "CodeStarSourceConnection"): (
        {"ConnectionArn", "FullRepositoryId", "BranchName"},
        {"OutputArtifactFormat", "DetectChanges"},
    ),
    ("Source", "CodeCommit"): (
        {"RepositoryName", "BranchName"},
        {"OutputArtifactFormat", "PollForSourceChanges"},
    ),
    ("Source", "ECR"): ({"RepositoryName"}, {"ImageTag"}),
    ("Source", "S3"): (
        {"S3Bucket", "S3ObjectKey"},
        {"PollForSourceChanges", "AllowOverrideForS3ObjectKey"},
    ),
    ("Build", "CodeBuild"): ({"ProjectName"}, {"PrimarySource", "EnvironmentVariables"}),
    ("Test", "CodeBuild"): ({"ProjectName"}, {"PrimarySource", "EnvironmentVariables"}),
    ("Deploy", "CloudFormation"): (
        {"ActionMode", "StackName", "TemplatePath", "RoleArn"},
        {"TemplateConfiguration", "ParameterOverrides", "Capabilities", "OutputFileName"},
    ),
    ("Approval", "Manual"): (set(), {"NotificationArn", "CustomData", "ExternalEntityLink"}),
    ("Invoke", "Lambda"): ({"FunctionName"}, {"UserParameters"}),
}


def pipeline() -> dict[str, Any]:
    """Give the pipeline's properties, unresolved."""
    ((_, _, found),) = templates.everywhere("AWS::CodePipeline::Pipeline")
    properties: dict[str, Any] = found["Properties"]
    return properties


def stages() -> dict[str, list[dict[str, Any]]]:
    """Give each stage's actions, resolved, in the order in which they run."""
    return {
        stage["Name"]: sorted(stage["Actions"], key=lambda action: int(action.get("RunOrder", 1)))
        for stage in resolver.resolve(pipeline()["Stages"], "pipeline")
    }


def actions() -> Iterator[dict[str, Any]]:
    for found in stages().values():
        yield from found


def test_each_action_has_a_provider_and_keys_that_exist() -> None:
    for action in actions():
        kind = action["ActionTypeId"]
        assert (kind["Owner"], kind["Version"]) == ("AWS", "1")
        required, optional = ACTIONS[kind["Category"], kind["Provider"]]
        given = action.get("Configuration", {}).keys()
        assert required <= given <= required | optional, action["Name"]


def test_each_action_reads_what_it_names() -> None:
    """PrimarySource and the paths `Artifact::file` are of the action's own input artifacts."""
    for action in actions():
        inputs = {each["Name"] for each in action.get("InputArtifacts", [])}
        configuration = action.get("Configuration", {})
        named = {configuration["PrimarySource"]} if "PrimarySource" in configuration else set()
        for key in ("TemplatePath", "TemplateConfiguration"):
            named |= {configuration[key].split("::")[0]} if key in configuration else set()
        assert named <= inputs, action["Name"]
        assert len(inputs) < 2 or "PrimarySource" in configuration, action["Name"]


# From the CodeBuild user guide, "Docker images provided by CodeBuild" and "Available runtimes": the
# current image of Ubuntu for x86, which the images are built for, and its versions of Python.
CODEBUILD_IMAGES = {"aws/codebuild/standard:8.0": {"3.10", "3.11", "3.12", "3.13", "3.14"}}
# From the same, "Build environment compute modes".
COMPUTE = {f"BUILD_GENERAL1_{size}" for size in ("SMALL", "MEDIUM", "LARGE", "XLARGE", "2XLARGE")}


def projects() -> dict[str, dict[str, Any]]:
    """Give each CodeBuild project's properties by its name, resolved."""
    found = {}
    for name, _, item in templates.everywhere("AWS::CodeBuild::Project"):
        properties = resolver.resolve(item["Properties"], name)
        found[properties["Name"]] = properties
    return found


def test_each_codebuild_project_has_a_machine_that_exists() -> None:
    for name, project in projects().items():
        environment = project["Environment"]
        assert environment["Type"] == "LINUX_CONTAINER", name
        assert environment["ComputeType"] in COMPUTE, name
        assert environment["Image"] in CODEBUILD_IMAGES, name
        kinds = {project["Source"]["Type"], project["Artifacts"]["Type"]}
        assert kinds in ({"CODEPIPELINE"}, {"S3", "NO_ARTIFACTS"}), name
        spec = project_files.text(project["Source"]["BuildSpec"])
        docker = re.search(r"\bdocker\b", spec)
        for python in re.findall(r"\n      python: (.+)\n", spec):
            assert python in CODEBUILD_IMAGES[environment["Image"]], f"{name}: Python {python}"
        assert environment.get("PrivilegedMode", False) == bool(docker), name


PHASES = ("install", "pre_build", "build", "post_build")


@pytest.mark.parametrize("name", ["base", "build", "test"])
def test_a_buildspec_is_one(name: str) -> None:
    """Its keys are those of version 0.2, and its commands are shell."""
    spec = yaml.safe_load(project_files.text(f"buildspecs/{name}.yaml"))
    assert spec.keys() <= {"version", "env", "phases", "artifacts", "cache", "reports"}
    assert spec["version"] == 0.2
    assert spec.get("env", {}).keys() <= {"shell", "variables", "exported-variables"}
    assert spec["phases"].keys() <= {*PHASES}
    for phase in spec["phases"].values():
        assert phase.keys() <= {"runtime-versions", "on-failure", "commands", "finally"}
        for command in phase["commands"]:
            assert isinstance(command, str), command
            done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False)
            assert done.returncode == 0, done.stderr
    assert spec.get("artifacts", {}).keys() <= {"files", "base-directory", "name"}


def test_the_shift_is_a_canary_of_the_share_and_the_minutes_that_are_set() -> None:
    ((_, _, group),) = templates.everywhere("AWS::CodeDeploy::DeploymentGroup")
    ((name, key, canary),) = templates.everywhere("AWS::CodeDeploy::DeploymentConfig")
    assert group["Properties"]["DeploymentConfigName"] == {"Ref": key}
    # From the CodeDeploy API reference, TrafficRoutingConfig and TimeBasedCanary.
    shift = {"CanaryPercentage": 10, "CanaryInterval": 5}
    assert resolver.resolve(canary["Properties"], name) == {
        "ComputePlatform": "Lambda",
        "TrafficRoutingConfig": {"Type": "TimeBasedCanary", "TimeBasedCanary": shift},
    }
    style = {"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"}
    assert group["Properties"]["DeploymentStyle"] == style
    ((_, _, application),) = templates.everywhere("AWS::CodeDeploy::Application")
    assert application["Properties"]["ComputePlatform"] == "Lambda"


def widgets() -> list[dict[str, Any]]:
    ((name, _, dashboard),) = templates.everywhere("AWS::CloudWatch::Dashboard")
    body = json.loads(resolver.resolve(dashboard["Properties"]["DashboardBody"], name))
    found: list[dict[str, Any]] = body["widgets"]
    return found


def test_the_dashboard_is_one() -> None:
    """CloudWatch's structure: a grid of 24 columns, metrics as lists with pairs of dimensions."""
    assert widgets()
    for widget in widgets():
        assert widget["type"] in {"metric", "text", "alarm"}
        assert 0 < widget.get("width", 6) <= 24 - widget.get("x", 0)
        if widget["type"] == "metric":
            assert widget["properties"]["region"] == example.PSEUDO["AWS::Region"]
            for metric in widget["properties"]["metrics"]:
                assert sum(isinstance(each, str) for each in metric) % 2 == 0


def test_capacity_does_not_fall() -> None:
    for name, _, item in templates.everywhere("AWS::ApplicationAutoScaling::ScalableTarget"):
        found = resolver.resolve(item["Properties"], name, {"ProdMinimum": 2, "ProdMaximum": 4})
        assert (int(found["MinCapacity"]), int(found["MaxCapacity"])) == (2, 4)


# ------------------------------------------------------------------------------------- limits

# The longest name of each, from botocore's service models and the services' quota pages.
LENGTHS = {
    "AWS::ApiGateway::ApiKey": 1024,
    "AWS::ApiGateway::RestApi": 1024,
    "AWS::ApiGateway::Stage": 128,
    "AWS::ApiGateway::UsagePlan": 1024,
    "AWS::Budgets::Budget": 100,
    "AWS::CloudWatch::Alarm": 255,
    "AWS::CloudWatch::CompositeAlarm": 255,
    "AWS::CloudWatch::Dashboard": 255,
    "AWS::CodeBuild::Project": 150,
    "AWS::CodeConnections::Connection": 32,
    "AWS::CodeDeploy::Application": 100,
    "AWS::CodeDeploy::DeploymentGroup": 100,
    "AWS::CodePipeline::Pipeline": 100,
    "AWS::ECR::Repository": 256,
    "AWS::Events::EventBusPolicy": 64,
    "AWS::Events::Rule": 64,
    "AWS::IAM::ManagedPolicy": 128,
    "AWS::IAM::Role": 64,
    "AWS::KMS::Alias": 256,
    "AWS::Lambda::Function": 64,
    "AWS::Logs::LogGroup": 512,
    "AWS::S3::Bucket": 63,
    "AWS::SNS::Topic": 256,
    "AWS::SageMaker::Endpoint": 63,
    "AWS::SageMaker::EndpointConfig": 63,
    "AWS::SageMaker::Model": 63,
    "AWS::SageMaker::ModelPackageGroup": 63,
    "AWS::Scheduler::Schedule": 64,
    "AWS::Scheduler::ScheduleGroup": 64,
}
# A role's name ends in the region: the longest there is.
LONG_REGION = LONGEST | {"AWS::Region": "ap-southeast-2"}


def test_the_longest_project_name_stays_within_every_limit_of_a_name() -> None:
    assert len(LONGEST["Project"]) == 20
    for name, key, item in templates.everywhere():
        if item["Type"] in NAMINGS:
            found = resolver.physical(name, key, LONG_REGION)
            generated = found == f"{LONGEST['Project']}-{name}-{key}"
            # What CloudFormation generates, it cuts to fit.
            limit = LENGTHS.get(item["Type"], 0)
            assert generated or len(found) <= limit, f"{name}.{key}: {found}"


# CloudFormation's quotas of a template, from its guide. A layer is sent as TemplateBody; the
# pipeline's action gives its artifact's place in S3. A tenth is left: a change then meets no limit.
BODY, FILE, ROOM = 51_200, 1_000_000, 0.9
QUOTAS = {"Parameters": 200, "Resources": 500, "Outputs": 200, "Mappings": 200}


def test_a_template_stays_within_cloudformations_limits() -> None:
    for name, template in templates.every().items():
        size = len(project_files.text(f"cloudformation/{name}.yaml").encode())
        limit = FILE if name in RELEASES else BODY
        assert size <= limit * ROOM, f"{name} has {size} bytes: split it"
        for part, most in QUOTAS.items():
            assert len(template.get(part, {})) <= most * ROOM, f"{name}: {part}"
        for mapping in template.get("Mappings", {}).values():
            assert len(mapping) <= 200 * ROOM, name
        assert len(template.get("Description", "")) <= 1024, name


def test_a_layer_is_sent_as_its_own_text() -> None:
    """What the limit of a body is about; a release's template goes by its artifact."""
    assert '"TemplateBody": read(name)' in project_files.text("release/stacks.py")
    assert {*build.STACKS} == {*RELEASES}


def test_a_functions_environment_stays_within_lambdas_limit() -> None:
    for name, key, item in templates.everywhere("AWS::Lambda::Function"):
        environment = resolver.resolve(item["Properties"], name, LONG_REGION).get("Environment", {})
        assert len(json.dumps(environment)) <= 4096, key


def shape_faults(shape: Any, value: Any, place: str) -> Iterator[str]:
    """Yield where a request's text is too long, or not of its pattern, by botocore's model."""
    if shape.type_name == "structure":
        yield from (f"{place}.{key} is unknown" for key in value.keys() - shape.members.keys())
        yield from (f"{place}.{key} is missing" for key in {*shape.required_members} - {*value})
        for key in value.keys() & shape.members.keys():
            yield from shape_faults(shape.members[key], value[key], f"{place}.{key}")
    elif shape.type_name in ("list", "map"):
        pairs = value.items() if shape.type_name == "map" else enumerate(value)
        for key, each in pairs:
            member = shape.value if shape.type_name == "map" else shape.member
            yield from shape_faults(member, each, f"{place}.{key}")
    elif shape.type_name == "string":
        yield from text_faults(shape, value, place)


def text_faults(shape: Any, value: str, place: str) -> Iterator[str]:
    if not shape.metadata.get("min", 0) <= len(value) <= shape.metadata.get("max", len(value)):
        yield f"{place}: {value} has {len(value)} characters"
    if shape.enum and value not in shape.enum:
        yield f"{place}: {value} is not of {shape.enum}"
    # Java's classes of characters, which Python lacks, are in patterns that allow nearly all.
    pattern = shape.metadata.get("pattern", r"\p")
    if r"\p" not in pattern and not re.fullmatch(pattern, value, re.DOTALL):
        yield f"{place}: {value} does not match {pattern}"


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


# What EventBridge Scheduler puts in; the examples of its guide, "Adding context attributes".
SCHEDULED = {
    "aws.scheduler.scheduled-time": "2026-11-22T10:15:00Z",
    "aws.scheduler.execution-id": "d32c5kddcf5bb8c3",
}


def scheduled(name: str, given: resolver.Parameters) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (schedule's name, request) of each schedule, as Scheduler sends it."""
    for key, item in templates.resources(name, "AWS::Scheduler::Schedule").items():
        if key in resolver.present(name, given):
            properties = resolver.resolve(item["Properties"], name, given)
            text = properties["Target"].get("Input", "{}")
            for word, value in SCHEDULED.items():
                text = text.replace(f"<{word}>", value)
            yield properties["Name"], json.loads(text)


def test_what_the_schedules_ask_for_is_within_sagemakers_limits() -> None:
    """Scheduler sends its input as it is: a fault would show when the first job is due."""
    found = dict(scheduled("monitor", LONG_REGION))
    assert found.keys() == {f"{LONGEST['Project']}-{kind}" for kind in ("check", "labels")}
    shape = model("sagemaker").operation_model("CreateProcessingJob").input_shape
    for name, request in found.items():
        assert not [*shape_faults(shape, request, name)]
        # The id's length is not documented: that of a UUID would fit too.
        job = request["ProcessingJobName"].removesuffix(SCHEDULED["aws.scheduler.execution-id"])
        assert job.endswith("-"), name
        assert len(job) + 36 <= 63, name


def test_a_probes_id_fits_in_an_inference_id() -> None:
    shape = model("sagemaker-runtime").shape_for("InferenceId")
    assert not [*shape_faults(shape, f"probe-{example.RELEASE}-golden-999", "InferenceId")]
    assert shape.metadata["max"] == 64


def test_an_actions_configuration_is_within_codepipelines_limit() -> None:
    limit = model("codepipeline").shape_for("ActionConfigurationValue").metadata["max"]
    for action in actions():
        for key, value in action.get("Configuration", {}).items():
            assert len(value) <= limit, f"{action['Name']}: {key}"


# ------------------------------------------------------------------------- names and literals


# Names within what bears the project's name.
INNER = {f"AWS::ApiGateway::{kind}" for kind in ("RequestValidator", "Stage")}
INNER |= {"AWS::CodeDeploy::DeploymentGroup", "AWS::Lambda::Alias"}


def given_names(project: str) -> set[tuple[str, str]]:
    """Give (type, physical name) of all that a project names, and its exports."""
    found = set()
    given = {"Project": project}
    for name, key, item in templates.everywhere():
        if item["Type"] in NAMINGS.keys() - INNER:
            physical = resolver.physical(name, key, given)
            if physical != f"{project}-{name}-{key}":
                found.add((item["Type"], physical))
    for name, template in templates.every().items():
        for output in template.get("Outputs", {}).values():
            if "Export" in output:
                found.add(("Export", resolver.resolve(output["Export"]["Name"], name, given)))
    return found


def test_two_projects_share_no_physical_name() -> None:
    one, two = given_names("one"), given_names("two")
    assert len(one) == len(two) > 50
    assert not one & two
    assert all("one" in name for _, name in one)


def test_every_name_is_known_here() -> None:
    """A type whose name is given and that prove/templates.py does not know would hide above."""
    for name, key, item in templates.everywhere():
        kind = item["Type"].rsplit(":", 1)[-1]
        given = {*item.get("Properties", {})} & {"Name", f"{kind}Name"}
        assert not given or item["Type"] in {*NAMINGS, *INNER}, f"{name}.{key}: {given}"


LITERALS = {
    "an account": r"\b\d{12}\b",
    "a region": r"\b(af|ap|ca|cn|eu|il|me|mx|sa|us)(-gov|-iso\w?)?-(nor|sou|eas|wes|cen)[a-z]+-\d",
    "a partition": r"\barn:aws",
    "a domain of a partition": r"amazonaws\.com(?=/|$)",
}
# A principal of a service, and an endpoint service's name, are called so in every partition.
EVERYWHERE = re.compile(r"com\.amazonaws\..*|[a-z0-9.-]+\.amazonaws\.com")


def test_no_account_region_or_partition_is_written_in() -> None:
    for name, template in templates.every().items():
        for path, text in templates.walk(
            {key: template[key] for key in ("Resources", "Outputs") if key in template}
        ):
            for what, pattern in LITERALS.items():
                if isinstance(text, str) and not EVERYWHERE.fullmatch(text):
                    assert not re.search(pattern, text), f"{name}.{path} holds {what}: {text}"


# What holds data that nothing makes again.
KEPT = {"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SageMaker::ModelPackageGroup"}


def test_what_holds_data_outlives_its_stack() -> None:
    for name, key, item in templates.everywhere():
        policies = {item.get("DeletionPolicy"), item.get("UpdateReplacePolicy")}
        if item["Type"] in KEPT:
            assert policies == {"Retain"}, f"{name}.{key}"
        elif item["Type"] == "AWS::Logs::LogGroup":
            # Chosen, since the default of a log group in a template is to go with its stack.
            assert len(policies - {None}) == 1, f"{name}.{key}"
        else:
            assert "Retain" not in policies, f"{name}.{key} would be left behind"


def test_what_holds_data_is_closed() -> None:
    """Versions, encryption, no public access, TLS only, and events without CloudTrail."""
    buckets = templates.resources("data", "AWS::S3::Bucket")
    locked: dict[str, Any] = {}
    for policy in templates.resources("data", "AWS::S3::BucketPolicy").values():
        locked[policy["Properties"]["Bucket"]["Ref"]] = policy["Properties"]["PolicyDocument"]
    assert locked.keys() == buckets.keys()
    for key, item in buckets.items():
        bucket = resolver.resolve(item["Properties"], "data")
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        arn = resolver.arn("data", key)
        deny = resolver.resolve(locked[key], "data")["Statement"][0]
        assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", "*", "s3:*")
        assert deny["Resource"] == [arn, f"{arn}/*"]
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        default = rule["ServerSideEncryptionByDefault"]
        if key == "LogBucket":  # S3 delivers logs to no bucket under a customer's key
            assert default == {"SSEAlgorithm": "AES256"}
            continue
        assert default == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": resolver.arn("data", "Key")}
        events = bucket["NotificationConfiguration"]["EventBridgeConfiguration"]
        assert events == {"EventBridgeEnabled": True}
        assert bucket["LoggingConfiguration"]["DestinationBucketName"] == resolver.physical(
            "data", "LogBucket"
        )


# ------------------------------------------------------------------------ the order of a release


def prod() -> dict[str, Any]:
    return templates.every()["prod"]["Resources"]  # type: ignore[no-any-return]


ALIAS = "Live"


def without(key: str) -> dict[str, Any]:
    """Give prod's resources as if one were in another stack: known by its name only."""
    text = json.dumps({name: item for name, item in prod().items() if name != key})
    text = re.sub(rf'{{"(Ref|Fn::GetAtt)": (\\["{key}", "\\w+"\\]|"{key}")}}', '"its-name"', text)
    resources: dict[str, Any] = json.loads(text.replace(f'"{key}", ', "").replace(f', "{key}"', ""))
    return resources


def test_no_live_endpoint_goes_before_its_traffic_has_moved() -> None:
    graph.check(prod(), ALIAS)


@pytest.mark.parametrize(
    "key", ["Model", "EndpointConfig", "Endpoint", "ApiVersion", "ScalingPolicy", "Golden"]
)
def test_what_a_release_replaces_is_in_the_stack_of_the_alias(key: str) -> None:
    with pytest.raises(UserError, match=f"put {prod()[key]['Type']} into its template"):
        graph.check(without(key), ALIAS)


@pytest.mark.parametrize("key", ["ScalingPolicy", "Golden"])
def test_the_alias_waits_for_what_judges_the_release(key: str) -> None:
    rest = [name for name in prod()[ALIAS]["DependsOn"] if name != key]
    with pytest.raises(UserError, match=f"let it depend on {key}"):
        graph.check(prod() | {ALIAS: prod()[ALIAS] | {"DependsOn": rest}}, ALIAS)


def test_the_alias_says_that_it_waits_for_what_its_policy_names() -> None:
    """CloudFormation's pages do not say whether a policy's references are dependencies."""
    alias = prod()[ALIAS]
    named = {*graph.uses(alias["UpdatePolicy"])} - {"Application"}  # which the group refers to
    assert named <= {*alias["DependsOn"]}


@pytest.mark.parametrize("key", ["Before", "After"])
def test_the_shift_has_both_hooks(key: str) -> None:
    policy = dict(prod()[ALIAS]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"])
    assert policy[f"{key}AllowTrafficHook"] == {"Ref": key}
    del policy[f"{key}AllowTrafficHook"]
    alias = prod()[ALIAS] | {"UpdatePolicy": {"CodeDeployLambdaAliasUpdate": policy}}
    with pytest.raises(UserError, match=f"name its {key}AllowTrafficHook"):
        graph.check(prod() | {ALIAS: alias}, ALIAS)


def test_a_release_is_new_where_it_must_be_and_old_where_it_must_not() -> None:
    """An endpoint or a version that were updated in place would change under live traffic.

    A candidate's alarm that were updated would begin with the old release's state.
    """
    new = {prod()[key]["Type"] for key in graph.replaced(prod())}
    assert new == {
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::CloudWatch::Alarm",
        "AWS::Lambda::Version",
        "AWS::SageMaker::Endpoint",
        "AWS::SageMaker::EndpointConfig",
        "AWS::SageMaker::Model",
    }
    assert {*rollback_alarms()} <= graph.replaced(prod())
    stuck = json.loads(json.dumps(prod()["Endpoint"]).replace("ReleaseId", "Network"))
    with pytest.raises(UserError, match="name Endpoint after ReleaseId"):
        graph.check(prod() | {"Endpoint": stuck}, ALIAS)


def test_the_plan_ends_with_the_old_endpoint() -> None:
    steps = graph.plan(templates.every()["prod"], ALIAS)
    order = [line for _, lines in steps for line in lines]
    assert order.index("+ Endpoint") < order.index(f"~ {ALIAS}") < order.index("- Endpoint")
    assert order.index("+ Model") < order.index("+ EndpointConfig") < order.index("+ Endpoint")
    assert steps[-1][0] == "clean-up"


def test_the_shift_is_told_in_the_template_s_words() -> None:
    steps = graph.plan(templates.every()["prod"], ALIAS)
    (told,) = [lines for title, lines in steps if title == "the shift"]
    watch = "traffic_hooks.after: 10 minutes' watch"
    assert told == ["~ Live", "traffic_hooks.before", "10 % for 5 minutes, then all", watch]
    for old, new, words in (
        ('"MaxValue": 60, "Default": 5', '"Default": 30', "10 % for 30 minutes, then all"),
        ('"MaxValue": 50, "Default": 10', '"Default": 25', "25 % for 5 minutes, then all"),
        ('"MaxValue": 10, "Default": 10', '"Default": 7', "traffic_hooks.after: 7 minutes' watch"),
        ("traffic_hooks.before", "traffic_hooks.other", "traffic_hooks.other"),
    ):
        text = json.dumps(templates.every()["prod"])
        assert old in text
        assert words in graph.shift(json.loads(text.replace(old, new)), ALIAS)


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give prod.yaml in an otherwise empty folder, which is the working directory."""
    template = tmp_path / graph.TEMPLATE
    template.parent.mkdir()
    template.write_text(project_files.text(str(graph.TEMPLATE)))
    monkeypatch.chdir(tmp_path)
    return template


def test_graph_draws_it(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph.main()
    text = graph.PICTURE.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    words = [item.text for item in root.iter(f"{space}text")]
    assert {graph.TITLE, *graph.LEGEND, "- Endpoint", "10 % for 5 minutes, then all"} <= {*words}
    columns = [str(word) for word in words if re.match(r"\d+\. ", str(word))]
    assert [int(title.split(".")[0]) for title in columns] == [*range(1, len(columns) + 1)]
    assert columns[-1].endswith("clean-up")
    # A bar begins in the column of its first step, and both end with the last.
    places = {item.text: float(item.get("x", 0)) for item in root.iter(f"{space}text")}
    assert places["old endpoint"] == places[columns[0]]
    assert places["new endpoint"] == places["+ Endpoint"]
    widths = {
        float(item.get("x", 0)) + 6: float(item.get("x", 0)) + float(item.get("width", 0))
        for item in root.iter(f"{space}rect")
        if item.get("y") in ("72", "98")
    }
    assert {*widths.values()} == {places[columns[-1]] - 6 + graph.WIDTH - 6}
    printed = capsys.readouterr().out.splitlines()
    assert all(sign in printed[0] for sign in graph.LEGEND)
    assert printed[1].startswith("1. before the shift")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("Resources: [", "cannot be read"),
        ("Resources: {}\nResources: {}", "cannot be read"),
        ("", "no template"),
        ("- a", "no template"),
        ("Parameters: {}", "no template"),
        (project_files.text("cloudformation/dev.yaml"), "0 aliases"),
    ],
    ids=["missing", "broken", "twice", "empty", "list", "without", "another"],
)
def test_graph_says_what_is_wrong_with_the_template(
    text: str | None, words: str, drawn: Path
) -> None:
    drawn.unlink() if text is None else drawn.write_text(text)
    with pytest.raises(UserError, match=f"prod.yaml .*{words}") as error:
        graph.main()
    assert "\n" not in str(error.value)
    assert not graph.PICTURE.exists()


def rollback_alarms() -> dict[str, dict[str, Any]]:
    """Give the alarms of the deployment group by logical id."""
    ((_, _, group),) = templates.everywhere("AWS::CodeDeploy::DeploymentGroup")
    alarms = group["Properties"]["AlarmConfiguration"]["Alarms"]
    return {alarm["Name"]["Ref"]: prod()[alarm["Name"]["Ref"]] for alarm in alarms}


def test_rollback_is_by_the_candidates_own_metric_alarms() -> None:
    ((_, _, group),) = templates.everywhere("AWS::CodeDeploy::DeploymentGroup")
    assert group["Properties"]["AlarmConfiguration"]["Enabled"] is True
    rollback = group["Properties"]["AutoRollbackConfiguration"]
    assert rollback == {
        "Enabled": True,
        "Events": [
            "DEPLOYMENT_FAILURE",
            "DEPLOYMENT_STOP_ON_ALARM",
            "DEPLOYMENT_STOP_ON_REQUEST",
        ],
    }
    assert len(rollback_alarms()) == 4
    for key, alarm in rollback_alarms().items():
        assert alarm["Type"] == "AWS::CloudWatch::Alarm", key
        before, after = (
            resolver.resolve(alarm["Properties"], "prod", {"ReleaseId": release})
            for release in ("20261122-101500-aaaaaaa", "20261122-101500-bbbbbbb")
        )
        assert before["AlarmName"] != after["AlarmName"], key
        if key != "ErrorsAlarm":  # by the version's number, which only AWS knows
            read = ("Dimensions", "Metrics")
            assert [before.get(name) for name in read] != [after.get(name) for name in read], key
        assert "AlarmActions" not in before, f"{key} pages for a candidate that rolls back"


def test_no_alarm_counts_the_callers_mistakes() -> None:
    """InvokeEndpoint raises ModelError for a container's 4xx: its metric holds the callers' too."""
    for name, key, item in templates.everywhere():
        if "Alarm" in item["Type"]:
            assert "InvocationModelErrors" not in json.dumps(item), f"{name}.{key}"


def test_missing_data_is_no_alarm() -> None:
    for name, key, item in templates.everywhere("AWS::CloudWatch::Alarm"):
        assert item["Properties"]["TreatMissingData"] == "notBreaching", f"{name}.{key}"
        # A share may be as large as its bound; so many of a thing are too many.
        bound = {"UnreadAlarm", "MissingAlarm", "LabelsAlarm"}
        over = "GreaterThanThreshold" if key in bound else "GreaterThanOrEqualToThreshold"
        assert item["Properties"]["ComparisonOperator"] == over, f"{name}.{key}"


def test_a_version_is_new_with_each_release_and_goes_with_it() -> None:
    version = prod()["ApiVersion"]
    assert version["Properties"]["Description"] == {"Ref": "ReleaseId"}
    variables = prod()["Api"]["Properties"]["Environment"]["Variables"]
    assert variables["RELEASE_ID"] == {"Ref": "ReleaseId"}


def test_times_end_from_the_inside_out() -> None:
    """The endpoint's call, then the function, then the API; a hook before CodeDeploy's hour."""
    call = [
        int(found)
        for found in re.findall(
            r"(?:read|connect)_timeout=(\d+)", project_files.text("lambdas/prediction_api.py")
        )
    ]
    timeout = prod()["Api"]["Properties"]["Timeout"]
    assert len(call) == 2
    assert sum(call) < timeout < 29
    for key in ("PredictMethod", "FeedbackMethod"):
        assert prod()[key]["Properties"]["Integration"]["TimeoutInMillis"] == 29_000
    longest = templates.every()["prod"]["Parameters"]["ProdBakeMinutes"]["MaxValue"]
    # The report to CodeDeploy, and the last look at the captures, take their time too.
    assert longest * 60 + 120 <= prod()["After"]["Properties"]["Timeout"] <= 900
    for name in ("prod", "dev"):
        function = templates.resources(name)["GoldenFunction"]["Properties"]["Timeout"]
        golden = templates.resources(name)["Golden"]["Properties"]["ServiceTimeout"]
        assert function < golden <= 3600


def test_a_jobs_time_ends_before_cloudformations() -> None:
    for key, item in templates.resources("train").items():
        if item["Type"].startswith("Custom::"):
            assert item["Properties"]["ServiceTimeout"] <= 3600, key
    assert templates.resources("train")["Training"]["Properties"]["ServiceTimeout"] == 3600
    assert templates.resources("train")["Evaluation"]["Properties"]["ServiceTimeout"] == 3600


# ---------------------------------------------------------------------------------- the pipeline


def test_the_stages_are_those_of_the_talk() -> None:
    assert {stage: [action["Name"] for action in found] for stage, found in stages().items()} == {
        "Source": ["Git", "Base", "Data"],
        "Build": ["Build"],
        "Train": ["Train"],
        "DeployDev": ["Deploy", "Test"],
        "Approval": ["Approve"],
        "DeployProd": ["Package", "Deploy", "Monitor"],
    }


def test_a_newer_run_supersedes_one_that_waits() -> None:
    assert pipeline()["PipelineType"] == "V2"
    assert pipeline()["ExecutionMode"] == "SUPERSEDED"
    (approval,) = stages()["Approval"]
    assert approval["TimeoutInMinutes"] == example.GIVEN["ApprovalMinutes"]


def test_a_stage_that_fails_goes_back_and_production_must_be_well() -> None:
    found = {stage["Name"]: stage for stage in resolver.resolve(pipeline()["Stages"], "pipeline")}
    for name in ("DeployDev", "DeployProd"):
        assert found[name]["OnFailure"] == {"Result": "ROLLBACK"}
    (condition,) = found["DeployProd"]["OnSuccess"]["Conditions"]
    assert condition["Result"] == "ROLLBACK"
    (rule,) = condition["Rules"]
    assert rule["RuleTypeId"]["Provider"] == "CloudWatchAlarm"
    # The rule's page calls AlarmStates required; of composite alarms it says nothing, and who asks
    # CloudWatch for alarms without naming a type is told of metric alarms alone.
    name = resolver.physical("prod", "UnhealthyAlarm")
    assert prod()["UnhealthyAlarm"]["Type"] == "AWS::CloudWatch::Alarm"
    assert rule["Configuration"] == {"AlarmName": name, "AlarmStates": "ALARM", "WaitTime": "5"}


def test_the_pipelines_condition_sees_what_rolls_back() -> None:
    """One alarm of a name that stays, of the candidate's four metrics by the same thresholds."""
    alarm = resolver.resolve(prod()["UnhealthyAlarm"]["Properties"], "prod")
    assert example.RELEASE not in alarm["AlarmName"]
    latency = resolver.resolve(prod()["LatencyAlarm"]["Properties"], "prod")
    seconds = latency["Period"] * latency["EvaluationPeriods"]
    rolls = [resolver.resolve(prod()[key]["Properties"], "prod") for key in rollback_alarms()]
    wanted = [each for one in rolls for each in statistics(one)]
    assert sorted(statistics(alarm), key=str) == sorted(wanted, key=str)
    periods = {part["MetricStat"]["Period"] for part in alarm["Metrics"] if "MetricStat" in part}
    assert periods == {seconds}
    (result,) = [part for part in alarm["Metrics"] if part["ReturnData"]]
    terms = [
        "errors",
        "refusals",
        # Of three calls, and a tenth of them, as of the share that rolls back.
        "(failures >= 3 AND 10 * failures >= calls)",
        f"(latency >= {latency['Threshold']})",
    ]
    assert result["Expression"] == " + ".join(terms)
    assert alarm["Threshold"] == 1
    for key in ("ErrorsAlarm", "ServerErrorsAlarm"):
        assert prod()[key]["Properties"]["Threshold"] == alarm["Threshold"], key
    share = prod()["FailuresAlarm"]["Properties"]
    assert share["Threshold"] == 100 / 10
    assert share["Metrics"][-1]["Expression"].startswith("IF(failures >= 3, 100 * failures / calls")


def statistics(alarm: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Give the metrics that an alarm reads, each with its statistic."""
    if "Metrics" in alarm:
        parts = [part["MetricStat"] for part in alarm["Metrics"] if "MetricStat" in part]
        return [(part["Metric"], part["Stat"]) for part in parts]
    metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions")}
    return [(metric, alarm.get("Statistic") or alarm["ExtendedStatistic"])]


def test_the_pipelines_condition_is_of_the_release_in_hand() -> None:
    """An alarm that is updated keeps its state, so it is no alarm of the deployment group."""
    before, after = (
        resolver.resolve(
            prod()["UnhealthyAlarm"]["Properties"]["Metrics"],
            "prod",
            {"ReleaseId": f"20261122-101500-{commit}"},
        )
        for commit in ("aaaaaaa", "bbbbbbb")
    )
    changed = [one["Id"] for one, other in zip(before, after, strict=True) if one != other]
    # The errors' is the version's number, which only AWS knows.
    assert changed == ["refusals", "failures", "calls", "latency"]
    assert "ApiVersion.Version" in {*templates.references(prod()["UnhealthyAlarm"])}
    assert "UnhealthyAlarm" not in rollback_alarms()
    assert "UnhealthyAlarm" not in graph.replaced(prod())


def test_a_failed_creation_is_replaced_but_never_in_production() -> None:
    modes = {
        action["Configuration"]["StackName"].removeprefix(f"{example.PROJECT}-"): action[
            "Configuration"
        ]["ActionMode"]
        for action in actions()
        if action["ActionTypeId"]["Provider"] == "CloudFormation"
    }
    assert modes == {
        "train": "REPLACE_ON_FAILURE",
        "dev": "REPLACE_ON_FAILURE",
        "prod": "CREATE_UPDATE",
        "monitor": "CREATE_UPDATE",
    }


def test_a_rolled_back_stage_deploys_what_it_deployed() -> None:
    """A rollback is a new execution: its own id must not name what is deployed."""
    for action in actions():
        if action["ActionTypeId"]["Category"] == "Deploy":
            assert "PipelineExecutionId" not in json.dumps(action), action["Name"]


def test_the_approver_sees_what_is_asked_of_him() -> None:
    (approval,) = stages()["Approval"]
    text = approval["Configuration"]["CustomData"]
    for variable in ("RELEASE_ID", "COMMIT", "DATA_VERSION"):
        assert f"#{{Build.{variable}}}" in text
    assert "#{Train." in text
    link = approval["Configuration"]["ExternalEntityLink"]
    assert "/runs/#{Build.RELEASE_ID}/evaluation/" in link.replace("?prefix=", "/")
    assert link.startswith("https://ap-southeast-2.console.aws.amazon.com/s3/buckets/")
    assert example.GIVEN["DataBucket"] in link


def test_the_topic_can_be_told() -> None:
    """Under a customer key whose policy admits them: with `aws/sns` alarm messages vanish."""
    topic = resolver.resolve(templates.resources("data")["Topic"]["Properties"], "data")
    assert topic["KmsMasterKeyId"] == resolver.arn("data", "Key")
    policies = {
        "kms:GenerateDataKey*": templates.resources("data")["Key"]["Properties"]["KeyPolicy"],
        "kms:Decrypt": templates.resources("data")["Key"]["Properties"]["KeyPolicy"],
        "sns:Publish": templates.resources("data")["TopicPolicy"]["Properties"]["PolicyDocument"],
    }
    for action, policy in policies.items():
        admitted: set[str] = set()
        for statement in resolver.resolve(policy, "data")["Statement"]:
            services = statement["Principal"].get("Service", [])
            if action in statement["Action"] and statement["Effect"] == "Allow":
                admitted |= {services} if isinstance(services, str) else {*services}
        for service in ("cloudwatch", "events"):
            assert f"{service}.amazonaws.com" in admitted, f"{action} by {service}"


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("ap-southeast-2", "aws"),
        ("us-gov-west-1", "aws-us-gov"),
    ],
)
def test_what_a_region_has_is_made_and_what_it_lacks_is_left_out(
    region: str, partition: str
) -> None:
    """By the resource types that AWS publishes for the region; cfn-lint has them."""
    known = {*SCHEMAS.get_resource_types(region)}
    for name in templates.every():
        given = {"AWS::Region": region, "AWS::Partition": partition}
        made = resolver.present(name, given)
        for key, item in resolver.present(name).items():
            there = item["Type"] in known or item["Type"].startswith("Custom::")
            assert (key in made) == there, f"{name}.{key} in {region}"


def test_no_template_speaks_of_china() -> None:
    """Its CodePipeline has no CloudFormation action (CodePipeline's page on that action)."""
    for name in templates.every():
        text = project_files.text(f"cloudformation/{name}.yaml")
        assert not re.search(r"\bcn[.-]|aws-cn|amazonaws\.cn|China", text), name


def test_govclouds_other_region_has_no_budget_and_no_group() -> None:
    """It has no endpoints in CloudFormation either, so no release; the layers are still right."""
    given = {"AWS::Region": "us-gov-east-1", "AWS::Partition": "aws-us-gov"}
    assert not {"Budget", "ModelPackageGroup"} & resolver.present("data", given).keys()
    assert "GitConnection" in resolver.present("pipeline", given)


def test_the_api_deployed_is_the_api_written() -> None:
    """A deployment is a picture that never changes: its logical id ends in the API's digest."""
    kinds = ("RestApi", "RequestValidator", "Model", "Resource", "Method", "GatewayResponse")
    api = {k: v for k, v in prod().items() if v["Type"] in {f"AWS::ApiGateway::{k}" for k in kinds}}
    digest = hashlib.sha256(json.dumps(api, sort_keys=True).encode()).hexdigest()[:10]
    deployments = {*templates.resources("prod", "AWS::ApiGateway::Deployment")}
    assert deployments == {f"SignedDeployment{digest}", f"KeyDeployment{digest}"}
