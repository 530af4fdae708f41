"""The API's Lambda: `POST /predict` asks the release's endpoint, `POST /feedback` keeps a label.

What the caller did wrong is a 4xx, too much load a 429, and whatever the endpoint did wrong a 502:
none is an error of this function, so its `Errors` are its own faults. Each answer moves one metric
of the release, and each call of the endpoint moves `EndpointCalls`: the share of `EndpointFailures`
in them rolls a release back, so what is plainly wrong is refused here, before the endpoint works on
it. Nothing of a transaction is logged. A problem is RFC 9457's `application/problem+json`.
"""

import base64
import json
import os
import re
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any

import boto3
import msgspec
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from categoriser.contract import EXAMPLES, JSON, MAX_API_ROWS, MAX_ROW_BYTES, Transaction

MAX_BODY_BYTES = MAX_API_ROWS * MAX_ROW_BYTES
# What one caller may label in an hour: as many as S3 lists at once.
MAX_LABELS = 1000
RETRY_SECONDS = 2
METRICS = {429: "Overloads", 502: "EndpointFailures"}
# What an answer raises that is no prediction.
GARBAGE = (AttributeError, LookupError, RecursionError, TypeError, ValueError)

app = APIGatewayRestResolver()
logger = Logger(release=os.environ["RELEASE_ID"])
tracer = Tracer()
metrics = Metrics()
metrics.set_default_dimensions(release=os.environ["RELEASE_ID"])
# One attempt, which ends before the function's time and API Gateway's 29 s do.
one_attempt = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
runtime = boto3.client("sagemaker-runtime", config=one_attempt)
s3 = boto3.client("s3", config=one_attempt)


class Label(msgspec.Struct, forbid_unknown_fields=True):
    """What a person says of a prediction; of a batch, which row it is, from 0."""

    prediction_id: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    category: Annotated[str, msgspec.Meta(pattern=r"\A\S[^\r\n\0]{0,99}\Z")]
    row: Annotated[int, msgspec.Meta(ge=0, lt=MAX_API_ROWS)] | msgspec.UnsetType = msgspec.UNSET


# What else the values of a transaction may be, the model's server says.
ROWS = msgspec.json.Decoder(Transaction | list[Transaction])
LABEL = msgspec.json.Decoder(Label)


class Problem(Exception):  # noqa: N818  # RFC 9457's word
    """An answer of a status from 400 on; `members` go into its body.

    Of a 429, `retry` is after how many seconds to ask again.
    """

    def __init__(self, status: int, /, retry: int = RETRY_SECONDS, **members: Any) -> None:
        super().__init__(status)
        self.status = status
        self.retry = retry
        self.members = members


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer API Gateway's proxy event. The hooks' own have `probe`, the prediction's id."""
    return app.resolve(event, context)


@app.post("/predict")
def predict() -> Response[str]:
    """Answer with the endpoint's predictions for one row, or for a list of rows."""
    event = app.current_event
    content, asked = body(event, ROWS)
    listed = isinstance(asked, list)
    if listed and len(asked) > MAX_API_ROWS:
        raise Problem(400, detail=f"the list has {len(asked)} rows, more than {MAX_API_ROWS}")
    name = event.get("probe") or uuid.uuid4().hex
    predictions = ask(content, name, len(asked) if listed else None)
    metrics.add_metric("Predictions", "Count", len(predictions))
    answer = {"prediction_id": name, "release": os.environ["RELEASE_ID"]}
    return answered(200, answer | ({"predictions": predictions} if listed else predictions[0]))


@app.exception_handler(Problem)  # type: ignore[untyped-decorator]
def refused(fault: Problem) -> Response[str]:
    """Answer with what is wrong, as RFC 9457's problem."""
    metrics.add_metric(METRICS.get(fault.status, "ClientErrors"), "Count", 1)
    known = {"type": "about:blank", "status": fault.status}
    document = known | {"title": HTTPStatus(fault.status).phrase} | fault.members
    overloaded = fault.status == HTTPStatus.TOO_MANY_REQUESTS
    headers = {"retry-after": str(fault.retry)} if overloaded else {}
    return answered(fault.status, document, "application/problem+json", headers)


def answered(
    status: int,
    document: dict[str, Any],
    media_type: str = JSON,
    headers: dict[str, str] | None = None,
) -> Response[str]:
    """Return an answer, and log its status and prediction."""
    logger.info({"status": status, "prediction_id": document.get("prediction_id")})
    return Response(status, media_type, json.dumps(document), headers)


def ask(content: bytes, name: str, count: int | None) -> list[dict[str, Any]]:
    """Return what the endpoint predicts for a list of so many rows, or, without a count, for one.

    Raises `Problem` as `problem` says.
    """
    endpoint = os.environ["ENDPOINT_NAME"]
    metrics.add_metric("EndpointCalls", "Count", 1)
    try:
        reply = runtime.invoke_endpoint(
            EndpointName=endpoint, Body=content, ContentType=JSON, Accept=JSON, InferenceId=name
        )
        found = json.loads(reply["Body"].read())
        predictions = [checked(row) for row in ([found] if count is None else found)]
        if len(predictions) != (1 if count is None else count):
            raise ValueError("another number of rows")
    except (BotoCoreError, ClientError, *GARBAGE) as error:
        raise problem(error) from None
    return predictions


