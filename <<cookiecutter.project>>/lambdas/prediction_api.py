"""The API's Lambda: `POST /predict` asks the release's endpoint, `POST /feedback` keeps a label.

The caller's fault is a 4xx, too much load a 429, and whatever the endpoint did wrong a 502. None of
them is an error of this function, so its metric `Errors` counts its own faults. Each answer moves
one metric of the release, and each call of the endpoint moves `EndpointCalls`. The share of
`EndpointFailures` in these calls rolls a release back, so what is plainly wrong is refused here,
before the endpoint works on it. Nothing of a transaction is logged. A problem is RFC 9457's
`application/problem+json`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import uuid
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import boto3
import msgspec
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from categoriser.contract import (
    EXAMPLES,
    JSON,
    MAX_API_ROWS,
    MAX_ROW_BYTES,
    Prediction,
    Transaction,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

# The longest body of a list of rows.
MAX_LIST_BYTES = MAX_API_ROWS * MAX_ROW_BYTES
# One caller may label so many rows in an hour: as many as S3 lists at once.
MAX_LABELS = 1000
RETRY_SECONDS = 2
# The metric that an answer of a status moves; other problems are `ClientErrors`.
FAILURE_METRICS = {429: "Overloads", 502: "EndpointFailures"}
# What a reply raises that is not a prediction.
GARBAGE = (LookupError, RecursionError, TypeError, ValueError)

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


# The model's server says what else the values of a transaction may be.
ROWS_DECODER = msgspec.json.Decoder(Transaction | list[Transaction])
LABEL_DECODER = msgspec.json.Decoder(Label)
Asked = TypeVar("Asked")


class ProblemMembers(msgspec.Struct, omit_defaults=True):
    """What is wrong in words, and in which row and field, if it is in one."""

    detail: str
    row: int | msgspec.UnsetType = msgspec.UNSET
    field: str | msgspec.UnsetType = msgspec.UNSET


class Problem(Exception):  # noqa: N818  # RFC 9457's word
    """An answer of a status from 400 on.

    `retry` says of a 429 after how many seconds to ask again.
    """

    def __init__(self, status: int, members: ProblemMembers, retry: int = RETRY_SECONDS) -> None:
        super().__init__(status)
        self.status = status
        self.members = members
        self.retry = retry


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def handler(event: Mapping[str, Any], context: LambdaContext) -> Mapping[str, Any]:
    """Answer API Gateway's proxy event. The hooks' events have `probe`, the prediction's id."""
    return app.resolve(event, context)


@app.post("/predict")
def post_predict() -> Response[str]:
    """Answer with the endpoint's predictions for one row, or for a list of rows."""
    event = app.current_event
    content, asked = read_request(event, ROWS_DECODER)
    name = event.get("probe") or uuid.uuid4().hex
    answer = {"prediction_id": name, "release": os.environ["RELEASE_ID"]}
    if isinstance(asked, Transaction):
        prediction = ask_endpoint(content, name)
        metrics.add_metric("Predictions", "Count", 1)
        return respond(200, answer | msgspec.to_builtins(prediction))
    if len(asked) > MAX_API_ROWS:
        raise bad_request(f"the list has {len(asked)} rows, more than {MAX_API_ROWS}")
    predictions = ask_endpoint_for_rows(content, name, len(asked))
    metrics.add_metric("Predictions", "Count", len(predictions))
    return respond(200, answer | {"predictions": msgspec.to_builtins(predictions)})


@app.exception_handler(Problem)  # type: ignore[untyped-decorator]
def respond_with_problem(fault: Problem) -> Response[str]:
    """Answer with what is wrong, as RFC 9457's problem."""
    metrics.add_metric(FAILURE_METRICS.get(fault.status, "ClientErrors"), "Count", 1)
    document = {
        "type": "about:blank",
        "status": fault.status,
        "title": HTTPStatus(fault.status).phrase,
        **msgspec.to_builtins(fault.members),
    }
    overloaded = fault.status == HTTPStatus.TOO_MANY_REQUESTS
    headers = {"retry-after": str(fault.retry)} if overloaded else {}
    return respond(fault.status, document, "application/problem+json", headers)


