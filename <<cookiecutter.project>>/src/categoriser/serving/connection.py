"""uvicorn's connection, bounded in time and bytes, and strict where HTTP is.

It overrides what is not uvicorn's interface: the version is pinned, and
tests/serving/test_uvicorn.py notices another.
"""

import asyncio
import logging
import time
from collections import deque

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from categoriser.serving.problem import RequestError

# The bytes of a request's head, or of what lies between the chunks of its body; more is taken where
# it comes in one piece with the rest. uvicorn has no such bound: a head without an end would fill
# the memory.
HEAD_BYTES = 64 * 2**10
# Requests that are sent ahead of their answers on a connection. uvicorn holds however many come.
MOST_AHEAD = 8

log = logging.getLogger("categoriser.serving")


class Connection(HttpToolsProtocol):
    """uvicorn's connection, bounded in time and bytes; what it refuses gets a JSON problem."""

    since = 0.0  # when what is not yet complete began
    answered = 0.0  # when the last answer was
    head = 0  # bytes since the last piece of a body
    refusal: tuple[int, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.since = time.monotonic()
        self.cycles = deque[RequestResponseCycle]()

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn tells the newest only.
        for cycle in self.cycles:
            cycle.disconnected = True
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what has come whole, since a client may end its own side alone; then close."""
        self.shutdown()
        return not self.since or bool(self.refusal and self.cycles)

    def data_received(self, data: bytes) -> None:
        self.head += len(data)
        self.since = self.since or time.monotonic()
        if not self.refusal:
            super().data_received(data)
        if self.head > HEAD_BYTES:
            self.refuse(431, f"the head of a request must be at most {HEAD_BYTES} bytes")

    def on_message_begin(self) -> None:
        self.since = time.monotonic()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.head = 0
        if self.parser.should_upgrade() or len(self.pipeline) >= MOST_AHEAD:
            # httptools leaves out the body of a request that asks for an upgrade.
            raise ValueError("an upgrade, or too many requests ahead of their answers")
        # RFC 9112, section 3.2.
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            self.refusal = (400, f"a request must have one Host header, but this has {hosts}")
            raise ValueError(self.refusal[1])
        super().on_headers_complete()
        self.cycles.append(self.cycle)
        # What comes from now on are trailers, which are not headers: RFC 9110, section 6.5.1.
        self.headers = []

    def on_response_complete(self) -> None:
        self.answered = time.monotonic()
        self.cycles.popleft()
        super().on_response_complete()
        if self.refusal:
            self.refuse(*self.refusal)

    def on_body(self, body: bytes) -> None:
        self.head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.head = 0
        self.since = 0.0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, or what one of the methods above has refused by raising."""
        self.refuse(400, "the request is not HTTP/1.1, asks for an upgrade, or is one of too many")

    def refuse(self, status: int, detail: str) -> None:
        """Answer what cannot be read, once what came before it is answered, and close."""
        self.refusal = self.refusal or (status, detail)
        if self.cycles and self.cycles[-1].more_body:
            self.cycles[-1].disconnected = True
            self.cycles.pop().message_event.set()
        if not self.cycles and not self.transport.is_closing():
            status, detail = self.refusal
            log.warning({"event": "refused", "status": status})
            body = RequestError(status, detail).body()
            head = b"content-type: application/problem+json\r\ncontent-length: %d\r\n" % len(body)
            self.transport.write(STATUS_LINE[status] + head + b"connection: close\r\n\r\n" + body)
            self.transport.close()
