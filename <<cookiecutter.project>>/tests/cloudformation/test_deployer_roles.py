"""What the roles that deploy may do: to the API, and to ask why a stack has failed."""

from __future__ import annotations

import pytest

from prove import resolver, roles, templates
from prove.example import ACCOUNT, PROJECT, REGION
from prove.policies import Need, allows

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
    stacks = {
        "all": ("train", "dev", "prod", "monitor"),
        "tools": ("train", "dev"),
        "prod": ("prod", "monitor"),
    }
    role = roles.by_actor(part)["pipeline-actions" if part == "prod" else "pipeline"]
    for stack in stacks[part]:
        arn = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{PROJECT}-{stack}/0"
        assert allows(role, Need("cloudformation:DescribeStackEvents", arn))
