"""Calls of the API's function, and what they answer, log and count."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from lambda_helpers.world import CLASSES, ROW, prediction
from prove.example import PROJECT, RELEASE


def messages(log: io.StringIO) -> list[Any]:
    return [json.loads(line)["message"] for line in log.getvalue().splitlines()]


def proxy(body: Any = ROW, resource: str = "/predict", **more: Any) -> dict[str, Any]:
    """Return API Gateway's event."""
    content = body if isinstance(body, str) else json.dumps(body)
    headers = {"Content-Type": "application/json; charset=utf-8"}
    event = {"resource": resource, "path": resource, "httpMethod": "POST", "headers": headers}
    return event | {"body": content, "isBase64Encoded": False} | more


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
    assert reply["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]
    document: dict[str, Any] = json.loads(reply["body"])
    assert (document["type"], document["status"]) == ("about:blank", reply["statusCode"])
    assert {"title", "detail"} <= {*document}
    return document


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
    "a category that is not a class": (200, other(category="x")),
    "a probability that is another": (200, other(probability=0.1)),
    "probabilities beyond 1": (200, other(probability=8.0, probabilities={"groceries": 8.0})),
    "not a number": (200, b'{"category": "a", "probability": NaN, "probabilities": {"a": NaN}}'),
    "probabilities that are text": (200, other(probabilities={"groceries": "0.8"})),
    "a category that is a list": (200, other(category=[])),
    "no review": (200, {k: v for k, v in prediction(ROW).items() if k != "review"}),
}
