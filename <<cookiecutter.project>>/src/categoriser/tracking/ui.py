"""`make ui`: MLflow's pages of the tracked runs, for this machine alone."""

import argparse
import os
import socket
import sys

from categoriser.errors import UserError, run
from categoriser.tracking.track import STORE

HOST = "127.0.0.1"


def check_free(port: int) -> None:
    """Raise `UserError` where no server can listen on this port of HOST."""
    try:
        with socket.create_server((HOST, port)):
            pass
    except (OSError, OverflowError) as error:
        raise UserError(
            f"port {port} of {HOST} cannot be used ({error}): name another, as in make ui PORT=5001"
        ) from None


def main() -> None:
    """Become MLflow's server, on the store that `make track` writes to."""
    parser = argparse.ArgumentParser(prog="make ui", description=__doc__)
    parser.add_argument("--port", type=int, default=5000)
    port = parser.parse_args().port
    check_free(port)
    store = os.environ.get("MLFLOW_TRACKING_URI", STORE)
    # Its job runner needs more workers, and nothing here runs jobs.
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    where = ["--host", HOST, "--port", str(port), "--backend-store-uri", store]
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", *where]
    os.execv(sys.executable, command)  # noqa: S606 (so that Ctrl-C ends MLflow, and says no more)


if __name__ == "__main__":
    run(main)
