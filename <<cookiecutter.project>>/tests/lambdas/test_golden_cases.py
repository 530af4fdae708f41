"""The golden cases as a custom resource: the first release too is proven by them."""

from __future__ import annotations

import pytest
from lambda_helpers.custom_resources import STACK, CloudFormation, stack
from lambda_helpers.release_in_service import WRONG, probes
from lambda_helpers.world import CANDIDATE, DEV, GOLDEN, OLD, World

from prove.example import RELEASE


@pytest.mark.actor("hooks")
@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize("target", [{"Function": CANDIDATE}, {"Endpoint": DEV}], ids=str)
def test_the_first_release_too_is_proven_by_its_golden_cases(
    prod: World, formation: CloudFormation, kind: str, target: dict[str, str]
) -> None:
    stack(prod, f"{kind.upper()}_IN_PROGRESS")
    asked = {"Golden": GOLDEN, "Release": RELEASE} | target
    more = {"StackId": STACK.format("dev" if "Endpoint" in target else "prod")}
    told = formation.ask(prod.golden_cases.handler, kind, asked, "old" * (kind == "Update"), **more)
    assert told["Status"] == "SUCCESS"
    # Other ids than the hook's, which must be captured after the hook has asked.
    assert prod.called == [f"probe-{RELEASE}-golden-{n}" for n in range(3)]
    assert not {*prod.called} & {*probes(prod)}
    assert all(len(name) <= 64 for name in prod.called)


@pytest.mark.actor("hooks")
def test_a_wrong_golden_case_fails_the_stack(prod: World, formation: CloudFormation) -> None:
    stack(prod, "CREATE_IN_PROGRESS")
    _, prod.container = WRONG["classes in another order"]
    asked = {"Golden": GOLDEN, "Release": RELEASE, "Endpoint": DEV}
    told = formation.ask(prod.golden_cases.handler, "Create", asked, StackId=STACK.format("dev"))
    assert told["Status"] == "FAILED"
    assert "classes in another order" in told["Reason"]
    # CloudFormation takes back what was not made.
    told = formation.ask(prod.golden_cases.handler, "Delete", asked, told["PhysicalResourceId"])
    assert told["Status"] == "SUCCESS"


@pytest.mark.actor("hooks")
def test_a_red_old_release_can_be_rolled_back_to(prod: World, formation: CloudFormation) -> None:
    stack(prod, "UPDATE_ROLLBACK_IN_PROGRESS")
    prod.container = lambda _: (500, {"detail": "x"})
    asked = {"Golden": GOLDEN, "Release": OLD, "Function": CANDIDATE}
    more = {"StackId": STACK.format("prod")}
    told = formation.ask(prod.golden_cases.handler, "Update", asked, "new", **more)
    assert told["Status"] == "SUCCESS"
    assert prod.called == []
