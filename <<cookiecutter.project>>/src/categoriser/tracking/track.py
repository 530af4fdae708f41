"""`make track`: mirror the pipeline's states into MLflow, one run each.

Each is in the experiment that its params.yaml names. A commit's state gives a run with parameters,
metrics and verdict. The workspace's state, which has the files as well, gives plots, report and
intervals too, in place of its commit's run, and a version of the registered model, which later
states of the same model share. The candidates that its model was chosen among are nested in its
run, an experiment of DVC's in the run that it began at, a trial of `make tune` in the search's. A
job of `make train-remote` has a run of its own. What is mirrored already is passed over; a run that
was interrupted is made anew. Versions are never deleted.
"""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import mlflow
from mlflow.exceptions import MlflowException
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from categoriser import paths
from categoriser.errors import UserError
from categoriser.io.dvc_lock import read_lock
from categoriser.tracking.mirror import Mirror
from categoriser.tracking.remote_jobs import remote_states
from categoriser.tracking.states import experiments, history, workspace
from categoriser.tracking.store import check_store, store_address
from categoriser.tracking.trials import read_search


def track(mirror: Mirror) -> None:
    """Mirror history, the workspace where its model is there, and what was tried; set the aliases.

    Raises `UserError` where no stage has run, and where the workspace's files are not dvc.lock's.
    """
    if not paths.LOCK.exists():
        raise UserError(f"{paths.LOCK} is missing: no stage has run; mend what `dvc repro` reports")
    read_lock()
    for state in history():
        mirror.add_history(state)
    note = ""
    try:
        if paths.MODEL.exists():
            mirror.add_workspace(workspace())
        else:
            note = f"; {paths.MODEL} is missing, so Git's history only: `dvc repro` or `dvc pull`"
    finally:
        # A workspace that is refused does not keep the rest from being mirrored.
        mirror_experiments(mirror)
        search = read_search()
        if search:
            mirror.add_search(search)
        add_remote_jobs(mirror)
        mirror.name_candidate()
        note += mirror.name_champion()
    Console(soft_wrap=True).print(f"new states in MLflow: {len(mirror.made)}{note}")


def add_remote_jobs(mirror: Mirror) -> None:
    """Mirror the training jobs that were brought back."""
    for folder, state in remote_states():
        mirror.add_remote(folder, state)


def mirror_experiments(mirror: Mirror) -> None:
    """Mirror what `dvc exp run` tried."""
    for state in experiments():
        mirror.add_experiment(state)


def project_name() -> str:
    """Return the project's name in pyproject.toml, which is also that of its experiment."""
    settings = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    return str(settings["project"]["name"])


def track_into_mlflow(only: Literal["champion", "experiments", "remote", "tuning"] | None) -> None:
    """Mirror all into the store that the environment names, or `only` the one thing.

    `experiments` are DVC's.

    Raises `UserError` as `opened_mirror` and `track`.
    """
    with opened_mirror() as mirror:
        if only == "champion":
            mirror.name_champion()
        elif only == "experiments":
            mirror_experiments(mirror)
        elif only == "tuning":
            search = read_search()
            if search:
                mirror.add_search(search)
        elif only == "remote":
            add_remote_jobs(mirror)
        else:
            track(mirror)


@contextmanager
def opened_mirror() -> Iterator[Mirror]:
    """Yield the mirror in the store that the environment names.

    Raises `UserError` for a store that cannot be used, whatever the block does with it.
    """
    uri = store_address()
    check_store(uri)
    mlflow.set_tracking_uri(uri)
    try:
        yield Mirror(project_name())
    except MlflowException as error:
        raise UserError(f"MLflow at {uri}: {error.message}") from None
    except SQLAlchemyError as error:
        raise UserError(f"MLflow at {uri}: {str(error).splitlines()[0]}") from None
