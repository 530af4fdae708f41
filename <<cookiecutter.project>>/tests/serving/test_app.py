"""The application: its routes, its answers, its queue, and what it does where the model fails."""

from __future__ import annotations

import asyncio
import csv
import http.client
import io
import json
import logging
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest
from serving_helpers.rows import ROWS, SECRET, as_csv
from serving_helpers.running_server import HEAD, Server

from categoriser.contract import (
    MAX_BODY_BYTES,
    MAX_ROWS,
    TEXT_CHARACTERS,
    Prediction,
    Transaction,
    transactions,
)
from categoriser.model.package import Categoriser
from categoriser.serving import answer_queue, app
from categoriser.serving.answer_queue import REQUESTS_OF_A_CALL, SMALL_BODY
from categoriser.serving.app import ROUTES, App
from categoriser.serving.log import JsonLine, lines


def test_ping_is_answered(running: Server) -> None:
    assert httpx.get(f"http://127.0.0.1:{running.port}/ping").status_code == 200


def test_answers_are_the_packaged_classifiers_own(
    running: Server, categoriser: Categoriser
) -> None:
    expected = categoriser.predict_proba(transactions(ROWS))
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
    # Where no word is one of training, a person looks, however sure the price alone is.
    known = [text != "élan vital" for text, _ in ROWS]
    for row, answered, told in zip(expected, listed, known, strict=True):
        assert answered["probabilities"] == dict(zip(categoriser.classes, row, strict=True))
        assert answered["category"] == categoriser.classes[row.argmax()]
        assert answered["probability"] == row.max()
        assert answered["review"] == (row.max() < 0.6 or not told)


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
        ("POST", "/invocations", {"Content-Type": "text/csv"}, b"a" * (MAX_BODY_BYTES + 1), 413),
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
    if status == 404:
        assert all(f"{allowed} {route}" in problem["detail"] for route, allowed in ROUTES.items())
    if status == 405:
        assert answer.headers["allow"] == {"/ping": "GET", "/invocations": "POST"}[path]


