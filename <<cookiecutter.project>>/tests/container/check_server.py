"""The images run as SageMaker runs them, and as it does not: `make test-image`.

Every container here has no network, little room, and a root file system that is read-only; it is
another user's than root's unless a test says so. Paths and files of the contract:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import threading
import time
import tomllib
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import unquote

import polars as pl
import pytest
from measured import FEW
from rich.console import Console

from categoriser.contract import CSV, JSON, JSON_LINES
from categoriser.data.generate import generate
from categoriser.io.documents import read_json
from categoriser.io.replacing import write_json
from categoriser.manifest import NAME, File, Manifest
from categoriser.params import read_params

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
SERVE, JOB = (f"{PROJECT}-{target}" for target in ("serve", "job"))
# MB over the base image: that is another's, and of another size elsewhere.
ADDED = {SERVE: 60, JOB: 610}
HOLDS = {SERVE: {"src"}, JOB: {"champion", "monitoring", "params.yaml", "src"}}
MADE = Manifest("data-release", (File("s3://bucket/own.csv", "v1", "0" * 64, 1),), {})

LABEL = f"check-image={uuid.uuid4().hex}"
USER = os.getuid() or 4242  # whoever runs this can take away what the containers leave
RUN_AS = 10001  # the image's own, where it is started as root
LIMITS = ["--memory", "3g", "--pids-limit", "256", "--cpus", str(min(2, os.cpu_count() or 1))]
SMALL = ["--read-only", "--tmpfs", "/tmp", *LIMITS]
BARE = [*SMALL, "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
OTHER = [*BARE, "--user", f"{USER}:{USER}"]
PROBLEM = "application/problem+json"

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
CONTENTS = """
import importlib.metadata, importlib.util, json, os, shutil
unwanted = ("sagemaker", "mlflow", "dvc", "pip", "setuptools")
tools = ("cc", "gcc", "c++", "g++", "clang", "ld", "make", "git", "dvc", "mlflow")
print(json.dumps({
    "packages": [f"{one.name}=={one.version}" for one in importlib.metadata.distributions()],
    "unwanted": [name for name in unwanted if importlib.util.find_spec(name)],
    "tools": [name for name in tools if shutil.which(name)],
    "project": os.listdir("/opt/project"),
    "opt": os.listdir("/opt"),
    "build": os.path.exists("/build"),
}))
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


