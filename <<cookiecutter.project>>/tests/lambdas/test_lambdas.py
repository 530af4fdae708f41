"""The Lambda functions, fault by fault: what the caller sees, which metric moves, what rolls back.

S3, SageMaker, CloudWatch, SNS and EventBridge are moto's. What moto lacks is answered at
the level of HTTP, so that botocore's own checks, retries and parsing take part. The functions'
environments and the alarms are those of the templates.
"""

from __future__ import annotations

import base64
import importlib
import io
import itertools
import json
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import botocore.awsrequest
import botocore.exceptions
import crhelper.utils
import moto.backends
import moto.cloudwatch.models
import moto.core.models
import pytest
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

from categoriser.errors import UserError
from categoriser.manifest import File, Manifest
from categoriser.monitor.formats import capture
from categoriser.monitor.formats.problems import Problems
from categoriser.serving.capture import record
from prove import example, resolver, templates
from prove.recorded import acting
from release.build import requests

PROJECT, RELEASE, OLD = example.PROJECT, example.RELEASE, "20261101-080000-0ddba11"
BUCKET = f"{PROJECT}-{{}}-111122223333-ap-southeast-2"
DATA, LIVE = BUCKET.format("data"), BUCKET.format("live")
ENDPOINT, VARIANT = f"{PROJECT}-{RELEASE}", "main"
CANDIDATE = f"arn:aws:lambda:ap-southeast-2:111122223333:function:{PROJECT}-api:7"
REQUESTS = f"s3://{DATA}/runs/{RELEASE}/requests.json"
PACKAGE = f"arn:aws:sagemaker:ap-southeast-2:111122223333:model-package/{PROJECT}/7"
GIVEN = {
    "LiveBucket": LIVE,
    "Run": REQUESTS.removesuffix("/requests.json"),
    "ProdCapturePercent": "100",
    "ProdCanaryMinutes": "5",
    "ProdBakeMinutes": "2",
    "RetrainCoolDownHours": "72",
}
DEV = f"{PROJECT}-dev-{RELEASE}"
PATHS = [f"/endpoints/{name}/invocations" for name in (ENDPOINT, DEV)]
MODULES = (
    "s3_documents",
    "prediction_api",
    "training_steps",
    "golden_cases",
    "traffic_hooks",
    "approval",
    "retraining",
)


