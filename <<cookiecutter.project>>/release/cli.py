"""`python -m release VERB`: the verbs that deploy and operate a release, and Build's steps.

A verb imports what it needs when it is called, so that `--help` is quick, and `graph` alone needs
what only development installs. An option takes its value from the variable of the environment that
it names, too: so `make` and the pipeline give theirs.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from categoriser.errors import UserError
from categoriser.plural import plural

if TYPE_CHECKING:
    import boto3

    from release.settings import ReleaseSettings


class Verb(TyperCommand):
    """A command that says how many arguments it takes where it is given more."""

    allow_extra_args = True

    def invoke(self, ctx: Any) -> Any:
        if ctx.args:
            takes = sum(parameter.param_type_name == "argument" for parameter in self.params)
            given = takes + len(ctx.args)
            raise UserError(f"{self.name} takes {plural(takes, 'argument')}, not {given}")
        return super().invoke(ctx)


class Verbs(TyperGroup):
    """A group of commands that says which exist where it is asked for another."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands:
            raise UserError(f"there is no {args[0]}; there is {', '.join(self.commands)}")
        return super().resolve_command(ctx, args)


class Application(typer.Typer):
    """An application whose faults are told in one line, and whose help is plain text."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__(
            name=name,
            help=words,
            cls=Verbs,
            add_completion=False,
            no_args_is_help=True,
            pretty_exceptions_enable=False,
            rich_markup_mode=None,
        )


application = Application("python -m release", "The release on AWS; `make help` lists all verbs.")
build = Application("build", "The steps of the pipeline's stage Build, in their order.")
application.add_typer(build)

Yes = Annotated[bool, typer.Option("--yes", envvar="YES", help="Consent to what is asked.")]


@contextmanager
def signed_in() -> Iterator[tuple["ReleaseSettings", "boto3.Session"]]:
    """Give the settings, and a session in the pipeline's account.

    AWS's refusals, and the lack of credentials, become a `UserError`.
    """
    from release.accounts import open_session
    from release.refusals import refusals_in_words
    from release.settings import read_release_settings

    settings = read_release_settings()
    with refusals_in_words():
        yield settings, open_session(settings, "tools")


@application.command(cls=Verb)
def preflight() -> None:
    """Say what AWS still wants before a deployment: quotas, connection, permissions."""
    from release.preflight import print_preflight

    with signed_in() as (settings, _):
        print_preflight(settings)


@application.command(cls=Verb)
def deploy(
    yes: Yes = False,
    dry: Annotated[
        bool, typer.Option("--dry", envvar="DRY", help="Show the changes, and make none.")
    ] = False,
) -> None:
    """Make or change the layers; each change set is shown and asked for."""
    from release.deploy import deploy_layers

    with signed_in() as (settings, session):
        deploy_layers(settings, session, dry=dry, yes=yes)


@application.command(cls=Verb)
def status() -> None:
    """Say what is live, what runs, what waits for an approval."""
    from release.status import print_status

    with signed_in() as (settings, session):
        print_status(settings, session)


@application.command("data-release", cls=Verb)
def data_release(
    files: Annotated[
        str, typer.Argument(envvar="FILE", help="CSV files, with spaces between their names.")
    ],
) -> None:
    """Release data for training: they are validated and uploaded, and a run starts."""
    from release.data_release import release_data

    with signed_in() as (settings, session):
        release_data(settings, session, [Path(name) for name in files.split()])


@application.command(cls=Verb)
def rollback(
    execution: Annotated[
        str,
        typer.Argument(
            envvar="EXECUTION",
            help="The execution of the pipeline to go back to; else the one before the live one.",
        ),
    ] = "",
    yes: Yes = False,
) -> None:
    """Put back what an earlier execution released."""
    from release.rollback import roll_back

    with signed_in() as (settings, session):
        roll_back(settings, session, execution, yes=yes)


@application.command(cls=Verb)
def why(
    prediction: Annotated[
        str, typer.Argument(envvar="PREDICTION", help="The prediction_id that the API answered.")
    ] = "",
    days: Annotated[
        str, typer.Option(envvar="DAYS", help="How many days of captures to look through.")
    ] = "7",
) -> None:
    """Say where a prediction comes from: release, commit, images, data, approver."""
    from release.why import print_lineage

    with signed_in() as (settings, session):
        print_lineage(settings, session, prediction, days)


@application.command(cls=Verb)
def graph() -> None:
    """Prove, print and draw the order in which a release is made, from the templates."""
    from release.graph import draw_release_order

    draw_release_order()


@application.command(cls=Verb)
def teardown(
    yes: Yes = False,
    data: Annotated[
        bool,
        typer.Option("--data", envvar="DATA", help="Delete the data, their key and the roles too."),
    ] = False,
) -> None:
    """List what bills, ask, and delete it; the data stay."""
    from release.teardown import tear_down

    with signed_in() as (settings, _):
        tear_down(settings, data=data, yes=yes)


@application.command("ask-dev", cls=Verb)
def ask_dev(
    endpoint: Annotated[str, typer.Option(envvar="ENDPOINT", help="The name of dev's endpoint.")],
    golden: Annotated[str, typer.Option(envvar="GOLDEN", help="The URI of the golden cases.")],
) -> None:
    """Ask dev's endpoint the golden cases and one malformed request, in CodeBuild."""
    from release.dev_test import ask_dev_endpoint

    with signed_in():
        ask_dev_endpoint(endpoint, golden)


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