def docker(
    *arguments: str, check: bool = True, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the client, with `given` on its stdin. A failure is the test's, with what was said."""
    done = subprocess.run(
        ["docker", *arguments], input=given, capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        pytest.fail(f"docker {' '.join(arguments[:4])}: {done.stderr.strip()}")
    return done


def inspected(image: str) -> dict[str, Any]:
    [found] = json.loads(docker("image", "inspect", image).stdout)
    return dict(found)


def added(image: str) -> list[int]:
    """Return the bytes of each layer over the base image, the newest first."""
    form = "{{.Size}} {{.CreatedBy}}"
    history = docker("history", "--human=false", "--no-trunc", "--format", form, image).stdout
    newer, found, _ = history.partition(f"RUN_AS={RUN_AS}")
    assert found
    return [int(size) for size in re.findall(r"^(\d+) ", newer, re.MULTILINE)]


@pytest.fixture(scope="module", autouse=True)
def engine() -> Iterator[None]:
    """End at once where there is no engine; take all containers away after the last test."""
    try:
        docker("version")
    except (FileNotFoundError, pytest.fail.Exception) as error:
        mend = "start a Docker engine, and set DOCKER_HOST where it listens elsewhere"
        pytest.exit(f"no Docker engine answers: {mend} ({error})", returncode=1)
    yield
    if left := docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}").stdout.split():
        docker("rm", "--force", "--volumes", *left)


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Return what prints a line, whatever pytest captures."""

    def show(line: str) -> None:
        with capsys.disabled():
            Console().print(f"\n{line}")

    return show


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


# The images.


@pytest.mark.parametrize("image", [SERVE, JOB])
def test_an_image_is_small_and_of_a_form_that_sagemaker_takes(
    image: str, show: Callable[[str], None]
) -> None:
    facts, over = inspected(image), sum(added(image)) / 1e6
    show(f"{image}: {facts['Size'] / 1e6:.0f} MB, {over:.0f} of them over the base")
    assert over < ADDED[image]
    assert (facts["Os"], facts["Architecture"]) == ("linux", "amd64")


class Registry(BaseHTTPRequestHandler):
    """A registry for `docker push` that keeps the sizes of blobs, and the types of manifests.

    https://distribution.github.io/distribution/spec/api/
    """

    protocol_version = "HTTP/1.1"
    sizes: ClassVar[dict[str, int]] = {}  # by an upload's path, then by digest
    manifests: ClassVar[list[str]] = []

    def reply(self, status: int, size: int = 0, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": f"{size}"} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def do_GET(self) -> None:
        self.reply(200)

    def do_HEAD(self) -> None:
        digest = self.path.rpartition("/")[2]
        self.reply(200 if digest in self.sizes else 404, self.sizes.get(digest, 0))

    def do_POST(self) -> None:
        self.reply(202, Location=self.path + uuid.uuid4().hex, Range="0-0")

    def do_PATCH(self) -> None:
        assert self.headers["Transfer-Encoding"] == "chunked"
        total = 0
        while size := int(self.rfile.readline(), 16):
            total += len(self.rfile.read(size + 2)) - 2
        self.rfile.readline()
        self.sizes[self.path] = total
        self.reply(202, Location=self.path, Range=f"0-{total - 1}")

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path, upload, digest = self.path.partition("?digest=")
        if upload:
            digest = unquote(digest)
            self.sizes[digest] = self.sizes[path]
        else:
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            self.manifests.append(json.loads(content)["mediaType"])
        self.reply(201, Docker_Content_Digest=digest)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


def test_an_image_is_pushed_in_dockers_schema_2() -> None:
    # An engine takes loopback's registries without TLS.
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as registry:
        threading.Thread(target=registry.serve_forever).start()
        name = f"127.0.0.1:{registry.server_port}/{SERVE}:check"
        try:
            docker("tag", SERVE, name)
            docker("push", name)
        finally:
            docker("rmi", name, check=False)
            registry.shutdown()
    assert Registry.manifests == ["application/vnd.docker.distribution.manifest.v2+json"]


def test_the_jobs_image_shares_the_servers_packages() -> None:
    serve, job = (set(inspected(image)["RootFS"]["Layers"]) for image in (SERVE, JOB))
    # The oldest two over the base are the environment, of no size, and the packages.
    assert len(serve - job) <= len(added(SERVE)) - 2
    assert sum(added(SERVE)[:-2]) < 10e6


@pytest.mark.parametrize("image", [SERVE, JOB])
def test_an_image_holds_what_is_pinned_and_nothing_to_build_with(image: str) -> None:
    run = ["run", "--rm", "--label", LABEL, "--network", "none", *OTHER, image]
    found = json.loads(docker(*run, "python", "-c", CONTENTS).stdout)
    names = {SERVE: ["serve"], JOB: ["serve", "job"]}[image]
    locks = [(ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8") for name in names]
    pinned = set(re.findall(r"^\S+==\S+", "".join(locks), re.MULTILINE))
    installed = {re.sub(r"[-_.]+(?=.*==)", "-", one).lower() for one in found.pop("packages")}
    assert installed <= pinned
    assert set(found.pop("project")) == HOLDS[image]
    assert set(found.pop("opt")) == {"project", "venv"}
    assert not any(found.values()), found


@pytest.mark.parametrize("image", [SERVE, JOB])
def test_an_image_tells_nothing_of_where_it_was_built(image: str) -> None:
    facts = docker("history", "--no-trunc", image).stdout + json.dumps(inspected(image))
    secret = re.compile("PIP_|AWS_|TOKEN|SECRET|PASSWORD")
    for name, value in os.environ.items():
        assert not (secret.search(name) and len(value) > 3 and value in facts), name
    assert not re.search(r"(PIP|AWS)_\w+=", facts)


# The jobs.


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return channel(tmp_path_factory.mktemp("channel") / "data")


@pytest.fixture(scope="module")
def training(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Train with the project's own settings; return /opt/ml and the log."""
    ml = tmp_path_factory.mktemp("training")
    write_json(ml / "config/hyperparameters.json", {})
    folders = {"input/config": ml / "config", "input/data/data": data}
    folders |= {name: shared(ml / name) for name in ("model", "output")}
    done = run(["train"], folders)
    assert done.returncode == 0, done.stderr
    return ml, done.stdout


@pytest.fixture(scope="module")
def released(training: tuple[Path, str]) -> Path:
    """Make a folder with model.tar.gz, as SageMaker makes it of /opt/ml/model."""
    folder = training[0] / "released"
    folder.mkdir()
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        archive.add(training[0] / "model", ".")
    return folder


@pytest.fixture(scope="module")
def evaluation(released: Path, data: Path) -> Path:
    """Evaluate that model; return the folder with `result` and `output`."""
    folder = released.parent / "evaluation"
    folders = {
        "processing/input/data": data,
        "processing/input/model": released,
        "processing/output": shared(folder / "result"),
        "output": shared(folder / "output"),
    }
    done = run(["process", "evaluate"], folders)
    assert done.returncode == 0, done.stderr
    return folder


def test_train_leaves_model_and_metrics_and_no_failure(training: tuple[Path, str]) -> None:
    ml, log = training
    assert read_json(ml / "model/metadata.json", "train")["train_rows"] > 10_000
    assert re.search(r"^validation_accuracy=0\.\d+$", log, re.MULTILINE)
    assert not [*(ml / "output").iterdir()]


def test_evaluate_leaves_figures_baseline_and_golden_cases(evaluation: Path) -> None:
    message = (evaluation / "output/message").read_text(encoding="utf-8")
    assert message == "Completed: the model may go on"
    names = {path.name for path in (evaluation / "result").iterdir()}
    assert {"metrics.json", "gate.json", "golden.json", "report.html", "baseline"} <= names


def test_a_training_on_bad_rows_fails_and_says_why(tmp_path: Path) -> None:
    data, config = tmp_path / "data", tmp_path / "config"
    write_json(config / "hyperparameters.json", {})
    data.mkdir()
    (data / NAME).write_bytes(MADE.json())
    (data / "transactions.csv").write_text("date,text,price,category\n" + "x,y,z,\n" * 5000)
    folders = {"input/config": config, "input/data/data": data}
    folders |= {name: shared(tmp_path / name) for name in ("model", "output")}
    done = run(["train"], folders)
    assert done.returncode == 1
    failure = (tmp_path / "output/failure").read_text(encoding="utf-8")
    assert "rows are bad" in failure
    assert done.stderr == f"error: {failure}\n"
    assert not [*(tmp_path / "model").iterdir()]


def test_a_step_without_its_input_fails_and_says_why(tmp_path: Path) -> None:
    done = run(["process", "evaluate"], {"output": shared(tmp_path / "output")})
    assert done.returncode == 1
    message = (tmp_path / "output/message").read_text(encoding="utf-8")
    assert "data.json" in message
    assert done.stderr == f"error: {message.removeprefix('Failed: ')}\n"


@pytest.mark.parametrize("command", ["train", "process"])
def test_a_job_that_is_started_as_root_writes_as_another(command: str, tmp_path: Path) -> None:
    """All under /opt/ml is root's at first, as it is in SageMaker; evaluate finds no model."""
    ml = tmp_path / "ml"
    write_json(ml / "input/config/hyperparameters.json", {n: str(v) for n, v in FEW.items()})
    channel(ml / "input/data/data", rows=3000)
    channel(ml / "processing/input/data", rows=3000)
    for name in ("model", "output/data", "processing/output"):
        (ml / name).mkdir(parents=True)
    options = ["--label", LABEL, "--network", "none", *LIMITS, "--entrypoint", command]
    container = docker(
        "create", *options, JOB, *["evaluate"][: command == "process"]
    ).stdout.strip()
    docker("cp", str(ml), f"{container}:/opt")
    done = docker("start", "--attach", container, check=False)
    assert done.returncode == (command == "process"), done.stderr
    stream = subprocess.run(
        ["docker", "cp", f"{container}:/opt/ml", "-"], capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(stream.stdout)) as left:
        owners = {entry.name: entry.uid for entry in left}
    written = {"train": "ml/model/metadata.json", "process": "ml/output/message"}[command]
    assert owners[written] == RUN_AS
    assert owners["ml"] == owners["ml/input/data/data"] == 0


# The server.


@pytest.fixture(scope="module")
def model(released: Path) -> Path:
    """Unpack model.tar.gz as SageMaker does."""
    folder = released.parent / "unpacked"
    with tarfile.open(released / "model.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[Server]:
    with serving(model, *OTHER) as server:
        yield server


@pytest.fixture(scope="module")
def stopped(model: Path, data: Path) -> tuple[Path, float, int]:
    """Serve rows and stop; return the captures, the seconds that took, and the exit status."""
    folder = shared(model.parent / "captures")
    rows = pl.read_csv(data / "transactions.csv").select("text", "price").head(600)
    bodies = [part.write_csv(include_header=False) for part in rows.iter_slices(20)]
    place, arguments = ["--volume", f"{folder}:/captures"], ["--capture", "/captures"]
    with serving(model, *OTHER, *place, arguments=arguments) as server:
        answers = server.ask(*(("POST", "/invocations", CSV, body) for body in bodies))
        assert {answer.status for answer in answers} == {200}
        before = time.monotonic()
        docker("stop", "--time", "30", server.container)
        seconds = time.monotonic() - before
        status = docker("wait", server.container).stdout
    return folder, seconds, int(status)


def test_the_server_is_soon_ready(server: Server, show: Callable[[str], None]) -> None:
    since = server.inside(SINCE)
    run, begun = server.ready - server.begun, server.ready - since
    show(f"ready {run:.2f} s after docker run, {begun:.2f} s after its process began")
    assert 0 < begun < run < 30


def test_ping_answers(server: Server) -> None:
    assert server.ask(("GET", "/ping", "", ""))[0].status == 200


def test_the_first_process_outlives_what_others_leave_to_it(server: Server) -> None:
    docker("exec", server.container, "sh", "-c", "sleep 0.2 &")
    time.sleep(1)
    assert server.ask(("GET", "/ping", "", ""))[0].status == 200
    assert "error" not in docker("logs", server.container).stderr


def test_rows_are_answered_in_the_type_in_which_they_come(server: Server, model: Path) -> None:
    row = {"text": "spotify p0d3d89b19 sydney au", "price": 11.99}
    answer = server.post(CSV, "spotify p0d3d89b19 sydney au,11.99\n")
    label, *probabilities = answer.body.split(",")
    assert (answer.status, answer.kind, label[:9]) == (200, CSV, "__label__")
    assert sum(map(float, probabilities)) == pytest.approx(1, abs=1e-6)
    answer = server.post(JSON, json.dumps(row))
    assert (answer.status, answer.kind) == (200, JSON)
    assert f"__label__{json.loads(answer.body)['category']}" == label
    lines = server.post(JSON_LINES, f"{json.dumps(row)}\n" * 3)
    assert (lines.status, lines.kind) == (200, JSON_LINES)
    assert [json.loads(line) for line in lines.body.splitlines()] == [json.loads(answer.body)] * 3


@pytest.mark.parametrize(
    ("kind", "body", "status", "told"),
    [
        (CSV, "aldi sydney,cheap\n", 400, "price"),
        (JSON, '{"text": "aldi sydney"}', 400, "price is missing"),
        (JSON_LINES, '{"text": 1, "price": 2}', 400, "text must be"),
        (CSV, f"{'x' * 2**20}\n" * 7, 413, "larger"),
        ("image/png", "aldi sydney,1\n", 415, "text/csv"),
    ],
)
def test_a_bad_request_is_refused_with_a_problem(
    server: Server, kind: str, body: str, status: int, told: str
) -> None:
    answer = server.post(kind, body)
    assert (answer.status, answer.kind) == (status, PROBLEM)
    problem = json.loads(answer.body)
    assert problem["status"] == status
    assert told in problem["detail"]


def test_golden_cases_are_answered_as_the_evaluation_wrote_them(
    server: Server, evaluation: Path
) -> None:
    cases = read_json(evaluation / "result/golden.json", "evaluate")["cases"]
    rows = [{name: case[name] for name in ("text", "price")} for case in cases]
    answers = json.loads(server.post(JSON, json.dumps(rows)).body)
    assert len(answers) > 10
    assert [one["category"] for one in answers] == [case["category"] for case in cases]
    assert not any(one["review"] for one in answers)


def test_sigterm_ends_it_in_time_with_status_0(stopped: tuple[Path, float, int]) -> None:
    _, seconds, status = stopped
    assert status == 0
    assert seconds < 20


def test_what_was_captured_is_monitored(
    stopped: tuple[Path, float, int], evaluation: Path, tmp_path: Path
) -> None:
    folders = {
        "processing/input/captures": stopped[0],
        "processing/input/baseline": evaluation / "result/baseline",
        "processing/output": shared(tmp_path / "result"),
        "output": shared(tmp_path / "output"),
    }
    places = {name: f"/opt/ml/{name}" for name in folders}
    done = run(
        ["process", "monitor"],
        folders,
        dataset_source=places["processing/input/captures"],
        baseline=places["processing/input/baseline"],
        output_path=places["processing/output"],
        publish_cloudwatch_metrics="Disabled",
    )
    assert done.returncode == 0, done.stderr
    message = (tmp_path / "output/message").read_text(encoding="utf-8")
    assert re.match(r"Completed\w*: .*\b600 rows", message), message
    [statistics] = (tmp_path / "result").rglob("statistics.json")
    assert read_json(statistics, "monitor")["dataset"]["item_count"] == 600


def test_a_server_that_is_started_as_root_is_another_user_s(model: Path) -> None:
    with serving(model, *SMALL) as server:
        processes = server.inside(WHO)
        answer = server.post(CSV, "aldi sydney,1\n")
    assert answer.status == 200
    assert len(processes) > 1
    user = [str(RUN_AS)] * 4
    assert all(found == [user, user, [], ["0" * 16]] for found in processes), processes


def test_root_that_may_become_no_other_says_so_and_serves(model: Path) -> None:
    with serving(model, *BARE) as server:
        assert server.post(CSV, "aldi sydney,1\n").status == 200
        assert "this runs as root" in docker("logs", server.container).stderr
