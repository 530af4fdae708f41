"""An engine, and what the images make from one another: a model, its evaluation, captures."""

from __future__ import annotations

import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from container_helpers.containers import (
    Server,
    channel,
    run,
    serving,
    shared,
)
from container_helpers.engine import LABEL, OTHER, docker
from rich.console import Console

from categoriser.contract import CSV
from categoriser.io.replacing import write_json


@pytest.fixture(scope="session", autouse=True)
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


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return channel(tmp_path_factory.mktemp("channel") / "data")


@pytest.fixture(scope="session")
def training(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Train with the project's own settings; return /opt/ml and the log."""
    ml = tmp_path_factory.mktemp("training")
    write_json(ml / "config/hyperparameters.json", {})
    folders = {"input/config": ml / "config", "input/data/data": data}
    folders |= {name: shared(ml / name) for name in ("model", "output")}
    done = run(["train"], folders)
    assert done.returncode == 0, done.stderr
    return ml, done.stdout


@pytest.fixture(scope="session")
def released(training: tuple[Path, str]) -> Path:
    """Make a folder with model.tar.gz, as SageMaker makes it of /opt/ml/model."""
    return archived(training[0] / "model", training[0] / "released/model.tar.gz")


@pytest.fixture(scope="session")
def diagnosed(training: tuple[Path, str]) -> Path:
    """Make a folder with output.tar.gz, as SageMaker makes it of /opt/ml/output/data."""
    return archived(training[0] / "output/data", training[0] / "diagnosed/output.tar.gz")


def archived(folder: Path, archive: Path) -> Path:
    """Pack what is in a folder; return the folder of the archive, which is made for it."""
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder, ".")
    return archive.parent


@pytest.fixture(scope="session")
def evaluation(released: Path, diagnosed: Path, data: Path) -> Path:
    """Evaluate that model; return the folder with `result` and `output`."""
    folder = released.parent / "evaluation"
    folders = {
        "processing/input/data": data,
        "processing/input/model": released,
        "processing/input/diagnostics": diagnosed,
        "processing/output": shared(folder / "result"),
        "output": shared(folder / "output"),
    }
    done = run(["process", "evaluate"], folders)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def model(released: Path) -> Path:
    """Unpack model.tar.gz as SageMaker does."""
    folder = released.parent / "unpacked"
    with tarfile.open(released / "model.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="session")
def server(model: Path) -> Iterator[Server]:
    with serving(model, *OTHER) as server:
        yield server


@pytest.fixture(scope="session")
def stopped(model: Path, data: Path) -> tuple[Path, float, int]:
    """Serve rows and stop; return the captures, the seconds that took, and the exit status."""
    folder = shared(model.parent / "captures")
    rows = pl.read_csv(data / "transactions.csv").select("text", "price").head(600)
    bodies = [part.write_csv(include_header=False) for part in rows.iter_slices(20)]
    place = ["--volume", f"{folder}:/captures"]
    arguments = ["--capture", "/captures"]
    with serving(model, *OTHER, *place, arguments=arguments) as server:
        answers = server.ask(*(("POST", "/invocations", CSV, body) for body in bodies))
        assert {answer.status for answer in answers} == {200}
        before = time.monotonic()
        docker("stop", "--time", "30", server.container)
        seconds = time.monotonic() - before
        status = docker("wait", server.container).stdout
    return folder, seconds, int(status)
