"""Clients that ask a server without a pause, on one connection each or on many."""

from __future__ import annotations

import http.client
import threading
from pathlib import Path

from serving_helpers.running_server import Server, until


def sockets(process: int) -> int:
    """Count a process's open sockets."""
    files = Path(f"/proc/{process}/fd").iterdir()
    return sum(file.readlink().name.startswith("socket:") for file in files)


class Load(threading.Thread):
    """A connection that asks, one request after the other, until `ended` or the server closes.

    `answers` holds the status codes; `lost` says where a request that was sent got no answer.
    """

    def __init__(self, port: int, ended: threading.Event) -> None:
        super().__init__()
        self.port = port
        self.ended = ended
        self.answers: list[int] = []
        self.lost: Exception | None = None

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            while not self.ended.is_set():
                connection.request("POST", "/invocations", b"a,1", {"content-type": "text/csv"})
                answer = connection.getresponse()
                answer.read()
                self.answers.append(answer.status)
                if answer.headers["connection"]:
                    # Once, though the signal may come twice.
                    assert answer.headers.get_all("connection") == ["close"]
                    return
        except (AssertionError, OSError, http.client.HTTPException) as error:
            self.lost = error


class NewConnections(Load):
    """The same with a connection for each request, until one is refused."""

    def run(self) -> None:
        headers = {"content-type": "text/csv", "connection": "close"}
        while not self.ended.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.connect()
            except ConnectionError:
                return
            try:
                connection.request("POST", "/invocations", b"a,1", headers)
                with connection.getresponse() as answer:
                    self.answers.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                self.lost = error
                return


def load(
    running: Server, count: int, kind: type[Load] = Load
) -> tuple[list[Load], threading.Event]:
    ended = threading.Event()
    loads = [kind(running.port, ended) for _ in range(count)]
    for thread in loads:
        thread.start()
    until(lambda: all(len(thread.answers) > 20 for thread in loads))
    return loads, ended
