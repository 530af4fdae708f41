"""The API's Lambda: `POST /predict` asks the release's endpoint, `POST /feedback` keeps a label.

What the caller did wrong is a 4xx, too much load a 429, and whatever the endpoint did wrong a 502:
none is an error of this function, so its `Errors` are its own faults. Each answer moves one metric
of the release; `EndpointFailures` is the one that rolls a release back. Nothing of a transaction is
logged. A problem is RFC 9457's `application/problem+json`.
"""

import base64
import json
import os
import re
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

JSON = "application/json"
MAX_BODY, MAX_ROWS = 5 * 1024 * 1024, 1000
PREDICTION_ID, CATEGORY, ROW = "[0-9a-f]{32}", r"\S[^\r\n\0]{0,99}", "[0-9]{1,3}"
FEEDBACK = {"prediction_id": (str, PREDICTION_ID), "category": (str, CATEGORY), "row": (int, ROW)}
RETRY = {429: {"retry-after": "2"}}
METRICS = {429: "Overloads", 502: "EndpointFailures"}
# What an answer raises that is no prediction.
GARBAGE = (AttributeError, LookupError, RecursionError, TypeError, ValueError)

logger, tracer, metrics = Logger(release=os.environ["RELEASE_ID"]), Tracer(), Metrics()
metrics.set_default_dimensions(release=os.environ["RELEASE_ID"])
# One attempt, which ends before the function's time and API Gateway's 29 s do.
one_attempt = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
runtime, s3 = (boto3.client(name, config=one_attempt) for name in ("sagemaker-runtime", "s3"))


class Problem(Exception):  # noqa: N818  # RFC 9457's word
    """An answer of a status from 400 on; `members` go into its body."""

    def __init__(self, status: int, /, **members: Any) -> None:
        super().__init__(status)
        self.status, self.members = status, members


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer API Gateway's proxy event. The hooks' own have `probe`, the prediction's id."""
    headers = {"content-type": JSON}
    try:
        status, answer = {"/predict": predict, "/feedback": feedback}[event["resource"]](event)
    except Problem as fault:
        status, known = fault.status, {"type": "about:blank", "status": fault.status}
        answer = known | {"title": HTTPStatus(status).phrase} | fault.members
        headers = {"content-type": "application/problem+json"} | RETRY.get(status, {})
        metrics.add_metric(METRICS.get(status, "ClientErrors"), "Count", 1)
    logger.info({"status": status, "prediction_id": answer.get("prediction_id")})
    return {"statusCode": status, "headers": headers, "body": json.dumps(answer)}


def predict(event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return the endpoint's predictions for one row, or for a list of rows."""
    content, asked = body(event)
    listed = isinstance(asked, list)
    if listed and len(asked) > MAX_ROWS:
        raise Problem(400, detail=f"the list has {len(asked)} rows, more than {MAX_ROWS}")
    name, endpoint = event.get("probe") or uuid.uuid4().hex, os.environ["ENDPOINT_NAME"]
    try:
        reply = runtime.invoke_endpoint(
            EndpointName=endpoint, Body=content, ContentType=JSON, Accept=JSON, InferenceId=name
        )
        found = json.loads(reply["Body"].read())
        predictions = [checked(row) for row in (found if listed else [found])]
        if listed and len(predictions) != len(asked):
            raise ValueError("another number of rows")
    except (BotoCoreError, ClientError, *GARBAGE) as error:
        raise problem(error) from None
    metrics.add_metric("Predictions", "Count", len(predictions))
    answer = {"prediction_id": name, "release": os.environ["RELEASE_ID"]}
    return 200, answer | ({"predictions": predictions} if listed else predictions[0])


def problem(error: Exception) -> Problem:
    """Return what the endpoint's fault is to the caller: the container's own 4xx, 429, else 502."""
    response = error.response if isinstance(error, ClientError) else {}
    code, status = response.get("Error", {}).get("Code"), response.get("OriginalStatusCode")
    if code == "ThrottlingException" or status == HTTPStatus.TOO_MANY_REQUESTS:
        return Problem(429, detail="too many requests at once; ask again later")
    if status in (400, 413, 415):
        with suppress(*GARBAGE):
            return Problem(status, **json.loads(response["OriginalMessage"]))
        return Problem(status, detail="the model's server refused the request")
    logger.error(
        {"event": "the endpoint failed", "kind": code or type(error).__name__, "status": status}
    )
    return Problem(502, detail="the model could not answer; ask again later")


def checked(row: Any) -> dict[str, Any]:
    """Return a prediction's own fields. Raises where one is missing, or belies another."""
    values = row["probabilities"]
    if not all(0 <= value <= 1 for value in values.values()):
        raise ValueError("a probability is not within 0 and 1")
    if not values[row["category"]] == row["probability"] == max(values.values()):
        raise ValueError("the category is not the most probable class")
    return {key: row[key] for key in ("category", "probability", "probabilities", "review")}


def feedback(event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Keep the label of a prediction; the rows of a batch count from 0."""
    _, given = body(event)
    if not isinstance(given, dict) or not {*given} <= {*FEEDBACK}:
        raise Problem(400, detail=f"the body must be an object of {', '.join(FEEDBACK)}")
    for field, (kind, pattern) in FEEDBACK.items():
        value = given.get(field, 0)
        if type(value) is not kind or not re.fullmatch(pattern, str(value)):
            raise Problem(400, detail=f"{field} must be {kind.__name__}, {pattern}", field=field)
    keep(given["prediction_id"], given.get("row"), given["category"])
    metrics.add_metric("Feedback", "Count", 1)
    return 202, given


def keep(prediction: str, row: int | None, category: str) -> None:
    """Write a label as SageMaker's ground truth, in the folder of its hour.

    The object's name stands for hour, prediction and row. So a repetition writes nothing new, and a
    correction in the same hour, where no reader could tell which came last, replaces the label.
    """
    name = prediction if row is None else f"{prediction}#{row}"
    data = '"' + category.replace('"', '""') + '"' if {*category} & {*',"'} else category
    truth, event = {"data": data, "encoding": "CSV"}, {"eventId": name}
    line = {"groundTruthData": truth, "eventMetadata": event, "eventVersion": "0"}
    key = f"ground-truth/{datetime.now(UTC):%Y/%m/%d/%H}/{name.replace('#', '-')}.jsonl"
    s3.put_object(Bucket=os.environ["LIVE_BUCKET"], Key=key, Body=json.dumps(line) + "\n")


def body(event: dict[str, Any]) -> tuple[bytes, Any]:
    """Return a request's bytes, and what they say. Raises `Problem`: 400, 413, 415."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    # Where there is none, API Gateway too takes it for JSON.
    kind = headers.get("content-type") or JSON
    if kind.partition(";")[0].strip().lower() != JSON:
        raise Problem(415, detail=f"the content type must be {JSON}")
    try:
        content = (event.get("body") or "").encode()
        content = base64.b64decode(content) if event.get("isBase64Encoded") else content
        if len(content) > MAX_BODY:
            raise Problem(413, detail=f"the body is larger than {MAX_BODY} bytes")
        return content, json.loads(content)
    except (RecursionError, ValueError):
        raise Problem(400, detail="the body is not JSON") from None
