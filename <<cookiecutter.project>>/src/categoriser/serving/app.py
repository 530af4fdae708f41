"""The server of the inference contract: `GET /ping`, `POST /invocations`.

`python -m categoriser.serving.app` serves the pipeline's model; `--help` lists host, port, model,
workers, and the folder for captures. It stands in for an endpoint too: boto3's `invoke_endpoint`
asks it where AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME is its address.
"""

import argparse
import asyncio
import logging
import os
import random
import re
import time
from collections.abc import Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from categoriser import paths
from categoriser.command import run_command
from categoriser.contract import EXAMPLES, JSON, MAX_BODY_BYTES, VARIANT, Prediction
from categoriser.errors import UserError
from categoriser.io.privileges import give_up_root
from categoriser.model.package import Categoriser
from categoriser.serving.capture import Writer, folder_of
from categoriser.serving.log import JsonLine, lines, write_line
from categoriser.serving.openapi import description
from categoriser.serving.parent import listen, serve
from categoriser.serving.patience import within
from categoriser.serving.problem import RequestError
from categoriser.serving.protocol import Rows, media_type, parse, render
from categoriser.serving.worker import LAST_WORDS_SECONDS

# SageMaker waits four minutes for the first answer.
LOAD_SECONDS = 180
# Larger bodies are answered in a thread, one at a time, so that /ping and small requests go on
# meanwhile (the JSON of 6 MiB is read in one go, and stops them for 0.3 s); small ones that come
# together are answered by one call of the model.
SMALL_BODY = 8 * 2**10
BATCH = 16
PART = 500
# Bounds of a worker's queue: requests that wait for the model, and bytes of all bodies it holds.
WAITING = 256
HELD_BYTES = 64 * 2**20

ROUTES = {"/ping": "GET", "/openapi.json": "GET", "/invocations": "POST"}
ENDPOINT = re.compile(r"/endpoints/[A-Za-z0-9](-*[A-Za-z0-9]){0,62}/invocations")
REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")

Headers = list[tuple[bytes, bytes]]
Reply = tuple[int, bytes, Headers]
Asgi = Callable[..., Any]
log = logging.getLogger("categoriser.serving")


