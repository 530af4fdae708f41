"""A processing job ends with the message and the status that SageMaker shows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from measured import rows
from monitor_helpers.made_checks import ROOT, captured, made

from categoriser.command import run_command
from categoriser.jobs import processing


def run_process(folder: Path, **environment: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run `process monitor` with the message's file in a folder."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from categoriser.command import run_command\n"
        "from categoriser.jobs.processing import run_step\n"
        "run_command(lambda: run_step('monitor', Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "message")],
        cwd=ROOT,
        env={"PATH": "/bin", "PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, folder / "message"


def test_the_process_ends_with_the_message_that_sagemaker_shows(tmp_path: Path) -> None:
    captured(tmp_path / "captures", rows(300, seed=5).with_columns(pl.col("price") * 10))
    done, message = run_process(
        tmp_path,
        dataset_source=str(tmp_path / "captures"),
        output_path=str(tmp_path / "output"),
        baseline=str(made()),
    )
    assert done.returncode == 0, done.stderr
    assert message.read_text().startswith("CompletedWithViolations: ")
    assert len(message.read_bytes()) <= 1024


def test_a_fault_is_the_message_and_the_status(tmp_path: Path) -> None:
    done, message = run_process(tmp_path, dataset_source="x")
    assert done.returncode == 1
    assert message.read_text() == "Failed: the environment variable output_path is missing"


def test_the_command_refuses_an_unknown_step_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["process", "deploy"])
    with pytest.raises(SystemExit, match=r"^error: there is no step 'deploy'; the steps are e"):
        run_command(processing.main)
