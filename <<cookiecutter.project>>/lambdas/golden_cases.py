"""The golden cases: a release's model must answer them as it did when it was trained.

`handler` is a custom resource that the alias waits for, so it runs in every deployment, the first
included. The hooks of the traffic's shift, and `make test` of a release, ask the same cases.
"""

import json
import time
from typing import Any

import boto3
from crhelper import CfnResource
from s3_documents import read_document

cloudformation = boto3.client("cloudformation")
functions = boto3.client("lambda")
runtime = boto3.client("sagemaker-runtime")
handler = CfnResource(json_logging=True, log_level="INFO", sleep_on_delete=0)


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


def prove(known: dict[str, Any], target: str, ids: list[str]) -> None:
    """Ask case after case. Raises for an answer that is late, or not golden.json's."""
    for number, probe in enumerate(ids):
        case, start = known["cases"][number % len(known["cases"])], time.monotonic()
        answer = ask(target, json.dumps({"text": case["text"], "price": case["price"]}), probe)
        # What answers first may have to start first.
        if (seconds := time.monotonic() - start) > 5 and number:
            raise RuntimeError(f"{probe}: an answer after {seconds:.1f} s")
        if answer["category"] != case["category"] or [*answer["probabilities"]] != known["classes"]:
            raise RuntimeError(f"{probe}: another category, or classes in another order")
        for name, value in case["probabilities"].items():
            # Two machines differ by less.
            if abs(answer["probabilities"][name] - value) > 1e-3:
                raise RuntimeError(f"{probe}: another probability of {name}")


def ask(target: str, content: str, probe: str) -> Any:
    """Ask a function's version, an ARN, as API Gateway does, or an endpoint by its name."""
    if not target.startswith("arn:"):
        reply = runtime.invoke_endpoint(
            EndpointName=target, Body=content, ContentType="application/json", InferenceId=probe
        )
        return json.load(reply["Body"])
    event = {"resource": "/predict", "headers": None, "body": content, "probe": probe}
    answer = json.load(functions.invoke(FunctionName=target, Payload=json.dumps(event))["Payload"])
    if answer.get("statusCode") != 200:
        raise RuntimeError(f"{probe}: {answer.get('statusCode', 'the function failed')}")
    return json.loads(answer["body"])
