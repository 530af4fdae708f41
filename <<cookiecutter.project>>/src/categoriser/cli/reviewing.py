"""The verbs of the review."""

from pathlib import Path
from typing import Annotated

import typer

from categoriser.cli.monitoring import Captures
from categoriser.paths import REVIEW_EXPORT, REVIEW_LABELS

verbs = typer.Typer()

Labels = Annotated[Path, typer.Option(help="The folder of the labels.")]


@verbs.command()
def review(
    captures: Captures,
    labels: Labels = REVIEW_LABELS,
    port: Annotated[
        int, typer.Option(help="The port of this machine to listen on; 0 takes any free one.")
    ] = 0,
) -> None:
    """Show a page on which people label the rows that ask for a review."""
    from categoriser.review.review_server import review_captures

    review_captures(captures, labels, port)


@verbs.command()
def review_export(
    captures: Captures,
    labels: Labels = REVIEW_LABELS,
    output: Annotated[Path, typer.Option(help="The folder to write to.")] = REVIEW_EXPORT,
) -> None:
    """Write the rows without a label as the input of a SageMaker labelling job."""
    from categoriser.review.labelling_manifest import export_manifest

    export_manifest(captures, labels, output)


@verbs.command()
def review_import(
    file: Annotated[Path, typer.Argument(help="The job's output.manifest.")],
    labels: Labels = REVIEW_LABELS,
) -> None:
    """Take the labels of a SageMaker labelling job."""
    from categoriser.review.labelling_manifest import import_manifest

    import_manifest(file, labels)