class App:
    """The ASGI application that answers with `model`, and logs a line a request.

    What it has answered it gives to the writer that `capture` makes, if there is one.
    """

    def __init__(self, model: Categoriser, capture: Callable[[], Writer] | None = None) -> None:
        self.model, self.capture = model, capture
        self.writer: Writer | None = None
        self.large = ThreadPoolExecutor(1)
        self.description = description()
        self.small: list[tuple[Rows, asyncio.Future[list[Prediction]]]] = []
        self.waiting = self.held = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Asgi, send: Asgi) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        start, path, headers = time.perf_counter(), scope["path"], dict[bytes, bytes]()
        for key, value in scope["headers"]:
            headers[key] = headers[key] + b"," + value if key in headers else value
        name = headers.get(b"x-request-id", b"")
        if not REQUEST_ID.fullmatch(name):
            name = b"%032x" % random.getrandbits(128)
        # What is no path of ours might be anything, and is not logged.
        known = path if path in ROUTES or ENDPOINT.fullmatch(path) else None
        try:
            status, content, told = await self.reply(known, scope["method"], headers, receive)
        except RequestError as error:
            status, content, told = problem(error)
        except asyncio.CancelledError:
            # uvicorn's, at the end of a worker's grace.
            status, content, told = problem(RequestError(408, "the server ends; ask again"))
        except Exception:
            log.exception({"event": "failure", "id": name.decode()})
            status, content, told = problem(RequestError(500, "the server failed; see its log"))
        if known and known not in ROUTES and status != 405:
            status, content, told = of_endpoint(status, content, told)
        told += [(b"content-length", b"%d" % len(content)), (b"x-request-id", name)]
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": content})
        took = round((time.perf_counter() - start) * 1000, 3)
        line = {"event": "request", "id": name.decode(), "method": scope["method"], "path": known}
        write_line("info", line | {"status": status, "milliseconds": took})

    async def live(self, receive: Asgi, send: Asgi) -> None:
        """Have the writer from a worker's start to its end: ASGI's lifespan."""
        await receive()
        self.writer = self.capture() if self.capture else None
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self.writer:
            self.writer.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def reply(
        self, path: str | None, method: str, headers: dict[bytes, bytes], receive: Asgi
    ) -> Reply:
        if not path:
            raise RequestError(404, "there are GET /ping, GET /openapi.json and POST /invocations")
        if method != (allowed := ROUTES.get(path, "POST")):
            status, content, told = problem(RequestError(405, f"the method must be {allowed}"))
            return status, content, [*told, (b"allow", allowed.encode())]
        if path == "/ping":
            return self.ping()
        if path == "/openapi.json":
            return 200, self.description, [(b"content-type", JSON.encode())]
        return await self.invocations(headers, receive)

    def ping(self) -> Reply:
        if not np.isfinite(self.model.predict_proba(EXAMPLES[:1])).all():
            raise ValueError("the model's answer is no probability")
        return 200, b"", []

    async def invocations(self, headers: dict[bytes, bytes], receive: Asgi) -> Reply:
        given = (b"content-type", b"accept", b"x-amzn-sagemaker-inference-id")
        kind, accept, inference_id = (headers.get(key, b"").decode("latin-1") for key in given)
        kind = media_type(kind, accept)
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise RequestError(415, "the body must have no content encoding")
        body = bytearray()
        try:
            while await self.more(body, receive):
                pass
            content = await self.answer(whole := bytes(body), kind)
        finally:
            self.held -= len(body)
        if self.writer:
            self.writer.put(whole, content, kind, inference_id or None)
        return 200, content, [(b"content-type", kind.encode())]

    async def more(self, body: bytearray, receive: Asgi) -> bool:
        """Append what has come of a body; return whether more will. Raises `RequestError`."""
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError(400, "the connection ended before the body did")
        body += message["body"]
        self.held += len(message["body"])
        if len(body) > MAX_BODY_BYTES:
            raise RequestError(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
        if self.held > HELD_BYTES:
            raise RequestError(429, "too many bytes wait for an answer; ask again later")
        return bool(message["more_body"])

    async def answer(self, body: bytes, kind: str) -> bytes:
        """Return a body's answer once its turn has come. Raises `RequestError`."""
        if self.waiting >= WAITING:
            raise RequestError(429, "too many requests wait for an answer; ask again later")
        self.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            if len(body) > SMALL_BODY:
                return await loop.run_in_executor(self.large, self.at_once, body, kind)
            rows, predictions = parse(body, kind), loop.create_future()
            if not self.small:
                loop.call_soon(self.flush)
            self.small.append((rows, predictions))
            return render(await predictions, kind, single=rows.single)
        finally:
            self.waiting -= 1

    def at_once(self, body: bytes, kind: str) -> bytes:
        asked = parse(body, kind)
        predictions: list[Prediction] = []
        # In parts, since one call may keep all others from the interpreter.
        for start in range(0, len(asked.rows), PART):
            predictions += self.model.predict(asked.rows[start : start + PART])
        return render(predictions, kind, single=asked.single)

    def flush(self) -> None:
        """Predict the rows of the first small requests in one call; the rest, in the next turn."""
        batch, self.small = self.small[:BATCH], self.small[BATCH:]
        if self.small:
            asyncio.get_running_loop().call_soon(self.flush)
        try:
            answers = self.model.predict([row for asked, _ in batch for row in asked.rows])
        except Exception as error:  # noqa: BLE001  # each request's own log has it
            for _, predictions in batch:
                predictions.set_exception(error)
            return
        start = 0
        for asked, predictions in batch:
            end = start + len(asked.rows)
            predictions.set_result(answers[start:end])
            start = end


def problem(error: RequestError) -> Reply:
    told = [(b"content-type", b"application/problem+json")]
    told += [(b"retry-after", b"1")] if error.status == 429 else []
    return error.status, error.body(), told


def of_endpoint(status: int, content: bytes, told: Headers) -> Reply:
    """Make a container's reply SageMaker's: what is no success is a ModelError.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
    """
    if status < 400:
        return status, content, [*told, (b"x-amzn-invoked-production-variant", VARIANT.encode())]
    message = f"Received {'client' if status < 500 else 'server'} error ({status}) from primary"
    original = {"OriginalStatusCode": status, "OriginalMessage": content.decode()}
    fault = msgspec.json.encode({"Message": message, **original, "LogStreamArn": ""})
    kind = (b"content-type", b"application/json")
    return 424, fault, [kind, (b"x-amzn-errortype", b"ModelError")]


def main() -> None:
    """Serve as the image's command does: with argparse, since the image has no Typer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 to be reached from elsewhere")
    parser.add_argument("--port", type=int, default=8080, help="0 takes any free one")
    parser.add_argument("--model", type=Path, default=paths.MODEL, help="the model's folder")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--capture", type=Path, help="capture what is answered under this folder")
    parser.add_argument("--capture-percent", type=int, default=100, help="of the calls, 1 to 100")
    parser.add_argument("--endpoint-name", default="local", help="the endpoint that captures name")
    serve_model(**vars(parser.parse_args()))


def serve_model(
    host: str,
    port: int,
    model: Path,
    workers: int,
    capture: Path | None,
    capture_percent: int,
    endpoint_name: str,
) -> None:
    """Serve until SIGTERM or SIGINT. Raises `UserError` for a model that cannot be loaded."""
    if not (1 <= workers <= 64 and 1 <= capture_percent <= 100):
        raise UserError("--workers must be from 1 to 64, --capture-percent from 1 to 100")

    logging.basicConfig(level=logging.INFO, handlers=[JsonLine()])
    # What uvicorn says of its start and stop is said below.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)

    late = f"{model} could not be loaded within {LOAD_SECONDS} s; `dvc repro` makes it anew"
    with within(LOAD_SECONDS, late):
        categoriser = Categoriser.load(model)
    give_up_root(*[capture] if capture else [])
    writer = None
    if capture:
        writer = partial(Writer, folder_of(capture, endpoint_name), capture_percent)
    listener = listen(host, port)
    bound_host, bound_port = listener.getsockname()[:2]
    line = {"event": "listening", "host": bound_host, "port": bound_port, "workers": workers}
    log.info(line | {"model": str(model)})
    try:
        serve(App(categoriser, writer), listener, workers)
        log.info({"event": "stopped"})
    finally:
        lines.flush(LAST_WORDS_SECONDS)


if __name__ == "__main__":
    run_command(main)
