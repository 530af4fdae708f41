"""A server process on a port of its own, and heads of requests to it."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

HEAD = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"


def until(come: Callable[[], bool]) -> None:
    """Wait for what must come, a minute at most."""
    end = time.monotonic() + 60
    while not come():
        assert time.monotonic() < end
        time.sleep(0.005)


def serving_program(change: str) -> str:
    """Return a program that serves, after Python that changes modules of the server."""
    return f"""
import os, resource
from categoriser.command import run_command
from categoriser.serving import parent, server, worker
from categoriser.serving.__main__ import main
{change}
run_command(main)
"""


class Server:
    """A server process on a port of its own; its log is a file, which no writer waits for.

    `change` is Python that it runs first; `started` workers are waited for, or all.
    """

    def __init__(
        self, model: Path, *options: str, change: str = "", started: int | None = None
    ) -> None:
        command = [sys.executable, "-c", serving_program(change), "--model", str(model)]
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as log:
            self.log = Path(log.name).open(encoding="utf-8")  # noqa: SIM115  # stop() closes it
            self.process = subprocess.Popen([*command, "--port", "0", *options], stderr=log)
        listening = self.line()
        assert listening["event"] == "listening"
        self.port: int = listening["port"]
        for _ in range(listening["workers"] if started is None else started):
            assert self.line()["event"] == "worker started"

    def line(self) -> dict[str, Any]:
        text = ""

        def whole() -> bool:
            nonlocal text
            text += self.log.readline()
            assert text or self.process.poll() is None
            return text.endswith("\n")

        until(whole)
        line: dict[str, Any] = json.loads(text)
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
        status = self.process.wait(timeout=60)
        with self.log:
            return status, self.log.read().splitlines()


def children(process: int) -> list[int]:
    found = list[int]()
    for task in Path(f"/proc/{process}/task").iterdir():
        # A thread may have ended just now.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found
