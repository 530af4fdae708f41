"""The golden cases: a release's model must answer them as it did when it was trained.

`handler` is a custom resource that the alias waits for, so it runs in every deployment, the first
included. The hooks of a shift, and the pipeline's test of dev, ask the same cases.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import boto3
import msgspec
from crhelper import CfnResource
from s3_documents import read_content

from categoriser.contract import JSON, Prediction
from categoriser.evaluation.golden import GoldenCase, GoldenCases, parse_golden_cases

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from custom_resources import CustomResourceEvent

cloudformation = boto3.client("cloudformation")
functions = boto3.client("lambda")
runtime = boto3.client("sagemaker-runtime")
handler = CfnResource(json_logging=True, log_level="INFO", sleep_on_delete=0)

# An answer that is later is a fault.
MOST_SECONDS = 5
# Two machines differ by less in a probability.
TOLERANCE = 1e-3
OK = 200


class ProxyAnswer(msgspec.Struct):
    """What the API's function answers API Gateway; a function that failed answers neither field."""

    statusCode: int | None = None  # noqa: N815  # API Gateway's name
    body: str = ""


@handler.create
@handler.update
def ask_cases(event: CustomResourceEvent, context: LambdaContext) -> str:
    """Ask the golden cases of `Function`, a version's ARN, or `Endpoint`; return the physical id.

    A stack's rollback asks nothing: it returns to a release that was proven when it came, and whose
    faults of today must not hold it up.
    """
    properties = event["ResourceProperties"]
    prefix = f"probe-{properties['Release']}-golden-"
    [stack] = cloudformation.describe_stacks(StackName=event["StackId"])["Stacks"]
    if "ROLLBACK" not in stack["StackStatus"]:
        golden = read_golden_cases(properties["Golden"])
        target = properties.get("Function") or properties["Endpoint"]
        require_golden_answers(golden, target, [f"{prefix}{n}" for n in range(len(golden.cases))])
    return prefix


def read_golden_cases(uri: str) -> GoldenCases:
    """Read golden.json at an s3:// URI. Raises `UserError` where it is damaged."""
    return parse_golden_cases(read_content(uri), uri)


def require_golden_answers(golden: GoldenCases, target: str, probes: list[str]) -> None:
    """Ask a case for each probe, in turn; a probe is the call's id.

    Raises `RuntimeError` for an answer that is late, or not golden.json's.
    """
    for number, probe in enumerate(probes):
        case = golden.cases[number % len(golden.cases)]
        start = time.monotonic()
        answer = ask_target(target, case.request(), probe)
        seconds = time.monotonic() - start
        # What answers first may have to start first.
        if seconds > MOST_SECONDS and number > 0:
            raise RuntimeError(f"{probe}: an answer after {seconds:.1f} s")
        require_same_answer(case, answer, golden.classes, probe)


def require_same_answer(
    case: GoldenCase, answer: Prediction, classes: tuple[str, ...], probe: str
) -> None:
    """Compare an answer with its case's. Raises `RuntimeError` where they differ."""
    if answer.category != case.category or tuple(answer.probabilities) != classes:
        raise RuntimeError(f"{probe}: another category, or classes in another order")
    for name, value in case.probabilities.items():
        if abs(answer.probabilities[name] - value) > TOLERANCE:
            raise RuntimeError(f"{probe}: another probability of {name}")


def ask_target(target: str, content: str, probe: str) -> Prediction:
    """Ask a function's version, an ARN, as API Gateway does, or an endpoint by its name."""
    if not target.startswith("arn:"):
        reply = runtime.invoke_endpoint(
            EndpointName=target, Body=content, ContentType=JSON, InferenceId=probe
        )
        return msgspec.json.decode(reply["Body"].read(), type=Prediction)
    event = {"path": "/predict", "httpMethod": "POST", "body": content, "probe": probe}
    called = functions.invoke(FunctionName=target, Payload=json.dumps(event))
    answer = msgspec.json.decode(called["Payload"].read(), type=ProxyAnswer)
    if answer.statusCode != OK:
        raise RuntimeError(f"{probe}: {answer.statusCode or 'the function failed'}")
    return msgspec.json.decode(answer.body, type=Prediction)
