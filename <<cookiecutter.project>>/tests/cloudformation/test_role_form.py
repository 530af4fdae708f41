"""What every role keeps to: where it is made, whom it trusts, its boundary, and IAM's limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.loaders import create_loader
from iam_reference import PARTS, roles_of
from train_stage import TRAIN_STAGE

from prove import resolver, roles, templates
from prove.example import ACCOUNT, OTHER_ACCOUNT, PROJECT, REGION
from prove.policies import many, statements

# As long as names get: 20 characters of project, and a region of 14.
LONGEST_PROJECT = {"Project": "p" * 20}
# IAM's quotas in characters, from its guide. A tenth is left: a change then meets no limit.
INLINE = 10_240
MANAGED = 6144
TRUST = 2048
ROOM = 0.9


def longest_region() -> str:
    """Give the longest name of a region."""
    partitions = create_loader().load_data("partitions")["partitions"]
    return str(max((region for each in partitions for region in each["regions"]), key=len))


def test_roles_are_made_in_their_own_templates_only() -> None:
    kinds = ("AWS::IAM::", "AWS::IAM::Role")
    made = {name for name, _, each in templates.everywhere() if each["Type"].startswith(kinds)}
    assert made == {*roles.ROLE_TEMPLATES}


@pytest.mark.parametrize("template", roles.ROLE_TEMPLATES)
def test_a_boundary_bounds_every_role(template: str) -> None:
    given = {"PermissionsBoundary": "arn:aws:iam::111122223333:policy/boundary"}
    for key, role in templates.resources(template, "AWS::IAM::Role").items():
        bounded = resolver.resolve(role, template, given)["Properties"]
        assert bounded["PermissionsBoundary"] == given["PermissionsBoundary"], key
        assert "PermissionsBoundary" not in resolver.resolve(role, template)["Properties"], key


@pytest.mark.parametrize("part", PARTS)
def test_no_role_has_a_statement_twice(part: str) -> None:
    for actor, role in roles_of(part):
        said = [json.dumps(statement) for statement in statements(role)]
        assert len(said) == len({*said}), actor


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("template", roles.ROLE_TEMPLATES)
def test_the_longest_names_are_within_iams_limits(template: str, part: str) -> None:
    given = roles.accounts(part) | LONGEST_PROJECT | {"AWS::Region": longest_region()}
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
    for actor, role in roles_of(part):
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
        for actor, role in roles_of("all")
        if "IfExists" in json.dumps(role["AssumeRolePolicyDocument"])
    }
    functions = {"api", "approve", "hooks", "hosting", "registered", "retrain"}
    functions |= {*TRAIN_STAGE.function_actors.values()}
    assert loose == {"pipeline", "stage", "release", "codedeploy"} | functions


@pytest.mark.parametrize("part", PARTS)
def test_a_role_is_passed_by_its_name_to_the_service_that_it_trusts(part: str) -> None:
    known = {role["RoleName"]: role for _, role in roles_of(part)}
    for actor, role in roles_of(part):
        for statement in statements(role):
            if "iam:PassRole" not in many(statement["Action"]):
                continue
            assert statement["Action"] == "iam:PassRole", actor
            service = statement["Condition"]["StringEquals"]["iam:PassedToService"]
            for resource in many(statement["Resource"]):
                passed = known[resource.removeprefix(f"arn:aws:iam::{ACCOUNT}:role/")]
                (trust,) = passed["AssumeRolePolicyDocument"]["Statement"]
                assert trust["Principal"] == {"Service": service}, f"{actor} passes {resource}"
