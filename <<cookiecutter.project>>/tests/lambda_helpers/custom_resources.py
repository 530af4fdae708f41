"""CloudFormation's part of a custom resource: it asks, polls and is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import crhelper.utils
import pytest
from crhelper import CfnResource

from lambda_helpers.world import Answer, Handler, World, run
from prove.example import PROJECT


def stack(world: World, status: str) -> None:
    """Let the stack of a custom resource be in a state."""
    content = f"""<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
        <DescribeStacksResult><Stacks><member><StackName>x</StackName>
        <CreationTime>2026-11-22T10:15:00Z</CreationTime><StackStatus>{status}</StackStatus>
        </member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""
    world.answer(
        world.golden_cases.cloudformation, "DescribeStacks", lambda _: (200, content.encode())
    )


def custom_resources(world: World) -> list[Any]:
    """Give the handlers that are crhelper's."""
    handlers = [getattr(module, "handler", None) for module in world.modules.values()]
    return [each for each in handlers if isinstance(each, CfnResource)]


LOGICAL = {"training": "Training", "evaluation": "Evaluation", "model_package": "Registration"}
STACK = f"arn:aws:cloudformation:ap-southeast-2:111122223333:stack/{PROJECT}-{{}}/1"


class CloudFormation:
    """What CloudFormation asks a custom resource and is told, and the rules that crhelper makes."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.told = list[dict[str, Any]]()
        self.rules: dict[str, dict[str, Any]] = {}
        patch.setattr(crhelper.utils, "HTTPSConnection", lambda *_, **__: self)
        for helper in custom_resources(world):
            for operation in ("AddPermission", "RemovePermission"):
                world.answer(helper._lambda_client, operation, lambda _: (200, {}))
            answers: dict[str, Callable[[dict[str, Any]], Any]] = {
                "PutRule": lambda asked: self.rules.update({asked["Name"]: {}}),
                "PutTargets": lambda asked: self.rules.update({asked["Rule"]: asked["Targets"][0]}),
                "RemoveTargets": lambda _: None,
                "DeleteRule": lambda asked: self.rules.pop(asked["Name"]),
            }
            for operation, effect in answers.items():
                world.answer(helper._events_client, operation, self.answering(effect))

    def answering(self, effect: Callable[[dict[str, Any]], Any]) -> Answer:
        def answer(request: dict[str, Any]) -> tuple[int, Any]:
            effect(request["body"])
            name = request["body"].get("Name", "")
            rule = f"arn:aws:events:ap-southeast-2:111122223333:rule/{name}"
            return 200, {"RuleArn": rule, "FailedEntryCount": 0, "FailedEntries": []}

        return answer

    def request(self, *, body: str, **_: Any) -> None:
        assert len(body) <= 4096
        self.told.append(json.loads(body))

    def getresponse(self) -> Any:
        return SimpleNamespace(reason="OK")

    def ask(
        self,
        handler: Handler,
        kind: str,
        properties: dict[str, Any],
        physical: str = "",
        **more: Any,
    ) -> dict[str, Any]:
        """Ask, and let the rules poll three times; return what is told last, {} for nothing."""
        before = len(self.told)
        event = {
            "RequestType": kind,
            "ResponseURL": "https://cloudformation.example/answer",
            "StackId": STACK.format("train"),
            "RequestId": "r",
            "LogicalResourceId": LOGICAL.get(properties.get("Step", ""), "Golden"),
            "ResourceProperties": properties,
        } | more
        run(handler, event | ({"PhysicalResourceId": physical} if physical else {}))
        for _ in range(3):
            for rule in [*self.rules.values()]:
                run(handler, json.loads(rule["Input"]))
        return self.told[-1] if len(self.told) > before else {}