def respond(
    status: int,
    document: Mapping[str, object],
    media_type: str = JSON,
    headers: dict[str, str] | None = None,
) -> Response[str]:
    """Return an answer, and log its status and prediction."""
    logger.info({"status": status, "prediction_id": document.get("prediction_id")})
    return Response(status, media_type, json.dumps(document), headers)


def ask_endpoint(content: bytes, name: str) -> Prediction:
    """Return what the endpoint predicts for the body of one row.

    Raises `Problem` as `endpoint_problem` says.
    """
    with endpoint_problems():
        prediction = msgspec.json.decode(invoke_endpoint(content, name), type=Prediction)
        require_consistent(prediction)
        return prediction


def ask_endpoint_for_rows(content: bytes, name: str, count: int) -> list[Prediction]:
    """Return what the endpoint predicts for the body of a list of so many rows.

    Raises `Problem` as `endpoint_problem` says.
    """
    with endpoint_problems():
        predictions = msgspec.json.decode(invoke_endpoint(content, name), type=list[Prediction])
        for prediction in predictions:
            require_consistent(prediction)
        if len(predictions) != count:
            raise ValueError("another number of rows")
        return predictions


def invoke_endpoint(content: bytes, name: str) -> bytes:
    """Return the endpoint's reply to a body, under a prediction's id."""
    metrics.add_metric("EndpointCalls", "Count", 1)
    reply = runtime.invoke_endpoint(
        EndpointName=os.environ["ENDPOINT_NAME"],
        Body=content,
        ContentType=JSON,
        Accept=JSON,
        InferenceId=name,
    )
    return reply["Body"].read()


@contextmanager
def endpoint_problems() -> Iterator[None]:
    """Raise what the endpoint did wrong in the block as a `Problem`."""
    try:
        yield
    except (BotoCoreError, ClientError, *GARBAGE) as error:
        raise endpoint_problem(error) from None


def endpoint_problem(error: Exception) -> Problem:
    """Return what the endpoint's fault is to the caller: the container's own 4xx, 429, else 502."""
    code = None
    status = None
    said = ""
    if isinstance(error, ClientError):
        code = error.response["Error"].get("Code")
        # Only a ModelError has these two: the container's own answer.
        status = error.response.get("OriginalStatusCode")
        said = str(error.response.get("OriginalMessage", ""))
    if code == "ThrottlingException" or status == HTTPStatus.TOO_MANY_REQUESTS:
        return Problem(429, ProblemMembers("too many requests at once; ask again later"))
    if status in (400, 413, 415):
        with suppress(*GARBAGE):
            return Problem(status, msgspec.json.decode(said, type=ProblemMembers))
        return Problem(status, ProblemMembers("the model's server refused the request"))
    logger.error(
        {"event": "the endpoint failed", "kind": code or type(error).__name__, "status": status}
    )
    return Problem(502, ProblemMembers("the model could not answer; ask again later"))


def require_consistent(prediction: Prediction) -> None:
    """Raise where a prediction's fields belie one another."""
    values = prediction.probabilities
    if not values[prediction.category] == prediction.probability == max(values.values()):
        raise ValueError("the category is not the most probable class")


@app.post("/feedback")
def post_feedback() -> Response[str]:
    """Keep the label of a prediction; the rows of a batch count from 0."""
    event = app.current_event
    _, label = read_request(event, LABEL_DECODER)
    if label.category not in classes():
        words = "category is not a class of the release: the probabilities of a prediction name all"
        raise Problem(400, ProblemMembers(words, field="category"))
    keep_label(label, caller(event))
    metrics.add_metric("Feedback", "Count", 1)
    return respond(202, msgspec.to_builtins(label))


