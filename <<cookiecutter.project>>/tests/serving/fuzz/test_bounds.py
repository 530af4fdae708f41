"""Whatever is sent, the server answers well, goes on, and keeps to itself what it read.

`make test` sends a sample, the same each time. `make fuzz` sends FUZZ new cases of each kind, and
watches the memory.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving.test_serving import Server, until

from categoriser.contract import CSV, JSON, JSON_LINES, MAX_BODY_BYTES, MAX_ROWS, TEXT_CHARACTERS
from categoriser.serving.app import REQUEST_ID, SMALL_BODY
from categoriser.serving.openapi import description

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are seen in /proc")

CASES = int(os.environ.get("FUZZ") or 0)
SECRET = "ZEBRA"
KINDS = (CSV, JSON, JSON_LINES)
PATHS = ("/invocations", "/endpoints/shop/invocations")
HANG_SECONDS = 60
# The server waits for the rest of a request when nothing has come from it for so long.
QUIET_SECONDS = 0.1
WORKERS = 2

sampled = settings(
    max_examples=CASES or 200,
    derandomize=not CASES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class Watched(Server):
    """A server of several workers that is watched."""

    def __init__(self, model: Path) -> None:
        super().__init__(model, "--workers", str(WORKERS))
        while len(self.workers()) < WORKERS:
            time.sleep(0.01)

    def workers(self) -> list[int]:
        process = self.process.pid
        children = Path(f"/proc/{process}/task/{process}/children").read_text()
        return [int(child) for child in children.split()]

    def memory(self) -> int:
        """Return the workers' memory in kB; of pages that they share, each its share."""
        sizes = [Path(f"/proc/{worker}/smaps_rollup").read_text() for worker in self.workers()]
        return sum(int(size) for size in re.findall(r"^Pss: *([0-9]+)", "".join(sizes), re.M))

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=HANG_SECONDS)

    def exchange(self, pieces: Sequence[bytes], patience: float = QUIET_SECONDS) -> bytes:
        """Send pieces; where no more comes, end the sending; return all that came."""
        received = b""
        with self.connect() as connection:
            # What it refuses it does not read to the end.
            with suppress(ConnectionError):
                for piece in pieces:
                    connection.sendall(piece)
            with suppress(ConnectionError):
                while select.select([connection], [], [], patience)[0]:
                    if not (data := connection.recv(2**16)):
                        return received
                    received += data
                connection.shutdown(socket.SHUT_WR)
                while data := connection.recv(2**16):
                    received += data
        return received

    def ask(self, request: bytes) -> Answer:
        """Return the one answer to a request after which the connection ends."""
        with self.connect() as connection, connection.makefile("rb") as stream:
            connection.sendall(request)
            (answer,) = answers(stream.read())
        return answer


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


HEAD = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [ -~]*\r\n((?:[!-9;-~]+: [ -~]*\r\n)*)\r\n")


def answers(received: bytes, *, heads: bool = False) -> list[Answer]:
    """Read what came on a connection, all of it; `heads`: answers to HEAD may be among them."""
    found = []
    while received:
        head = HEAD.match(received)
        assert head, received[:200]
        lines = head[2].decode().lower().splitlines()
        headers = dict(line.split(": ", 1) for line in lines)
        assert len(headers) == len(lines)
        status, received = int(head[1]), received[head.end() :]
        if status != 100:
            size = int(headers["content-length"])
            if heads and (not received or received.startswith(b"HTTP/1.1 ")):
                size = 0
            assert len(received) >= size
            found.append(Answer(status, headers, received[:size]))
            received = received[size:]
    return found


