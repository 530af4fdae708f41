"""The ASGI application of the inference contract: `GET /ping`, `POST /invocations`.

It answers at the path of an endpoint too, as SageMaker would.
"""

import asyncio
import logging
import random
import re
import time
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

import numpy as np

from categoriser.contract import EXAMPLES, JSON, MAX_BODY_BYTES
from categoriser.model.package import Categoriser
from categoriser.serving.answer_queue import AnswerQueue
from categoriser.serving.capture import Writer
from categoriser.serving.log import write_line
from categoriser.serving.openapi import description
from categoriser.serving.problem import RequestError
from categoriser.serving.protocol import media_type
from categoriser.serving.reply import Reply, endpoint_reply, problem_reply

# Bytes of all bodies that a worker holds at once.
MOST_HELD_BYTES = 64 * 2**20

ROUTES = {"/ping": "GET", "/openapi.json": "GET", "/invocations": "POST"}
ENDPOINT_PATH = re.compile(r"/endpoints/[A-Za-z0-9](-*[A-Za-z0-9]){0,62}/invocations")
REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")

RequestHeaders = dict[bytes, bytes]
Asgi = Callable[..., Any]
log = logging.getLogger("categoriser.serving")


class App:
    """The ASGI application that answers with `model`, and logs a line a request.

    What it has answered it gives to the writer that `make_writer` makes, if there is one.
    """

    def __init__(self, model: Categoriser, make_writer: Callable[[], Writer] | None = None) -> None:
        self.model = model
        self.make_writer = make_writer
        self.writer: Writer | None = None
        self.queue = AnswerQueue(model)
        self.description = description()
        self.held_bytes = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Asgi, send: Asgi) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        start = time.perf_counter()
        path = scope["path"]
        method = scope["method"]
        headers = joined_headers(scope["headers"])
        request_id = own_or_new_id(headers)
        is_endpoint = bool(ENDPOINT_PATH.fullmatch(path))
        # A path that is not known might be anything, and is not logged.
        known = path if path in ROUTES or is_endpoint else None
        reply = await self.reply_or_problem(known, method, headers, receive, request_id)
        if is_endpoint and reply.status != 405:
            reply = endpoint_reply(reply)
        reply.headers.append((b"content-length", b"%d" % len(reply.content)))
        reply.headers.append((b"x-request-id", request_id))
        await send(
            {"type": "http.response.start", "status": reply.status, "headers": reply.headers}
        )
        await send({"type": "http.response.body", "body": reply.content})
        line = {
            "event": "request",
            "id": request_id.decode(),
            "method": method,
            "path": known,
            "status": reply.status,
            "milliseconds": round((time.perf_counter() - start) * 1000, 3),
        }
        write_line("info", line)

    async def live(self, receive: Asgi, send: Asgi) -> None:
        """Have the writer from a worker's start to its end: ASGI's lifespan."""
        await receive()
        self.writer = self.make_writer() if self.make_writer else None
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self.writer:
            self.writer.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def reply_or_problem(
        self,
        path: str | None,
        method: str,
        headers: RequestHeaders,
        receive: Asgi,
        request_id: bytes,
    ) -> Reply:
        """Return the reply to a request, whatever is wrong with it or with the server."""
        try:
            return await self.reply(path, method, headers, receive)
        except RequestError as error:
            return problem_reply(error)
        except asyncio.CancelledError:
            # uvicorn cancels what is under way at the end of a worker's grace.
            return problem_reply(RequestError(408, "the server ends; ask again"))
        except Exception:
            log.exception({"event": "failure", "id": request_id.decode()})
            return problem_reply(RequestError(500, "the server failed; see its log"))

    async def reply(
        self, path: str | None, method: str, headers: RequestHeaders, receive: Asgi
    ) -> Reply:
        """Return the reply to a request at a path that is known, or None. Raises `RequestError`."""
        if not path:
            raise RequestError(404, "there are GET /ping, GET /openapi.json and POST /invocations")
        allowed = ROUTES.get(path, "POST")
        if method != allowed:
            reply = problem_reply(RequestError(405, f"the method must be {allowed}"))
            return reply._replace(headers=[*reply.headers, (b"allow", allowed.encode())])
        if path == "/ping":
            return self.ping()
        if path == "/openapi.json":
            return Reply(200, self.description, [(b"content-type", JSON.encode())])
        return await self.invocations(headers, receive)

    def ping(self) -> Reply:
        """Ask the model for an answer. Raises what the model raises, and `ValueError` for NaN."""
        if not np.isfinite(self.model.predict_proba(EXAMPLES[:1])).all():
            raise ValueError("the model's answer is not a probability")
        return Reply(200, b"", [])

    async def invocations(self, headers: RequestHeaders, receive: Asgi) -> Reply:
        """Answer the rows of a request's body. Raises `RequestError`."""
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        accept = headers.get(b"accept", b"").decode("latin-1")
        inference_id = headers.get(b"x-amzn-sagemaker-inference-id", b"").decode("latin-1")
        kind = media_type(content_type, accept)
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise RequestError(415, "the body must have no content encoding")
        received = bytearray()
        try:
            more_comes = True
            while more_comes:
                more_comes = await self.receive_more(received, receive)
            body = bytes(received)
            content = await self.queue.answer(body, kind)
        finally:
            self.held_bytes -= len(received)
        if self.writer:
            self.writer.put(body, content, kind, inference_id or None)
        return Reply(200, content, [(b"content-type", kind.encode())])

    async def receive_more(self, body: bytearray, receive: Asgi) -> bool:
        """Append what has come of a body; return whether more will. Raises `RequestError`."""
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError(400, "the connection ended before the body did")
        body += message["body"]
        self.held_bytes += len(message["body"])
        if len(body) > MAX_BODY_BYTES:
            raise RequestError(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
        if self.held_bytes > MOST_HELD_BYTES:
            raise RequestError(429, "too many bytes wait for an answer; ask again later")
        return bool(message["more_body"])


def joined_headers(given: Iterable[tuple[bytes, bytes]]) -> RequestHeaders:
    """Return headers by name; those of one name are one list, as RFC 9110, section 5.3, has it."""
    headers: RequestHeaders = {}
    for name, value in given:
        headers[name] = headers[name] + b"," + value if name in headers else value
    return headers


def own_or_new_id(headers: RequestHeaders) -> bytes:
    """Return the request's own id where it can be logged, and otherwise a new one."""
    given = headers.get(b"x-request-id", b"")
    return given if REQUEST_ID.fullmatch(given) else b"%032x" % random.getrandbits(128)