@cache
def classes() -> frozenset[str]:
    """Return the release's classes. Any answer of its endpoint names them; it is asked once."""
    name = f"probe-{os.environ['RELEASE_ID']}-classes-{uuid.uuid4().hex[:8]}"
    prediction = ask_endpoint(msgspec.json.encode(EXAMPLES[0]), name)
    return frozenset(prediction.probabilities)


def caller(event: APIGatewayProxyEvent) -> str:
    """Return who calls: the id of a key, a user or a role, whatever name its session has."""
    identity = (event.get("requestContext") or {}).get("identity", {})
    principal = (identity.get("caller") or "").partition(":")[0]
    return re.sub(r"\W", "", identity.get("apiKeyId") or principal)[:64] or "nobody"


def keep_label(label: Label, who: str) -> None:
    """Write a label as SageMaker's ground truth, in its caller's folder of the hour.

    The object's name says hour, caller, prediction and row. So a repetition writes nothing new. A
    correction replaces the label in the same hour, where no reader could tell which came last.
    Raises `Problem`, 429, where the caller's folder has `MAX_LABELS`: requests at once may write a
    few more.
    """
    bucket = os.environ["LIVE_BUCKET"]
    now = datetime.now(UTC)
    folder = f"ground-truth/{now:%Y/%m/%d/%H}/{who}/"
    held = s3.list_objects_v2(Bucket=bucket, Prefix=folder, MaxKeys=MAX_LABELS)
    if held["KeyCount"] >= MAX_LABELS:
        words = f"a caller may label {MAX_LABELS} rows an hour; ask again in the next"
        raise Problem(429, ProblemMembers(words), 3600 - now.minute * 60 - now.second)
    row = "" if label.row is msgspec.UNSET else f"#{label.row}"
    name = f"{label.prediction_id}{row}"
    line = {
        "groundTruthData": {"data": csv_field(label.category), "encoding": "CSV"},
        "eventMetadata": {"eventId": name},
        "eventVersion": "0",
    }
    key = f"{folder}{name.replace('#', '-')}.jsonl"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(line) + "\n")


def csv_field(text: str) -> str:
    """Return a text as a field of CSV, in quotes where it needs them."""
    if not {*text} & {*',"'}:
        return text
    return '"' + text.replace('"', '""') + '"'


def read_request(
    event: APIGatewayProxyEvent, decoder: msgspec.json.Decoder[Asked]
) -> tuple[bytes, Asked]:
    """Return a request's bytes, and what they say. Raises `Problem`: 400, 413, 415.

    The decoder gives up at the first thing of another shape, however much comes after it.
    """
    # API Gateway, too, takes a body without a type for JSON.
    kind = event.headers.get("content-type") or JSON
    if kind.partition(";")[0].strip().lower() != JSON:
        raise Problem(415, ProblemMembers(f"the content type must be {JSON}"))
    try:
        content = (event.get("body") or "").encode()
        if event.get("isBase64Encoded"):
            content = base64.b64decode(content)
        most = MAX_LIST_BYTES if content.lstrip()[:1] == b"[" else MAX_ROW_BYTES
        if len(content) > most:
            raise Problem(413, ProblemMembers(f"the body is larger than {most} bytes"))
        return content, decoder.decode(content)
    except msgspec.ValidationError as error:
        raise validation_problem(str(error)) from None
    except (RecursionError, ValueError):
        raise bad_request("the body is not JSON") from None


def bad_request(words: str) -> Problem:
    return Problem(400, ProblemMembers(words))


def validation_problem(words: str) -> Problem:
    """Return the problem of what msgspec says, such as: Expected `str` - at `$[0].text`."""
    # A name that nobody knows may be as long as a body.
    members = ProblemMembers(words[:200])
    place = re.search(r"`\$(?:\[(\d+)\])?(?:\.(\w+))?`$", words)
    if place:
        row, field = place.groups()
        if row:
            members.row = int(row) + 1
        if field:
            members.field = field
    return Problem(400, members)
