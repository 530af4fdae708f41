"""A stage ends with the DVC that runs it: `dvc` killed alone leaves no stage behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

STAGE = """
import pathlib, sys, time
from categoriser import lifetime
from categoriser.command import run_command
lifetime.KERNEL_TELLS = lifetime.KERNEL_TELLS and sys.argv[1] == "kernel"
def main():
    for beat in range(1000):
        pathlib.Path("beat").write_text(str(beat))
        time.sleep(0.02)
run_command(main)
"""
SECONDS = 20


def started(folder: Path, how: str) -> subprocess.Popen[bytes]:
    """Start DVC on a stage that shows that it lives."""
    (folder / "stage.py").write_text(STAGE)
    stage = {"cmd": f"exec {sys.executable} stage.py {how}", "outs": ["beat"]}
    (folder / "dvc.yaml").write_text(json.dumps({"stages": {"slow": stage}}))
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "--quiet"],
        cwd=folder,
        env=os.environ | {"SHELL": "/bin/sh"},
        stderr=subprocess.DEVNULL,
    )


def is_beating(beat: Path) -> bool:
    before = beat.read_text()
    time.sleep(0.2)
    return beat.read_text() != before


@pytest.mark.parametrize("how", ["kernel", "thread"])
def test_a_stage_ends_when_dvc_alone_is_killed(how: str, tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    end = time.monotonic() + SECONDS
    with started(tmp_path, how) as dvc:
        while not beat.exists() and time.monotonic() < end:
            time.sleep(0.05)
        assert is_beating(beat)
        dvc.kill()
    # A fifth of a second is two looks of the thread.
    time.sleep(0.2)
    assert not is_beating(beat)
