"""The server rests on what is not uvicorn's interface; another version must be looked at first.

After an update compare the sources that changed with what `Connection` and `Worker` override or
read (`git diff` of the two versions, or GitHub's comparison). Where they still fit, run the tests
of this folder and `make fuzz`, and write the new digests here.
"""

import inspect
import tomllib
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

ROOT = Path(__file__).parents[2]
VERSION = "0.54.0"

# What `Connection` overrides, calls or reads, and what `Worker` does.
RESTED_ON: dict[str, tuple[Callable[..., Any], str]] = {
    "HttpToolsProtocol.__init__": (HttpToolsProtocol.__init__, "4f0899941034"),
    "HttpToolsProtocol.connection_made": (HttpToolsProtocol.connection_made, "6efb565ff3d3"),
    "HttpToolsProtocol.connection_lost": (HttpToolsProtocol.connection_lost, "c91a4c9bf2e2"),
    "HttpToolsProtocol.eof_received": (HttpToolsProtocol.eof_received, "5652627579a0"),
    "HttpToolsProtocol.data_received": (HttpToolsProtocol.data_received, "010a7ae59a5d"),
    "HttpToolsProtocol.on_message_begin": (HttpToolsProtocol.on_message_begin, "96d377fdc7c2"),
    "HttpToolsProtocol.on_headers_complete": (
        HttpToolsProtocol.on_headers_complete,
        "1ea8589acfad",
    ),
    "HttpToolsProtocol.on_response_complete": (
        HttpToolsProtocol.on_response_complete,
        "64e254f28e38",
    ),
    "HttpToolsProtocol.on_body": (HttpToolsProtocol.on_body, "dba9c32aeba3"),
    "HttpToolsProtocol.on_message_complete": (
        HttpToolsProtocol.on_message_complete,
        "1fbad42dc31f",
    ),
    "HttpToolsProtocol.send_400_response": (HttpToolsProtocol.send_400_response, "ae5a4a3782b6"),
    "HttpToolsProtocol.shutdown": (HttpToolsProtocol.shutdown, "d7351fa33f00"),
    "RequestResponseCycle.run_asgi": (RequestResponseCycle.run_asgi, "0f33f2449a44"),
    "RequestResponseCycle.send": (RequestResponseCycle.send, "abdd8601b326"),
    "RequestResponseCycle.receive": (RequestResponseCycle.receive, "8124ae006be7"),
    "Server.__init__": (uvicorn.Server.__init__, "c150b55284f7"),
    "Server.run": (uvicorn.Server.run, "239e0133d430"),
    "Server.serve": (uvicorn.Server.serve, "112ef41af521"),
    "Server.startup": (uvicorn.Server.startup, "2aa1d70a244b"),
    "Server.main_loop": (uvicorn.Server.main_loop, "afccb353a119"),
    "Server.on_tick": (uvicorn.Server.on_tick, "60ea49b06ccf"),
    "Server.shutdown": (uvicorn.Server.shutdown, "9b33c5056299"),
    "Server.handle_exit": (uvicorn.Server.handle_exit, "553276efa26e"),
    "Server.capture_signals": (uvicorn.Server.capture_signals, "e1bbcd4770d1"),
}


def digest(member: Callable[..., Any]) -> str:
    return sha256(inspect.getsource(member).encode()).hexdigest()[:12]


def test_uvicorn_is_pinned_exactly() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert f"uvicorn=={VERSION}" in groups["dependency-groups"]["serve"]
    assert version("uvicorn") == VERSION


@pytest.mark.parametrize(("member", "known"), RESTED_ON.values(), ids=RESTED_ON)
def test_what_the_server_rests_on_is_as_it_was(member: Callable[..., Any], known: str) -> None:
    assert digest(member) == known, f"{member.__qualname__} has changed: see this file's docstring"


def test_a_status_line_is_made_as_it_was() -> None:
    assert httptools_impl.STATUS_LINE[431] == b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
