"""Evaluates IAM policies: whether a role's statements allow an action on a resource.

A role is its CloudFormation properties, resolved; `Policies` holds its own policies and those that
it shares. An explicit Deny wins over any Allow, and what no statement allows is denied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Required, TypedDict

from release.template_document import Properties

# Condition keys, and the values that AWS sets for one request.
Context = dict[str, str]
# What IAM takes for one text, or for several.
OneOrMany = str | list[str]
# Of each operator: what it compares each condition key with.
Condition = dict[str, dict[str, OneOrMany]]
# The resolved properties of AWS::IAM::Role.
Role = Properties


class Statement(TypedDict, total=False):
    """A statement of an IAM policy, resolved."""

    Sid: str
    Effect: Required[str]
    Action: Required[OneOrMany]
    Resource: Required[OneOrMany]
    Condition: Condition


class Need(NamedTuple):
    """What one request asks of IAM: an action on a resource, in a context of condition keys."""

    action: str
    resource: str
    context: Context = {}  # noqa: RUF012

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


def many(value: Any) -> list[Any]:
    """Give what a policy lists; a single item has no list around it."""
    return value if isinstance(value, list) else [value]


def statements(role: Role) -> Iterator[Statement]:
    """Yield the statements of all of a role's policies."""
    for policy in role.get("Policies", []):
        yield from many(policy["PolicyDocument"]["Statement"])


def matches(pattern: str, text: str) -> bool:
    """Tell whether an IAM pattern (`*`, `?`) covers a text, which may be a pattern itself."""
    wildcards = {"*": ".*", "?": "."}
    parts = re.split(r"([*?])", pattern)
    form = "".join(wildcards.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(form, text, re.DOTALL) is not None


def equals(wanted: str, value: str) -> bool:
    return wanted == value


CONDITION_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": equals,
    "StringLike": matches,
    "ArnLike": matches,
    "ArnEquals": matches,
    "Bool": equals,
}


IF_EXISTS = "IfExists"


def fulfilled(condition: Condition, context: Context) -> bool:
    """Tell whether a context meets a statement's condition.

    Of a key that the context lacks, `ForAllValues:` and `...IfExists` are met.

    Raises:
        KeyError: `CONDITION_OPERATORS` has no such operator.

    """
    for operator, tests in condition.items():
        for name, wanted in tests.items():
            if name not in context:
                if operator.startswith("ForAllValues:") or operator.endswith(IF_EXISTS):
                    continue
                return False
            test = CONDITION_OPERATORS[operator.split(":")[-1].removesuffix(IF_EXISTS)]
            if not any(test(str(each), context[name]) for each in many(wanted)):
                return False
    return True


def covers(statement: Statement, need: Need) -> bool:
    """Tell whether a statement speaks of what is needed."""
    action = need.action.lower()
    return (
        any(matches(pattern.lower(), action) for pattern in many(statement["Action"]))
        and any(matches(pattern, need.resource) for pattern in many(statement["Resource"]))
        and fulfilled(statement.get("Condition", {}), need.context)
    )


def allows(role: Role, need: Need) -> bool:
    """Tell whether a role's policies allow what is needed."""
    effects = [statement["Effect"] for statement in statements(role) if covers(statement, need)]
    return "Allow" in effects and "Deny" not in effects
