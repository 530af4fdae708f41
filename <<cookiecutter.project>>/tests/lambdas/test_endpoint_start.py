"""What an endpoint begins with: its log group, and as many instances as the live endpoint has.

AWS is answered at the level of HTTP, so that botocore's own checks and parsing take part.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import botocore.awsrequest
import crhelper.utils
import pytest
from botocore.compat import HTTPHeaders

from prove import example, resolver, templates

PROJECT = example.GIVEN["Project"]
RELEASE = example.RELEASE
OLD = "20261101-080000-0ddba11"
NEW = f"{PROJECT}-{RELEASE}"
LIVE = f"{PROJECT}-{OLD}"
GROUP = f"/aws/sagemaker/Endpoints/{NEW}"
SERVICES = ("cloudwatch-logs", "sagemaker", "lambda")
MISSING = (400, {"__type": "ValidationException", "message": 'Could not find "x".'})
NOT_THERE = (404, {"__type": "ResourceNotFoundException", "Message": "Function not found"})


class Cloud:
    """Answers each operation with status and body, and keeps what was asked.

    It is crhelper's connection to CloudFormation too: `told` is what a custom resource answered.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.told: list[dict[str, Any]] = []
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {
            "DescribeEndpointConfig": MISSING,
            "GetFunctionConfiguration": (
                200,
                {"Environment": {"Variables": {"ENDPOINT_NAME": LIVE}}},
            ),
        }

    def serves(self, count: int) -> None:
        variants = [{"VariantName": "main", "DesiredInstanceCount": count}]
        self.answers["DescribeEndpoint"] = (200, {"ProductionVariants": variants})

    def respond(self, request: Any, event_name: str, **_: Any) -> Any:
        operation = event_name.split(".")[-1]
        self.asked.append((operation, json.loads(request.body or b"{}") | {"url": request.url}))
        status, body = self.answers.get(operation, (200, {}))
        raw = io.BytesIO(json.dumps(body).encode())
        raw.stream = lambda *_, **__: iter([raw.read()])  # type: ignore[attr-defined]
        kind = {"x-amzn-errortype": body["__type"]} if "__type" in body else {}
        headers = HTTPHeaders.from_dict(kind)
        return botocore.awsrequest.AWSResponse(request.url, status, headers, raw)

    def made(self, operation: str) -> list[dict[str, Any]]:
        return [given for name, given in self.asked if name == operation]

    def request(self, *, body: str, **_: Any) -> None:
        self.told.append(json.loads(body))

    def getresponse(self) -> Any:
        return SimpleNamespace(reason="OK")


