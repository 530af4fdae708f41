"""The server is as its own description says."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import schemathesis
from serving_helpers.fuzz_cases import (
    CASES,
    KINDS,
    PING,
    bodies_of,
)
from serving_helpers.watched_server import HANG_SECONDS, Watched

from categoriser.contract import CSV, JSON, JSON_LINES, MAX_ROWS, TEXT_CHARACTERS
from categoriser.serving.app import REQUEST_ID
from categoriser.serving.openapi import description

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are seen in /proc")
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
