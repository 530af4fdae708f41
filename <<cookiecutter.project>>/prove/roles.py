"""The roles that the templates make, by their actors: what one account's, or two accounts', are."""

from __future__ import annotations

from functools import cache

from prove import resolver
from prove.example import ACCOUNT, OTHER_ACCOUNT, PROJECT, REGION, Parameters
from prove.policies import Role
from release.template_document import Properties

# The templates that make roles.
ROLE_TEMPLATES = ("serving", "identity", "deployers")
# Which account is the tools', and which production's, where the templates' own is `ACCOUNT`.
TOOLS_AND_PROD = {
    "all": (ACCOUNT, ""),
    "tools": (ACCOUNT, OTHER_ACCOUNT),
    "prod": (OTHER_ACCOUNT, ACCOUNT),
}


@cache
def by_actor(part: str = "all") -> dict[str, Role]:
    """Give each role of the templates by its actor, with its properties resolved.

    The role of the actor `api` is called `<project>-api-<region>`. The policies that a role shares
    with others are among its `Policies`.

    Args:
        part: `all` in one account; `tools` or `prod` where there are two.

    """
    return roles_of(accounts(part))


def roles_of(given: Parameters) -> dict[str, Role]:
    """Give each role that the templates make with these parameters, by its actor."""
    found: dict[str, Role] = {}
    shared: dict[str, Properties] = {}
    for template in ROLE_TEMPLATES:
        for key, resource in resolver.present(template, given).items():
            properties = resolver.resolve(resource["Properties"], template, given)
            if resource["Type"] == "AWS::IAM::Role":
                found[actor_of(properties["RoleName"])] = properties
            else:
                shared[resolver.arn(template, key, given)] = properties
    for role in found.values():
        role["Policies"] += [shared[arn] for arn in role.get("ManagedPolicyArns", ())]
    return found


def actor_of(role_name: str) -> str:
    return role_name.removeprefix(f"{PROJECT}-").removesuffix(f"-{REGION}")


def accounts(part: str) -> Parameters:
    """Give the parameters that say which account is what; with a VPC, and a source's repository."""
    tools, prod = TOOLS_AND_PROD[part]
    return {
        "Part": part,
        "ToolsAccountId": tools,
        "ProdAccountId": prod,
        "Network": "vpc",
        "SourceRepository": "bank/categoriser",
    }
