"""The verbs of the server."""

import os
from pathlib import Path
from typing import Annotated

import typer

from categoriser.paths import MODEL

verbs = typer.Typer()


@verbs.command()
def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0 to be reached from elsewhere.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any free one.")] = 8080,
    model: Annotated[Path, typer.Option(help="The model's folder.")] = MODEL,
    workers: Annotated[int, typer.Option(help="Processes that answer, 1 to 64.")] = (
        os.cpu_count() or 1
    ),
    capture: Annotated[
        Path | None, typer.Option(help="Capture what is answered under this folder.")
    ] = None,
    capture_percent: Annotated[int, typer.Option(help="Share of the calls, 1 to 100.")] = 100,
    endpoint_name: Annotated[str, typer.Option(help="The endpoint that captures name.")] = "local",
) -> None:
    """Answer requests with the pipeline's model."""
    from categoriser.serving.app import serve_model

    serve_model(host, port, model, workers, capture, capture_percent, endpoint_name)
