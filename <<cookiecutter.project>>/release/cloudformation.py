"""The templates, and the stacks that CloudFormation makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from botocore.exceptions import ClientError

from release.settings import CLOUDFORMATION, ReleaseSettings

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackTypeDef

# A stack in such a state takes no update.
STUCK = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")


class TemplateLoader(yaml.CSafeLoader):
    """Reads a template; what its tags (`!Sub`) hold is left out."""


TemplateLoader.add_multi_constructor("!", lambda *_: None)


def template_path(name: str) -> Path:
    return CLOUDFORMATION / f"{name}.yaml"


def template_text(name: str) -> str:
    """Return the text of a template, such as `pipeline`."""
    return template_path(name).read_text(encoding="utf-8")


def declared_parameters(name: str) -> list[str]:
    """Return the names of the parameters that a template declares."""
    template = yaml.load(template_text(name), TemplateLoader)  # noqa: S506 (it is a SafeLoader)
    return list(template["Parameters"])


def stack_name(settings: ReleaseSettings, template: str) -> str:
    """Return the name of the stack that is made of a template."""
    return f"{settings.project}-{template}"


def find_stack(client: CloudFormationClient, name: str) -> StackTypeDef | None:
    """Return what CloudFormation says of a stack, None where there is none."""
    try:
        return client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None


def stack_status(client: CloudFormationClient, name: str) -> str:
    """Return a stack's status, such as UPDATE_COMPLETE; empty where there is no stack."""
    stack = find_stack(client, name)
    return stack.get("StackStatus", "") if stack else ""
