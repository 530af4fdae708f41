"""The roles of the templates by their actors."""

from __future__ import annotations

import pytest

from prove.example import ACCOUNT, OTHER_ACCOUNT, PROJECT, REGION
from prove.policies import statements
from prove.roles import TOOLS_AND_PROD, accounts, by_actor


@pytest.mark.parametrize("part", TOOLS_AND_PROD)
def test_an_actor_is_what_its_role_is_called_after(part: str) -> None:
    found = by_actor(part)
    assert found
    for actor, role in found.items():
        assert role["RoleName"] == f"{PROJECT}-{actor}-{REGION}"
        assert [*statements(role)]


def test_where_there_are_two_accounts_their_roles_together_are_those_of_one() -> None:
    assert {*by_actor()} <= {*by_actor("tools")} | {*by_actor("prod")}
    assert {*by_actor("tools")} != {*by_actor("prod")}


def test_the_templates_own_account_is_the_examples() -> None:
    assert accounts("tools") | {"ProdAccountId": OTHER_ACCOUNT} == accounts("tools")
    assert accounts("prod")["ProdAccountId"] == ACCOUNT


def test_a_policy_that_roles_share_is_among_their_own() -> None:
    shared = [role for role in by_actor().values() if role.get("ManagedPolicyArns")]
    assert shared
    for role in shared:
        assert len(role["Policies"]) >= len(role["ManagedPolicyArns"])
