"""`python -m release VERB`: the verbs that deploy and operate a release.

A verb imports what it needs when it is called, so that `--help` is quick, and `graph` alone needs
what only development installs. An option takes its value from the variable of the environment that
it names, too: so `make` and the pipeline give theirs.
"""

from pathlib import Path
from typing import Annotated

import typer

from release.cli.application import Application, Verb, signed_in
from release.cli.build_steps import build
from release.remote.defaults import BATCH_INSTANCES, SEARCH_JOBS, SEARCH_JOBS_AT_ONCE

verbs = Application("python -m release", "The release on AWS; `make help` lists all verbs.")
verbs.add_typer(build)

Yes = Annotated[bool, typer.Option("--yes", envvar="YES", help="Consent to what is asked.")]
JobImage = Annotated[
    str, typer.Option(envvar="IMAGE", help="The jobs' image, repository@digest; else the newest.")
]
ExperimentName = Annotated[
    str | None,
    typer.Option(envvar="EXPERIMENT", help="MLflow's experiment; the next runs stay in it."),
]
Goal = Annotated[str | None, typer.Option(envvar="GOAL", help="What the experiment aims at.")]
Hypothesis = Annotated[
    str | None, typer.Option(envvar="HYPOTHESIS", help="What the run is to show.")
]


@verbs.command(cls=Verb)
def preflight() -> None:
    """Say what AWS still wants before a deployment: quotas, connection, permissions."""
    from release.preflight import print_preflight

    with signed_in() as (settings, _):
        print_preflight(settings)


@verbs.command(cls=Verb)
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


@verbs.command(cls=Verb)
def status() -> None:
    """Say what is live, what runs, what waits for an approval."""
    from release.status import print_status

    with signed_in() as (settings, session):
        print_status(settings, session)


@verbs.command("data-release", cls=Verb)
def data_release(
    files: Annotated[
        str, typer.Argument(envvar="FILE", help="CSV files, with spaces between their names.")
    ],
) -> None:
    """Release data for training: they are validated and uploaded, and a run starts."""
    from release.data_release import release_data

    with signed_in() as (settings, session):
        release_data(settings, session, [Path(name) for name in files.split()])


@verbs.command(cls=Verb)
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


@verbs.command(cls=Verb)
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


@verbs.command("train-remote", cls=Verb)
def train_remote(
    job: Annotated[
        str, typer.Option(envvar="JOB", help="A job that runs or is done: follow it, start none.")
    ] = "",
    experiment: ExperimentName = None,
    goal: Goal = None,
    hypothesis: Hypothesis = None,
    image: JobImage = "",
    yes: Yes = False,
) -> None:
    """Train on SageMaker, on this machine's rows and knobs; bring the model back."""
    from categoriser.tracking.naming import name_experiment
    from release.remote.training import train_remotely

    with signed_in() as (settings, session):
        name_experiment(experiment, goal, hypothesis)
        train_remotely(settings, session, job=job, image=image, yes=yes)


@verbs.command("tune-remote", cls=Verb)
def tune_remote(
    job: Annotated[
        str,
        typer.Option(envvar="JOB", help="A search that runs or is done: follow it, start none."),
    ] = "",
    candidate: Annotated[
        str,
        typer.Option(envvar="CANDIDATE", help="Whose knobs; else of the one that went on last."),
    ] = "",
    jobs: Annotated[
        int, typer.Option(envvar="JOBS", min=1, help="How many draws to try.")
    ] = SEARCH_JOBS,
    parallel: Annotated[
        int, typer.Option(envvar="PARALLEL", min=1, help="How many of them at once.")
    ] = SEARCH_JOBS_AT_ONCE,
    experiment: ExperimentName = None,
    goal: Goal = None,
    hypothesis: Hypothesis = None,
    image: JobImage = "",
    yes: Yes = False,
) -> None:
    """Search a candidate's knobs by SageMaker; what is surely better becomes the setting."""
    from categoriser.tracking.naming import name_experiment
    from release.remote.tuning import tune_remotely

    with signed_in() as (settings, session):
        name_experiment(experiment, goal, hypothesis)
        tune_remotely(
            settings,
            session,
            job=job,
            candidate=candidate,
            jobs=jobs,
            parallel=parallel,
            image=image,
            yes=yes,
        )


@verbs.command(cls=Verb)
def batch(
    given: Annotated[
        str, typer.Option("--in", envvar="IN", help="A file in S3, or the place of several.")
    ],
    out: Annotated[str, typer.Option(envvar="OUT", help="The place in S3 for the answers.")],
    package: Annotated[
        str,
        typer.Option(
            envvar="PACKAGE", help="A model package: its ARN or number; else the newest approved."
        ),
    ] = "",
    model: Annotated[
        str, typer.Option(envvar="MODEL", help="A model.tar.gz in S3, in a package's place.")
    ] = "",
    instances: Annotated[
        int, typer.Option(envvar="INSTANCES", min=1, help="How many instances answer.")
    ] = BATCH_INSTANCES,
    minutes: Annotated[
        int, typer.Option(envvar="MINUTES", min=10, help="Stop it after so many minutes.")
    ] = 120,
    yes: Yes = False,
) -> None:
    """Answer files of transactions in S3 by a batch transform."""
    from release.remote.batch import categorise

    with signed_in() as (settings, session):
        categorise(
            settings,
            session,
            given=given,
            out=out,
            package=package,
            model=model,
            instances=instances,
            minutes=minutes,
            yes=yes,
        )


@verbs.command(cls=Verb)
def graph() -> None:
    """Prove, print and draw the order in which a release is made, from the templates."""
    from release.graph import draw_release_order

    draw_release_order()


@verbs.command(cls=Verb)
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


@verbs.command("ask-dev", cls=Verb)
def ask_dev(
    endpoint: Annotated[str, typer.Option(envvar="ENDPOINT", help="The name of dev's endpoint.")],
    golden: Annotated[str, typer.Option(envvar="GOLDEN", help="The URI of the golden cases.")],
) -> None:
    """Ask dev's endpoint the golden cases and one malformed request, in CodeBuild."""
    from release.dev_test import ask_dev_endpoint

    with signed_in():
        ask_dev_endpoint(endpoint, golden)
