"""The command of the server's image; elsewhere `categoriser serve` does the same.

The options are argparse's, because the image has neither Typer nor what Typer needs: only what
answers a request is installed there.
"""

import argparse
from pathlib import Path

from categoriser.command import run_command
from categoriser.serving.server import serve_model
from categoriser.serving.settings import ServerSettings


def main() -> None:
    """Serve as the command line says. Raises `UserError` as `serve_model`."""
    default = ServerSettings()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=default.host)
    parser.add_argument("--port", type=int, default=default.port)
    parser.add_argument("--model", type=Path, default=default.model)
    parser.add_argument("--workers", type=int, default=default.workers)
    parser.add_argument("--capture", type=Path, default=default.capture)
    parser.add_argument("--capture-percent", type=int, default=default.capture_percent)
    parser.add_argument("--endpoint-name", default=default.endpoint_name)
    serve_model(ServerSettings(**vars(parser.parse_args())))


if __name__ == "__main__":
    run_command(main)
