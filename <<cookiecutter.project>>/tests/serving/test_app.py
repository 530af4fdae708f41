"""The server: a real process with a real model over HTTP, and the application for its faults."""

from __future__ import annotations

import asyncio
import csv
import http.client
import io
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from small import KNOBS

from categoriser.errors import UserError
from categoriser.features import VERSION, features
from categoriser.model.classifier import Classifier
from categoriser.model.package import Categoriser, Prediction
from categoriser.monitor.formats import capture
from categoriser.serving import app as server
from categoriser.serving.app import INLINE_BODY, MAX_BODY, App, JsonLine, listen, main

ROWS = [
    ("spotify p0d3d89b19 sydney au", 11.99),
    ('cafe "x", perth', -4.5),
    ("aldi\n0042 perth", 1e300),
    ("élan vital", 0.0),
] * 50
SECRET = "ZEBRA 99"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serving") / "model"
    texts = ["spotify sydney", "cafe perth", "aldi sydney", "netflix au", "pizza perth", "coles au"]
    labels = ["entertainment", "eating, out", "groceries"] * 2
    lines = features(texts, [11.99, 4.5, 80, 15, 25, 60]) * 20
    classifier = Classifier.fit(lines, labels * 20, KNOBS)
    metadata = {"features_version": VERSION, "temperature": 1.3, "review_threshold": 0.6}
    Categoriser(classifier, metadata).save(folder)
    return folder


@pytest.fixture(scope="module")
def categoriser(folder: Path) -> Categoriser:
    return Categoriser.load(folder)


class Server:
    """A server process on a port of its own; its log is read as it comes."""

    def __init__(self, model: Path, *options: str) -> None:
        command = [sys.executable, "-m", "categoriser.serving.app", "--model", str(model)]
        self.process = subprocess.Popen(
            [*command, "--port", "0", *options], stderr=subprocess.PIPE, text=True
        )
        started = self.line()
        assert started["event"] == "listening"
        self.port: int = started["port"]

    def line(self) -> dict[str, Any]:
        assert self.process.stderr
        line: dict[str, Any] = json.loads(self.process.stderr.readline())
        return line

    def request(
        self, body: str | bytes = b"", kind: str = "text/csv", **headers: str
    ) -> httpx.Response:
        return httpx.post(
            f"http://127.0.0.1:{self.port}/invocations",
            content=body,
            headers={"content-type": kind} | {k.replace("_", "-"): v for k, v in headers.items()},
            timeout=60,
        )

    def stop(self) -> tuple[int, list[str]]:
        """Ask it to stop; return the exit status and the rest of its log."""
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=60)
        return self.process.returncode, log.splitlines()


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Server]:
    running = Server(folder)
    yield running
    running.stop()


def as_csv(rows: Sequence[tuple[str, float]]) -> str:
    sheet = io.StringIO(newline="")
    csv.writer(sheet).writerows(rows)
    return sheet.getvalue()


def test_ping_is_answered(running: Server) -> None:
    assert httpx.get(f"http://127.0.0.1:{running.port}/ping").status_code == 200


