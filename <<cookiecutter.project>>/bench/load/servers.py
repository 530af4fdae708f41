"""The servers that are asked: this project's, a constant answer, and MLflow's in two forms."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from categoriser.errors import UserError
from categoriser.tracking import mirror

HOST = "127.0.0.1"
CATEGORISER = "ours"
WITH_RULES = "ours, rules"
CONSTANT = "constant"
# MLflow's server as MLflow alone installs it, and with the libraries that this project brings.
# Without them asyncio does not switch Nagle's algorithm off, and each answer waits some 40 ms.
MLFLOW = "MLflow"
MLFLOW_FAST = "MLflow*"
WITHOUT_LIBRARIES = {"UVICORN_LOOP": "asyncio", "UVICORN_HTTP": "h11"}

# Bounds, in seconds: of a start, and of the wait for an answer.
START_SECONDS = 90.0
ANSWER_SECONDS = 30.0

LISTENING = r'"event": ?"listening"[^\n]*"port": ?(\d+)'
PSS = re.compile(r"^Pss: +(\d+) kB", re.MULTILINE)

# Answers POST /300 with 300 bytes, by our server's own workers.
CONSTANTLY = """
import json, sys
from categoriser.serving.parent import listen, serve_with_workers

answers = {}

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise ValueError("there is nothing to start")
    while (await receive())["more_body"]:
        pass
    path = scope["path"]
    body = answers.get(path) or answers.setdefault(path, b" " * int(path[1:]))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

listener = listen("127.0.0.1", 0)
print(json.dumps({"event": "listening", "port": listener.getsockname()[1]}), flush=True)
serve_with_workers(app, listener, int(sys.argv[1]))
"""


class Server(NamedTuple):
    """A server that runs, with its children."""

    name: str
    pid: int  # and its session's number
    port: int


@contextlib.contextmanager
def started(
    name: str, command: list[str], scratch: Path, ready: str = LISTENING, **settings: str
) -> Iterator[Server]:
    """Start a Python command with these settings in its environment; end it and its children.

    It can answer once `ready` is found in its log, with its port as the first group. Raises
    `UserError` with the log's end where that does not happen.
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    log = scratch / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdout=out,
            stderr=out,
            env=os.environ | settings | {"PATH": path},
            start_new_session=True,
        )
    try:
        end = time.monotonic() + START_SECONDS
        while True:
            text = log.read_text(errors="replace")
            found = re.search(ready, text, re.DOTALL)
            if found:
                break
            if process.poll() is not None or time.monotonic() > end:
                raise UserError(f"{name} did not start: {text[-2000:]}")
            time.sleep(0.005)
        yield Server(name, process.pid, int(found[1]))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def categoriser_command(model: Path, workers: int) -> list[str]:
    command = ["-m", "categoriser.serving", "--port", "0", "--model", str(model)]
    return [*command, "--workers", str(workers)]


def constant_command(workers: int) -> list[str]:
    return ["-c", CONSTANTLY, str(workers)]


def save_for_mlflow(model: Path, folder: Path) -> None:
    """Save the model as the project logs it."""
    # After `categoriser.tracking`, whose settings it reads when it is imported.
    import mlflow.pyfunc

    source = Path(mirror.__file__)
    mlflow.pyfunc.save_model(
        str(folder),
        python_model=str(source.with_name("pyfunc.py")),
        artifacts={"model": str(model)},
        code_paths=[str(source.parents[1])],
        input_example=mirror.EXAMPLE,
        pip_requirements=[],
    )


def start_mlflow(
    name: str, model: Path, workers: int, scratch: Path
) -> contextlib.AbstractContextManager[Server]:
    with socket.create_server((HOST, 0)) as listener:
        port = str(listener.getsockname()[1])
    command = ["-m", "mlflow", "models", "serve", "--env-manager", "local", "--host", HOST]
    command += ["--port", port, "--workers", str(workers), "--model-uri", str(model)]
    ready = rf"running on http://{HOST}:(\d+)" + ".*?Application startup complete" * workers
    return started(name, command, scratch, ready, **(WITHOUT_LIBRARIES if name == MLFLOW else {}))


def cold_start(command: list[str], scratch: Path) -> float:
    """Return the seconds from a server's start to its first good answer."""
    begin = time.perf_counter()
    with started(CATEGORISER, command, scratch) as server:
        connection = http.client.HTTPConnection(HOST, server.port, timeout=ANSWER_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", "/ping")
            status = connection.getresponse().status
            if status != 200:
                raise UserError(f"the server answers GET /ping with {status}")
        return time.perf_counter() - begin


def of_processes(server: Server, file: str) -> list[str]:
    """Return a file of each of a server's processes in /proc."""
    texts = []
    for folder in Path("/proc").glob("[0-9]*"):
        # Other processes come and go meanwhile.
        with contextlib.suppress(OSError):
            if os.getsid(int(folder.name)) == server.pid:
                texts.append((folder / file).read_text())
    return texts


def cpu_seconds(server: Server) -> float:
    """Return what its processes have used, ended ones too: proc_pid_stat(5), utime to cstime."""
    stats = [text.rpartition(")")[2].split() for text in of_processes(server, "stat")]
    return sum(sum(map(int, stat[11:15])) for stat in stats) / os.sysconf("SC_CLK_TCK")


def memory(server: Server) -> int:
    """Return the bytes that its processes hold: of a page that n share, each has 1/n."""
    texts = "".join(of_processes(server, "smaps_rollup"))
    return 1024 * sum(map(int, PSS.findall(texts)))
