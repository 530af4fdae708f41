"""The golden cases: a release's model must answer them as it did when it was trained.

`handler` is a custom resource that the alias waits for, so it runs in every deployment, the first
included. The hooks of a shift, and the pipeline's test of dev, ask the same cases.
"""

import json
import time
from typing import Any

import boto3
from crhelper import CfnResource
from s3_documents import read_document

from categoriser.contract import FIELDS

cloudformation = boto3.client("cloudformation")
functions = boto3.client("lambda")
runtime = boto3.client("sagemaker-runtime")
handler = CfnResource(json_logging=True, log_level="INFO", sleep_on_delete=0)

# An answer that is later is a fault.
MOST_SECONDS = 5
# Two machines differ by less in a probability.
TOLERANCE = 1e-3
OK = 200


@handler.create
@handler.update
def judge(event: dict[str, Any], context: Any) -> str:
    """Ask the golden cases of `Function`, a version's ARN, or `Endpoint`; return the physical id.

    Not in a stack's rollback: that returns to a release which was proven when it came, and whose
    faults of today must not hold it up.
    """
    properties = event["ResourceProperties"]
    prefix = f"probe-{properties['Release']}-golden-"
    [stack] = cloudformation.describe_stacks(StackName=event["StackId"])["Stacks"]
    if "ROLLBACK" not in stack["StackStatus"]:
        known = read_document(properties["Golden"])
        target = properties.get("Function") or properties["Endpoint"]
        prove(known, target, [f"{prefix}{number}" for number in range(len(known["cases"]))])
    return prefix


def prove(known: dict[str, Any], target: str, probes: list[str]) -> None:
    """Ask a case for each probe, in turn; a probe is the call's id.

    Raises `RuntimeError` for an answer that is late, or not golden.json's.
    """
    for number, probe in enumerate(probes):
        case = known["cases"][number % len(known["cases"])]
        start = time.monotonic()
        answer = ask(target, question(case), probe)
        seconds = time.monotonic() - start
        # What answers first may have to start first.
        if seconds > MOST_SECONDS and number > 0:
            raise RuntimeError(f"{probe}: an answer after {seconds:.1f} s")
        check(case, answer, known["classes"], probe)


def question(case: dict[str, Any]) -> str:
    """Return the body of a request for a case's row."""
    return json.dumps({name: case[name] for name in FIELDS})


def check(case: dict[str, Any], answer: dict[str, Any], classes: list[str], probe: str) -> None:
    """Hold an answer against its case. Raises `RuntimeError` where it is another."""
    if answer["category"] != case["category"] or [*answer["probabilities"]] != classes:
        raise RuntimeError(f"{probe}: another category, or classes in another order")
    for name, value in case["probabilities"].items():
        if abs(answer["probabilities"][name] - value) > TOLERANCE:
            raise RuntimeError(f"{probe}: another probability of {name}")


def ask(target: str, content: str, probe: str) -> Any:
    """Ask a function's version, an ARN, as API Gateway does, or an endpoint by its name."""
    if not target.startswith("arn:"):
        reply = runtime.invoke_endpoint(
            EndpointName=target, Body=content, ContentType="application/json", InferenceId=probe
        )
        return json.load(reply["Body"])
    event = {"path": "/predict", "httpMethod": "POST", "body": content, "probe": probe}
    answer = json.load(functions.invoke(FunctionName=target, Payload=json.dumps(event))["Payload"])
    if answer.get("statusCode") != OK:
        raise RuntimeError(f"{probe}: {answer.get('statusCode', 'the function failed')}")
    return json.loads(answer["body"])
