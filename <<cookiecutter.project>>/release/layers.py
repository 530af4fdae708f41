"""The layers below a release, and what of them this commit has otherwise than AWS.

A push changes the release alone: `make deploy` changes the layers. So Build says which of them are
behind the commit, in its log and to who approves.
"""

from textwrap import shorten
from typing import Any

import boto3
from botocore.exceptions import ClientError

from release.settings import Settings, account, read, stack

# Kept by `make teardown`: the data, and the roles with which a stack is deleted.
KEPT = ("data", "serving", "identity", "deployers")
# Of these a production account of its own has nothing.
TOOLS_ONLY = ("identity",)
# What CodePipeline shows to who approves has 1,000 characters in all.
SHORT = 150


def layers(settings: Settings) -> list[tuple[str, str]]:
    """Return the layers in order: the part that their account holds, and their names.

    Parts: `all`; with an account for production, `tools` and `prod`.
    """
    parts = ["tools", "prod"] if settings.prod_account_id else ["all"]
    own = [*KEPT, *(["network"] if settings.network == "vpc" else [])]
    below = [
        (part, name) for part in parts for name in own if part != "prod" or name not in TOOLS_ONLY
    ]
    return [*below, (parts[0], "images"), (parts[0], "pipeline")]


def behind(settings: Settings, opened: boto3.Session, lambda_key: str) -> dict[str, list[str]]:
    """Return, of each layer of the tools' account that differs, what does.

    That is `the stack`, where there is none, `the template`, and the names of parameters.
    `lambda_key` is the key of the package of this commit's functions.
    """
    cloud, here = opened.client("cloudformation"), account(opened)
    found = {}
    for part, name in layers(settings):
        if part == "prod":
            continue
        others = {"Part": part, "ToolsAccountId": here}
        if name == "pipeline":
            others["LambdaKey"] = lambda_key
        if differs := differences(cloud, settings, name, others):
            found[name] = differs
    return found


def differences(cloud: Any, settings: Settings, name: str, others: dict[str, str]) -> list[str]:
    title = f"{settings.project}-{name}"
    if not (known := stack(cloud, title)):
        return ["the stack"]
    found = []
    if cloud.get_template(StackName=title)["TemplateBody"] != read(name):
        found.append("the template")
    stands = {item["ParameterKey"]: item["ParameterValue"] for item in known.get("Parameters", [])}
    wanted = settings.parameters(name, others)
    return found + [key for key, value in wanted.items() if stands.get(key) != value]


def notice(settings: Settings, opened: boto3.Session, lambda_key: str) -> str:
    """Return one short line on the layers, for the log and for who approves."""
    try:
        found = behind(settings, opened, lambda_key)
    except ClientError as error:
        return shorten(f"were not compared with this commit: {error}", SHORT, placeholder=" ...")
    if not found:
        return "are as this commit has them"
    names = "; ".join(f"{name}: {', '.join(differs)}" for name, differs in found.items())
    words = f"are NOT as this commit has them, run make deploy: {names}"
    return shorten(words, SHORT, placeholder=" ...")
