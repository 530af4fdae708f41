"""Which events of AWS people are told of, and in which words.

The events are the examples of the services' own guides; moto matches patterns as EventBridge does.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from moto.events.models import EventPattern

from prove import example, resolver, templates

PROJECT = example.GIVEN["Project"]
TOPIC = resolver.arn("data", "Topic")
AT = "2026-11-22T10:15:00Z"
RUN = "01234567-0123-0123-0123-012345678901"
BUILD = f"arn:aws:codebuild:ap-southeast-2:111122223333:build/{PROJECT}-base:8745a7a9"


def event(source: str, kind: str, **detail: Any) -> dict[str, Any]:
    return {
        "source": source,
        "detail-type": kind,
        "account": example.PSEUDO["AWS::AccountId"],
        "time": AT,
        "detail": {key.replace("_", "-"): value for key, value in detail.items()},
    }


# From the CodePipeline user guide, "Monitoring CodePipeline events".
def stage(state: str, pipeline: str = PROJECT) -> dict[str, Any]:
    kind = "CodePipeline Stage Execution State Change"
    known = {"pipeline": pipeline, "execution_id": RUN, "version": "1", "stage": "Train"}
    return event("aws.codepipeline", kind, **known, state=state)


def run(state: str, pipeline: str = PROJECT) -> dict[str, Any]:
    kind = "CodePipeline Pipeline Execution State Change"
    known = {"pipeline": pipeline, "execution_id": RUN, "version": "1"}
    return event("aws.codepipeline", kind, **known, state=state)


# From the CodeBuild user guide, "Build notifications input format reference".
def build(status: str, project: str = f"{PROJECT}-base") -> dict[str, Any]:
    known = {"project_name": project, "build_id": BUILD, "current_phase": "COMPLETED"}
    return event("aws.codebuild", "CodeBuild Build State Change", **known, build_status=status)


# From the CodeDeploy user guide, "Monitoring deployments with CloudWatch Events".
def shift(state: str, application: str = PROJECT) -> dict[str, Any]:
    known = {"application": application, "deploymentGroup": PROJECT, "deploymentId": "d-XYZ"}
    kind = "CodeDeploy Deployment State-change Notification"
    return event("aws.codedeploy", kind, **known, state=state)


def told(happened: dict[str, Any], **given: Any) -> list[str]:
    """Give the messages that an event makes the rules send to the topic."""
    found = []
    for name in templates.every():
        for key, item in resolver.present(name, given).items():
            if item["Type"] == "AWS::Events::Rule":
                found += messages(resolver.resolve(item["Properties"], name, given), happened, key)
    return found


def messages(rule: dict[str, Any], happened: dict[str, Any], key: str) -> list[str]:
    if not hears(rule, happened):
        return []
    targets = [target for target in rule["Targets"] if target["Arn"] == TOPIC]
    return [sentence(target["InputTransformer"], happened, key) for target in targets]


def hears(rule: dict[str, Any], happened: Any) -> bool:
    pattern = rule.get("EventPattern")
    return bool(pattern and EventPattern.load(json.dumps(pattern)).matches_event(happened))


def sentence(transformer: dict[str, Any], happened: dict[str, Any], key: str) -> str:
    """Fill a template in, which must be a text in JSON. Fails for a path that the event lacks."""
    text = transformer["InputTemplate"]
    for name, path in transformer["InputPathsMap"].items():
        value: Any = happened
        for part in path.removeprefix("$.").split("."):
            assert part in value, f"{key}: the event has no {path}"
            value = value[part]
        text = text.replace(f"<{name}>", str(value))
    filled: str = json.loads(text)
    assert "<" not in filled, f"{key}: {filled}"
    return filled


def test_a_failed_stage_is_told() -> None:
    (words,) = told(stage("FAILED"))
    assert words.startswith(f"{PROJECT}: the stage Train failed at {AT}, in the execution {RUN}.")


def test_a_superseded_run_is_told() -> None:
    (words,) = told(run("SUPERSEDED"))
    assert words.startswith(f"{PROJECT}: a newer run has taken the place of the execution {RUN}")


@pytest.mark.parametrize("status", ["FAILED", "FAULT", "TIMED_OUT", "STOPPED"])
def test_a_base_image_that_is_not_built_is_told(status: str) -> None:
    (words,) = told(build(status))
    assert words.startswith(f"{PROJECT}: the base image was not built. The build {BUILD} ended as")
    assert f" {status} at {AT}" in words
    log = words.rpartition(" in ")[2].removesuffix(".")
    assert log in {
        resolver.physical(name, key) for name, key, _ in templates.everywhere("AWS::Logs::LogGroup")
    }


@pytest.mark.parametrize("state", ["FAILURE", "STOP"])
def test_a_shift_that_goes_back_is_told(state: str) -> None:
    """It goes back whether a hook, an alarm or a person ended it: so the group is set."""
    (words,) = told(shift(state))
    assert words.startswith(f"{PROJECT}: the deployment d-XYZ ended as {state} at {AT}.")
    assert "moves all traffic back to the release before" in words
    ((name, _, group),) = templates.everywhere("AWS::CodeDeploy::DeploymentGroup")
    rollback = resolver.resolve(group["Properties"], name)["AutoRollbackConfiguration"]
    ends = {"FAILURE": {"DEPLOYMENT_FAILURE"}}
    ends["STOP"] = {"DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"}
    assert rollback["Enabled"] is True
    assert ends[state] <= {*rollback["Events"]}


@pytest.mark.parametrize(
    "happened",
    [
        stage("SUCCEEDED"),
        stage("FAILED", "other"),
        run("SUCCEEDED"),
        run("FAILED"),
        run("SUPERSEDED", "other"),
        build("SUCCEEDED"),
        build("IN_PROGRESS"),
        build("FAILED", "other-base"),
        # Its stage fails, and is told.
        build("FAILED", f"{PROJECT}-build"),
        shift("SUCCESS"),
        shift("FAILURE", "other"),
    ],
    ids=str,
)
def test_nothing_else_is_told(happened: dict[str, Any]) -> None:
    assert not told(happened)


def test_each_build_is_in_a_stage_or_heard_of_by_itself() -> None:
    projects = templates.everywhere("AWS::CodeBuild::Project")
    names = {resolver.physical(name, key) for name, key, _ in projects}
    pipeline = resolver.resolve(
        templates.resources("pipeline")["Pipeline"]["Properties"], "pipeline"
    )
    text = json.dumps(pipeline["Stages"])
    staged = {*re.findall(r'"ProjectName": "([\w-]+)"', text)}
    assert {name for name in names if told(build("FAILED", name))} == names - staged
    assert staged < names


def test_people_are_told_in_govcloud_too() -> None:
    """Named notifications are not there; EventBridge is."""
    given = {"AWS::Region": "us-gov-west-1", "AWS::Partition": "aws-us-gov"}
    present = resolver.present("pipeline", given).values()
    rules = [
        resolver.resolve(item["Properties"], "pipeline", given)
        for item in present
        if item["Type"] == "AWS::Events::Rule"
    ]
    for happened in (stage("FAILED"), run("SUPERSEDED"), build("FAULT")):
        assert sum(hears(rule, happened) for rule in rules) == 1
    kinds = {item["Type"] for _, _, item in templates.everywhere()}
    assert "AWS::CodeStarNotifications::NotificationRule" not in kinds
