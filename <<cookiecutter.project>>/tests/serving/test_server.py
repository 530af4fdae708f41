"""What can keep the server from beginning is said; the model it began with stays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from serving_helpers.ending_server import failing
from serving_helpers.running_server import Server, children

from categoriser.errors import UserError
from categoriser.serving.__main__ import main
from categoriser.serving.parent import listen


def test_a_model_that_takes_too_long_to_load_is_said(model: Path) -> None:
    # As foreign code does that never gives the interpreter back.
    change = """
import ctypes
from categoriser.model.package import Categoriser
server.LOAD_SECONDS = 0.2
Categoriser.load = lambda _: ctypes.PyDLL(None).sleep(60)
"""
    status, log = failing(model, change)
    assert status == 1
    [line] = log.splitlines()
    assert line.startswith(f"error: {model} could not be loaded within 0.2 s")


def test_a_missing_model_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "categoriser.serving", "--model", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "dvc repro" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", [("--workers", "0"), ("--capture-percent", "101")])
def test_a_number_beyond_its_bounds_is_said(model: Path, option: tuple[str, str]) -> None:
    command = [sys.executable, "-m", "categoriser.serving", "--model", str(model), *option]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert option[0] in done.stderr


def test_a_port_in_use_is_said(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr("sys.argv", ["app", "--model", str(model), "--port", str(port)])
        with pytest.raises(UserError, match=rf"port {port} .*--port"):
            main()
    for host, port in (("127.0.0.1", 65536), ("192.0.2.1", 0)):
        with pytest.raises(UserError, match="cannot listen"):
            listen(host, port)


def test_a_model_that_is_overwritten_while_it_serves_changes_nothing(
    model: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(model, tmp_path / "model")
    running = Server(folder, "--workers", "1")
    before = running.request("aldi,1").content
    for file in folder.rglob("*.*"):
        size = file.stat().st_size
        with file.open("r+b") as stream:
            stream.write(b"\xff" * size)
            stream.truncate(size // 2)
    for _ in range(20):
        assert running.request("aldi,1").content == before
    # And a worker that begins now has the same model.
    os.kill(children(running.process.pid)[0], signal.SIGKILL)
    while running.line()["event"] != "worker started":
        pass
    assert running.request("aldi,1").content == before
    assert running.stop()[0] == 0