def problem(answer: Answer) -> dict[str, Any]:
    """Check a refusal, and return its problem; of a stand-in for an endpoint, the model's."""
    body, status = answer.body, answer.status
    if status == 424:
        assert answer.headers["x-amzn-errortype"] == "modelerror"
        told = json.loads(body)
        body, status = told["OriginalMessage"], told["OriginalStatusCode"]
    else:
        assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = json.loads(body)
    assert {"type", "title", "status", "detail"} <= set(problem)
    assert 400 <= problem["status"] == status < 500
    row = re.match("row ([0-9]+)", problem["detail"])
    assert problem.get("row") == (int(row[1]) if row else None)
    return problem


def written(rows: Sequence[tuple[str, float]], kind: str) -> list[str]:
    """Write each row; of JSON, its object."""
    if kind != CSV:
        return [json.dumps({"text": text, "price": price}) for text, price in rows]
    sheets = [io.StringIO(newline="") for _ in rows]
    for sheet, row in zip(sheets, rows, strict=True):
        csv.writer(sheet).writerow(row)
    return [sheet.getvalue().removesuffix("\r\n") for sheet in sheets]


def joined(records: Sequence[str], kind: str) -> bytes:
    return (f"[{','.join(records)}]" if kind == JSON else "\n".join(records)).encode()


