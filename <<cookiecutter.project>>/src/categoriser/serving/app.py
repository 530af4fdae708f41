"""The server of the inference contract: `GET /ping`, `POST /invocations`.

`python -m categoriser.serving.app` serves the pipeline's model; `--help` lists host, port, model,
and the folder for captures.
"""

import argparse
import json
import logging
import re
import signal
import socket
import time
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio.to_thread
import numpy as np
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from categoriser import paths
from categoriser.errors import UserError, run
from categoriser.model.package import Categoriser
from categoriser.serving.protocol import RequestError, media_type, parse, render

MAX_BODY = 6 * 1024 * 1024
# Larger bodies are answered in a thread, one at a time, so that /ping and small requests go on
# meanwhile; a small one costs less than the way to a thread and back.
INLINE_BODY = 16 * 1024
# SageMaker sends SIGKILL 30 s after SIGTERM.
GRACE_SECONDS = 25

REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

log = logging.getLogger("categoriser.serving")


# Takes request, answer, their media type, and the caller's identifier for the call.
Capture = Callable[[bytes, bytes, str, str | None], None]


class App:
    """The ASGI application that answers with `model`, and logs a line a request.

    What it has answered it gives to `capture`, if there is one.
    """

    def __init__(self, model: Categoriser, capture: Capture | None = None) -> None:
        self.model = model
        self.capture = capture
        self.batches = anyio.CapacityLimiter(1)
        self.routes = {"/ping": ("GET", self.ping), "/invocations": ("POST", self.invocations)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        request = Request(scope, receive)
        given = request.headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        try:
            response = await self.respond(request)
        except RequestError as error:
            response = refusal(error)
        except ClientDisconnect:
            # For the log: nobody reads it.
            response = Response(status_code=499)
        except Exception:
            log.exception({"event": "failure", "id": request_id})
            response = refusal(RequestError(500, "the server failed; its log says where"))
        response.headers["x-request-id"] = request_id
        await response(scope, receive, send)
        asked = {"id": request_id, "method": request.method, "path": scope["path"]}
        took = round((time.perf_counter() - start) * 1000, 3)
        answered = {"status": response.status_code, "milliseconds": took}
        log.info({"event": "request"} | asked | answered)

    async def respond(self, request: Request) -> Response:
        if request.scope["path"] not in self.routes:
            raise RequestError(404, "there are GET /ping and POST /invocations")
        method, handle = self.routes[request.scope["path"]]
        if request.method != method:
            response = refusal(RequestError(405, f"the method must be {method}"))
            response.headers["allow"] = method
            return response
        return await handle(request)

    async def ping(self, request: Request) -> Response:
        try:
            answers = bool(np.isfinite(self.model.predict_proba(["ping"], [1.0])).all())
        except Exception:
            log.exception({"event": "failure", "path": "/ping"})
            answers = False
        if not answers:
            raise RequestError(503, "the model cannot answer")
        return Response()

    async def invocations(self, request: Request) -> Response:
        headers = request.headers
        kind = media_type(headers.get("content-type", ""), headers.get("accept", ""))
        body = await read_body(request)
        if len(body) <= INLINE_BODY:
            content = self.answer(body, kind)
        else:
            content = await anyio.to_thread.run_sync(self.answer, body, kind, limiter=self.batches)
        if self.capture:
            self.capture(body, content, kind, headers.get("x-amzn-sagemaker-inference-id"))
        # As a header, since `media_type=` would add a charset to text/csv.
        return Response(content, headers={"content-type": kind})

    def answer(self, body: bytes, kind: str) -> bytes:
        rows = parse(body, kind)
        predictions = self.model.predict(rows.texts, rows.prices)
        return render(predictions, kind, single=rows.single)


async def read_body(request: Request) -> bytes:
    """Return the body. Raises `RequestError` (413) as soon as it is larger than `MAX_BODY`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise RequestError(413, f"the body is larger than {MAX_BODY} bytes")
    return bytes(body)


def refusal(error: RequestError) -> Response:
    return Response(error.body(), error.status, media_type="application/problem+json")


class JsonLine(logging.Formatter):
    """A record as one line of JSON. Of an exception it has type and place, never the message.

    A message could hold a transaction's text.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {"time": round(record.created, 3), "level": record.levelname.lower()}
        line |= record.msg if isinstance(record.msg, dict) else {"event": record.getMessage()}
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["trace"] = "".join(traceback.format_tb(record.exc_info[2]))
        return json.dumps(line)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises `UserError` where host and port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
        # Inherited by its connections. asyncio sets it only where a socket names its protocol, and
        # without it each answer on a kept connection waits 40 ms for an acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, OverflowError) as error:
        raise UserError(
            f"cannot listen on {host}, port {port} ({error}); choose another --host or --port"
        ) from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 to be reached from elsewhere")
    parser.add_argument("--port", type=int, default=8080, help="0 takes any free one")
    parser.add_argument("--model", type=Path, default=paths.MODEL, help="the model's folder")
    parser.add_argument("--capture", type=Path, help="capture what is answered under this folder")
    parser.add_argument("--endpoint-name", default="local", help="the endpoint that captures name")
    arguments = parser.parse_args()

    handler = logging.StreamHandler()
    handler.setFormatter(JsonLine())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # What uvicorn says of its start and stop is said below.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)

    model = Categoriser.load(arguments.model)
    writer = None
    if arguments.capture:
        # Here, since it brings Polars along.
        from categoriser.serving.capture import Writer

        writer = Writer(arguments.capture, arguments.endpoint_name)
    app = App(model, writer.put if writer else None)
    listener = listen(arguments.host, arguments.port)
    host, port = listener.getsockname()[:2]
    log.info({"event": "listening", "host": host, "port": port, "model": str(arguments.model)})
    # uvicorn heeds both while it runs, and raises them again when all is answered.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    off: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
    config = uvicorn.Config(
        app, lifespan="off", ws="none", timeout_graceful_shutdown=GRACE_SECONDS, **off
    )
    uvicorn.Server(config).run(sockets=[listener])
    if writer:
        writer.close()
    log.info({"event": "stopped"})


if __name__ == "__main__":
    run(main)
