"""The API's function: what the caller sees, which metric moves, what is logged."""

from __future__ import annotations

import base64
import io
import json
import time
from typing import Any

import botocore.awsrequest
import botocore.exceptions
import pytest
from lambda_helpers.api_calls import FAULTS, messages, moved, problem, proxy
from lambda_helpers.world import CLASSES, ROW, Context, World, prediction, run

from prove.example import RELEASE


@pytest.mark.actor("api")
def test_a_row_is_answered_with_an_id_that_the_capture_has(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = run(world.prediction_api.handler, proxy())
    answer = json.loads(reply["body"])
    assert (reply["statusCode"], answer["category"]) == (200, "groceries")
    assert reply["multiValueHeaders"] == {"Content-Type": ["application/json"]}
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
        "a price that is not a number": (400, proxy('{"text": "coles", "price": NaN}')),
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
    assert int(reply["multiValueHeaders"]["retry-after"][0]) > 0
    assert moved(capsys) == {"Overloads": 1, "EndpointCalls": 1}


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
    monkeypatch.setattr(world.prediction_api, "require_consistent", lambda _: 1 / 0)
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
