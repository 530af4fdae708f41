"""`python -m release build STEP`: the steps of the pipeline's stage Build, in their order.

A step imports what it needs when it is called. An option takes its value from the variable of the
environment that it names, too: so the pipeline gives its values.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from release.cli.application import Application, Verb, signed_in

build = Application("build", "The steps of the pipeline's stage Build, in their order.")

Commit = Annotated[str, typer.Option(envvar="COMMIT", help="The commit's full hash.")]
ArtifactBucket = Annotated[
    str, typer.Option(envvar="ARTIFACT_BUCKET", help="The bucket of artifacts.")
]
ManifestFolder = Annotated[
    Path,
    typer.Option(envvar="CODEBUILD_SRC_DIR_Data", help="The folder of the data's manifest."),
]


@build.command(cls=Verb)
def base(
    base_digest: Annotated[
        str, typer.Option(envvar="BASE_DIGEST", help="The digest of the base image.")
    ],
    artifact_bucket: ArtifactBucket,
) -> None:
    """Require that the base image is of this commit's locks; else have it built anew."""
    from release.base_image import require_base_image

    with signed_in() as (settings, session):
        require_base_image(settings, session, base_digest, artifact_bucket)


@build.command(cls=Verb)
def data(manifest_folder: ManifestFolder) -> None:
    """Fetch exactly what the manifest names, and validate it."""
    from release.training_data import fetch_training_data

    with signed_in() as (_, session):
        fetch_training_data(session, manifest_folder)


@build.command("new-id", cls=Verb)
def new_id(commit: Commit) -> None:
    """Print a new release's id."""
    from release.build import new_release_id

    print_line(new_release_id(commit))


@build.command(cls=Verb)
def release(
    release_id: Annotated[str, typer.Option(envvar="RELEASE_ID", help="The release's id.")],
    commit: Commit,
    execution: Annotated[
        str, typer.Option(envvar="EXECUTION", help="The id of the pipeline's execution.")
    ],
    data_version: Annotated[
        str, typer.Option(envvar="DATA_VERSION", help="The S3 version of the data's manifest.")
    ],
    manifest_folder: ManifestFolder,
    serve_image: Annotated[
        str, typer.Option(envvar="SERVE_IMAGE", help="The server's image, repository@digest.")
    ],
    job_image: Annotated[
        str, typer.Option(envvar="JOB_IMAGE", help="The jobs' image, repository@digest.")
    ],
    artifact_bucket: ArtifactBucket,
    data_bucket: Annotated[
        str, typer.Option(envvar="DATA_BUCKET", help="The bucket of data and results.")
    ],
    live_bucket: Annotated[
        str, typer.Option(envvar="LIVE_BUCKET", help="The bucket of captures and labels.")
    ],
    subnets: Annotated[
        str, typer.Option(envvar="SUBNETS", help="The jobs' subnets, joined by commas.")
    ] = "",
    security_group: Annotated[
        str, typer.Option(envvar="SECURITY_GROUP", help="The jobs' security group.")
    ] = "",
) -> None:
    """Put data, Lambdas and requests into S3, and write the parameters of the stages after it."""
    from release.build import BuildInputs, write_release

    given = BuildInputs(
        release_id=release_id,
        commit=commit,
        execution=execution,
        data_version=data_version,
        manifest_folder=manifest_folder,
        serve_image=serve_image,
        job_image=job_image,
        artifact_bucket=artifact_bucket,
        data_bucket=data_bucket,
        live_bucket=live_bucket,
        subnets=subnets,
        security_group=security_group,
    )
    with signed_in() as (settings, session):
        write_release(settings, session, given)


@build.command(cls=Verb)
def layers() -> None:
    """Say whether the layers below the release are this commit's."""
    from release.lambda_bundle import bundle_lambdas
    from release.layers import layers_notice

    with signed_in() as (settings, session):
        lambda_key = bundle_lambdas(settings.lambda_python).key
        print_line(layers_notice(settings, session, lambda_key))


def print_line(line: str) -> None:
    """Print a line that CodeBuild takes as a variable's value."""
    sys.stdout.write(f"{line}\n")
