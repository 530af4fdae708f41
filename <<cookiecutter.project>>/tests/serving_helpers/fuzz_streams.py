"""Anything on a connection: what is right in it is answered, and the rest refused."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from serving_helpers.fuzz_cases import (
    FIRST,
    KINDS,
    PING,
    SECRET,
    mutated,
    sampled,
)
from serving_helpers.watched_server import Watched, answers, problem

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
