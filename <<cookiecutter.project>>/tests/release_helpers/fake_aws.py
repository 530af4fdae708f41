"""AWS as a table of answers by operation.

Requests and answers are checked against botocore's own models, so an answer has the shape that
AWS's has.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

from release_helpers.settings import tools_session

TOOLS = "111122223333"
PROD = "444455556666"


class FakeAws:
    """AWS, as far as answers were given; `calls` are the operations in their order."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "GetCallerIdentity": {"Account": TOOLS, "Arn": f"arn:aws:iam::{TOOLS}:user/someone"}
        }
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.keys: list[str] = []

    def call(self, client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        model = client.meta.service_model.operation_model(operation)
        if model.input_shape:
            validate_parameters(parameters, model.input_shape)
        self.calls.append((operation, parameters))
        self.keys.append(client._request_signer._credentials.access_key)
        answer = self.answers.get(operation, {})
        answer = answer(parameters) if callable(answer) else answer
        if isinstance(answer, ClientError):
            # Each client has its own classes for the codes of its service.
            raised = client.exceptions.from_code(answer.response["Error"]["Code"])
            raise raised(answer.response, operation)
        if model.output_shape and "Body" not in answer:
            assert set(answer) <= set(model.output_shape.members), operation
        return answer

    def made(self, *operations: str) -> list[dict[str, Any]]:
        return [parameters for name, parameters in self.calls if name in operations]


def refused(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@cache
def cached_session() -> Any:
    """Give a session that makes each client once for all tests: AWS is the test's `FakeAws`."""
    opened = tools_session()
    return SimpleNamespace(client=cache(opened.client), region_name=opened.region_name)
