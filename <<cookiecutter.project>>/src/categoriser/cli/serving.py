"""The verbs of the server."""

from pathlib import Path
from typing import Annotated

import typer

from categoriser.serving.settings import MOST_WORKERS, ServerSettings

verbs = typer.Typer()


@verbs.command()
def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0 to be reached from elsewhere.")
    ] = ServerSettings.host,
    port: Annotated[int, typer.Option(help="0 takes any free one.")] = ServerSettings.port,
    model: Annotated[Path, typer.Option(help="The model's folder.")] = ServerSettings.model,
    workers: Annotated[
        int, typer.Option(help=f"Processes that answer, 1 to {MOST_WORKERS}.")
    ] = ServerSettings.workers,
    capture: Annotated[
        Path | None, typer.Option(help="Capture what is answered under this folder.")
    ] = ServerSettings.capture,
    capture_percent: Annotated[
        int, typer.Option(help="Share of the calls, 1 to 100.")
    ] = ServerSettings.capture_percent,
    endpoint_name: Annotated[
        str, typer.Option(help="The endpoint that captures name.")
    ] = ServerSettings.endpoint_name,
) -> None:
    """Answer requests with the pipeline's model."""
    from categoriser.serving.server import serve_model

    serve_model(
        ServerSettings(
            host=host,
            port=port,
            model=model,
            workers=workers,
            capture=capture,
            capture_percent=capture_percent,
            endpoint_name=endpoint_name,
        )
    )
