"""The release's pipeline: its stages and actions, and what each takes from those before it."""

from __future__ import annotations

import json
import re

import pytest
from account_resources import RELEASED, role_arns, texts
from pipeline_actions import (
    actions,
    buildspec,
    condition_rules,
    stack,
    variables,
    written_actions,
    written_pipeline,
    written_stages,
)
from production_template import prod
from train_stage import TRAIN_STAGE

from prove import example, project_files, resolver, templates
from prove.example import ACCOUNT, OTHER_ACCOUNT, PROJECT, REGION
from prove.policies import many, matches
from release import build

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
    code = project_files.text("release/cli/build_steps.py")
    assert {*re.findall(r"CODEBUILD_SRC_DIR_(\w+)", code)} == {"Data"}
    (build_action,) = [each for each in actions() if each["Name"] == "Build"]
    assert build_action["Configuration"]["PrimarySource"] == "Source"
    assert [each["Name"] for each in build_action["InputArtifacts"]] == ["Source", "Data"]


def test_a_stack_is_made_of_its_own_template_and_parameters() -> None:
    order = []
    for action in actions():
        if action["ActionTypeId"]["Provider"] == "CloudFormation":
            configuration = action["Configuration"]
            name = stack(action)
            order.append(name)
            assert configuration["TemplatePath"] == f"Built::cloudformation/{name}.yaml"
            assert configuration["TemplateConfiguration"] == f"Built::parameters/{name}.json"
            assert name in templates.every()
    assert order == [*RELEASED]
    files = buildspec("build")["artifacts"]["files"]
    assert {"cloudformation/*", "parameters/*"} <= {*files}
    assert str(build.PARAMETERS) == "parameters"
    assert 'PARAMETERS / f"{stack}.json"' in project_files.text("release/build.py")


def test_a_stacks_role_is_of_its_account_and_cloudformations() -> None:
    wanted = {"train": "stage", "dev": "stage", "prod": "release", "monitor": "release"}
    for part, cross in (("all", ""), ("tools", OTHER_ACCOUNT)):
        for action in actions(ProdAccountId=cross):
            if action["ActionTypeId"]["Provider"] != "CloudFormation":
                continue
            name = stack(action)
            here = OTHER_ACCOUNT if cross and name in ("prod", "monitor") else ACCOUNT
            form = f"arn:aws:iam::{here}:role/{PROJECT}-{{}}-{REGION}"
            role = action["Configuration"]["RoleArn"]
            assert role == form.format(wanted[name])
            made_roles = role_arns("prod" if here == OTHER_ACCOUNT else part)
            (trust,) = made_roles[role]["AssumeRolePolicyDocument"]["Statement"]
            assert trust["Principal"]["Service"] == "cloudformation.amazonaws.com"
            (pattern,) = trust["Condition"]["ArnLikeIfExists"].values()
            names = f"arn:aws:cloudformation:{REGION}:{here}:stack/{PROJECT}-{name}/0"
            assert any(matches(each, names) for each in many(pattern))
            assert action.get("RoleArn") == (
                form.format("pipeline-actions") if here == OTHER_ACCOUNT else None
            )
    (rule,) = condition_rules(OTHER_ACCOUNT)
    assert (
        rule["RoleArn"] == f"arn:aws:iam::{OTHER_ACCOUNT}:role/{PROJECT}-pipeline-actions-{REGION}"
    )
    assert "RoleArn" not in condition_rules("")[0]


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
    **TRAIN_STAGE.pipeline_actions,
}


def test_each_action_has_a_provider_and_keys_that_exist() -> None:
    for action in written_actions():
        kind = action["ActionTypeId"]
        assert (kind["Owner"], kind["Version"]) == ("AWS", "1")
        required, optional = ACTIONS[kind["Category"], kind["Provider"]]
        given = action.get("Configuration", {}).keys()
        assert required <= given <= required | optional, action["Name"]


def test_each_action_reads_what_it_names() -> None:
    """PrimarySource and the paths `Artifact::file` are of the action's own input artifacts."""
    for action in written_actions():
        inputs = {each["Name"] for each in action.get("InputArtifacts", [])}
        configuration = action.get("Configuration", {})
        named = {configuration["PrimarySource"]} if "PrimarySource" in configuration else set()
        for key in ("TemplatePath", "TemplateConfiguration"):
            named |= {configuration[key].split("::")[0]} if key in configuration else set()
        assert named <= inputs, action["Name"]
        assert len(inputs) < 2 or "PrimarySource" in configuration, action["Name"]


def test_the_stages_are_those_of_the_talk() -> None:
    assert {
        stage: [action["Name"] for action in found] for stage, found in written_stages().items()
    } == {
        "Source": ["Git", "Base", "Data"],
        "Build": ["Build"],
        "Train": [*TRAIN_STAGE.actions],
        "DeployDev": ["Deploy", "Test"],
        "Approval": ["Approve"],
        "DeployProd": ["Package", "Deploy", "Monitor"],
    }


def test_a_newer_run_supersedes_one_that_waits() -> None:
    assert written_pipeline()["PipelineType"] == "V2"
    assert written_pipeline()["ExecutionMode"] == "SUPERSEDED"
    (approval,) = written_stages()["Approval"]
    assert approval["TimeoutInMinutes"] == example.GIVEN["ApprovalMinutes"]


def test_a_stage_that_fails_goes_back_and_production_must_be_well() -> None:
    found = {
        stage["Name"]: stage for stage in resolver.resolve(written_pipeline()["Stages"], "pipeline")
    }
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


def test_a_failed_creation_is_replaced_but_never_in_production() -> None:
    modes = {
        action["Configuration"]["StackName"].removeprefix(f"{PROJECT}-"): action["Configuration"][
            "ActionMode"
        ]
        for action in written_actions()
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
    for action in written_actions():
        if action["ActionTypeId"]["Category"] == "Deploy":
            assert "PipelineExecutionId" not in json.dumps(action), action["Name"]


def test_the_approver_sees_what_is_asked_of_him() -> None:
    (approval,) = written_stages()["Approval"]
    text = approval["Configuration"]["CustomData"]
    for variable in ("RELEASE_ID", "COMMIT", "DATA_VERSION"):
        assert f"#{{Build.{variable}}}" in text
    assert "#{Train." in text
    link = approval["Configuration"]["ExternalEntityLink"]
    assert "/runs/#{Build.RELEASE_ID}/evaluation/" in link.replace("?prefix=", "/")
    assert link.startswith("https://ap-southeast-2.console.aws.amazon.com/s3/buckets/")
    assert example.GIVEN["DataBucket"] in link
