"""Who works with a role is trusted by it, as the source that the service names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from account_resources import ACCOUNTS, IN, made, role_arns, source
from train_stage import TRAIN_STAGE

from prove import templates
from prove.example import PROJECT
from prove.policies import many, matches

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
    **{(kind, "RoleArn"): service for kind, service in TRAIN_STAGE.workers.items()},
}


def worker(kind: str) -> Callable[[dict[str, Any]], str]:
    return lambda item: TRAIN_STAGE.workers[kind]


# Whose work it is, by the name that the resource has.
ACTORS: dict[str, Callable[[dict[str, Any]], str]] = {
    "AWS::CodeBuild::Project": lambda item: str(item["Name"].removeprefix(f"{PROJECT}-")),
    "AWS::CodeDeploy::DeploymentGroup": lambda item: "codedeploy",
    "AWS::CodePipeline::Pipeline": lambda item: "pipeline",
    "AWS::Events::Rule": lambda item: "forward" if "event-bus" in str(item) else "events",
    "AWS::Lambda::Function": lambda item: {
        "prediction_api.handler": "api",
        "endpoint_start.handler": "hosting",
        "approval.handler": "approve",
        "registered_model.handler": "registered",
        "retraining.handler": "retrain",
        **TRAIN_STAGE.function_actors,
    }.get(item["Handler"], "hooks"),
    "AWS::SageMaker::Model": lambda item: "endpoint",
    "AWS::Scheduler::Schedule": lambda item: (
        "monthly" if item["Name"].endswith("-monthly") else "schedule"
    ),
    **{kind: worker(kind) for kind in TRAIN_STAGE.workers},
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
                    service = ROLES.get((item["Type"], str(path[-1]))) if path else None
                    # An action's role is CloudFormation's, or in the other account.
                    if service and "Stages" not in path:
                        where = f"{name}.{key}"
                        assert value in made_roles, f"{where}: {value}"
                        trusted(where, made_roles[value], service, source(name, key, parameters))
                        actor = ACTORS[item["Type"]](item["Properties"])
                        assert actor in value, f"{where} works as {value}"


def trusted(where: str, role: dict[str, Any], service: str, arn: str) -> None:
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"]["Service"] == f"{service}.amazonaws.com", where
    condition = {k.removesuffix("IfExists"): v for k, v in trust["Condition"].items()}
    assert condition["StringEquals"] == {"aws:SourceAccount": arn.split(":")[4]}, where
    sources = many(condition["ArnLike"]["aws:SourceArn"])
    assert any(matches(each, arn) for each in sources), f"{where}: {arn} is not of {sources}"
