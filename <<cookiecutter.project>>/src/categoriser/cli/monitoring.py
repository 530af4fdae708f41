"""The verbs of the monitor."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from categoriser.paths import MONITOR

verbs = typer.Typer()

Captures = Annotated[str, typer.Argument(help="A folder of captures, or s3://bucket/prefix.")]


@verbs.command()
def monitor(
    captures: Captures,
    truth: Annotated[str | None, typer.Option(help="Labels, in such a place.")] = None,
    start: Annotated[str | None, typer.Option(help="Of the window, in ISO 8601.")] = None,
    end: Annotated[str | None, typer.Option(help="Of the window, in ISO 8601.")] = None,
    format: Annotated[  # noqa: A002
        Literal["captures", "csv", "json", "parquet", "statistics"],
        typer.Option(help="What the source holds."),
    ] = "captures",
    output: Annotated[Path, typer.Option(help="The folder to write to.")] = MONITOR,
) -> None:
    """Judge captured requests by the baseline."""
    from categoriser.monitor.check import check_here

    check_here(captures, truth, start, end, format, output)


@verbs.command()
def feedback(
    captures: Captures,
    truth: Annotated[str, typer.Argument(help="Labels, in such a place.")],
) -> None:
    """Judge the model by the labels of captured rows, and make them the next data."""
    from categoriser.monitor.feedback_export import export_feedback

    export_feedback(captures, truth)
