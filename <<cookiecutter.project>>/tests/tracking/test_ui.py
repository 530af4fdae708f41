"""`make ui` opens at the project's runs, on a port that is free."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import mlflow
import pytest

from categoriser import paths
from categoriser.errors import UserError
from categoriser.params import set_params
from categoriser.tracking import ui

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "some-project"\n')
    shutil.copy(ROOT / paths.PARAMS, tmp_path)
    return tmp_path


def test_a_port_that_is_in_use_is_named_with_another() -> None:
    with socket.create_server((ui.OWN_MACHINE, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} .*in use.*make ui PORT=5001"):
            ui.check_free(port)
    ui.check_free(port)


@pytest.mark.parametrize("port", [70_000, -1])
def test_a_port_that_there_is_not_is_named(port: int) -> None:
    with pytest.raises(UserError, match=f"port {port} "):
        ui.check_free(port)


def test_a_store_that_is_no_database_is_said_before_anything_is_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (folder / "mlflow.db").write_text("no pages of a database")
    with pytest.raises(UserError, match=r"mlflow\.db is not a sound database"):
        ui.show(5000)


def test_the_pages_open_at_the_runs_and_give_no_usage_data(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr("os.execve", lambda _, command, env: started.append((command, env)))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    known = {
        name: type("Experiment", (), {"experiment_id": number})
        for name, number in (("some-project", "7"), ("smaller vectors", "8"))
    }
    monkeypatch.setattr(mlflow, "get_experiment_by_name", known.get)
    ui.show(0)
    assert "http://127.0.0.1:0/#/experiments/7/runs" in capsys.readouterr().out
    set_params(folder / paths.PARAMS, {"experiment.name": "smaller vectors"})
    ui.show(0)
    assert "http://127.0.0.1:0/#/experiments/8/runs" in capsys.readouterr().out
    [_, (command, environment)] = started
    assert command[-1] == "sqlite:///mlflow.db"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
