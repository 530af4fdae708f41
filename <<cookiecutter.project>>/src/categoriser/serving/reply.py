"""A reply of the server, as a container gives it and as SageMaker passes it on."""

from typing import NamedTuple

import msgspec

from categoriser.contract import JSON, VARIANT
from categoriser.serving.problem import RequestError

Headers = list[tuple[bytes, bytes]]


class Reply(NamedTuple):
    """A status code, the body, and headers, whose names are in lower case."""

    status: int
    content: bytes
    headers: Headers


def problem_reply(error: RequestError) -> Reply:
    """Return the reply to a request that cannot be answered."""
    headers = [(b"content-type", b"application/problem+json")]
    if error.status == 429:
        headers.append((b"retry-after", b"1"))
    return Reply(error.status, error.body(), headers)


def endpoint_reply(reply: Reply) -> Reply:
    """Make a container's reply SageMaker's, which says a ModelError for all but a success.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
    """
    if reply.status < 400:
        variant = (b"x-amzn-invoked-production-variant", VARIANT.encode())
        return reply._replace(headers=[*reply.headers, variant])
    side = "client" if reply.status < 500 else "server"
    fault = {
        "Message": f"Received {side} error ({reply.status}) from primary",
        "OriginalStatusCode": reply.status,
        "OriginalMessage": reply.content.decode(),
        "LogStreamArn": "",
    }
    headers = [(b"content-type", JSON.encode()), (b"x-amzn-errortype", b"ModelError")]
    return Reply(424, msgspec.json.encode(fault), headers)
