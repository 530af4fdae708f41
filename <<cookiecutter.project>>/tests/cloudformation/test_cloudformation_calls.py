"""CloudFormation's roles may do what CloudFormation calls for the stacks' resources."""

from __future__ import annotations

import re

import pytest
from cloudformation_calls import (
    STACKS,
    UNUSED,
    cloudformation_calls,
    known_arn,
    listed,
    made_by,
    unused,
)
from iam_reference import PARTS, forms, grants, has_form
from named_roles import ROLE_ARN_END
from train_stage import TRAIN_STAGE

from prove import resolver, roles, templates
from prove.example import REGION
from prove.policies import Need, allows, matches

# The name that iam:PassedToService has, by the beginning of a resource's type.
SERVICES = {
    "AWS::CodeBuild": "codebuild",
    "AWS::CodeDeploy": "codedeploy",
    "AWS::Events": "events",
    "AWS::Lambda": "lambda",
    "AWS::SageMaker": "sagemaker",
    "AWS::Scheduler": "scheduler",
    **{kind.rpartition("::")[0]: service for kind, service in TRAIN_STAGE.workers.items()},
}
ROLE_ARN = f"arn:aws:iam:{ROLE_ARN_END.pattern}"


@pytest.mark.parametrize("actor", STACKS)
def test_cloudformation_may_make_change_and_delete_what_its_templates_hold(actor: str) -> None:
    granted = {action for action, _, _ in grants(roles.by_actor()[actor])}
    for template, key, resource in made_by(actor):
        missing = cloudformation_calls(resource["Type"]) - granted
        assert not missing, f"{template}.{key}, {resource['Type']}: {sorted(missing)}"


@pytest.mark.parametrize("actor", STACKS)
def test_cloudformation_may_do_it_to_resources_of_these_names(actor: str) -> None:
    role = roles.by_actor()[actor]
    for template, key, resource in made_by(actor):
        arn = known_arn(template, key)
        for action in sorted(cloudformation_calls(resource["Type"]) - {"iam:PassRole"}):
            if arn and any(has_form(form, arn) for form in forms(action)):
                allowed = any(
                    action == granted and matches(pattern, arn)
                    for granted, pattern, _ in grants(role)
                )
                assert allowed, f"{actor} may not {action} on {arn} ({template}.{key})"


@pytest.mark.parametrize(("actor", "part"), [(a, p) for p in PARTS for a in STACKS])
def test_cloudformation_may_pass_the_roles_that_its_templates_name(actor: str, part: str) -> None:
    role = roles.by_actor(part).get(actor, {})
    given = roles.accounts(part)
    for template in STACKS[actor] if role else ():
        for key, resource in resolver.present(template, given).items():
            service = SERVICES.get("::".join(resource["Type"].split("::")[:2]), "")
            for path, text in templates.walk(
                resolver.resolve(resource["Properties"], template, given)
            ):
                # A variable of a build is for its commands to pass.
                own = "EnvironmentVariables" not in path
                if own and isinstance(text, str) and re.fullmatch(ROLE_ARN, text):
                    passed = {"iam:PassedToService": f"{service}.amazonaws.com"}
                    need = Need("iam:PassRole", text, passed)
                    assert allows(role, need), f"{actor} may not {need} ({template}.{key})"


def test_the_release_may_read_and_change_the_tags_of_its_api() -> None:
    """An API's tags have an address of their own: its ARN, percent-encoded, under /tags/."""
    role = roles.by_actor()["release"]
    tags = f"arn:aws:apigateway:{REGION}::/tags/arn%3Aaws%3Aapigateway%3A%3A%2Frestapis%2Fa1b2"
    for method in ("DELETE", "GET", "POST", "PUT"):
        assert allows(role, Need(f"apigateway:{method}", tags)), method
    assert not allows(role, Need("apigateway:PATCH", tags))


def test_what_is_unused_is_listed() -> None:
    kinds = {resource["Type"] for actor in STACKS for _, _, resource in made_by(actor)}
    idle = {kind: sorted(unused(kind) - listed(kind)) for kind in UNUSED if kind in kinds}
    assert {*UNUSED} <= kinds, "UNUSED has types that no template has"
    assert not any(idle.values()), f"UNUSED has what no schema lists: {idle}"
