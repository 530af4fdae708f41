"""CloudFormation as far as a deployment sees it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from release_helpers.fake_aws import FakeAws, refused
from release_helpers.settings import PROJECT


class FakeStacks:
    """CloudFormation: the stacks that are there, and what a change set makes of them."""

    def __init__(self, cloud: FakeAws, standing: dict[str, str] | None = None) -> None:
        self.standing = {**(standing or {})}
        self.given: dict[str, list[dict[str, str]]] = {}
        self.fails: set[str] = set()
        self.changes: list[dict[str, Any]] = [
            {
                "Type": "Resource",
                "ResourceChange": {
                    "Action": "Modify",
                    "LogicalResourceId": "Key",
                    "ResourceType": "AWS::KMS::Key",
                    "Replacement": "True",
                },
            }
        ]
        cloud.answers |= {
            "DescribeStacks": self.describe,
            "CreateChangeSet": self.create,
            "DescribeChangeSet": self.shown,
            "ExecuteChangeSet": self.execute,
            "DeleteStack": self.delete,
        }

    def describe(self, asked: dict[str, Any]) -> Any:
        name = asked["StackName"]
        if name not in self.standing:
            return refused("ValidationError", f"Stack with id {name} does not exist")
        return {
            "Stacks": [
                {
                    "StackName": name,
                    "CreationTime": datetime.now(UTC),
                    "StackStatus": self.standing[name],
                    "Parameters": self.given.get(name, []),
                }
            ]
        }

    def create(self, asked: dict[str, Any]) -> Any:
        self.given[asked["StackName"]] = asked["Parameters"]
        return {}

    def shown(self, asked: dict[str, Any]) -> Any:
        if self.changes:
            return {"Status": "CREATE_COMPLETE", "Changes": self.changes}
        reason = "The submitted information didn't contain changes."
        return {"Status": "FAILED", "StatusReason": reason}

    def execute(self, asked: dict[str, Any]) -> Any:
        name = asked["StackName"]
        kind = "UPDATE" if name in self.standing else "CREATE"
        fails = name in self.fails
        self.standing[name] = "ROLLBACK_COMPLETE" if fails else f"{kind}_COMPLETE"
        return {}

    def delete(self, asked: dict[str, Any]) -> Any:
        name = asked["StackName"]
        self.standing[name] = "DELETE_FAILED" if name in self.fails else "DELETE_COMPLETE"
        return {}


# The layers, in the order of their making.
ORDER = ["data", "serving", "identity", "deployers", "images", "pipeline"]


def names(cloud: FakeAws, operation: str) -> list[str]:
    return [asked["StackName"].removeprefix(f"{PROJECT}-") for asked in cloud.made(operation)]
