"""Any body: it is answered, or refused with a problem."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from categoriser.contract import CSV
from serving_helpers.fuzz_cases import (
    KINDS,
    PATHS,
    bodies_of,
    mutated,
    request,
    sampled,
)
from serving_helpers.watched_server import Watched, problem

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
