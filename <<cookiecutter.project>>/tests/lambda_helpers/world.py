"""One test's cloud: moto's, with the functions' modules, and the model's server.

S3, SageMaker, CloudWatch, SNS and EventBridge are moto's. What moto lacks is answered at the level
of HTTP, so that botocore's own checks, retries and parsing take part. The functions' environments
are those of the templates.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from types import ModuleType
from typing import Any

import botocore.awsrequest
import botocore.exceptions
import moto.backends
import moto.cloudwatch.models
import moto.core.models
import pytest
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import BotocoreStubber
from train_stage import TRAIN_STAGE

from prove import resolver, templates
from prove.example import ACCOUNT, PROJECT, REGION, RELEASE

# The release before `RELEASE`.
OLD = "20261101-080000-0ddba11"
BUCKET = f"{PROJECT}-{{}}-{ACCOUNT}-{REGION}"
DATA = BUCKET.format("data")
LIVE = BUCKET.format("live")
ENDPOINT = f"{PROJECT}-{RELEASE}"
REQUESTS = f"s3://{DATA}/runs/{RELEASE}/requests.json"
PACKAGE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{PROJECT}/7"
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
    "pipeline_action",
    "golden_cases",
    "traffic_hooks",
    "approval",
    "registered_model",
    "retraining",
    *TRAIN_STAGE.modules,
)


def environment() -> dict[str, str]:
    """Return what the templates give to the functions, and what Lambda does."""
    found = {f"AWS_{name}": "none" for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")}
    found |= {f"AWS_{name}": REGION for name in ("REGION", "DEFAULT_REGION")}
    for name, _, function in [*templates.everywhere("AWS::Lambda::Function")][::-1]:
        own = function["Properties"].get("Environment", {}).get("Variables", {})
        found |= resolver.resolve(own, name, GIVEN)
    of_the_api = {"SERVICE_NAME": "api", "METRICS_NAMESPACE": f"{PROJECT}/Api"}
    return found | {f"POWERTOOLS_{name}": value for name, value in of_the_api.items()}


ENVIRONMENT = environment()
CANDIDATE = ENVIRONMENT["CANDIDATE"]
GOLDEN = ENVIRONMENT["GOLDEN"]
MOTO = partial(BotocoreStubber.__call__, moto.core.models.botocore_stubber)
CLASSES = ["groceries", "fees & interest", "transport"]
ROW = {"text": "coles 0423 sydney", "price": 31.5}
Handler = Callable[[dict[str, Any], Any], Any]


class Context:
    """Lambda's context, with `seconds` left."""

    function_name = f"{PROJECT}-jobs"
    memory_limit_in_mb = 256
    aws_request_id = "request"
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
        self.golden_cases = modules["golden_cases"]
        self.traffic_hooks = modules["traffic_hooks"]
        self.approval = modules["approval"]
        self.registered_model = modules["registered_model"]
        self.retraining = modules["retraining"]
        self.modules = modules
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
            headers = HTTPHeaders.from_dict({"x-amzn-errortype": kind} if kind else {})
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


@contextmanager
def imported_functions() -> Iterator[dict[str, ModuleType]]:
    """Import the functions' modules anew, in their environment, which lasts for the block."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        for name in MODULES:
            sys.modules.pop(name, None)
        yield {name: importlib.import_module(name) for name in MODULES}