def request(body: bytes, kind: str = CSV, path: str = PATHS[0], *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {kind}", *headers]
    lines += [f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode() + body


GOOD = request(b"coles,1")
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
FIRST = GOOD.replace(b"close", b"keep-alive")


def amiss(lines: Sequence[str]) -> list[str]:
    """Return what a log should not have: faults, and what somebody sent."""
    assert lines
    return [line for line in lines if json.loads(line)["level"] == "error" or SECRET in line]


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[Watched]:
    server = Watched(model)
    yield server
    status, lines = server.stop()
    assert status == 0
    assert not amiss(lines)


@pytest.fixture(autouse=True)
def unharmed(server: Watched) -> Iterator[None]:
    """After a test the workers are the same, answer as before, and have not told what they read."""
    workers, expected = server.workers(), server.ask(GOOD).body
    yield
    assert [server.ask(GOOD).body for _ in range(4)] == [expected] * 4
    assert server.workers() == workers
    log = ""

    def told() -> bool:
        nonlocal log
        log += server.log.read()
        return log.endswith("\n")

    # It is written a moment later.
    until(told)
    assert not amiss(log.splitlines())


# What is at fault is named.

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30).map(
    lambda text: f"{SECRET} {text}"
)
prices = st.floats(allow_nan=False, allow_infinity=False)
rows = st.lists(st.tuples(texts, prices), min_size=1, max_size=12)

OBJECTS = [
    ("{}", "text"),
    ('{"price":1}', "text"),
    ('{"text":"a"}', "price"),
    ('{"text":1,"price":1}', "text"),
    ('{"text":null,"price":1}', "text"),
    ('{"text":" \\u2003","price":1}', "text"),
    ('{"text":"a\\u0000","price":1}', "text"),
    ('{"text":"\\ud83d","price":1}', "text"),
    ('{"text":"%s","price":1}' % ("a" * (TEXT_CHARACTERS + 1)), "text"),
    ('{"text":"a","price":"1"}', "price"),
    ('{"text":"a","price":true}', "price"),
    ('{"text":"a","price":NaN}', "price"),
    ('{"text":"a","price":-1e999}', "price"),
    ('{"text":"a","price":%s}' % ("9" * 5000), "price"),
    ('{"text":"a","price":1,"x":1}', "x"),
    ('{"text":"a","price":1,"text":"b"}', "text"),
    ("[]", None),
    ("1", None),
]
FAULTS = {
    CSV: [
        ("a,x", "price"),
        ("a,", "price"),
        ("a,nan", "price"),
        ("a,1e999", "price"),
        ("a,1_0", "price"),
        ("a,0x1", "price"),
        ("a,١", "price"),
        (",1", "text"),
        ('" \u2003",1', "text"),
        ("a\0,1", "text"),
        ("a" * (TEXT_CHARACTERS + 1) + ",1", "text"),
        ("a", None),
        ("a,1,2", None),
        ('"a"b,1', None),
    ],
    JSON: OBJECTS,
    JSON_LINES: [*OBJECTS, ('{"text":', None), ("", None)],
}
faults = st.sampled_from([(kind, *fault) for kind in KINDS for fault in FAULTS[kind]])


@sampled
@given(rows, faults, st.sampled_from(PATHS), st.integers(0, 11))
def fault_is_named(
    server: Watched,
    rows: list[tuple[str, float]],
    fault: tuple[str, str, str | None],
    path: str,
    place: int,
) -> None:
    kind, record, field = fault
    records = written(rows, kind)
    answer = server.ask(request(joined(records, kind), kind, path))
    assert answer.status == 200
    content = answer.body.decode()
    found = json.loads(content) if kind == JSON else content.removesuffix("\n").split("\n")
    assert len(found) == len(rows)

    # Before a good one, since blank lines may follow the last.
    place %= len(rows)
    records.insert(place, record)
    told = problem(server.ask(request(joined(records, kind), kind, path)))
    assert (told["status"], told.get("row"), told.get("field")) == (400, place + 1, field)


def test_a_fault_is_named_by_row_and_field(server: Watched) -> None:
    fault_is_named(server)


# Any body.


@st.composite
def mutated(draw: st.DrawFn, whole: st.SearchStrategy[bytes], tokens: Sequence[bytes]) -> bytes:
    """Replace a few stretches of bytes."""
    content = draw(whole)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = start + draw(st.integers(0, 8))
        other = draw(st.sampled_from(tokens) | st.binary(max_size=4))
        content = content[:start] + other + content[end:]
    return content


def bodies_of(kind: str) -> st.SearchStrategy[bytes]:
    return rows.map(lambda rows: joined(written(rows, kind), kind))


TOKENS = [*'",\n\r\0{}[]\\-0', "1e999", "NaN", "null", '"price":', "\\ud800", "\ufeff"]
MARKS = [*(token.encode() for token in TOKENS), b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xe2\x80\xa8"]
valid = st.one_of([bodies_of(kind) for kind in KINDS])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["text", "price", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)
nested = st.builds(
    lambda depth, opening, closing: opening * depth + closing * depth,
    st.integers(1, 20_000),
    st.sampled_from([b"[", b'{"text":', b'[{"price":']),
    st.sampled_from([b"", b"]", b"}", b"}]"]),
)
bodies = st.one_of(
    st.binary(max_size=400),
    valid,
    mutated(valid, MARKS),
    values.map(lambda value: json.dumps(value).encode()),
    nested,
    st.text('",\r\n\t 1a.\ufeff\x85\u2028é\U0001f600', max_size=40).map(str.encode),
    st.text(st.characters(categories=["Cs", "Mn", "Lo", "Nd", "Zs"]), max_size=40).map(
        lambda text: text.encode(errors="surrogatepass")
    ),
    st.builds(lambda body, count: body * count, bodies_of(CSV), st.integers(1, 400)),
)


@sampled
@given(bodies, st.sampled_from(KINDS), st.sampled_from(PATHS))
def body_is_answered(server: Watched, body: bytes, kind: str, path: str) -> None:
    answer = server.ask(request(body, kind, path))
    assert answer.status == 200 or problem(answer)["status"] in (400, 413)


def test_any_body_is_answered(server: Watched) -> None:
    body_is_answered(server)


# Anything on a connection.

TYPES = [
    *KINDS,
    "TEXT/CSV; charset=utf-8",
    'application/json;charset="UTF-8"',
    "text/csv; charset=utf-16",
    "text/csv" + ";" * 99,
    "text/*",
    "*/*;q=0",
    "text/csv;q=0, */*;q=0.1",
    "multipart/form-data; boundary=" + "-" * 90,
]
HEADERS = {
    "Content-Type": TYPES,
    "Accept": TYPES,
    "Content-Length": ["7", "0", "-1", "+7", "7, 7", "0x7", "9" * 10, "9" * 19, "9" * 40],
    "Transfer-Encoding": ["chunked", "gzip, chunked", "chunked, gzip", "identity", "\x0bchunked"],
    "Connection": ["close", "keep-alive", "Upgrade", "Upgrade, HTTP2-Settings", "x" * 99],
    "Upgrade": ["websocket", "h2c", "TLS/1.0"],
    "Expect": ["100-continue", "200-ok"],
    "Content-Encoding": ["gzip", "identity", "br"],
    "X-Request-Id": ["order-7", "x" * 129, f"{SECRET} 7", "a\tb", "\xff"],
    "X-Amzn-SageMaker-Inference-Id": [SECRET, "x" * 999, "\xff"],
    "X-Forwarded-For": [SECRET, "::1, [::1", ",,,"],
    "Host": ["x", "", "[::1", "x:99999", "\xff"],
    "Cookie": [SECRET, "=" * 99],
}
LINE = {
    "POST": 99,
    **dict.fromkeys(["GET", "HEAD", "PUT", "OPTIONS", "CONNECT", "PRI", "post", "", " POST"], 1),
}
TARGETS = {
    "/invocations": 60,
    "/ping": 3,
    "/endpoints/shop/invocations": 3,
    **dict.fromkeys(["/openapi.json", "/endpoints/-/invocations", "/%69nvocations"], 1),
    **dict.fromkeys([f"/invocations?x={SECRET}", f"/{SECRET}", "/%00%ff%0a", "/\xff"], 1),
    **dict.fromkeys(["http://x/invocations", "*", "x:1", "//ping", "/../ping", "/ping#x", ""], 1),
    "/" + "x" * 9000: 1,
}
VERSIONS = {"HTTP/1.1": 80, **dict.fromkeys(["HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "", "ICY/1.0"], 1)}
FRAMES = {
    "Content-Length: 7": 4,
    "Transfer-Encoding: chunked": 4,
    "Content-Length: 8": 1,
    "X: y": 1,
}
ENDS = {"\r\n": 60, "\n": 1, "\r": 1}
CHUNKS = {
    "7\r\ncoles,1\r\n0\r\n\r\n": 4,
    "7;x=y\r\ncoles,1\r\n0\r\nx: y\r\n\r\n": 2,
    "3\r\ncol\r\n4\r\nes,1\r\n0\r\n\r\n": 2,
    **dict.fromkeys(
        ["zz\r\ncoles,1", "ffffffffffffffff\r\ncoles,1", "-7\r\ncoles,1", "7\r\ncol"], 1
    ),
}
SENT = {"coles,1": 4, "": 1, "coles": 1}


LATIN = st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"])


def often(weights: dict[str, int]) -> st.SearchStrategy[str]:
    return st.sampled_from([value for value, weight in weights.items() for _ in range(weight)])


fields = st.sampled_from(
    [f"{name}: {value}" for name, values in HEADERS.items() for value in values]
)
odd_lines = st.one_of(
    fields,
    fields,
    st.builds("{}: {}".format, st.sampled_from(list(HEADERS)), st.text(LATIN, max_size=9)),
    st.integers(1, 3000).map(lambda size: f"X: {SECRET * size}"),
    st.integers(1, 300).map(lambda count: "\r\n".join(["X: y"] * count)),
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Write a request that is right in most of its parts."""
    line = " ".join([draw(often(LINE)), draw(often(TARGETS)), draw(often(VERSIONS))])
    frame = draw(often(FRAMES))
    host = draw(often({"Host: x": 20, "X: y": 1}))
    lines = [line, host, "Content-Type: text/csv", frame]
    lines += draw(st.lists(odd_lines, max_size=2))
    body = draw(often(CHUNKS if "chunked" in frame else SENT))
    return draw(often(ENDS)).join([*lines, "", body]).encode("latin-1")


BREAKS = [b"\r\n", b"\n", b"\r", b" ", b":", b"\0", b"\xff", b"0", b"\r\n\r\n", PING]
streams = st.sampled_from(
    [*[messages()] * 8, mutated(messages(), BREAKS), st.binary(max_size=200)]
).flatmap(lambda strategy: strategy)


@sampled
@given(st.lists(streams, min_size=1, max_size=3), st.lists(st.integers(0, 600), max_size=3))
def stream_is_answered(server: Watched, streams: list[bytes], cuts: list[int]) -> None:
    sent = b"".join([FIRST, *streams, PING])
    edges = [0, *sorted(cuts), len(sent)]
    pieces = [sent[start:end] for start, end in pairwise(edges)]
    first, *others = answers(server.exchange(pieces), heads=b"HEAD" in sent)
    assert first.status == 200
    for answer in others:
        if answer.status != 200 and answer.body:
            problem(answer)
        else:
            assert answer.status in (200, 404, 405)


def test_whatever_comes_on_a_connection_is_answered(server: Watched) -> None:
    stream_is_answered(server)


@pytest.mark.skipif(CASES < 1000, reason="fewer only warm it up")
def test_the_same_again_takes_no_more_memory(server: Watched) -> None:
    # Before the large bodies: what they leave free would hide a leak.
    before = server.memory()
    for again in (fault_is_named, body_is_answered, stream_is_answered):
        again(server)
    assert server.memory() < 1.05 * before


def head(*lines: str) -> bytes:
    return "\r\n".join(["POST /invocations HTTP/1.1", "Host: x", *lines, "", ""]).encode()


def of_text(text: str, count: int = 1) -> bytes:
    return request(f"{text},1\n".encode() * count)


PADDED = b"coles,1".ljust
CHUNKED = head("Content-Type: text/csv", "Transfer-Encoding: chunked")
MUCH = 2**20
BY_HAND = {
    "as many bytes as are small": (request(PADDED(SMALL_BODY)), 200),
    "one more than are small": (request(PADDED(SMALL_BODY + 1)), 200),
    "as many bytes as are taken": (request(PADDED(MAX_BODY_BYTES)), 200),
    "one more than are taken": (request(PADDED(MAX_BODY_BYTES + 1)), 413),
    "as many rows as are taken": (of_text("coles", MAX_ROWS), 200),
    "a row more": (of_text("coles", MAX_ROWS + 1), 413),
    "as many rows as fit": (of_text("a", MAX_BODY_BYTES // 4), 413),
    "the longest text": (of_text("a" * TEXT_CHARACTERS), 200),
    "texts slow to fold": (
        of_text("a" + "\u0316\u0301" * (TEXT_CHARACTERS // 2 - 1), MAX_ROWS),
        200,
    ),
    "texts slow to search": (of_text("1 x" * (TEXT_CHARACTERS // 3), MAX_ROWS), 200),
    "one long text": (of_text("x" * (MAX_BODY_BYTES - 3)), 400),
    "one long number": (
        request(b'{"text":"a","price":0.%s}' % (b"1" * (MAX_BODY_BYTES - 30)), JSON),
        200,
    ),
    "nesting": (request(b"[" * MAX_BODY_BYTES, JSON), 400),
    "lists": (request(b"[" + b"[]," * (MAX_BODY_BYTES // 3 - 1) + b"1]", JSON), 400),
    "one long name": (request(b'{"' + b"x" * MUCH + b'":1}', JSON), 400),
    "a long target": (b"GET /" + b"x" * MUCH + b" HTTP/1.1\r\n\r\n", 431),
    "a long header": (head("X: " + "y" * MUCH), 431),
    "a long name of a header": (head("X" * MUCH + ": y"), 431),
    "many headers": (head(*["X: y"] * (MUCH // 6)), 431),
    "a long extension": (CHUNKED + b"7;x=" + b"y" * MUCH + b"\r\ncoles,1\r\n0\r\n\r\n", 431),
    "many trailers": (CHUNKED + b"7\r\ncoles,1\r\n0\r\n" + b"X: y\r\n" * (MUCH // 6), 431),
    "an upgrade": (request(b"coles,1", CSV, PATHS[0], "Upgrade: h2c", "Connection: Upgrade"), 400),
    "two lengths": (head("Content-Length: 7", "Content-Length: 8") + b"coles,1", 400),
    "two framings": (head("Content-Length: 7", "Transfer-Encoding: chunked") + b"coles,1", 400),
    "a name of a route": (GOOD.replace(b"/invocations", b"/" + SECRET.encode()), 404),
}


@pytest.mark.parametrize(("sent", "status"), BY_HAND.values(), ids=BY_HAND)
def test_bounds_and_traps(server: Watched, sent: bytes, status: int) -> None:
    (answer,) = answers(server.exchange([sent], HANG_SECONDS))
    assert answer.status == status
    assert status == 200 or problem(answer)


def test_requests_ahead_of_their_answers_are_bounded(server: Watched) -> None:
    *found, last = answers(server.exchange([b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n" * 100_000]))
    assert {answer.status for answer in found} == {200}
    assert problem(last)["status"] == 400


def test_a_request_may_end_anywhere(server: Watched) -> None:
    for end in range(len(GOOD)):
        for ended in (b"\0" * 8, struct.pack("ii", 1, 0)):  # a close, a reset
            with server.connect() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ended)
                connection.sendall(GOOD[:end])


def test_a_client_may_leave_before_its_answers(server: Watched) -> None:
    several = (request(b"coles,1\n" * 9000) + GOOD).replace(b"close", b"keep-alive")
    for _ in range(20):
        with server.connect() as connection:
            connection.sendall(several)
            time.sleep(0.01)


def test_a_request_may_come_byte_by_byte(server: Watched) -> None:
    with server.connect() as connection, connection.makefile("rb") as stream:
        for byte in GOOD:
            connection.sendall(bytes([byte]))
            time.sleep(0.001)
        (answer,) = answers(stream.read())
    assert answer.status == 200


# The server's own description.

DESCRIPTION = json.loads(description())
checked = schemathesis.Config.from_dict(
    {
        "generation": {
            "max-examples": CASES // 10 or 25,
            "deterministic": not CASES,
            "database": "none",
        },
        "checks": {
            # All are on. 413: more rows than may be. 424: what an endpoint makes of a refusal.
            "negative_data_rejection": {
                "expected-statuses": ["400", "404", "405", "413", "415", "424"]
            },
            "positive_data_acceptance": {"expected-statuses": ["200"]},
        },
    }
)
# A schema can say of these only that they are strings.
for kind in (CSV, JSON_LINES):
    schemathesis.openapi.media_type(kind, bodies_of(kind))


@schemathesis.openapi.from_dict(DESCRIPTION, config=checked).parametrize()
def test_the_server_is_as_it_describes_itself(
    case: schemathesis.Case[Any], server: Watched
) -> None:
    case.call_and_validate(f"http://127.0.0.1:{server.port}", timeout=HANG_SECONDS)


def test_the_description_is_served_and_has_the_servers_bounds(server: Watched) -> None:
    assert json.loads(server.ask(PING.replace(b"/ping", b"/openapi.json")).body) == DESCRIPTION
    parts = DESCRIPTION["components"]
    assert parts["schemas"]["Transaction"]["properties"]["text"]["maxLength"] == TEXT_CHARACTERS
    content = parts["requestBodies"]["Transactions"]["content"]
    assert {*content} == {*KINDS}
    assert content[JSON]["schema"]["oneOf"][1]["maxItems"] == MAX_ROWS
    pattern = parts["headers"]["RequestId"]["schema"]["pattern"]
    assert pattern == f"^{REQUEST_ID.pattern.decode()}$"
