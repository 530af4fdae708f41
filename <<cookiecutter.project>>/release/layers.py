"""The layers below a release, and where they differ between this commit and AWS.

A push changes the release alone: `make deploy` changes the layers. So Build says which of them are
behind the commit, in its log and to the approver.
"""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import shorten
from typing import TYPE_CHECKING, NamedTuple

import boto3
from botocore.exceptions import ClientError

from release.accounts import account_id
from release.cloudformation import find_stack, stack_name, template_text
from release.parameters import stack_parameters
from release.settings import ReleaseSettings

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

# `make teardown` keeps these: the data, and the roles that delete a stack.
KEPT = ("data", "serving", "identity", "deployers")
# A production account of its own has nothing of these.
TOOLS_ONLY = ("identity",)
# CodePipeline shows 1,000 characters in all to the approver.
LONGEST_NOTICE = 150


class Layer(NamedTuple):
    """A template, and the part that its account holds: `all`; or `tools` and `prod`."""

    part: str
    template: str


def layers_in_order(settings: ReleaseSettings) -> list[Layer]:
    """Return the layers in the order in which they are made: each rests on those before it."""
    below = [*KEPT, "network"] if settings.network == "vpc" else [*KEPT]
    if settings.prod_account_id:
        tools = "tools"
        layers = [Layer(tools, template) for template in below]
        layers += [Layer("prod", template) for template in below if template not in TOOLS_ONLY]
    else:
        tools = "all"
        layers = [Layer(tools, template) for template in below]
    return [*layers, Layer(tools, "images"), Layer(tools, "pipeline")]


def layers_notice(settings: ReleaseSettings, session: boto3.Session, lambda_key: str) -> str:
    """Return one short line on the layers, for the log and for the approver.

    `lambda_key` is the key of the bundle of this commit's functions.
    """
    try:
        behind = layers_behind(settings, session, lambda_key)
    except ClientError as error:
        words = f"were not compared with this commit: {error}"
        return shorten(words, LONGEST_NOTICE, placeholder=" ...")
    if not behind:
        return "are as this commit has them"
    names = "; ".join(f"{layer}: {', '.join(differs)}" for layer, differs in behind.items())
    words = f"are NOT as this commit has them, run make deploy: {names}"
    return shorten(words, LONGEST_NOTICE, placeholder=" ...")


def layers_behind(
    settings: ReleaseSettings, session: boto3.Session, lambda_key: str
) -> dict[str, list[str]]:
    """Return, of each layer of the tools' account that differs, what does."""
    cloudformation = session.client("cloudformation")
    tools_account = account_id(session)
    behind = {}
    for layer in layers_in_order(settings):
        if layer.part == "prod":
            continue
        others = {"Part": layer.part, "ToolsAccountId": tools_account}
        if layer.template == "pipeline":
            others["LambdaKey"] = lambda_key
        differs = differences(cloudformation, settings, layer.template, others)
        if differs:
            behind[layer.template] = differs
    return behind


def differences(
    cloudformation: CloudFormationClient,
    settings: ReleaseSettings,
    template: str,
    others: Mapping[str, str],
) -> list[str]:
    """Return what differs: `the stack`, where there is none, `the template`, and parameters."""
    name = stack_name(settings, template)
    stack = find_stack(cloudformation, name)
    if not stack:
        return ["the stack"]
    found = []
    # YAML comes back as its text, JSON as what it holds.
    deployed = str(cloudformation.get_template(StackName=name)["TemplateBody"])
    if deployed != template_text(template):
        found.append("the template")
    given = {item["ParameterKey"]: item["ParameterValue"] for item in stack.get("Parameters", [])}
    wanted = stack_parameters(settings, template, others)
    return found + [key for key, value in wanted.items() if given.get(key) != value]
