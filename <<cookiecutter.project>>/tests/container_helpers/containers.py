"""Containers as SageMaker starts them: jobs, and a server that another container asks."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from categoriser.data.generate import generate
from categoriser.manifest import NAME, File, Manifest
from categoriser.params import read_params
from container_helpers.engine import LABEL, OTHER, docker
from container_helpers.images import JOB, ROOT, SERVE

MADE = Manifest("data-release", (File("s3://bucket/own.csv", "v1", "0" * 64, 1),), {})
# What runs in a container. Each line on stdin is a request; prints the answers.
ASK = """
import http.client, json, sys
answers = []
for line in sys.stdin:
    method, path, kind, body = json.loads(line)
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=60)
    connection.request(method, path, body.encode(), {"content-type": kind} if kind else {})
    answer = connection.getresponse()
    answers.append((answer.status, answer.getheader("content-type"), answer.read().decode()))
print(json.dumps(answers))
"""

# Prints the time of the first good answer: the client is there before the server.
AWAIT = """
import http.client, time
print("waiting", flush=True)
while True:
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=2)
    try:
        connection.request("GET", "/ping")
        if connection.getresponse().status == 200:
            break
    except OSError:
        time.sleep(0.005)
print(time.time())
"""

# Prints the time at which the container's first process was started.
SINCE = """
import os, time
ticks = int(open("/proc/1/stat").read().rpartition(")")[2].split()[19])
age = float(open("/proc/uptime").read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
print(time.time() - age)
"""

# Prints users, groups and capabilities of each process but this one.
WHO = """
import json, os, pathlib
found = []
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    if int(folder.name) != os.getpid():
        lines = (folder / "status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        found.append([fields[name].split() for name in ("Uid", "Gid", "Groups", "CapEff")])
print(json.dumps(found))
"""


class Answer(NamedTuple):
    status: int
    kind: str
    body: str


class Server(NamedTuple):
    """A container that serves; `peer` has its network, and `ready` is when it first answered."""

    container: str
    peer: str
    begun: float
    ready: float

    def ask(self, *requests: tuple[str, str, str, str]) -> list[Answer]:
        """Send requests: method, path, type (or nothing), and body."""
        lines = "\n".join(map(json.dumps, requests))
        said = docker("exec", "--interactive", self.peer, "python", "-c", ASK, given=lines)
        return [Answer(*answer) for answer in json.loads(said.stdout)]

    def post(self, kind: str, body: str) -> Answer:
        return self.ask(("POST", "/invocations", kind, body))[0]

    def inside(self, script: str) -> Any:
        return json.loads(docker("exec", self.container, "python", "-c", script).stdout)


def run(
    command: Sequence[str], folders: dict[str, Path], **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a job to its end, with folders by their place; those under an input are read-only."""
    options = ["--rm", "--label", LABEL, "--network", "none", *OTHER, "--entrypoint", command[0]]
    for place, folder in folders.items():
        mode = "ro" if "input" in place else "rw"
        options += ["--volume", f"{folder}:/opt/ml/{place}:{mode}"]
    options += [f"--env={name}={value}" for name, value in environment.items()]
    return docker("run", *options, JOB, *command[1:], check=False)


@contextmanager
def serving(model: Path, *options: str, arguments: Sequence[str] = ()) -> Iterator[Server]:
    """Start the image as SageMaker does: the command is `serve`, the model is in its place."""
    start = ["run", "--detach", "--label", LABEL]
    peer = docker(*start, "--network", "none", *OTHER, JOB, "sleep", "600").stdout.strip()
    waiting = ["timeout", "60", "python", "-c", AWAIT]
    containers = [peer]
    with subprocess.Popen(
        ["docker", "exec", peer, *waiting], stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout is not None
        client.stdout.readline()
        begun = time.time()
        options += ("--network", f"container:{peer}", "--volume", f"{model}:/opt/ml/model:ro")
        containers.append(docker(*start, *options, SERVE, "serve", *arguments).stdout.strip())
        said, _ = client.communicate()
    try:
        if client.returncode:
            pytest.fail(f"no answer to /ping: {docker('logs', containers[1]).stderr}")
        yield Server(containers[1], peer, begun, float(said))
    finally:
        docker("rm", "--force", "--volumes", *containers)


def shared(folder: Path) -> Path:
    """Make a folder into which every user may write."""
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    return folder


def channel(folder: Path, **changes: int) -> Path:
    """Write the project's generated rows, and their manifest."""
    folder.mkdir(parents=True)
    settings = read_params(ROOT / "params.yaml").generate.model_copy(update=changes)
    generate(settings)[0].write_csv(folder / "transactions.csv", float_precision=2)
    (folder / NAME).write_bytes(MADE.json())
    return folder
