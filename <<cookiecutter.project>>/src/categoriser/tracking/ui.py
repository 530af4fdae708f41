"""`make ui [PORT=5000]`: MLflow's pages at this project's runs, for this machine alone."""

import os
import socket
import sys

import mlflow
from mlflow.exceptions import MlflowException
from rich.console import Console

from categoriser.errors import UserError
from categoriser.params import read_params
from categoriser.tracking.store import check_store, store_address
from categoriser.tracking.track import project_name

OWN_MACHINE = "127.0.0.1"
# No usage data; and no job runner, which needs more workers, and nothing here runs jobs.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def page(name: str) -> str:
    """Return the part of the address that shows the runs, or what there is without any."""
    try:
        experiment = mlflow.get_experiment_by_name(name)
    except MlflowException as error:
        raise UserError(f"MLflow at {mlflow.get_tracking_uri()}: {error.message}") from None
    return f"#/experiments/{experiment.experiment_id}/runs" if experiment else "#/experiments"


def check_free(port: int) -> None:
    """Raise `UserError` where no server can listen on this port of this machine."""
    try:
        with socket.create_server((OWN_MACHINE, port)):
            pass
    except (OSError, OverflowError) as error:
        raise UserError(
            f"port {port} of {OWN_MACHINE} cannot be used ({error}): name another, as in "
            "make ui PORT=5001"
        ) from None


def show(port: int) -> None:
    """Become MLflow's server, on the store that `make track` writes to, or say where that is.

    Raises `UserError` where the store, the port or params.yaml cannot be used.
    """
    uri = store_address()
    is_server = uri.startswith(("http://", "https://"))
    if not is_server:
        check_free(port)
        check_store(uri)
    mlflow.set_tracking_uri(uri)
    console = Console(soft_wrap=True)
    shown = page(read_params().experiment.name or project_name())
    if is_server:
        console.print(f"The runs are at {uri.rstrip('/')}/{shown}")
        return
    console.print(f"The runs: http://{OWN_MACHINE}:{port}/{shown}")
    where = ["--host", OWN_MACHINE, "--port", str(port), "--backend-store-uri", uri]
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", *where]
    # So that Ctrl-C ends MLflow, and says no more.
    os.execve(sys.executable, command, os.environ | QUIET)  # noqa: S606
