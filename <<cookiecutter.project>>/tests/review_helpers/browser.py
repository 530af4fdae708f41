"""A headless Chromium, driven by the DevTools protocol over a WebSocket."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_SECONDS = 20
# Of a key that is not a letter: how the protocol names it.
CODES = {"ArrowDown": 40, "ArrowUp": 38, "Enter": 13, "Escape": 27, "Tab": 9, " ": 32}


def find_chromium() -> str | None:
    """Return the browser's program: the one that CHROMIUM names, or one on the path."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, PROGRAMS)), None)


class Tab:
    """A tab of the browser. What a script throws is raised."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, socket: aiohttp.ClientWebSocketResponse
    ) -> None:
        self.loop = loop
        self.socket = socket
        self.sent = 0
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.loop.run_until_complete(self._call(method, parameters))

    async def _call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.sent += 1
        await self.socket.send_json({"id": self.sent, "method": method, "params": parameters})
        while True:
            said = await asyncio.wait_for(self.socket.receive_json(), PATIENCE_SECONDS)
            if said.get("method") == "Log.entryAdded":
                self.complaints.append(said["params"]["entry"]["text"])
            if said.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(said["params"]["exceptionDetails"]))
            if said.get("id") == self.sent:
                if "error" in said:
                    raise RuntimeError(said["error"]["message"])
                result: dict[str, Any] = said["result"]
                return result

    def go(self, address: str) -> None:
        self.call("Page.navigate", url=address)
        self.wait_for("document.readyState === 'complete'")

    def evaluate(self, script: str) -> Any:
        said = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in said:
            raise RuntimeError(json.dumps(said["exceptionDetails"]))
        return said["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until a script's value is true."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.evaluate(condition):
            assert time.monotonic() < end, f"never true: {condition}"
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        found: str = self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")
        return found

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.evaluate(
            f"[...document.querySelectorAll({json.dumps(selector)})].map((each) => each.innerText)"
        )
        return found

    def click(self, selector: str) -> None:
        """Press the mouse in the middle of an element."""
        place = self.evaluate(
            f"""(() => {{
              const element = document.querySelector({json.dumps(selector)});
              element.scrollIntoView({{ block: "center", behavior: "instant" }});
              const box = element.getBoundingClientRect();
              return [box.x + box.width / 2, box.y + box.height / 2];
            }})()"""
        )
        where = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **where)

    def press(self, key: str) -> None:
        """Press and release a key: a character, or the name of another key."""
        text = {"text": "\r" if key == "Enter" else key} if key == "Enter" or len(key) == 1 else {}
        code = CODES.get(key, ord(key.upper()[0]))
        named = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", **named, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    def picture(self, file: Path) -> None:
        said = self.call("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(said["data"]))


@contextmanager
def open_tab(program: str, folder: Path) -> Iterator[Tab]:
    """Start a browser with a profile of its own in a folder, and yield a tab of it."""
    profile = folder / "profile"
    # Root, as in a container, gets no sandbox from Chromium.
    alone = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [
        program,
        "--headless=new",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "--no-first-run",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        *alone,
        "about:blank",
    ]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    loop = asyncio.new_event_loop()
    session = loop.run_until_complete(_session())
    try:
        port = _port_told(profile / "DevToolsActivePort")
        socket = loop.run_until_complete(_connect(session, port))
        yield Tab(loop, socket)
    finally:
        loop.run_until_complete(session.close())
        loop.close()
        browser.terminate()
        with suppress(subprocess.TimeoutExpired):
            browser.wait(PATIENCE_SECONDS)
        browser.kill()
        browser.wait()


async def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


def _port_told(file: Path) -> int:
    """Wait for the file in which the browser says its port."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (file.exists() and "\n" in file.read_text(encoding="utf-8")):
        assert time.monotonic() < end, "the browser did not start"
        time.sleep(0.05)
    return int(file.read_text(encoding="utf-8").splitlines()[0])


async def _connect(session: aiohttp.ClientSession, port: int) -> aiohttp.ClientWebSocketResponse:
    async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
        targets = await answer.json()
    [page] = [target for target in targets if target["type"] == "page"]
    return await session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0)