def environment() -> dict[str, str]:
    """Return what the templates give to the functions, and what Lambda does."""
    found = {f"AWS_{name}": "none" for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")}
    found |= {f"AWS_{name}": example.PSEUDO["AWS::Region"] for name in ("REGION", "DEFAULT_REGION")}
    for name, _, function in [*templates.everywhere("AWS::Lambda::Function")][::-1]:
        own = function["Properties"].get("Environment", {}).get("Variables", {})
        found |= resolver.resolve(own, name, GIVEN)
    return found | {"POWERTOOLS_SERVICE_NAME": "api"}


ENVIRONMENT = environment()
CANDIDATE, GOLDEN = ENVIRONMENT["CANDIDATE"], ENVIRONMENT["GOLDEN"]
MOTO = partial(BotocoreStubber.__call__, moto.core.models.botocore_stubber)
CLASSES = ["groceries", "fees & interest", "transport"]
ROW = {"text": "coles 0423 sydney", "price": 31.5}
Handler = Callable[[dict[str, Any], Any], Any]


class Context:
    """Lambda's context, with `seconds` left."""

    function_name, memory_limit_in_mb, aws_request_id = f"{PROJECT}-jobs", 256, "request"
    invoked_function_arn = CANDIDATE

    def __init__(self, seconds: float = 840) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def run(handler: Handler, event: dict[str, Any], seconds: float = 840) -> Any:
    """Call a handler as Lambda does: events and answers are JSON."""
    return json.loads(json.dumps(handler(json.loads(json.dumps(event)), Context(seconds))))


Answer = Callable[[dict[str, Any]], tuple[int, Any]]


class World:
    """One test's cloud: moto's, and the functions' modules; `container` is the model's server."""

    def __init__(self, modules: dict[str, ModuleType]) -> None:
        self.prediction_api = modules["prediction_api"]
        self.training_steps = modules["training_steps"]
        self.golden_cases = modules["golden_cases"]
        self.traffic_hooks = modules["traffic_hooks"]
        self.approval = modules["approval"]
        self.retraining = modules["retraining"]
        self.replaced: list[tuple[Any, str, Any]] = []
        self.s3 = self.prediction_api.s3
        self.container: Callable[[Any], tuple[int, Any]] = lambda rows: (200, predicted(rows))
        self.start = datetime.now(UTC)
        self.called: list[str] = []
        for client in (self.prediction_api.runtime, self.golden_cases.runtime):
            self.answer(client, "InvokeEndpoint", self.endpoint)

    def answer(self, client: Any, operation: str, answer: Answer) -> list[dict[str, Any]]:
        """Answer a client's HTTP requests with status and body; return the list of what is asked.

        botocore's own checks, retries and parsing take part.
        """
        asked: list[dict[str, Any]] = []

        def respond(request: Any, **_: Any) -> Any:
            content = request.body or b"{}"
            content = content if isinstance(content, (str, bytes)) else content.read()
            known = json.loads(content) if content[:1] in (b"{", b"[", "{", "[") else {}
            asked.append(known)
            status, body = answer({"url": request.url, "headers": request.headers, "body": known})
            raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
            raw.stream = lambda *_, **__: iter([raw.read()])  # type: ignore[attr-defined]
            kind = body.get("__type") if isinstance(body, dict) else None
            headers = {"x-amzn-errortype": kind} if kind else {}
            return botocore.awsrequest.AWSResponse(request.url, status, headers, raw)

        service = client.meta.service_model.service_id.hyphenize()
        event = f"before-send.{service}.{operation}"
        self.forget(lambda known: known[:2] == (client, event))
        client.meta.events.register_first(event, respond)
        self.replaced.append((client, event, respond))
        return asked

    def forget(self, which: Callable[[Any], bool]) -> None:
        for client, event, respond in filter(which, [*self.replaced]):
            client.meta.events.unregister(event, respond)
            self.replaced.remove((client, event, respond))

    def aside(self, event_name: str, request: Any, **more: Any) -> Any:
        """Keep moto out of what is answered here."""
        ours = {event for _, event, _ in self.replaced}
        return None if event_name in ours else MOTO(event_name, request, **more)

    def endpoint(self, request: dict[str, Any]) -> tuple[int, Any]:
        self.called.append(request["headers"]["X-Amzn-SageMaker-Inference-Id"].decode())
        assert urllib.parse.urlsplit(request["url"]).path in PATHS
        assert request["headers"]["Content-Type"] == b"application/json"
        status, body = self.container(request["body"])
        if status == 200 or "__type" in body:
            return status, body
        fault = {"OriginalStatusCode": status, "OriginalMessage": json.dumps(body)}
        return 424, fault | {"Message": "...", "__type": "ModelError"}

    def put(self, uri: str, content: Any) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return str(self.s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"])

    def objects(self, bucket: str, prefix: str) -> dict[str, str]:
        found = self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {
            item["Key"]: self.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode()
            for item in found
        }


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    """Import the functions anew, in their environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        for name in MODULES:
            sys.modules.pop(name, None)
        yield {name: importlib.import_module(name) for name in MODULES}


@pytest.fixture
def world(modules: dict[str, ModuleType]) -> Iterator[World]:
    """Give a cloud that holds nothing."""
    made = World(modules)
    yield made
    made.forget(bool)


@pytest.fixture
def cloud(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give one with the buckets, and moto for the rest."""
    monkeypatch.setattr(BotocoreStubber, "__call__", lambda _, *a, **k: world.aside(*a, **k))
    with mock_aws():
        for bucket in (DATA, LIVE):
            place = {"LocationConstraint": "ap-southeast-2"}
            world.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
            versioning = {"Status": "Enabled"}
            world.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioning)
        yield world


def prediction(row: dict[str, Any]) -> dict[str, Any]:
    """Answer as a model does that looks at the first word only."""
    values = {"coles": (0.8, 0.1, 0.1), "fee": (0.2, 0.7, 0.1)}.get(
        row["text"].split()[0], (0.1, 0.2, 0.7)
    )
    best = max(values)
    return {
        "category": CLASSES[values.index(best)],
        "probability": best,
        "probabilities": dict(zip(CLASSES, values, strict=True)),
        "review": best < 0.6,
    }


def predicted(rows: Any) -> Any:
    return [prediction(row) for row in rows] if isinstance(rows, list) else prediction(rows)


# The API.


@pytest.fixture
def log(world: World, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Take down what the functions log: JSON, one object a line."""
    stream = io.StringIO()
    monkeypatch.setattr(world.prediction_api.logger.registered_handler, "stream", stream)
    return stream


def messages(log: io.StringIO) -> list[Any]:
    return [json.loads(line)["message"] for line in log.getvalue().splitlines()]


def proxy(body: Any = ROW, resource: str = "/predict", **more: Any) -> dict[str, Any]:
    """Return API Gateway's event."""
    content = body if isinstance(body, str) else json.dumps(body)
    headers = {"Content-Type": "application/json; charset=utf-8"}
    event = {"resource": resource, "httpMethod": "POST", "headers": headers, "body": content}
    return event | {"isBase64Encoded": False} | more


def moved(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """Return the metrics that the output moves; hold namespace and dimensions to the alarm's."""
    found: dict[str, float] = {}
    for line in capsys.readouterr().out.splitlines():
        document = json.loads(line)
        if "_aws" in document:
            [directive] = document["_aws"]["CloudWatchMetrics"]
            [dimensions] = directive["Dimensions"]
            assert directive["Namespace"] == f"{PROJECT}/Api"
            expected = {"service": "api", "release": RELEASE}
            assert {name: document[name] for name in dimensions} == expected
            found |= {m["Name"]: sum(document[m["Name"]]) for m in directive["Metrics"]}
    return found


def problem(reply: dict[str, Any]) -> dict[str, Any]:
    """Return the problem of an answer, which must be RFC 9457's."""
    assert reply["headers"]["content-type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(reply["body"])
    assert (document["type"], document["status"]) == ("about:blank", reply["statusCode"])
    assert {"title", "detail"} <= {*document}
    return document


@pytest.mark.actor("api")
def test_a_row_is_answered_with_an_id_that_the_capture_has(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = run(world.prediction_api.handler, proxy())
    answer = json.loads(reply["body"])
    assert (reply["statusCode"], answer["category"]) == (200, "groceries")
    assert reply["headers"] == {"content-type": "application/json"}
    assert answer["release"] == RELEASE
    assert world.called == [answer["prediction_id"]]
    assert len(answer["prediction_id"]) == 32
    assert [*answer["probabilities"]] == CLASSES
    assert moved(capsys) == {"Predictions": 1, "EndpointCalls": 1}


@pytest.mark.actor("api")
def test_rows_are_answered_as_a_list(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [ROW, {"text": "fee monthly", "price": 5}]
    answer = json.loads(run(world.prediction_api.handler, proxy(rows))["body"])
    assert [row["category"] for row in answer["predictions"]] == ["groceries", "fees & interest"]
    assert {*answer} == {"prediction_id", "release", "predictions"}
    assert moved(capsys) == {"Predictions": 2, "EndpointCalls": 1}


@pytest.mark.actor("api")
@pytest.mark.parametrize(
    ("status", "event"),
    {
        "bad type": (415, proxy(headers={"content-type": "text/csv"})),
        "bad JSON": (400, proxy('{"text": "coles", ')),
        "no body": (400, proxy(body="") | {"body": None}),
        "base64 of no JSON": (400, proxy("AAAA", isBase64Encoded=True)),
        "no base64": (400, proxy("A", isBase64Encoded=True)),
        "5.5 MB": (413, proxy("[" + " " * 5_767_168 + "]")),
        "nested too deeply": (400, proxy("[" * 100_000)),
        "1,001 rows": (400, proxy([ROW] * 1001)),
        "half a surrogate pair": (400, proxy('"\ud800"')),
        "another field": (400, proxy(ROW | {"x": 1})),
        "another field in a row of a list": (400, proxy([ROW, ROW | {"x": []}])),
        "no price": (400, proxy({"text": "coles"})),
        "a price that is text": (400, proxy(ROW | {"price": "x"})),
        "a price that is a truth": (400, proxy(ROW | {"price": True})),
        "a price beyond a double": (400, proxy('{"text": "coles", "price": 1e999}')),
        "a price that is no number": (400, proxy('{"text": "coles", "price": NaN}')),
        "257 characters": (400, proxy([ROW | {"text": "x" * 257}])),
        "a text that is none": (400, proxy(ROW | {"text": None})),
        "a list in a list": (400, proxy([[ROW]])),
        "a text": (400, proxy('"coles"')),
        "a row over 4 KiB": (413, proxy(ROW | {"text": "x" * 4096})),
        "a list over 4 MB": (413, proxy([ROW | {"text": "x" * 4200}] * 1000)),
    }.values(),
    ids=lambda value: None if isinstance(value, dict) else str(value),
)
def test_the_callers_fault_is_4xx_and_never_reaches_the_endpoint(
    world: World, capsys: pytest.CaptureFixture[str], status: int, event: dict[str, Any]
) -> None:
    reply = run(world.prediction_api.handler, event)
    assert reply["statusCode"] == status
    assert problem(reply)["status"] == status
    assert world.called == []
    assert moved(capsys) == {"ClientErrors": 1}


def test_a_refusal_names_row_and_field_and_repeats_no_long_name(world: World) -> None:
    said = problem(run(world.prediction_api.handler, proxy([ROW, ROW, ROW | {"price": "x"}])))
    assert said["detail"] == "Expected `float`, got `str` - at `$[2].price`"
    assert (said["row"], said["field"]) == (3, "price")
    said = problem(run(world.prediction_api.handler, proxy(ROW | {"text": 3})))
    assert (said.get("row"), said["field"]) == (None, "text")
    said = problem(run(world.prediction_api.handler, proxy(ROW | {"x" * 3000: 3})))
    assert said["detail"].startswith("Object contains unknown field `xxx")
    assert len(said["detail"]) == 200


def deep(size: int) -> str:
    return '{"text": "coles", "price": 1, "x": ' + "[" * size + "]" * size + "}"


ATTACKS = {
    "a field of nested lists": deep(2_000_000),
    "a list of it": f"[{deep(2_000_000)}]",
    "a flat list of wrong objects": "[" + '{"a":1},' * 500_000 + "{}]",
    "a list of numbers": "[" + "1," * 2_000_000 + "1]",
    "many rows": "[" + '{"text":"a","price":1},' * 170_000 + '{"text":"a","price":1}]',
    "one row of a long text": json.dumps({"text": "x" * 4_000_000, "price": 1}),
    "a list of one row of a long text": json.dumps([{"text": "x" * 4_000_000, "price": 1}]),
    "a list of names": "[" + json.dumps({"x" * 4_000_000: 1}) + "]",
}


@pytest.mark.parametrize("content", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_body_that_costs_its_reader_dear_is_refused_cheaply(world: World, content: str) -> None:
    event = proxy(content)
    begun = time.process_time()
    reply = world.prediction_api.handler(event, Context())
    seconds = time.process_time() - begun
    assert reply["statusCode"] in (400, 413)
    assert world.called == []
    assert len(reply["body"]) < 1000
    # Reading such a body with json takes seconds, and hundreds of megabytes.
    assert seconds < 0.5


@pytest.mark.actor("api")
@pytest.mark.parametrize(
    "event",
    [
        proxy(headers=None),
        proxy(headers={"content-type": None}),
        proxy(base64.b64encode(json.dumps(ROW).encode()).decode(), isBase64Encoded=True),
    ],
    ids=["null headers", "null content type", "base64"],
)
def test_null_headers_and_base64_are_no_fault(world: World, event: dict[str, Any]) -> None:
    assert run(world.prediction_api.handler, event)["statusCode"] == 200


@pytest.mark.actor("api")
@pytest.mark.parametrize("status", [400, 413, 415])
def test_what_the_container_refuses_the_caller_hears(
    world: World, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    detail = "row 1: price must be a finite number"
    world.container = lambda _: (status, {"status": status, "detail": detail, "row": 1})
    reply = run(world.prediction_api.handler, proxy())
    assert problem(reply) | {"detail": detail, "row": 1, "status": status} == problem(reply)
    # Not the endpoint's failure: bad clients roll no release back.
    assert moved(capsys) == {"ClientErrors": 1, "EndpointCalls": 1}


@pytest.mark.actor("api")
def test_a_refusal_without_a_problem_is_a_refusal(world: World) -> None:
    world.container = lambda _: (400, "not a problem")
    assert problem(run(world.prediction_api.handler, proxy()))["status"] == 400


@pytest.mark.actor("api")
@pytest.mark.parametrize(
    "fault",
    [(429, {"detail": "busy"}), (400, {"__type": "ThrottlingException", "Message": "slower"})],
    ids=["by the container", "by SageMaker"],
)
def test_overload_is_429_with_retry_after_and_no_failure(
    world: World, capsys: pytest.CaptureFixture[str], fault: tuple[int, Any]
) -> None:
    world.container = lambda _: fault
    reply = run(world.prediction_api.handler, proxy())
    assert problem(reply)["status"] == 429
    assert int(reply["headers"]["retry-after"]) > 0
    assert moved(capsys) == {"Overloads": 1, "EndpointCalls": 1}


def other(**changes: Any) -> dict[str, Any]:
    return prediction(ROW) | changes


FAULTS: dict[str, tuple[int, Any]] = {
    **{
        f"ModelError {status}": (status, {"detail": "x"})
        for status in (404, 405, 406, 500, 502, 503, 504)
    },
    "ModelError without a status": (424, {"__type": "ModelError", "Message": "x"}),
    "ModelNotReady": (429, {"__type": "ModelNotReadyException", "Message": "x"}),
    "ServiceUnavailable": (503, {"__type": "ServiceUnavailable", "Message": "x"}),
    "InternalFailure": (500, {"__type": "InternalFailure", "Message": "x"}),
    "no such endpoint": (400, {"__type": "ValidationError", "Message": "x"}),
    "no JSON": (200, b"<html>"),
    "nothing": (200, b""),
    "null": (200, None),
    "a list for a row": (200, [prediction(ROW)]),
    "no probabilities": (200, {"category": "groceries"}),
    "a class order that is wrong": (
        200,
        other(probabilities=dict(zip(CLASSES, (0.1, 0.8, 0.1), strict=True))),
    ),
    "a category that is not the most probable": (200, other(category="transport", probability=0.1)),
    "a category that is no class": (200, other(category="x")),
    "a probability that is another": (200, other(probability=0.1)),
    "probabilities beyond 1": (200, other(probability=8.0, probabilities={"groceries": 8.0})),
    "not a number": (200, b'{"category": "a", "probability": NaN, "probabilities": {"a": NaN}}'),
    "probabilities that are text": (200, other(probabilities={"groceries": "0.8"})),
    "a category that is a list": (200, other(category=[])),
    "no review": (200, {k: v for k, v in prediction(ROW).items() if k != "review"}),
}


@pytest.mark.actor("api")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_the_endpoints_fault_is_502_and_counts_towards_the_rollback(
    world: World, capsys: pytest.CaptureFixture[str], fault: tuple[int, Any]
) -> None:
    world.container = lambda _: fault
    reply = run(world.prediction_api.handler, proxy())
    assert problem(reply)["status"] == 502
    # One attempt: a second would take longer than API Gateway waits.
    assert len(world.called) == 1
    assert moved(capsys) == {"EndpointFailures": 1, "EndpointCalls": 1}


@pytest.mark.actor("api")
@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_rows_is_502(
    world: World, capsys: pytest.CaptureFixture[str], count: int
) -> None:
    world.container = lambda _: (200, [prediction(ROW)] * count)
    assert run(world.prediction_api.handler, proxy([ROW, ROW]))["statusCode"] == 502
    assert moved(capsys) == {"EndpointFailures": 1, "EndpointCalls": 1}


@pytest.mark.actor("api")
@pytest.mark.parametrize(
    "fault",
    [
        botocore.exceptions.ReadTimeoutError(endpoint_url="x"),
        botocore.exceptions.ConnectTimeoutError(endpoint_url="x"),
        botocore.exceptions.EndpointConnectionError(endpoint_url="x"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_timeout_is_502_after_one_attempt(
    world: World, capsys: pytest.CaptureFixture[str], fault: Exception
) -> None:
    attempts = []

    def fail(_: Any) -> Any:
        attempts.append(1)
        raise fault

    world.container = fail
    assert problem(run(world.prediction_api.handler, proxy()))["status"] == 502
    assert len(attempts) == 1
    assert moved(capsys) == {"EndpointFailures": 1, "EndpointCalls": 1}


def test_the_endpoints_timeout_ends_before_the_functions(world: World) -> None:
    config = world.prediction_api.runtime.meta.config
    assert config.connect_timeout + config.read_timeout < 20 < 29


@pytest.mark.actor("api")
@pytest.mark.filterwarnings("ignore:No application metrics")
def test_an_unforeseen_fault_is_the_functions_own_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.prediction_api, "checked", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(world.prediction_api.handler, proxy())


@pytest.mark.actor("api")
def test_nothing_of_a_transaction_is_logged(
    world: World, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {"text": "clinic-of-secrets", "price": 123.45}
    run(world.prediction_api.handler, proxy(said))
    world.container = lambda rows: (400, {"status": 400, "detail": f"no {rows['text']}"})
    run(world.prediction_api.handler, proxy(said))
    world.container = lambda rows: (500, {"detail": rows["text"]})
    run(world.prediction_api.handler, proxy(said))
    world.container = lambda rows: (200, rows)
    run(world.prediction_api.handler, proxy(said))
    output = "".join([*capsys.readouterr(), log.getvalue()])
    assert len(messages(log)) > 4
    assert "secret" not in output
    assert "123.45" not in output


@pytest.mark.actor("api")
def test_an_answer_and_a_failure_of_the_endpoint_are_logged(world: World, log: io.StringIO) -> None:
    run(world.prediction_api.handler, proxy())
    world.container = lambda _: FAULTS["ModelError 503"]
    run(world.prediction_api.handler, proxy())
    assert messages(log) == [
        {"status": 200, "prediction_id": world.called[0]},
        {"event": "the endpoint failed", "kind": "ModelError", "status": 503},
        {"status": 502, "prediction_id": None},
    ]


@pytest.mark.actor("api")
def test_a_probe_has_the_id_it_asks_for(world: World) -> None:
    answer = json.loads(run(world.prediction_api.handler, proxy(probe="probe-x-1"))["body"])
    assert world.called == [answer["prediction_id"]] == ["probe-x-1"]


# Feedback.


SAID = {"prediction_id": "0" * 32, "category": "transport"}
ROLE = {"requestContext": {"identity": {"caller": "AROAEXAMPLE:a-session"}}}


@pytest.fixture(autouse=True)
def unknown(modules: dict[str, ModuleType]) -> None:
    """Let the function know no classes yet, as when it starts."""
    modules["prediction_api"].classes.cache_clear()


@pytest.mark.actor("api")
def test_feedback_is_ground_truth_of_its_hour(
    cloud: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for said in (SAID, SAID | {"row": 4, "category": "fees & interest"}):
        reply = run(cloud.prediction_api.handler, proxy(said, "/feedback", **ROLE))
        assert (reply["statusCode"], json.loads(reply["body"])) == (202, said)
        assert moved(capsys)["Feedback"] == 1
    [single, row] = sorted(cloud.objects(LIVE, "ground-truth/").items(), key=lambda f: len(f[0]))
    assert datetime.strptime(single[0], f"ground-truth/%Y/%m/%d/%H/AROAEXAMPLE/{'0' * 32}.jsonl")
    assert json.loads(single[1]) == {
        "groundTruthData": {"data": "transport", "encoding": "CSV"},
        "eventMetadata": {"eventId": "0" * 32},
        "eventVersion": "0",
    }
    assert row[0] == single[0].replace(".jsonl", "-4.jsonl")
    assert json.loads(row[1])["eventMetadata"] == {"eventId": f"{'0' * 32}#4"}


@pytest.mark.actor("api")
def test_the_function_learns_the_releases_classes_from_its_endpoint_once(
    cloud: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for category in ("transport", "x", "Transport", "groceries", "...", "transport "):
        reply = run(cloud.prediction_api.handler, proxy(SAID | {"category": category}, "/feedback"))
        assert reply["statusCode"] == (202 if category in CLASSES else 400)
        if category not in CLASSES:
            assert problem(reply)["field"] == "category"
            assert "no class of the release" in problem(reply)["detail"]
            assert moved(capsys) == {"ClientErrors": 1}
        capsys.readouterr()
    # What the monitor leaves out, as it does the hooks' calls.
    [asked] = cloud.called
    assert asked.startswith(f"probe-{RELEASE}-classes-")
    assert len(asked) <= 64


@pytest.mark.actor("api")
def test_as_many_and_as_long_classes_as_there_may_be_are_known(cloud: World) -> None:
    """The environment of a function has 4 KB; these are sixteen."""
    names = [f"{number:03d}{'x' * 97}" for number in range(167)]
    best = {"category": names[0], "probability": 1.0, "review": False}
    values = dict.fromkeys(names, 0.0) | {names[0]: 1.0}
    cloud.container = lambda _: (200, best | {"probabilities": values})
    reply = run(cloud.prediction_api.handler, proxy(SAID | {"category": names[166]}, "/feedback"))
    assert reply["statusCode"] == 202


@pytest.mark.actor("api")
def test_while_the_endpoint_fails_no_label_is_judged_and_none_is_lost_for_good(
    cloud: World, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.container = lambda _: FAULTS["ModelError 503"]
    assert problem(run(cloud.prediction_api.handler, proxy(SAID, "/feedback")))["status"] == 502
    assert moved(capsys) == {"EndpointFailures": 1, "EndpointCalls": 1}
    cloud.container = lambda rows: (200, predicted(rows))
    assert run(cloud.prediction_api.handler, proxy(SAID, "/feedback"))["statusCode"] == 202


@pytest.mark.actor("api")
def test_a_caller_labels_so_many_rows_an_hour_and_stops_nobody_else(
    cloud: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cloud.prediction_api.MAX_LABELS == 1000
    monkeypatch.setattr(cloud.prediction_api, "MAX_LABELS", 3)

    def labelled(number: int, **identity: Any) -> dict[str, Any]:
        said = SAID | {"row": number}
        more = {"requestContext": {"identity": identity}}
        answer: dict[str, Any] = run(cloud.prediction_api.handler, proxy(said, "/feedback", **more))
        return answer

    for number in range(3):
        # A role's session is named by who takes it.
        assert labelled(number, caller=f"AROAONE:session-{number}")["statusCode"] == 202
    capsys.readouterr()
    reply = labelled(3, caller="AROAONE:session-3")
    assert problem(reply)["status"] == 429
    assert 0 < int(reply["headers"]["retry-after"]) <= 3600
    assert moved(capsys) == {"Overloads": 1}
    for other in ({"caller": "AROATWO:x"}, {"apiKeyId": "key", "caller": None}, {}):
        assert labelled(3, **other)["statusCode"] == 202
    folders = {key.split("/")[5] for key in cloud.objects(LIVE, "ground-truth/")}
    assert folders == {"AROAONE", "AROATWO", "key", "nobody"}


def test_the_monitor_reads_what_feedback_writes(
    cloud: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud.prediction_api, "classes", lambda: {"transport", 'food, "drinks"'})
    for said in (SAID, SAID | {"row": 4, "category": 'food, "drinks"'}):
        run(cloud.prediction_api.handler, proxy(said, "/feedback", **ROLE))
    problems = Problems()
    now = datetime.now(UTC)
    # By folder of the hour too: a job looks at its window alone.
    hour = (now - timedelta(hours=1), now + timedelta(hours=1))
    [frame] = capture.truths(capture.find(f"s3://{LIVE}/ground-truth", *hour), problems)
    assert sorted(frame.select("id", "row", "label").rows()) == [
        ("0" * 32, 0, "transport"),
        ("0" * 32, 4, 'food, "drinks"'),
    ]
    assert (problems.counts, frame["time"].null_count()) == ({}, 0)
    assert capture.find(f"s3://{LIVE}/ground-truth", now + timedelta(days=2)) == []


@pytest.mark.actor("api")
def test_repeated_feedback_writes_nothing_new_and_a_correction_stands(cloud: World) -> None:
    for category in ("transport", "transport", "groceries"):
        said = proxy(SAID | {"category": category}, "/feedback", **ROLE)
        assert run(cloud.prediction_api.handler, said)["statusCode"] == 202
        [content] = cloud.objects(LIVE, "ground-truth/").values()
        assert json.loads(content)["groundTruthData"]["data"] == category
    run(cloud.prediction_api.handler, proxy(SAID | {"row": 0}, "/feedback", **ROLE))
    assert len(cloud.objects(LIVE, "ground-truth/")) == 2


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_feedback_that_cannot_be_kept_is_the_functions_own_error(world: World) -> None:
    assert world.prediction_api.classes() == {*CLASSES}
    with mock_aws(), pytest.raises(botocore.exceptions.ClientError):
        run(world.prediction_api.handler, proxy(SAID, "/feedback"))


@pytest.mark.actor("api")
@pytest.mark.parametrize(
    "said",
    [
        [SAID],
        {},
        SAID | {"category": ""},
        SAID | {"category": "two\nlines"},
        SAID | {"category": 3},
        SAID | {"category": "x" * 101},
        SAID | {"prediction_id": "probe-x-1"},
        SAID | {"prediction_id": f"{'0' * 32}\n"},
        SAID | {"prediction_id": None},
        SAID | {"row": -1},
        SAID | {"row": True},
        SAID | {"row": None},
        SAID | {"row": 1000},
        SAID | {"row": 1.5},
        SAID | {"text": "more"},
    ],
    ids=str,
)
def test_feedback_that_cannot_be_joined_is_400(
    world: World, capsys: pytest.CaptureFixture[str], said: Any
) -> None:
    assert problem(run(world.prediction_api.handler, proxy(said, "/feedback")))["status"] == 400
    assert moved(capsys) == {"ClientErrors": 1}
    assert world.called == []


# Golden cases and hooks.


def golden(**changes: Any) -> dict[str, Any]:
    rows = [ROW, {"text": "fee monthly", "price": 5.0}, {"text": "taxi", "price": 9.0}]
    cases = [row | prediction(row) for row in rows]
    return {"classes": CLASSES, "cases": cases} | changes


def alarms() -> list[dict[str, Any]]:
    """Return the alarms of the deployment group, which roll a release back."""
    [group] = templates.resources("prod", "AWS::CodeDeploy::DeploymentGroup").values()
    watched = resolver.resolve(group["Properties"]["AlarmConfiguration"]["Alarms"], "prod")
    found = templates.resources("prod", "AWS::CloudWatch::Alarm").values()
    every = [resolver.resolve(alarm["Properties"], "prod") for alarm in found]
    return [
        alarm | {"Threshold": float(alarm["Threshold"])}
        for alarm in every
        if {"Name": alarm["AlarmName"]} in watched
    ]


@pytest.fixture
def prod(cloud: World) -> World:
    """Give a release in service: its endpoint, golden cases, alarms, and the API's new version."""
    for alarm in alarms():
        cloud.traffic_hooks.cloudwatch.put_metric_alarm(
            **{name: value for name, value in alarm.items() if name != "Tags"}
        )
    cloud.put(GOLDEN, golden())
    serve(cloud)

    def version(request: dict[str, Any]) -> tuple[int, Any]:
        assert urllib.parse.unquote(request["url"]).endswith(f"{CANDIDATE}/invocations")
        with acting("api"):
            return 200, run(cloud.prediction_api.handler, request["body"])

    cloud.answer(cloud.golden_cases.functions, "Invoke", version)
    return cloud


# What `before` looks at of the capture.
CAPTURE = {
    "CaptureStatus": "Started",
    "CurrentSamplingPercentage": 100,
    "DestinationS3Uri": f"s3://{LIVE}/captures",
}


def serve(world: World, **changes: Any) -> None:
    """Let SageMaker describe the endpoint as it is, but for the changes; moto lacks the capture."""
    capture = CAPTURE | {"EnableCapture": True, "KmsKeyId": "key"}
    described = {
        "EndpointName": ENDPOINT,
        "EndpointConfigName": ENVIRONMENT["ENDPOINT_CONFIG"],
        "EndpointStatus": "InService",
        "DataCaptureConfig": capture | {k: v for k, v in changes.items() if k in capture},
    } | {name: value for name, value in changes.items() if name not in capture}
    world.answer(world.traffic_hooks.sagemaker, "DescribeEndpoint", lambda _: (200, described))


def captured(world: World, *ids: str, hours: int = 0) -> None:
    """Put a capture as SageMaker writes it, of an hour so long ago."""
    time = datetime.now(UTC) - timedelta(hours=hours)
    lines = [
        record(
            json.dumps({"text": '"inferenceId":"probe-forged-1"', "price": 1}).encode(),
            b"{}",
            "application/json",
            event_id="e",
            inference_id=name,
            time=time,
        )
        for name in ids
    ]
    place = f"captures/{ENDPOINT}/{VARIANT}/{time:%Y/%m/%d/%H}/{len(ids)}.jsonl"
    world.put(f"s3://{LIVE}/{place}", b"".join(lines))


def probes(world: World) -> list[str]:
    return list(world.traffic_hooks.probes(golden()))


def hook(world: World, name: str, seconds: float = 840) -> list[str]:
    """Run a hook as CodeDeploy does; return the statuses that it reports."""
    told = world.answer(
        world.traffic_hooks.codedeploy, "PutLifecycleEventHookExecutionStatus", lambda _: (200, {})
    )
    run(
        getattr(world.traffic_hooks, name),
        {"DeploymentId": "d-ABCDEFGHI", "LifecycleEventHookExecutionId": "x" * 20},
        seconds,
    )
    assert all(report["deploymentId"] == "d-ABCDEFGHI" for report in told)
    return [report["status"] for report in told]


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch, world: World) -> list[float]:
    """Let no time pass; return the seconds that were asked for."""
    seconds: list[float] = []
    clock = SimpleNamespace(sleep=seconds.append, monotonic=time.monotonic)
    monkeypatch.setattr(world.traffic_hooks, "time", clock)
    return seconds


@pytest.mark.actor("hooks")
def test_before_lets_a_release_pass_whose_golden_cases_are_right(prod: World) -> None:
    rows: list[Any] = []

    def answer(row: Any) -> tuple[int, Any]:
        rows.append(row)
        return 200, prediction(row)

    prod.container = answer
    assert hook(prod, "before") == ["Succeeded"]
    cases = [{name: case[name] for name in ("text", "price")} for case in golden()["cases"]]
    assert rows == [*cases, *cases, *cases, cases[0]]
    # So many that the captures of a sample show some; their ids are what `after` waits for.
    assert prod.called == probes(prod) == [f"probe-{RELEASE}-{n}" for n in range(10)]


@pytest.mark.actor("hooks")
@pytest.mark.parametrize("percent", [1, 10, 50, 100])
def test_a_sample_of_the_probes_is_captured_in_999_releases_of_1000(
    world: World, monkeypatch: pytest.MonkeyPatch, percent: int
) -> None:
    monkeypatch.setenv("CAPTURE_PERCENT", str(percent))
    assert (1 - percent / 100) ** len(probes(world)) < 0.001


@pytest.mark.actor("hooks")
@pytest.mark.parametrize(
    "changes",
    [
        {"EndpointStatus": "Updating"},
        {"EndpointConfigName": "another"},
        {"CaptureStatus": "Stopped"},
        {"CurrentSamplingPercentage": 10},
        {"DestinationS3Uri": "s3://elsewhere/captures"},
        {"DataCaptureConfig": {}},
    ],
    ids=str,
)
def test_before_fails_on_an_endpoint_that_is_not_what_was_deployed(
    prod: World, log: io.StringIO, changes: dict[str, Any]
) -> None:
    serve(prod, **changes)
    assert hook(prod, "before") == ["Failed"]
    assert prod.called == []
    [(name, value)] = changes.items()
    wrong = {name: value} if value else dict.fromkeys(CAPTURE)
    assert f"the endpoint has {wrong}, not " in log.getvalue()


@pytest.mark.actor("hooks")
def test_before_fails_without_an_endpoint(prod: World) -> None:
    fault = {"__type": "ValidationException", "message": "Could not find endpoint"}
    prod.answer(prod.traffic_hooks.sagemaker, "DescribeEndpoint", lambda _: (400, fault))
    assert hook(prod, "before") == ["Failed"]


# An answer, and what the log says of it.
WRONG: dict[str, tuple[str, Callable[[Any], tuple[int, Any]]]] = {
    "another category": ("another category", lambda _: (200, prediction({"text": "taxi"}))),
    "classes in another order": (
        "another category, or classes in another order",
        lambda row: (
            200,
            prediction(row)
            | {"probabilities": dict(reversed(prediction(row)["probabilities"].items()))},
        ),
    ),
    "a probability apart by 0.002": (
        "another probability of groceries",
        lambda row: (
            200,
            prediction(row)
            | {
                "probability": prediction(row)["probability"] + 0.002,
                "probabilities": {
                    name: value + 0.002 * (value > 0.5)
                    for name, value in prediction(row)["probabilities"].items()
                },
            },
        ),
    ),
    "garbage": ("502", lambda _: (200, b"<html>")),
    "an error of the model": ("502", lambda _: (500, {"detail": "x"})),
    "a refusal": ("400", lambda _: (400, {"detail": "x"})),
}


@pytest.mark.actor("hooks")
@pytest.mark.parametrize(("words", "answer"), WRONG.values(), ids=WRONG.keys())
def test_before_fails_on_a_golden_case_that_is_wrong(
    prod: World, log: io.StringIO, words: str, answer: Callable[[Any], tuple[int, Any]]
) -> None:
    prod.container = answer
    assert hook(prod, "before") == ["Failed"]
    assert f"probe-{RELEASE}-0: {words}" in log.getvalue()


@pytest.mark.actor("hooks")
def test_another_machines_rounding_is_no_other_answer(prod: World) -> None:
    known = golden()
    known["cases"][0]["probabilities"]["transport"] += 0.0009
    prod.put(GOLDEN, known)
    assert hook(prod, "before") == ["Succeeded"]


@pytest.mark.actor("hooks")
def test_before_fails_on_an_answer_that_is_late(
    prod: World, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count(step=6)
    clock = SimpleNamespace(monotonic=lambda: next(ticks))
    monkeypatch.setattr(prod.golden_cases, "time", clock)
    assert hook(prod, "before") == ["Failed"]
    # The first may have had to start.
    assert f"probe-{RELEASE}-1: an answer after 6.0 s" in log.getvalue()


@pytest.mark.actor("hooks")
def test_before_fails_where_the_new_version_cannot_start(prod: World, log: io.StringIO) -> None:
    error = {
        "errorMessage": "No module named 'prediction_api'",
        "errorType": "Runtime.ImportModuleError",
    }
    prod.answer(prod.golden_cases.functions, "Invoke", lambda _: (200, error))
    assert hook(prod, "before") == ["Failed"]
    assert f"probe-{RELEASE}-0: the function failed" in log.getvalue()


@pytest.mark.parametrize("name", ["before", "after"])
def test_a_hook_fails_without_golden_cases(prod: World, name: str) -> None:
    prod.s3.delete_object(Bucket=DATA, Key=GOLDEN.split("/", 3)[3])
    assert hook(prod, name) == ["Failed"]


@pytest.mark.parametrize("name", ["before", "after"])
def test_a_hook_that_hangs_reports_failure_before_its_time_is_over(
    prod: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    over = threading.Event()
    monkeypatch.setattr(prod.traffic_hooks, "read_document", lambda _: over.wait())
    try:
        assert hook(prod, name, seconds=20.1) == ["Failed"]
    finally:
        over.set()


def test_a_hook_waits_no_longer_than_leaves_time_for_its_report(
    prod: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def result(seconds: float) -> None:
        waited.append(seconds)
        raise TimeoutError

    check = SimpleNamespace(submit=lambda _: SimpleNamespace(result=result))
    monkeypatch.setattr(prod.traffic_hooks, "ThreadPoolExecutor", lambda _: check)
    assert hook(prod, "after", seconds=900) == ["Failed"]
    assert waited == [880]


@pytest.mark.actor("hooks")
def test_after_watches_for_the_bake_once_the_probes_are_captured(
    prod: World, slept: list[float]
) -> None:
    captured(prod, "a-customers", *probes(prod)[:4])
    captured(prod, *probes(prod)[4:], hours=1)
    assert hook(prod, "after") == ["Succeeded"]
    assert sum(slept) == 120


@pytest.mark.actor("hooks")
@pytest.mark.parametrize(
    "ids",
    [(), ("a-customers",), (f"probe-{OLD}-0",), tuple(f"probe-{RELEASE}-{n}" for n in range(8))],
    ids=["no captures", "others' only", "another release's", "two too few of ten"],
)
def test_after_fails_without_this_releases_probes_in_the_captures(
    prod: World, slept: list[float], ids: tuple[str, ...]
) -> None:
    if ids:
        captured(prod, *ids)
    assert hook(prod, "after") == ["Failed"]


@pytest.mark.actor("hooks")
@pytest.mark.parametrize(("cases", "missing"), [(3, 1), (19, 1), (20, 2), (40, 4)])
def test_after_is_content_with_nine_probes_in_ten(
    prod: World, slept: list[float], cases: int, missing: int
) -> None:
    known = golden()
    known["cases"] = [known["cases"][0]] * cases
    prod.put(GOLDEN, known)
    sent = prod.traffic_hooks.probes(known)
    captured(prod, *sent[missing + 1 :])
    assert hook(prod, "after") == ["Failed"]
    captured(prod, *sent[missing:])
    assert hook(prod, "after") == ["Succeeded"]
    # The wait for them has a bound: the bake.
    assert sum(slept) == 2 * 120


@pytest.mark.actor("hooks")
@pytest.mark.parametrize("name", ["an error of the model", "garbage", "another category"])
def test_after_asks_a_quiet_nights_release_itself_and_fails_for_the_third_wrong_answer(
    prod: World, slept: list[float], log: io.StringIO, name: str
) -> None:
    captured(prod, *probes(prod))
    answers: list[Any] = []
    wrong = WRONG[name][1]

    def answer(row: Any) -> tuple[int, Any]:
        answers.append(row)
        return wrong(row) if len(answers) > 1 else (200, prediction(row))

    prod.container = answer
    prod.put(GOLDEN, golden(cases=golden()["cases"][:2]))
    assert hook(prod, "after") == ["Failed"]
    assert prod.called == [f"probe-{RELEASE}-watch-{n}" for n in range(4)]
    assert "3 of 4 calls failed: " in log.getvalue()


@pytest.mark.actor("hooks")
def test_two_calls_that_fail_are_no_failing_release(prod: World, slept: list[float]) -> None:
    captured(prod, *probes(prod))
    answers: list[Any] = []

    def answer(row: Any) -> tuple[int, Any]:
        answers.append(row)
        return (502, {"detail": "x"}) if len(answers) in (2, 5) else (200, prediction(row))

    prod.container = answer
    assert hook(prod, "after") == ["Succeeded"]
    assert len(answers) == 6


def share(failures: int, calls: int) -> list[float]:
    """Return what the alarm's expression makes of a minute."""
    [alarm] = [alarm for alarm in alarms() if "Metrics" in alarm]
    [expression] = [part["Expression"] for part in alarm["Metrics"] if "Expression" in part]
    minute = {"failures": failures, "calls": calls}
    results = [{"id": key, "timestamps": [0], "values": [v]} for key, v in minute.items()]
    return worked_out(expression, results)[0]


@pytest.mark.parametrize(
    ("failures", "calls", "red"),
    [
        # A caller's few, whether or not others call too.
        (2, 2, False),
        (12, 200, False),
        # A failing model, busy and on a quiet night, when the hook's own three calls are all.
        (200, 200, True),
        (20, 200, True),
        (3, 3, True),
    ],
)
def test_a_minute_is_red_where_three_calls_and_a_tenth_of_them_fail(
    failures: int, calls: int, red: bool
) -> None:
    [alarm] = [alarm for alarm in alarms() if "Metrics" in alarm]
    [value] = share(failures, calls)
    assert (value >= alarm["Threshold"]) == red
    # A burst is over within its minute: two are asked for.
    assert minutes_to_alarm(alarm) == 2


@pytest.mark.actor("hooks")
def test_after_is_content_with_one_probe_where_a_sample_is_captured(
    prod: World, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPTURE_PERCENT", "20")
    assert hook(prod, "after") == ["Failed"]
    captured(prod, probes(prod)[3])
    assert hook(prod, "after") == ["Succeeded"]


@pytest.mark.actor("hooks")
@pytest.mark.parametrize("number", range(4))
def test_an_alarm_during_the_bake_ends_it_at_once(
    prod: World, slept: list[float], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    captured(prod, *probes(prod))

    def go_off(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            name = alarms()[number]["AlarmName"]
            prod.traffic_hooks.cloudwatch.set_alarm_state(
                AlarmName=name, StateValue="ALARM", StateReason="x"
            )

    monkeypatch.setattr(prod.traffic_hooks.time, "sleep", go_off)
    assert hook(prod, "after") == ["Failed"]
    assert len(slept) == 3


@pytest.mark.actor("hooks")
def test_after_fails_where_an_alarm_is_missing(prod: World, slept: list[float]) -> None:
    captured(prod, *probes(prod))
    prod.traffic_hooks.cloudwatch.delete_alarms(AlarmNames=[alarms()[0]["AlarmName"]])
    assert hook(prod, "after") == ["Failed"]


def measure(world: World, alarm: dict[str, Any], value: float, minutes: float) -> None:
    """Put a value of what an alarm watches, so long before the test's start.

    Before one moment, since two values meant for two minutes must not fall into one. Of a share in
    a hundred there are a hundred calls.
    """
    values = {"EndpointFailures": value, "EndpointCalls": 100.0}
    for metric in watched(alarm):
        put = {
            "MetricName": metric["MetricName"],
            "Dimensions": metric["Dimensions"],
            "Value": values[metric["MetricName"]] if "Metrics" in alarm else value,
            "Timestamp": world.start - timedelta(minutes=minutes),
        }
        world.traffic_hooks.cloudwatch.put_metric_data(
            Namespace=metric["Namespace"], MetricData=[put]
        )


def watched(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metrics that an alarm reads."""
    parts = [part for part in alarm.get("Metrics", []) if "MetricStat" in part]
    return [part["MetricStat"]["Metric"] for part in parts] or [alarm]


def minutes_to_alarm(alarm: dict[str, Any]) -> int:
    return int(alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]))


def worked_out(expression: str, results: list[dict[str, Any]]) -> tuple[list[float], list[Any]]:
    """Work out metric math as CloudWatch does: where a metric has no value there is none."""
    found = {
        each["id"]: dict(zip(each["timestamps"], each["values"], strict=True)) for each in results
    }
    times = sorted(set.intersection(*(set(values) for values in found.values())))
    names = {"IF": lambda condition, then, other: then if condition else other}
    values = [
        float(eval(expression, names | {key: known[time] for key, known in found.items()}))
        for time in times
    ]
    return values, times


@pytest.fixture
def percentiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teach moto arithmetic, and the percentiles: the highest value stands for any."""
    known = moto.cloudwatch.models.Statistics.get_statistics_for_type

    def statistic(self: Any, name: str) -> Any:
        return max(self.metric_single_values_list) if name.startswith("p") else known(self, name)

    monkeypatch.setattr(moto.cloudwatch.models.Statistics, "get_statistics_for_type", statistic)
    monkeypatch.setattr(moto.cloudwatch.models, "parse_expression", worked_out)


@pytest.mark.actor("hooks")
@pytest.mark.usefixtures("percentiles")
@pytest.mark.parametrize("number", range(4))
def test_what_is_over_an_alarms_threshold_since_the_shift_fails_the_release(
    prod: World, slept: list[float], log: io.StringIO, number: int
) -> None:
    captured(prod, *probes(prod))
    alarm = alarms()[number]
    # Before the shift, or beneath the threshold: none of this release's business.
    measure(prod, alarm, alarm["Threshold"] * 2, minutes=8)
    measure(prod, alarm, alarm["Threshold"] * 0.4, minutes=2)
    assert hook(prod, "after") == ["Succeeded"]
    minutes = range(4, 4 - minutes_to_alarm(alarm), -1)
    for minute in minutes[1:]:
        measure(prod, alarm, alarm["Threshold"], minutes=minute)
    assert hook(prod, "after") == ["Succeeded"]
    measure(prod, alarm, alarm["Threshold"], minutes=minutes[0])
    assert hook(prod, "after") == ["Failed"]
    assert f"over the threshold since the shift: ['{alarm['AlarmName']}']" in log.getvalue()


@pytest.mark.actor("hooks")
@pytest.mark.usefixtures("percentiles")
def test_the_fix_passes_while_the_old_release_is_red(prod: World, slept: list[float]) -> None:
    captured(prod, *probes(prod))
    for alarm in alarms():
        for metric in watched(alarm):
            old = [
                d
                | {
                    "Value": "0"
                    if d["Name"] == "ExecutedVersion"
                    else d["Value"].replace(RELEASE, OLD)
                }
                for d in metric["Dimensions"]
            ]
            # A dimension tells the releases apart, in every alarm.
            assert old != metric["Dimensions"]
            one = {"MetricName": metric["MetricName"], "Namespace": metric["Namespace"]}
            for minutes in (2, 3, 4):
                value = alarm["Threshold"] * 9
                measure(prod, one | {"Dimensions": old}, value, minutes=minutes)
    assert hook(prod, "after") == ["Succeeded"]


def test_what_the_handler_counts_is_what_an_alarm_watches(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.container = lambda _: FAULTS["ModelError 500"]
    run(world.prediction_api.handler, proxy())
    [alarm] = [alarm for alarm in alarms() if "Metrics" in alarm]
    read = [part["MetricStat"]["Metric"] for part in alarm["Metrics"] if "MetricStat" in part]
    assert {metric["MetricName"] for metric in read} == {*moved(capsys)}
    for metric in read:
        assert metric["Namespace"] == f"{PROJECT}/Api"
        expected = {"service": "api", "release": RELEASE}
        assert {d["Name"]: d["Value"] for d in metric["Dimensions"]} == expected


def test_the_hook_compares_as_the_alarms_do() -> None:
    compared = {alarm["ComparisonOperator"] for alarm in alarms()}
    assert compared == {"GreaterThanOrEqualToThreshold"}
    assert len(alarms()) == 4


def stack(world: World, status: str) -> None:
    """Let the stack of a custom resource be in a state."""
    content = f"""<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
        <DescribeStacksResult><Stacks><member><StackName>x</StackName>
        <CreationTime>2026-11-22T10:15:00Z</CreationTime><StackStatus>{status}</StackStatus>
        </member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""
    world.answer(
        world.golden_cases.cloudformation, "DescribeStacks", lambda _: (200, content.encode())
    )


LOGICAL = {"training": "Training", "evaluation": "Evaluation", "model_package": "Registration"}
STACK = f"arn:aws:cloudformation:ap-southeast-2:111122223333:stack/{PROJECT}-{{}}/1"


class CloudFormation:
    """What CloudFormation asks a custom resource and is told, and the rules that crhelper makes."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        self.world, self.told = world, list[dict[str, Any]]()
        self.rules: dict[str, dict[str, Any]] = {}
        patch.setattr(crhelper.utils, "HTTPSConnection", lambda *_, **__: self)
        for helper in (world.training_steps.handler, world.golden_cases.handler):
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


@pytest.fixture
def formation(prod: World, monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    return CloudFormation(prod, monkeypatch)


@pytest.mark.actor("hooks")
@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize("target", [{"Function": CANDIDATE}, {"Endpoint": DEV}], ids=str)
def test_the_first_release_too_is_proven_by_its_golden_cases(
    prod: World, formation: CloudFormation, kind: str, target: dict[str, str]
) -> None:
    stack(prod, f"{kind.upper()}_IN_PROGRESS")
    asked = {"Golden": GOLDEN, "Release": RELEASE} | target
    more = {"StackId": STACK.format("dev" if "Endpoint" in target else "prod")}
    told = formation.ask(prod.golden_cases.handler, kind, asked, "old" * (kind == "Update"), **more)
    assert told["Status"] == "SUCCESS"
    # Other ids than the hook's, which must be captured after the hook has asked.
    assert prod.called == [f"probe-{RELEASE}-golden-{n}" for n in range(3)]
    assert not {*prod.called} & {*probes(prod)}
    assert all(len(name) <= 64 for name in prod.called)


@pytest.mark.actor("hooks")
def test_a_wrong_golden_case_fails_the_stack(prod: World, formation: CloudFormation) -> None:
    stack(prod, "CREATE_IN_PROGRESS")
    _, prod.container = WRONG["classes in another order"]
    asked = {"Golden": GOLDEN, "Release": RELEASE, "Endpoint": DEV}
    told = formation.ask(prod.golden_cases.handler, "Create", asked, StackId=STACK.format("dev"))
    assert told["Status"] == "FAILED"
    assert "classes in another order" in told["Reason"]
    # CloudFormation takes back what was not made.
    told = formation.ask(prod.golden_cases.handler, "Delete", asked, told["PhysicalResourceId"])
    assert told["Status"] == "SUCCESS"


@pytest.mark.actor("hooks")
def test_a_red_old_release_can_be_rolled_back_to(prod: World, formation: CloudFormation) -> None:
    stack(prod, "UPDATE_ROLLBACK_IN_PROGRESS")
    prod.container = lambda _: (500, {"detail": "x"})
    asked = {"Golden": GOLDEN, "Release": OLD, "Function": CANDIDATE}
    more = {"StackId": STACK.format("prod")}
    told = formation.ask(prod.golden_cases.handler, "Update", asked, "new", **more)
    assert told["Status"] == "SUCCESS"
    assert prod.called == []


# The jobs of training.

JOB = f"{PROJECT}-{RELEASE}-training"
IMAGES = f"111122223333.dkr.ecr.ap-southeast-2.amazonaws.com/{PROJECT}"
STEPS = {"training": "Training", "evaluation": "Processing"}


class Jobs:
    """SageMaker's jobs: moto's end at once, and can be made twice."""

    def __init__(self, world: World) -> None:
        self.world, self.made = world, dict[str, dict[str, Any]]()
        self.created: list[str] = []
        self.stopped: list[str] = []
        for kind in STEPS.values():
            for verb in ("Create", "Describe", "Stop"):
                act = partial(getattr(self, verb.lower()), kind)
                world.answer(world.training_steps.sagemaker, f"{verb}{kind}Job", act)

    def create(self, kind: str, request: dict[str, Any]) -> tuple[int, Any]:
        name = request["body"][f"{kind}JobName"]
        if name in self.made:
            return 400, {"__type": "ResourceInUse", "message": "the name is taken"}
        self.created.append(name)
        self.made[name] = {f"{kind}JobStatus": "InProgress", "CreationTime": time.time()}
        return 200, {f"{kind}JobArn": "arn:aws:sagemaker:ap-southeast-2:111122223333:x/y"}

    def describe(self, kind: str, request: dict[str, Any]) -> tuple[int, Any]:
        name = request["body"][f"{kind}JobName"]
        if name not in self.made:
            # Each kind has a word of its own.
            fault = "ValidationException" if kind == "Training" else "ResourceNotFound"
            return 400, {"__type": fault, "message": "not found"}
        return 200, self.made[name] | {f"{kind}JobName": name}

    def stop(self, kind: str, request: dict[str, Any]) -> tuple[int, Any]:
        self.stopped.append(request["body"][f"{kind}JobName"])
        return 200, {}

    def end(self, name: str, status: str, reason: str = "") -> None:
        kind = "Training" if name.endswith("training") else "Processing"
        self.made[name][f"{kind}JobStatus"] = status
        self.made[name] |= {"FailureReason": reason} if reason else {}


def properties(step: str, release: str = RELEASE) -> dict[str, Any]:
    """Return a custom resource's properties, as text, as CloudFormation hands them over."""
    requests = REQUESTS.replace(RELEASE, release)
    return {"ServiceToken": "arn", "Step": step, "Release": release, "Requests": requests}


@pytest.fixture
def jobs(cloud: World) -> Jobs:
    train = SimpleNamespace(instance="ml.m5.large", minutes=30)
    settings = SimpleNamespace(project=PROJECT, train=train)
    for release in (RELEASE, OLD):
        folder = f"s3://{DATA}/runs/{release}"
        given = {
            "ReleaseId": release,
            "ServeImage": f"{IMAGES}@sha256:{'1' * 64}",
            "JobImage": f"{IMAGES}@sha256:{'2' * 64}",
            "Run": folder,
            "Role": f"arn:aws:iam::111122223333:role/{PROJECT}-train-ap-southeast-2",
            "Key": "arn:aws:kms:ap-southeast-2:111122223333:key/k",
            "Champion": "",
            "Subnets": "",
            "SecurityGroup": "",
        }
        made = requests(settings, given, {"Release": release}, {})  # type: ignore[arg-type]
        cloud.put(f"{folder}/requests.json", made)
    return Jobs(cloud)


@pytest.fixture
def trained(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    return CloudFormation(jobs.world, monkeypatch)


@pytest.mark.actor("jobs")
@pytest.mark.parametrize("step", STEPS)
def test_a_job_is_made_and_awaited(jobs: Jobs, trained: CloudFormation, step: str) -> None:
    name = f"{PROJECT}-{RELEASE}-{step}"
    handler = jobs.world.training_steps.handler
    assert trained.ask(handler, "Create", properties(step)) == {}
    [rule] = trained.rules.values()
    jobs.end(name, "Completed")
    run(handler, json.loads(rule["Input"]))
    [told] = trained.told
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", name)
    assert (jobs.created, trained.rules) == ([name], {})


@pytest.mark.actor("jobs")
def test_cloudformation_calls_twice_and_one_job_runs(jobs: Jobs, trained: CloudFormation) -> None:
    for _ in range(2):
        trained.ask(jobs.world.training_steps.handler, "Create", properties("training"))
    assert (jobs.created, trained.told, len(trained.rules)) == ([JOB], [], 2)


@pytest.mark.actor("jobs")
def test_a_retried_release_finds_its_completed_job(jobs: Jobs, trained: CloudFormation) -> None:
    jobs.create("Training", {"body": {"TrainingJobName": JOB}})
    jobs.end(JOB, "Completed")
    told = trained.ask(jobs.world.training_steps.handler, "Create", properties("training"))
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", JOB)
    assert jobs.created == [JOB]


@pytest.mark.actor("jobs")
def test_a_rollback_to_the_old_release_does_not_train_it_again(
    jobs: Jobs, trained: CloudFormation
) -> None:
    old = JOB.replace(RELEASE, OLD)
    jobs.create("Training", {"body": {"TrainingJobName": old}})
    jobs.end(old, "Completed")
    handler = jobs.world.training_steps.handler
    trained.ask(handler, "Update", properties("training"), old)
    jobs.end(JOB, "Failed", "AlgorithmError")
    told = trained.ask(handler, "Update", properties("training", OLD), JOB)
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", old)
    assert jobs.created == [old, JOB]
    # The clean-up: what is done is not stopped.
    told = trained.ask(handler, "Delete", properties("training"), JOB)
    assert told["Status"] == "SUCCESS"
    assert jobs.stopped == []


@pytest.mark.actor("jobs")
def test_a_new_release_has_a_new_physical_id(jobs: Jobs, trained: CloudFormation) -> None:
    old = JOB.replace(RELEASE, OLD)
    trained.ask(jobs.world.training_steps.handler, "Update", properties("training"), old)
    jobs.end(JOB, "Completed")
    [rule] = trained.rules.values()
    run(jobs.world.training_steps.handler, json.loads(rule["Input"]))
    assert trained.told[0]["PhysicalResourceId"] == JOB


@pytest.mark.actor("jobs")
@pytest.mark.parametrize("step", STEPS)
def test_a_failed_job_fails_the_stack_with_its_reason(
    jobs: Jobs, trained: CloudFormation, step: str
) -> None:
    name, handler = f"{PROJECT}-{RELEASE}-{step}", jobs.world.training_steps.handler
    trained.ask(handler, "Create", properties(step))
    jobs.end(name, "Failed", "AlgorithmError: no rows of the class 'fees', exit code: 1. " * 20)
    [rule] = trained.rules.values()
    run(handler, json.loads(rule["Input"]))
    [told] = trained.told
    assert (told["Status"], told["PhysicalResourceId"]) == ("FAILED", name)
    for part in (name, f"/aws/sagemaker/{STEPS[step]}Jobs", "no rows of the class 'fees'"):
        assert part in told["Reason"]
    assert trained.rules == {}


@pytest.mark.actor("jobs")
def test_a_job_that_was_stopped_fails_the_stack(jobs: Jobs, trained: CloudFormation) -> None:
    trained.ask(jobs.world.training_steps.handler, "Create", properties("training"))
    [rule] = trained.rules.values()
    jobs.end(JOB, "Stopping")
    run(jobs.world.training_steps.handler, json.loads(rule["Input"]))
    assert trained.told == []
    jobs.end(JOB, "Stopped")
    run(jobs.world.training_steps.handler, json.loads(rule["Input"]))
    assert trained.told[0]["Status"] == "FAILED"
    assert "Stopped" in trained.told[0]["Reason"]


@pytest.mark.actor("jobs")
def test_a_job_without_an_end_fails_before_cloudformations_hour_is_over(
    jobs: Jobs, trained: CloudFormation
) -> None:
    handler = jobs.world.training_steps.handler
    trained.ask(handler, "Create", properties("training"))
    jobs.made[JOB]["CreationTime"] -= 56 * 60
    [rule] = trained.rules.values()
    run(handler, json.loads(rule["Input"]))
    assert trained.told[0]["Status"] == "FAILED"
    # And CloudFormation's answer to that ends it.
    trained.ask(handler, "Delete", properties("training"), trained.told[0]["PhysicalResourceId"])
    assert jobs.stopped == [JOB]


@pytest.mark.actor("jobs")
@pytest.mark.parametrize("step", [*STEPS, "model_package"])
def test_what_was_never_created_is_deleted(jobs: Jobs, trained: CloudFormation, step: str) -> None:
    for physical in (f"{PROJECT}-{RELEASE}-{step}", f"{PROJECT}-train_Training_AB12CD34"):
        told = trained.ask(jobs.world.training_steps.handler, "Delete", properties(step), physical)
        assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", physical)
    assert jobs.stopped == []


@pytest.mark.actor("jobs")
@pytest.mark.parametrize("step", STEPS)
def test_a_running_job_of_a_deleted_stack_is_stopped(
    jobs: Jobs, trained: CloudFormation, step: str
) -> None:
    trained.ask(jobs.world.training_steps.handler, "Create", properties(step))
    name = f"{PROJECT}-{RELEASE}-{step}"
    trained.ask(jobs.world.training_steps.handler, "Delete", properties(step), name)
    assert jobs.stopped == [name]


@pytest.mark.actor("jobs")
def test_a_deletion_that_sagemaker_refuses_is_said(jobs: Jobs, trained: CloudFormation) -> None:
    denied = {"__type": "AccessDeniedException", "message": "no"}
    world = jobs.world
    world.answer(world.training_steps.sagemaker, "DescribeTrainingJob", lambda _: (400, denied))
    told = trained.ask(world.training_steps.handler, "Delete", properties("training"), JOB)
    assert told["Status"] == "FAILED"


def registry(world: World) -> list[dict[str, Any]]:
    group = {"ModelPackageGroupName": PROJECT}
    with suppress(botocore.exceptions.ClientError):
        world.training_steps.sagemaker.create_model_package_group(**group)
    found = world.training_steps.sagemaker.list_model_packages(**group)["ModelPackageSummaryList"]
    return [package for package in found if package["ModelPackageGroupName"] == PROJECT]


def gate(world: World, *faults: str) -> None:
    verdict = {"gate": "champion", "part": "time", "figure": "lead in accuracy", "value": 0.0123}
    document = {"passed": not faults, "faults": faults, "verdicts": [verdict]}
    world.put(f"s3://{DATA}/runs/{RELEASE}/evaluation/gate.json", document)


@pytest.mark.actor("jobs")
def test_a_model_is_registered_once_and_awaits_approval(
    jobs: Jobs, trained: CloudFormation
) -> None:
    registry(jobs.world)
    gate(jobs.world)
    for _ in range(2):
        told = trained.ask(jobs.world.training_steps.handler, "Create", properties("model_package"))
        [package] = registry(jobs.world)
        assert package["ModelApprovalStatus"] == "PendingManualApproval"
        assert told["Status"] == "SUCCESS"
        arn = package["ModelPackageArn"]
        assert told["PhysicalResourceId"] == told["Data"]["ModelPackageArn"] == arn
        assert told["Data"]["Summary"] == "lead in accuracy (time) +0.0123"


@pytest.mark.actor("jobs")
def test_a_refused_model_is_not_registered_and_the_gates_words_are_heard(
    jobs: Jobs, trained: CloudFormation
) -> None:
    registry(jobs.world)
    words = "champion (time): lead in accuracy is -0.0300, 0.0200 under the bound of -0.0100"
    gate(jobs.world, words, *["another fault, at length"] * 200)
    handler = jobs.world.training_steps.handler
    told = trained.ask(handler, "Create", properties("model_package"))
    assert told["Status"] == "FAILED"
    assert words in told["Reason"]
    assert registry(jobs.world) == []


# The pipeline: approval and retraining.

# moto's account.
TOPIC = f"arn:aws:sns:ap-southeast-2:123456789012:{PROJECT}"
JOB_ID = "11111111-2222-3333-4444-555555555555"
PERSON = "arn:aws:sts::111122223333:assumed-role/releases/ada"


def action(category: str, status: str, execution: str, who: str = PERSON) -> dict[str, Any]:
    kind = {"category": category, "owner": "AWS", "provider": "Manual", "version": "1"}
    return {
        "pipelineExecutionId": execution,
        "actionName": category,
        "status": status,
        "updatedBy": who,
        "input": {"actionTypeId": kind},
    }


def approve(world: World, package: str, *actions: dict[str, Any], execution: str = "e1") -> Any:
    """Run the action as CodePipeline does; return what it is told."""
    told = {
        result: world.answer(
            world.approval.codepipeline, f"PutJob{result}Result", lambda _: (200, {})
        )
        for result in ("Success", "Failure")
    }
    world.answer(
        world.approval.codepipeline,
        "ListActionExecutions",
        lambda asked: (
            200,
            {
                "actionExecutionDetails": [
                    known
                    for known in actions
                    if known["pipelineExecutionId"]
                    == asked["body"]["filter"]["pipelineExecutionId"]
                ]
            },
        ),
    )
    given = json.dumps({"package": package, "execution": execution})
    configuration = {"FunctionName": f"{PROJECT}-approve", "UserParameters": given}
    data = {"actionConfiguration": {"configuration": configuration}}
    run(world.approval.handler, {"CodePipeline.job": {"id": JOB_ID, "data": data}})
    [(result, [body])] = [(result, bodies) for result, bodies in told.items() if bodies]
    assert body["jobId"] == JOB_ID
    return result, body


def package(world: World, status: str = "PendingManualApproval", **metadata: str) -> str:
    registry(world)
    made = world.training_steps.sagemaker.create_model_package(
        ModelPackageGroupName=PROJECT,
        ModelApprovalStatus=status,
        CustomerMetadataProperties=metadata,
    )
    return str(made["ModelPackageArn"])


@pytest.mark.actor("approve")
def test_a_package_is_approved_in_the_name_of_who_approved_the_execution(cloud: World) -> None:
    arn = package(cloud)
    actions = [
        action("Build", "Succeeded", "e1", "a build"),
        action("Approval", "Succeeded", "e0", "another"),
        action("Approval", "Succeeded", "e1"),
    ]
    assert approve(cloud, arn, *actions)[0] == "Success"
    known = cloud.training_steps.sagemaker.describe_model_package(ModelPackageName=arn)
    assert known["ModelApprovalStatus"] == "Approved"
    assert {"e1,", PERSON} <= {*known["ApprovalDescription"].split()}


@pytest.mark.actor("approve")
@pytest.mark.parametrize(
    "actions",
    [[], [action("Approval", "Failed", "e1")], [action("Approval", "Succeeded", "e0")]],
    ids=["no approval", "rejected", "another execution's"],
)
def test_nobodys_approval_is_none(cloud: World, actions: list[dict[str, Any]]) -> None:
    arn = package(cloud)
    result, told = approve(cloud, arn, *actions)
    assert (result, told["failureDetails"]["type"]) == ("Failure", "JobFailed")
    assert "nobody approved" in told["failureDetails"]["message"]
    known = cloud.training_steps.sagemaker.describe_model_package(ModelPackageName=arn)
    assert known["ModelApprovalStatus"] == "PendingManualApproval"


@pytest.mark.actor("approve")
def test_a_rollback_deploys_an_approved_package_that_nobody_approves_again(cloud: World) -> None:
    arn, refused, live = package(cloud, "Approved"), package(cloud), package(cloud, "Approved")
    assert approve(cloud, arn, execution="rollback")[0] == "Success"

    def known(name: str) -> Any:
        return cloud.training_steps.sagemaker.describe_model_package(ModelPackageName=name)

    assert known(arn)["ModelApprovalStatus"] == "Approved"
    # What was put back is what no next model is compared with.
    assert known(live)["ModelApprovalStatus"] == "Rejected"
    assert {"rollback,", arn} <= {*known(live)["ApprovalDescription"].split()}
    assert known(refused)["ModelApprovalStatus"] == "PendingManualApproval"


@pytest.mark.actor("approve")
def test_a_package_that_is_missing_fails_the_action(cloud: World) -> None:
    assert approve(cloud, PACKAGE)[0] == "Failure"


LABELS = "2026-11-20T00:00:00Z"


def manifest(made_by: Any = "labels", through: str = LABELS, dvc: str = "1" * 32) -> bytes:
    file = File(f"s3://{DATA}/raw/own.csv", "v1", "0" * 64, 10)
    return Manifest(made_by, (file,), {"data/own.csv": dvc}, through).zip()


def execution(status: str, hours: float, name: str = "e1") -> dict[str, Any]:
    begun = time.time() - 3600 * hours
    return {"pipelineExecutionId": name, "status": status, "startTime": begun}


class Pipeline:
    """The pipeline and its data, ready for a retraining."""

    def __init__(self, world: World) -> None:
        self.world, self.executions = world, [execution("Succeeded", 100), execution("Failed", 200)]
        self.started: list[dict[str, Any]] = []
        client = world.retraining.codepipeline
        summaries = "pipelineExecutionSummaries"
        world.answer(
            client, "ListPipelineExecutions", lambda _: (200, {summaries: self.executions})
        )
        world.answer(client, "StartPipelineExecution", self.start)
        world.retraining.sns.create_topic(Name=PROJECT)
        world.put(f"s3://{DATA}/releases/data.zip", manifest("data-release", ""))
        self.version = world.put(f"s3://{DATA}/releases/labelled.zip", manifest())
        registry(world)

    def start(self, request: dict[str, Any]) -> tuple[int, Any]:
        self.started.append(request["body"])
        # As the service does: one token, one execution.
        tokens = [run["clientRequestToken"] for run in self.started]
        return 200, {"pipelineExecutionId": f"run-{tokens.index(tokens[-1])}"}

    def decide(self, cause: str = "drift") -> dict[str, Any]:
        """Let an alarm ask; return the decision, which must be recorded and announced."""
        detail = {"alarmName": f"{PROJECT}-{cause}", "state": {"value": "ALARM"}}
        event = {"source": "aws.cloudwatch", "detail": detail} if cause else {"source": "scheduler"}
        before = self.world.objects(DATA, "retraining/")
        run(self.world.retraining.handler, event)
        now = self.world.objects(DATA, "retraining/")
        [key] = {*now} - {*before} or {*now}
        backend = moto.backends.get_backend("sns")["123456789012"]["ap-southeast-2"]
        [topic] = backend.topics.values()
        _, message, subject, *_ = topic.sent_notifications[-1]
        decision: dict[str, Any] = json.loads(now[key])
        started = "started" if decision["started"] else "not started"
        assert (message, subject) == (now[key], f"{PROJECT}: retraining {started}")
        assert decision["cause"] == (detail["alarmName"] if cause else "schedule")
        assert datetime.strptime(decision["time"], "%Y-%m-%dT%H:%M:%SZ")
        assert key == f"retraining/{decision['time']}-request-{decision['cause']}.json"
        return decision


@pytest.fixture
def pipeline(cloud: World, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    monkeypatch.setenv("TOPIC_ARN", TOPIC)
    return Pipeline(cloud)


@pytest.mark.actor("retrain")
@pytest.mark.parametrize("cause", ["drift", "quality", ""])
def test_new_labels_start_the_pipeline_with_exactly_them(pipeline: Pipeline, cause: str) -> None:
    decision = pipeline.decide(cause)
    assert (decision["against"], decision["started"]) == ([], "run-0")
    [asked] = pipeline.started
    head = pipeline.world.s3.head_object(Bucket=DATA, Key="releases/data.zip")
    [source] = [
        action["ActionTypeId"]
        | {"Name": action["Name"], "Key": action["Configuration"]["S3ObjectKey"]}
        for stage in templates.resources("pipeline")["Pipeline"]["Properties"]["Stages"]
        for action in stage["Actions"]
        if "S3ObjectKey" in action.get("Configuration", {})
    ]
    assert source["Key"] == "releases/data.zip"
    assert asked["sourceRevisions"] == [
        {
            "actionName": source["Name"],
            "revisionType": "S3_OBJECT_VERSION_ID",
            "revisionValue": head["VersionId"],
        }
    ]
    copied = pipeline.world.s3.get_object(Bucket=DATA, Key="releases/data.zip")["Body"].read()
    assert copied == manifest()


AGAINST: dict[str, tuple[Callable[[Pipeline], Any], str]] = {
    "no labelled data": (
        lambda p: p.world.s3.delete_object(Bucket=DATA, Key="releases/labelled.zip"),
        "no labelled data",
    ),
    # Whatever became of that run: a model that the gate refused is not trained again and again.
    "a run was given these labels": (
        lambda p: p.world.put(f"s3://{DATA}/releases/data.zip", manifest()),
        f"labels through {LABELS}",
    ),
    "labels of an earlier data release": (
        lambda p: p.world.put(
            f"s3://{DATA}/releases/data.zip", manifest("data-release", "", "2" * 32)
        ),
        "earlier data release",
    ),
    "a run under way, such as one that awaits approval": (
        lambda p: p.executions.insert(0, execution("InProgress", 90, "e9")),
        "e9 is under way",
    ),
    "a run that is stopping": (
        lambda p: p.executions.insert(0, execution("Stopping", 90, "e9")),
        "e9 is under way",
    ),
    "the cool-down": (lambda p: p.executions.insert(0, execution("Failed", 71)), "cool-down"),
}


@pytest.mark.actor("retrain")
@pytest.mark.parametrize(("arrange", "words"), AGAINST.values(), ids=AGAINST.keys())
def test_no_retraining_and_the_reason_in_words(
    pipeline: Pipeline, arrange: Callable[[Pipeline], Any], words: str
) -> None:
    arrange(pipeline)
    decision = pipeline.decide()
    [reason] = decision["against"]
    assert words in reason
    assert decision["started"] is None
    assert pipeline.started == []


@pytest.mark.actor("retrain")
def test_a_pipeline_that_never_ran_is_started(pipeline: Pipeline) -> None:
    pipeline.executions.clear()
    pipeline.world.s3.delete_object(Bucket=DATA, Key="releases/data.zip")
    decision = pipeline.decide()
    assert (decision["given_through"], decision["last_run"]) == ("", "")
    assert decision["started"] == "run-0"


ARRIVED = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "detail": {"bucket": {"name": DATA}, "object": {"key": "releases/labelled.zip"}},
}


@pytest.mark.actor("retrain")
def test_new_labels_alone_ask_for_nothing(pipeline: Pipeline) -> None:
    """Nor do they with decisions that no alarm asked for."""
    decision = pipeline.decide("")
    pipeline.world.put(f"s3://{DATA}/retraining/{decision['time']}-request-labels.json", decision)
    pipeline.started.clear()
    pipeline.world.put(f"s3://{DATA}/releases/data.zip", manifest("data-release", ""))
    before = pipeline.world.objects(DATA, "retraining/")
    run(pipeline.world.retraining.handler, ARRIVED)
    assert pipeline.started == []
    assert pipeline.world.objects(DATA, "retraining/") == before


@pytest.mark.actor("retrain")
def test_an_alarm_that_came_before_the_labels_is_heard_when_they_come(pipeline: Pipeline) -> None:
    pipeline.world.put(
        f"s3://{DATA}/releases/labelled.zip", manifest("labels", "2026-09-01T00:00:00Z")
    )
    pipeline.world.put(f"s3://{DATA}/releases/data.zip", manifest("labels", "2026-10-01T00:00:00Z"))
    assert pipeline.decide()["started"] is None
    pipeline.world.put(f"s3://{DATA}/releases/labelled.zip", manifest())
    run(pipeline.world.retraining.handler, ARRIVED)
    assert len(pipeline.started) == 1
    decisions = pipeline.world.objects(DATA, "retraining/")
    assert len(decisions) == 2
    assert sum(name.endswith("-labels.json") for name in decisions) == 1
    # That run has begun since: the alarm has had its answer.
    pipeline.executions.insert(0, execution("Succeeded", -1))
    run(pipeline.world.retraining.handler, ARRIVED)
    assert len(pipeline.started) == 1
    assert len(pipeline.world.objects(DATA, "retraining/")) == 2


@pytest.mark.actor("retrain")
def test_labels_that_come_after_the_decision_are_not_what_is_trained_on(pipeline: Pipeline) -> None:
    pipeline.world.put(
        f"s3://{DATA}/releases/labelled.zip", manifest(through="2026-11-21T00:00:00Z")
    )
    pipeline.world.retraining.start(pipeline.version)
    copied = pipeline.world.s3.get_object(Bucket=DATA, Key="releases/data.zip")["Body"].read()
    assert copied == manifest()


@pytest.mark.actor("retrain")
@pytest.mark.parametrize("name", ["labelled", "data"])
def test_data_that_cannot_be_read_are_named(pipeline: Pipeline, name: str) -> None:
    pipeline.world.put(f"s3://{DATA}/releases/{name}.zip", b"no zip")
    with pytest.raises(UserError, match=f"^releases/{name}.zip is no zip"):
        pipeline.decide()


@pytest.mark.actor("retrain")
def test_two_alarms_at_once_start_one_run(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = pipeline.world.retraining.gather()
    monkeypatch.setattr(pipeline.world.retraining, "gather", lambda: facts)
    # Neither sees the other's run yet.
    decisions = [pipeline.decide(cause) for cause in ("drift", "quality")]
    assert [decision["started"] for decision in decisions] == ["run-0", "run-0"]
    assert len({run["clientRequestToken"] for run in pipeline.started}) == 1
