"""The runs of a project, as MLflow has them: asked of its client alone, so of any server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run

from categoriser.errors import UserError
from categoriser.tracking.mirror import PROJECT

Kind = Literal["runs", "candidates", "trials"]
# The tag that all runs of a kind have, and no others.
TAG_OF_KIND: dict[Kind, str] = {"runs": "dvc_lock", "candidates": "candidate", "trials": "trial"}
MADE_BY: dict[Kind, str] = {
    "runs": "`make run` makes one",
    "candidates": "`make run` makes one for each candidate",
    "trials": "`make tune` makes them",
}
# So many of the newest runs are compared. MLflow gives as many at once, so it is asked once.
MOST_RUNS = 1000


@dataclass(frozen=True)
class RecordedRun:
    """A finished run. `started` are milliseconds since 1970."""

    id: str
    name: str
    experiment: str
    started: int
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def read_runs(project: str, name: str | None, kind: Kind) -> tuple[list[RecordedRun], bool]:
    """Return the newest runs of the project's experiments, or of the one, and whether all.

    Raises `UserError` for an experiment that there is not, and where there are no runs.
    """
    client = MlflowClient()
    experiments = named_experiments(client, project, name)
    found = client.search_runs(
        list(experiments),
        f"attributes.status = 'FINISHED' and tags.`{TAG_OF_KIND[kind]}` != ''",
        max_results=MOST_RUNS,
        order_by=["attributes.start_time DESC"],
    )
    if not found:
        where = f"the experiment {name!r}" if name else f"any experiment of {project}"
        raise UserError(f"there are no {kind} in {where} yet: {MADE_BY[kind]}")
    runs = [recorded(run, experiments[run.info.experiment_id].name) for run in found]
    return runs, not found.token


def named_experiments(
    client: MlflowClient, project: str, name: str | None
) -> dict[str, Experiment]:
    """Return the project's experiments by id, or the one of this name."""
    found = list(client.search_experiments(filter_string=f"tags.{PROJECT} = '{project}'"))
    if not found:
        raise UserError(f"MLflow has no experiment of {project} yet: `make run` makes one")
    named = [one for one in found if name in (None, one.name)]
    if not named:
        names = ", ".join(sorted(one.name for one in found))
        raise UserError(f"{project} has no experiment {name!r}; there are: {names}")
    return {one.experiment_id: one for one in named}


def recorded(run: Run, experiment: str) -> RecordedRun:
    """Return what is compared of a run."""
    return RecordedRun(
        id=run.info.run_id,
        name=run.info.run_name or run.info.run_id,
        experiment=experiment,
        started=run.info.start_time,
        params=run.data.params,
        metrics=run.data.metrics,
        tags=run.data.tags,
    )
