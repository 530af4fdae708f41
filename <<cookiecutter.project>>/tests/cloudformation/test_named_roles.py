"""The roles that templates name are those that exist."""

from __future__ import annotations

import pytest
from iam_reference import PARTS
from named_roles import roles_named

from prove import roles
from prove.example import ACCOUNT, OTHER_ACCOUNT


@pytest.mark.parametrize("part", PARTS)
def test_the_roles_that_templates_name_are_the_roles_that_there_are(part: str) -> None:
    other = {"all": "", "tools": "prod", "prod": "tools"}[part]
    wanted = roles_named(part, ACCOUNT) | (roles_named(other, OTHER_ACCOUNT) if other else set())
    # Build writes training's requests, which name the jobs' role.
    wanted |= {"train"} if part != "prod" else set()
    assert wanted == {*roles.by_actor(part)}, wanted ^ {*roles.by_actor(part)}