def test_a_body_of_unknown_length_is_bounded(running: Server) -> None:
    chunks = (b"a" * 65536 for _ in range(MAX_BODY_BYTES // 65536 + 1))
    headers = {"content-type": "text/csv"}
    url = f"http://127.0.0.1:{running.port}/invocations"
    assert httpx.post(url, content=chunks, headers=headers).status_code == 413


def test_what_would_take_too_long_is_refused(running: Server) -> None:
    # Combining marks, which Unicode's forms sort by insertion.
    worst = "a" + "\u0301\u0316" * (TEXT_CHARACTERS // 2 - 1)
    rows = [{"text": worst, "price": 1}] * 100
    assert running.request(json.dumps(rows), "application/json").status_code == 200
    rows[50] = {"text": worst + "\u0301\u0316", "price": 1}
    answer = running.request(json.dumps(rows), "application/json")
    assert (answer.status_code, answer.json()["row"], answer.json()["field"]) == (400, 51, "text")
    assert running.request("a,1\n" * MAX_ROWS).text.count("\n") == MAX_ROWS
    answer = running.request("a,1\n" * (MAX_ROWS + 1))
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_two_headers_are_one_list_and_encodings_are_refused(running: Server) -> None:
    url = f"http://127.0.0.1:{running.port}/invocations"
    both = [("content-type", "text/csv"), ("accept", "image/png"), ("accept", "text/csv")]
    assert (
        httpx.post(
            url, content="a,1", headers=[*both, ("content-encoding", "Identity")]
        ).status_code
        == 200
    )
    packed = {"content-type": "text/csv", "content-encoding": "gzip"}
    assert httpx.post(url, content="a,1", headers=packed).status_code == 415


def test_request_ids_and_a_log_without_texts(model: Path) -> None:
    running = Server(model)
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
    # Each worker writes its own lines: those of two have no order.
    assert sorted(line["id"] for line in requests) == sorted(["order-7.a:b", *made])
    assert sorted(line["status"] for line in requests) == [200, 400, 400, 400, 400]
    assert requests[0] | {"method": "POST", "path": "/invocations", "level": "info"} == requests[0]
    assert not any("ZEBRA" in line for line in log)
    assert lines[-1]["event"] == "stopped"
    assert status == 0


def test_a_client_that_hangs_up_is_no_failure(model: Path) -> None:
    running = Server(model)
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.sendall(HEAD + b"Content-Length: 7\r\nExpect: 100-continue\r\n\r\n")
        assert b"100 Continue" in connection.recv(100)
    line = running.line()
    assert (line["level"], line["event"], line["status"]) == ("info", "request", 400)
    assert running.request("a,1").status_code == 200
    assert running.stop()[0] == 0


class Faulty(Categoriser):
    """A model that fails, and says in its message what it should not."""

    def predict(self, rows: Sequence[Transaction]) -> list[Prediction]:
        raise RuntimeError(f"cannot read {rows}")

    def predict_proba(self, rows: Sequence[Transaction]) -> Any:
        raise RuntimeError(f"cannot read {rows}")


class Silent(Faulty):
    """A model whose answers are not numbers."""

    def predict_proba(self, rows: Sequence[Transaction]) -> Any:
        return np.full((1, 3), np.nan)


async def ask(model: Categoriser, method: str, path: str, body: str = "") -> httpx.Response:
    transport = httpx.ASGITransport(App(model))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        headers = {"content-type": "text/csv"}
        return await client.request(method, path, content=body, headers=headers)


@pytest.mark.parametrize("silent", [False, True])
def test_ping_fails_when_the_model_cannot_answer(categoriser: Categoriser, silent: bool) -> None:
    kind = Silent if silent else Faulty
    model = kind(categoriser.classifier, categoriser.metadata)
    answer = asyncio.run(ask(model, "GET", "/ping"))
    assert (answer.status_code, answer.json()["status"]) == (500, 500)


def test_a_models_fault_is_500_and_logged_without_the_text(
    categoriser: Categoriser, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    model = Faulty(categoriser.classifier, categoriser.metadata)
    answer = asyncio.run(ask(model, "POST", "/invocations", f"{SECRET},1"))
    assert (answer.status_code, answer.json()["title"]) == (500, "Internal Server Error")
    failure = next(record for record in caplog.records if record.levelno == logging.ERROR)
    JsonLine().emit(failure)
    lines.flush(60)
    line = capfd.readouterr().err.splitlines()[-1]
    assert SECRET not in line
    logged = json.loads(line)
    assert (logged["level"], logged["event"], logged["error"]) == (
        "error",
        "failure",
        "RuntimeError",
    )
    assert Path(__file__).name in logged["trace"]
    assert logged["id"] == answer.headers["x-request-id"]


def test_ping_is_answered_while_a_large_batch_is_at_work(categoriser: Categoriser) -> None:
    begun = threading.Event()
    go_on = threading.Event()

    class Slow(Categoriser):
        def predict(self, rows: Sequence[Transaction]) -> list[Prediction]:
            begun.set()
            assert go_on.wait(60)
            return super().predict(rows)

    model = Slow(categoriser.classifier, categoriser.metadata)

    async def both() -> tuple[int, int]:
        transport = httpx.ASGITransport(App(model))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            batch = asyncio.create_task(
                client.post(
                    "/invocations",
                    content="cafe,1\n" * (SMALL_BODY // 2),
                    headers={"content-type": "text/csv"},
                )
            )
            await asyncio.to_thread(begun.wait, 60)
            ping = await client.get("/ping")
            assert not batch.done()
            go_on.set()
            return ping.status_code, (await batch).status_code

    assert asyncio.run(both()) == (200, 200)


def test_small_requests_that_come_together_are_answered_by_one_call(
    categoriser: Categoriser,
) -> None:
    sizes = []

    class Counting(Categoriser):
        def predict(self, rows: Sequence[Transaction]) -> list[Prediction]:
            sizes.append(len(rows))
            return super().predict(rows)

    bodies = [as_csv(ROWS[number : number + 3]) for number in range(REQUESTS_OF_A_CALL)]
    bodies[1] = "refused"

    async def together() -> list[httpx.Response]:
        model = Counting(categoriser.classifier, categoriser.metadata)
        transport = httpx.ASGITransport(App(model))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            headers = {"content-type": "text/csv"}
            posts = (client.post("/invocations", content=b, headers=headers) for b in bodies)
            return await asyncio.gather(*posts)

    answers = asyncio.run(together())
    assert sizes == [3 * (REQUESTS_OF_A_CALL - 1)]
    assert [answer.status_code for answer in answers] == [
        200,
        400,
        *[200] * (REQUESTS_OF_A_CALL - 2),
    ]
    for number, answer in enumerate(answers):
        if number != 1:
            assert (
                answer.text
                == asyncio.run(ask(categoriser, "POST", "/invocations", bodies[number])).text
            )


@pytest.mark.parametrize(
    ("module", "bound", "most"),
    [(answer_queue, "MOST_WAITING", 4), (app, "MOST_HELD_BYTES", 4 * 2 * SMALL_BODY)],
    ids=["WAITING-4", "HELD_BYTES-65536"],
)
def test_more_than_may_wait_is_told_to_come_again(
    categoriser: Categoriser,
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    bound: str,
    most: int,
) -> None:
    monkeypatch.setattr(module, bound, most)
    go_on = threading.Event()

    class Slow(Categoriser):
        def predict(self, rows: Sequence[Transaction]) -> list[Prediction]:
            assert go_on.wait(60)
            return super().predict(rows)

    served = App(Slow(categoriser.classifier, categoriser.metadata))
    body = "cafe,12\n" * (2 * SMALL_BODY // 8)

    async def flood() -> tuple[list[httpx.Response], httpx.Response]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(served), base_url="http://test"
        ) as client:
            posts = [
                asyncio.create_task(
                    client.post("/invocations", content=body, headers={"content-type": "text/csv"})
                )
                for _ in range(10)
            ]
            done, _ = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
            while len(done) < 6:
                done, _ = await asyncio.wait(posts, timeout=0.01)
            assert {post.result().status_code for post in done} == {429}
            go_on.set()
            answers = await asyncio.gather(*posts)
            late = await client.post(
                "/invocations", content="cafe,1", headers={"content-type": "text/csv"}
            )
            return answers, late

    answers, late = asyncio.run(flood())
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [429] * 6
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["title"] == "Too Many Requests"
    assert late.status_code == 200
    assert (served.queue.waiting, served.held_bytes) == (0, 0)