def test_answers_are_the_packaged_classifiers_own(
    running: Server, categoriser: Categoriser
) -> None:
    texts, prices = [text for text, _ in ROWS], [price for _, price in ROWS]
    expected = categoriser.predict_proba(texts, prices)
    records = [{"text": text, "price": price} for text, price in ROWS]
    lines = "\n".join(json.dumps(record) for record in records)

    answer = running.request(as_csv(ROWS))
    assert answer.headers["content-type"] == "text/csv"
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert [row[1:] for row in rows] == [[f"{value:.10f}" for value in row] for row in expected]
    labels = [f"__label__{categoriser.classes[best]}" for best in expected.argmax(axis=1)]
    assert [row[0] for row in rows] == labels

    listed = running.request(json.dumps(records), "application/json").json()
    lined = running.request(lines, "application/jsonlines").text.splitlines()
    single = running.request(json.dumps(records[0]), "application/json").json()
    assert [json.loads(line) for line in lined] == listed
    assert single == listed[0]
    for row, answered in zip(expected, listed, strict=True):
        assert answered["probabilities"] == dict(zip(categoriser.classes, row, strict=True))
        assert answered["category"] == categoriser.classes[row.argmax()]
        assert answered["probability"] == row.max()
        assert answered["review"] == (row.max() < 0.6)


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", "/", {}, b"", 404),
        ("GET", "/ping/", {}, b"", 404),
        ("POST", "/ping", {}, b"", 405),
        ("GET", "/invocations", {}, b"", 405),
        ("POST", "/invocations", {}, b"a,1", 415),
        ("POST", "/invocations", {"Content-Type": "text/csv; charset=utf-16"}, b"a,1", 415),
        ("POST", "/invocations", {"Content-Type": "text/csv\xff"}, b"a,1", 415),
        ("POST", "/invocations", {"Content-Type": "text/csv", "Accept": "image/png"}, b"a,1", 406),
        ("POST", "/invocations", {"Content-Type": "text/csv"}, b"a,1\nb,x", 400),
        ("POST", "/invocations", {"Content-Type": "application/json"}, b"[" * 100_000, 400),
        ("POST", "/invocations", {"Content-Type": "text/csv"}, b"a" * (MAX_BODY + 1), 413),
    ],
)
def test_a_bad_request_is_answered_with_a_problem(
    running: Server, method: str, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    problem = json.loads(answer.read())
    assert (answer.status, problem["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 400 and body.startswith(b"a,1"):
        assert (problem["row"], problem["field"]) == (2, "price")
    if status == 405:
        assert answer.headers["allow"] == {"/ping": "GET", "/invocations": "POST"}[path]


def test_a_body_of_unknown_length_is_bounded(running: Server) -> None:
    chunks = (b"a" * 65536 for _ in range(MAX_BODY // 65536 + 1))
    headers = {"content-type": "text/csv"}
    url = f"http://127.0.0.1:{running.port}/invocations"
    assert httpx.post(url, content=chunks, headers=headers).status_code == 413


def test_the_largest_texts_are_answered(running: Server) -> None:
    body = json.dumps({"text": "a1 " * (MAX_BODY // 4), "price": 1})
    assert running.request(body, "application/json").status_code == 200
    body = json.dumps({"text": "a1" * (MAX_BODY // 3), "price": 1})
    assert running.request(body, "application/json").status_code == 200


def test_request_ids_and_a_log_without_texts(folder: Path) -> None:
    running = Server(folder)
    given = running.request(f"{SECRET},1", x_request_id="order-7.a:b")
    made = [
        running.request(f"{SECRET},{SECRET}", x_request_id=bad).headers["x-request-id"]
        for bad in ("", "a b", "x" * 129, 'a"}')
    ]
    status, log = running.stop()
    lines = [json.loads(line) for line in log]

    assert given.headers["x-request-id"] == "order-7.a:b"
    assert len(set(made)) == 4
    assert all(len(request_id) == 32 for request_id in made)
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["id"] for line in requests] == ["order-7.a:b", *made]
    assert [line["status"] for line in requests] == [200, 400, 400, 400, 400]
    assert requests[0] | {"method": "POST", "path": "/invocations", "level": "info"} == requests[0]
    assert not any("ZEBRA" in line for line in log)
    assert lines[-1]["event"] == "stopped"
    assert status == 0


def test_sigterm_finishes_what_is_in_flight(folder: Path) -> None:
    running = Server(folder)
    body = b"spotify,1\n"
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
        stream = connection.makefile("rwb")
        stream.write(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
            b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body)
        )
        stream.flush()
        # The server is reading the request.
        assert b"100 Continue" in stream.readline()
        running.process.send_signal(signal.SIGTERM)
        refused = False
        while not refused:
            try:
                socket.create_connection(("127.0.0.1", running.port)).close()
            except ConnectionError:
                refused = True
        stream.write(body)
        stream.flush()
        answer = stream.read()
    assert b"HTTP/1.1 200 OK" in answer
    assert b"__label__" in answer
    running.process.communicate(timeout=60)
    assert running.process.returncode == 0


def test_all_that_is_answered_is_captured(
    folder: Path, categoriser: Categoriser, tmp_path: Path
) -> None:
    running = Server(folder, "--capture", str(tmp_path), "--endpoint-name", "shop")
    running.request(as_csv(ROWS), x_amzn_sagemaker_inference_id="order-7")
    body = json.dumps({"text": "aldi", "price": 1})
    for kind in ("application/json", "application/jsonlines"):
        running.request(body, kind, x_amzn_sagemaker_inference_id=kind)
    running.request("refused,x", x_amzn_sagemaker_inference_id="refused")
    for _ in range(50):
        running.request("coles,1")
    status, log = running.stop()
    assert status == 0
    assert json.loads(log[-1])["event"] == "stopped"

    problems = capture.Problems()
    files = capture.find(str(tmp_path))
    assert all(file.startswith(f"{tmp_path}/shop/AllTraffic/") for file in files)
    frame = pl.concat(b.frame for b in capture.batches(files, categoriser.classes, problems))
    assert not problems.counts
    assert frame.height == len(ROWS) + 2 + 50
    batch = frame.filter(id="order-7")
    assert batch.select("text", "price").rows() == ROWS
    texts, prices = [text for text, _ in ROWS], [price for _, price in ROWS]
    expected = categoriser.predict_proba(texts, prices)
    np.testing.assert_allclose(batch["probabilities"].to_numpy(), expected, atol=1e-10)
    assert frame["id"].unique(maintain_order=True)[1:3].to_list() == [
        "application/json",
        "application/jsonlines",
    ]
    assert frame["id"].n_unique() == 3 + 50


class Faulty(Categoriser):
    """A model that fails, and says in its message what it should not."""

    def predict(self, texts: Sequence[str], prices: Sequence[float]) -> list[Prediction]:
        raise RuntimeError(f"cannot read {texts}")

    def predict_proba(self, texts: Sequence[str], prices: Sequence[float]) -> Any:
        if self.metadata["silent"]:
            return np.full((1, 3), np.nan)
        raise RuntimeError(f"cannot read {texts}")


async def ask(model: Categoriser, method: str, path: str, body: str = "") -> httpx.Response:
    transport = httpx.ASGITransport(App(model))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        headers = {"content-type": "text/csv"}
        return await client.request(method, path, content=body, headers=headers)


@pytest.mark.parametrize("silent", [False, True])
def test_ping_fails_when_the_model_cannot_answer(categoriser: Categoriser, silent: bool) -> None:
    model = Faulty(categoriser.classifier, {"silent": silent})
    answer = asyncio.run(ask(model, "GET", "/ping"))
    assert (answer.status_code, answer.json()["status"]) == (503, 503)


def test_a_models_fault_is_500_and_logged_without_the_text(
    categoriser: Categoriser, caplog: pytest.LogCaptureFixture
) -> None:
    model = Faulty(categoriser.classifier, {"silent": False})
    answer = asyncio.run(ask(model, "POST", "/invocations", f"{SECRET},1"))
    assert (answer.status_code, answer.json()["title"]) == (500, "Internal Server Error")
    failure = next(record for record in caplog.records if record.levelno == logging.ERROR)
    line = JsonLine().format(failure)
    assert SECRET not in line
    assert "\n" not in line
    logged = json.loads(line)
    assert (logged["level"], logged["event"], logged["error"]) == (
        "error",
        "failure",
        "RuntimeError",
    )
    assert "test_app.py" in logged["trace"]
    assert logged["id"] == answer.headers["x-request-id"]


def test_another_librarys_record_is_a_line_too() -> None:
    record = logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, "%d\nbad", (3,), None)
    logged = json.loads(JsonLine().format(record))
    assert (logged["level"], logged["event"]) == ("warning", "3\nbad")


def test_ping_is_answered_while_a_large_batch_is_at_work(categoriser: Categoriser) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Categoriser):
        def predict(self, texts: Sequence[str], prices: Sequence[float]) -> list[Prediction]:
            begun.set()
            assert go_on.wait(60)
            return super().predict(texts, prices)

    model = Slow(categoriser.classifier, categoriser.metadata)

    async def both() -> tuple[int, int]:
        transport = httpx.ASGITransport(App(model))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            batch = asyncio.create_task(
                client.post(
                    "/invocations",
                    content="cafe,1\n" * INLINE_BODY,
                    headers={"content-type": "text/csv"},
                )
            )
            await asyncio.to_thread(begun.wait, 60)
            ping = await client.get("/ping")
            assert not batch.done()
            go_on.set()
            return ping.status_code, (await batch).status_code

    assert asyncio.run(both()) == (200, 200)


def test_a_client_that_hangs_up_is_no_failure(
    categoriser: Categoriser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    headers = [(b"content-type", b"text/csv")]
    scope = {"type": "http", "method": "POST", "path": "/invocations", "headers": headers}

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    asyncio.run(App(categoriser)(scope, receive, send))
    (record,) = [record for record in caplog.records if record.name == server.log.name]
    assert isinstance(record.msg, dict)
    assert (record.levelno, record.msg["status"]) == (logging.INFO, 499)


def test_a_port_in_use_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr("sys.argv", ["app", "--model", str(folder), "--port", str(port)])
        with pytest.raises(UserError, match=rf"port {port} .*--port"):
            main()
    for host, port in (("127.0.0.1", 65536), ("192.0.2.1", 0)):
        with pytest.raises(UserError, match="cannot listen"):
            listen(host, port)


def test_a_missing_model_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "categoriser.serving.app", "--model", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "dvc repro" in done.stderr
    assert "Traceback" not in done.stderr