def problem(error: Exception) -> Problem:
    """Return what the endpoint's fault is to the caller: the container's own 4xx, 429, else 502."""
    response: dict[str, Any] = {}
    if isinstance(error, ClientError):
        response = {**error.response}
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


@app.post("/feedback")
def feedback() -> Response[str]:
    """Keep the label of a prediction; the rows of a batch count from 0."""
    event = app.current_event
    _, label = body(event, LABEL)
    if label.category not in classes():
        words = "category is no class of the release: the probabilities of a prediction name all"
        raise Problem(400, detail=words, field="category")
    keep(label, caller(event))
    metrics.add_metric("Feedback", "Count", 1)
    return answered(202, msgspec.to_builtins(label))


@cache
def classes() -> frozenset[str]:
    """Return the release's classes, which any answer of its endpoint names; it is asked once."""
    name = f"probe-{os.environ['RELEASE_ID']}-classes-{uuid.uuid4().hex[:8]}"
    [prediction] = ask(msgspec.json.encode(EXAMPLES[0]), name, None)
    return frozenset(prediction["probabilities"])


def caller(event: APIGatewayProxyEvent) -> str:
    """Return who calls: the id of a key, a user or a role, whatever name its session has."""
    identity = (event.get("requestContext") or {}).get("identity", {})
    principal = (identity.get("caller") or "").partition(":")[0]
    return re.sub(r"\W", "", identity.get("apiKeyId") or principal)[:64] or "nobody"


def keep(label: Label, who: str) -> None:
    """Write a label as SageMaker's ground truth, in its caller's folder of the hour.

    The object's name stands for hour, caller, prediction and row. So a repetition writes nothing
    new, and a correction in the same hour, where no reader could tell which came last, replaces the
    label. Raises `Problem`, 429, where the caller's folder has `MAX_LABELS`: requests at once may
    write a few more.
    """
    bucket, now = os.environ["LIVE_BUCKET"], datetime.now(UTC)
    folder = f"ground-truth/{now:%Y/%m/%d/%H}/{who}/"
    held = s3.list_objects_v2(Bucket=bucket, Prefix=folder, MaxKeys=MAX_LABELS)
    if held["KeyCount"] >= MAX_LABELS:
        rest = 3600 - now.minute * 60 - now.second
        words = f"a caller may label {MAX_LABELS} rows an hour; ask again in the next"
        raise Problem(429, rest, detail=words)
    row = "" if label.row is msgspec.UNSET else f"#{label.row}"
    quoted = '"' + label.category.replace('"', '""') + '"'
    data = quoted if {*label.category} & {*',"'} else label.category
    name = f"{label.prediction_id}{row}"
    truth, metadata = {"data": data, "encoding": "CSV"}, {"eventId": name}
    line = {"groundTruthData": truth, "eventMetadata": metadata, "eventVersion": "0"}
    key = f"{folder}{name.replace('#', '-')}.jsonl"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(line) + "\n")


def body(event: APIGatewayProxyEvent, decoder: msgspec.json.Decoder[Any]) -> tuple[bytes, Any]:
    """Return a request's bytes, and what they say. Raises `Problem`: 400, 413, 415.

    The decoder gives up at the first thing of another shape, however much comes after it.
    """
    # Where there is none, API Gateway too takes it for JSON.
    kind = event.headers.get("content-type") or JSON
    if kind.partition(";")[0].strip().lower() != JSON:
        raise Problem(415, detail=f"the content type must be {JSON}")
    try:
        content = (event.get("body") or "").encode()
        content = base64.b64decode(content) if event.get("isBase64Encoded") else content
        most = MAX_BODY_BYTES if content.lstrip()[:1] == b"[" else MAX_ROW_BYTES
        if len(content) > most:
            raise Problem(413, detail=f"the body is larger than {most} bytes")
        return content, decoder.decode(content)
    except msgspec.ValidationError as error:
        raise refusal(str(error)) from None
    except (RecursionError, ValueError):
        raise Problem(400, detail="the body is not JSON") from None


def refusal(words: str) -> Problem:
    """Return the problem of what msgspec says, such as: Expected `str` - at `$[0].text`."""
    place = re.search(r"`\$(?:\[(\d+)\])?(?:\.(\w+))?`$", words)
    row, field = place.groups() if place else (None, None)
    members: dict[str, Any] = {}
    if row:
        members["row"] = int(row) + 1
    if field:
        members["field"] = field
    # A name that nobody knows may be as long as a body.
    return Problem(400, detail=words[:200], **members)
