"""The jobs train, evaluate and monitor in containers, and say why where they cannot."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
from container_helpers.containers import (
    MADE,
    channel,
    run,
    shared,
)
from container_helpers.engine import LABEL, LIMITS, docker
from container_helpers.images import JOB, RUN_AS
from measured import CANDIDATE, FEW

from categoriser.io.documents import read_json
from categoriser.io.replacing import write_json
from categoriser.manifest import NAME


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
    data = tmp_path / "data"
    config = tmp_path / "config"
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
    knobs = {f"{CANDIDATE}.{name}": str(value) for name, value in FEW.items()}
    write_json(ml / "input/config/hyperparameters.json", knobs)
    channel(ml / "input/data/data", rows=3000)
    channel(ml / "processing/input/data", rows=3000)
    for name in ("model", "output/data", "processing/output"):
        (ml / name).mkdir(parents=True)
    options = ["--label", LABEL, "--network", "none", *LIMITS, "--entrypoint", command]
    arguments = {"train": [], "process": ["evaluate"]}[command]
    container = docker("create", *options, JOB, *arguments).stdout.strip()
    docker("cp", str(ml), f"{container}:/opt")
    done = docker("start", "--attach", container, check=False)
    assert done.returncode == {"train": 0, "process": 1}[command], done.stderr
    stream = subprocess.run(
        ["docker", "cp", f"{container}:/opt/ml", "-"], capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(stream.stdout)) as left:
        owners = {entry.name: entry.uid for entry in left}
    written = {"train": "ml/model/metadata.json", "process": "ml/output/message"}[command]
    assert owners[written] == RUN_AS
    assert owners["ml"] == owners["ml/input/data/data"] == 0


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
