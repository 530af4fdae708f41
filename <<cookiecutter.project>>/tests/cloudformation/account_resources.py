"""What the templates make in the one account, or in each of two."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from prove import resolver, templates
from prove.example import ACCOUNT, OTHER_ACCOUNT, PROJECT, REGION, Parameters
from release import build

LAYERS = ("data", "serving", "identity", "deployers", "network", "images", "pipeline")
RELEASED = build.STACKS
# Parameters of the three accounts that a template can be in.
ACCOUNTS: dict[str, Parameters] = {
    "all": {},
    "tools": {"Part": "tools", "ProdAccountId": OTHER_ACCOUNT},
    "prod": {
        "Part": "prod",
        "ProdAccountId": OTHER_ACCOUNT,
        "AWS::AccountId": OTHER_ACCOUNT,
        "LiveBucket": f"{PROJECT}-live-{OTHER_ACCOUNT}-{REGION}",
    },
}
IN = {
    "all": (*LAYERS, *RELEASED),
    "tools": (*LAYERS, "train", "dev"),
    "prod": ("data", "serving", "deployers", "network", "prod", "monitor"),
}


def made(name: str, part: str = "all", **given: Any) -> dict[str, dict[str, Any]]:
    """Give the resources that a template makes in an account, resolved, by logical id."""
    parameters = ACCOUNTS[part] | given
    present = resolver.present(name, parameters)
    resolved: dict[str, dict[str, Any]] = resolver.resolve(present, name, parameters)
    return resolved


def everything(kind: str = "", part: str = "all", **given: Any) -> dict[str, dict[str, Any]]:
    """Give the properties of an account's resources of a type, by `template.logical id`."""
    return {
        f"{name}.{key}": item.get("Properties", {})
        for name in IN[part]
        for key, item in made(name, part, **given).items()
        if kind in ("", item["Type"])
    }


def texts(value: Any) -> Iterator[str]:
    return (node for _, node in templates.walk(value) if isinstance(node, str))


def key_arn() -> str:
    return resolver.arn("data", "Key")


def topic_arn() -> str:
    return resolver.arn("data", "Topic")


def exports(part: str) -> dict[str, Any]:
    found = {}
    for name in IN[part]:
        parameters = ACCOUNTS[part]
        for output in templates.every()[name].get("Outputs", {}).values():
            here = "Condition" not in output or resolver.holds(
                name, output["Condition"], parameters
            )
            if "Export" in output and here:
                export = resolver.resolve(output["Export"]["Name"], name, parameters)
                found[export] = resolver.resolve(output["Value"], name, parameters)
    return found


def imports(part: str, **given: Any) -> set[str]:
    found = set()
    for name in IN[part]:
        parameters = ACCOUNTS[part] | given
        for _, node in templates.walk(resolver.present(name, parameters)):
            if isinstance(node, dict) and "Fn::If" in node:
                continue
            if isinstance(node, dict) and "Fn::ImportValue" in node:
                found.add(resolver.resolve(node["Fn::ImportValue"], name, parameters))
    return found


def role_arns(part: str) -> dict[str, dict[str, Any]]:
    """Give an account's roles by ARN; the policies that a role shares are among its own."""
    account = ACCOUNTS[part].get("AWS::AccountId", ACCOUNT)
    shared = {
        f"arn:aws:iam::{account}:policy/{item['ManagedPolicyName']}": item
        for item in everything("AWS::IAM::ManagedPolicy", part).values()
    }
    return {
        f"arn:aws:iam::{account}:role/{item['RoleName']}": item
        | {"Policies": item["Policies"] + [shared[a] for a in item.get("ManagedPolicyArns", [])]}
        for item in everything("AWS::IAM::Role", part).values()
    }


def source(name: str, key: str, given: Parameters) -> str:
    """Give the ARN that a service says it works for."""
    item = templates.resources(name)[key]
    if item["Type"] == "AWS::CodeDeploy::DeploymentGroup":
        properties = resolver.resolve(item["Properties"], name, given)
        place = f"{properties['ApplicationName']}/{properties['DeploymentGroupName']}"
        account = given.get("AWS::AccountId", ACCOUNT)
        return f"arn:aws:codedeploy:{REGION}:{account}:deploymentgroup:{place}"
    if item["Type"] == "AWS::Scheduler::Schedule":
        # Scheduler's page: the group's ARN, not the schedule's.
        group = resolver.resolve(item["Properties"], name, given).get("GroupName", "default")
        account = given.get("AWS::AccountId", ACCOUNT)
        return f"arn:aws:scheduler:{REGION}:{account}:schedule-group/{group}"
    return resolver.arn(name, key, given)


def policy(name: str, key: str, part: str = "all") -> list[dict[str, Any]]:
    """Give the statements of a resource's policy, resolved."""
    properties = made(name, part)[key]["Properties"]
    for word in ("KeyPolicy", "PolicyDocument", "RepositoryPolicyText", "ModelPackageGroupPolicy"):
        if word in properties:
            found: list[dict[str, Any]] = properties[word]["Statement"]
            return found
    return []


def rules(part: str = "all", **given: Any) -> dict[str, dict[str, Any]]:
    found = everything("AWS::Events::Rule", part, **given).values()
    return {item["Name"].removeprefix(f"{PROJECT}-"): item for item in found}


def scheduled(**given: Any) -> dict[str, dict[str, Any]]:
    """Give the requests that the schedules send, by the schedule's end of name."""
    return {
        item["Name"].removeprefix(f"{PROJECT}-"): json.loads(item["Target"]["Input"])
        for item in everything("AWS::Scheduler::Schedule", **given).values()
        if item["Target"]["Arn"].endswith("createProcessingJob")
    }