@pytest.fixture(scope="module")
def endpoint_start() -> Iterator[ModuleType]:
    """Import the function anew, in its region."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "none")
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            patch.setenv(name, example.PSEUDO["AWS::Region"])
        sys.modules.pop("endpoint_start", None)
        yield importlib.import_module("endpoint_start")


@pytest.fixture
def cloud(endpoint_start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    found = Cloud()
    monkeypatch.setattr(crhelper.utils, "HTTPSConnection", lambda *_, **__: found)
    clients = (endpoint_start.logs, endpoint_start.sagemaker, endpoint_start.functions)
    for client, service in zip(clients, SERVICES, strict=True):
        client.meta.events.register_first(f"before-send.{service}", found.respond)
    yield found
    for client, service in zip(clients, SERVICES, strict=True):
        client.meta.events.unregister(f"before-send.{service}", found.respond)


def properties(name: str = "prod", **given: Any) -> dict[str, Any]:
    """Give what the template says, as CloudFormation sends it: all values are texts."""
    item = templates.resources(name)["Hosting"]["Properties"]
    resolved = resolver.resolve(item, name, {"ProdMinimum": 2, "ProdMaximum": 4} | given)
    return {key: str(value) for key, value in resolved.items()}


def ask(
    endpoint_start: ModuleType, cloud: Cloud, kind: str = "Create", **given: Any
) -> dict[str, Any]:
    """Ask as CloudFormation does; return what it is told."""
    event = {
        "RequestType": kind,
        "ResponseURL": "https://cloudformation.example/answer",
        "StackId": f"arn:aws:cloudformation:ap-southeast-2:111122223333:stack/{PROJECT}-prod/1",
        "RequestId": "r",
        "LogicalResourceId": "Hosting",
        "ResourceProperties": properties(**given),
    }
    more = {} if kind == "Create" else {"PhysicalResourceId": LIVE}
    context = SimpleNamespace(
        function_name=f"{PROJECT}-hosting",
        aws_request_id="r",
        get_remaining_time_in_millis=lambda: 60_000,
    )
    endpoint_start.handler(event | more, context)
    return cloud.told[-1]


@pytest.mark.actor("hosting")
@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_log_of_an_endpoint_ends_and_is_encrypted(
    name: str, endpoint_start: ModuleType, cloud: Cloud
) -> None:
    cloud.serves(2)
    told = ask(endpoint_start, cloud, name=name)
    assert told["Status"] == "SUCCESS", told
    group = GROUP if name == "prod" else f"/aws/sagemaker/Endpoints/{PROJECT}-dev-{RELEASE}"
    (made,) = cloud.made("CreateLogGroup")
    (key,) = cloud.made("AssociateKmsKey")
    (days,) = cloud.made("PutRetentionPolicy")
    assert made["logGroupName"] == key["logGroupName"] == days["logGroupName"] == group
    assert key["kmsKeyId"] == resolver.arn("data", "Key")
    assert days["retentionInDays"] == example.GIVEN["LogDays"]


@pytest.mark.actor("hosting")
def test_a_release_that_comes_back_has_its_log_again(
    endpoint_start: ModuleType, cloud: Cloud
) -> None:
    cloud.serves(2)
    words = "The specified log group already exists"
    exists = {"__type": "ResourceAlreadyExistsException", "message": words}
    cloud.answers["CreateLogGroup"] = (400, exists)
    assert ask(endpoint_start, cloud)["Status"] == "SUCCESS"
    assert cloud.made("AssociateKmsKey")
    assert cloud.made("PutRetentionPolicy")


@pytest.mark.actor("hosting")
@pytest.mark.parametrize(("live", "begins"), [(1, 2), (2, 2), (3, 3), (4, 4), (9, 4)])
def test_a_release_begins_with_as_many_instances_as_the_live_endpoint_has(
    live: int, begins: int, endpoint_start: ModuleType, cloud: Cloud
) -> None:
    """But never under the minimum, nor over the maximum."""
    cloud.serves(live)
    told = ask(endpoint_start, cloud, "Update")
    assert (told["Status"], told["Data"]["Instances"]) == ("SUCCESS", begins)
    (endpoint,) = cloud.made("DescribeEndpoint")
    assert endpoint["EndpointName"] == LIVE
    (function,) = cloud.made("GetFunctionConfiguration")
    assert f"/functions/{PROJECT}-api/configuration?Qualifier=live" in function["url"]


@pytest.mark.actor("hosting")
@pytest.mark.parametrize(
    "answers",
    [{"GetFunctionConfiguration": NOT_THERE}, {"DescribeEndpoint": MISSING}],
    ids=["nothing is live", "the live endpoint is gone"],
)
def test_where_nothing_serves_a_release_begins_with_the_minimum(
    answers: dict[str, Any], endpoint_start: ModuleType, cloud: Cloud
) -> None:
    cloud.answers |= answers
    assert ask(endpoint_start, cloud)["Data"]["Instances"] == 2


@pytest.mark.actor("hosting")
def test_a_stacks_rollback_finds_the_old_endpoint_unchanged(
    endpoint_start: ModuleType, cloud: Cloud
) -> None:
    """Another number would replace its configuration, under a name that is taken."""
    cloud.serves(4)
    variants = [{"VariantName": "main", "InitialInstanceCount": 3}]
    cloud.answers["DescribeEndpointConfig"] = (200, {"ProductionVariants": variants})
    assert ask(endpoint_start, cloud, "Update", ReleaseId=OLD)["Data"]["Instances"] == 3
    (config,) = cloud.made("DescribeEndpointConfig")
    assert config["EndpointConfigName"] == LIVE


@pytest.mark.actor("hosting")
def test_dev_asks_for_no_instances(endpoint_start: ModuleType, cloud: Cloud) -> None:
    told = ask(endpoint_start, cloud, name="dev")
    assert "Instances" not in told["Data"]
    assert not cloud.made("GetFunctionConfiguration")


@pytest.mark.actor("hosting")
def test_what_aws_refuses_fails_the_stack(endpoint_start: ModuleType, cloud: Cloud) -> None:
    refusal = {"__type": "AccessDeniedException", "Message": "not authorized"}
    cloud.answers["GetFunctionConfiguration"] = (403, refusal)
    told = ask(endpoint_start, cloud)
    assert told["Status"] == "FAILED"
    assert "not authorized" in told["Reason"]


@pytest.mark.actor("hosting")
def test_the_log_outlives_the_endpoint(endpoint_start: ModuleType, cloud: Cloud) -> None:
    """Of a candidate that failed it says why."""
    assert ask(endpoint_start, cloud, "Delete")["Status"] == "SUCCESS"
    assert not cloud.asked
