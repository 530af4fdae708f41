"""What is wrong with a request, as RFC 9457 has it."""

from __future__ import annotations

import json

from categoriser.serving.problem import RequestError


def test_a_problem_is_json_of_rfc_9457() -> None:
    error = RequestError(400, "row 2: price is \ud800", 2, "price")
    assert json.loads(error.body()) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "row 2: price is \ud800",
        "row": 2,
        "field": "price",
    }
    assert "row" not in json.loads(RequestError(415, "no").body())
