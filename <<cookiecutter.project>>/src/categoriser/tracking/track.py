"""`make track`: mirror the pipeline's states into MLflow, one run each.

A commit's state gives a run with parameters, metrics and verdict. The workspace's state, which has
the files as well, gives plots, report and registered model too, in place of its commit's run. What
is mirrored already is passed over; a run that was interrupted is made anew.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.exceptions import MlflowException
from mlflow.models.model import ModelInfo
from rich.console import Console

from categoriser import paths
from categoriser.errors import UserError, run
from categoriser.files import read_json
from categoriser.model.package import METADATA
from categoriser.tracking.states import State, history, workspace

STORE = "sqlite:///mlflow.db"
JUDGED = (paths.VERDICT, paths.REPORT, paths.MODEL_CARD)
EXAMPLE = pd.DataFrame({"text": ["spotify p0d3d89b19 sydney au"], "price": [11.99]})

# MLflow's limits: entries a call, a parameter's characters.
BATCH, LONGEST = 100, 500


class Mirror:
    """MLflow's experiment and registered model of one project, both of its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.client = MlflowClient()
        self.experiment = mlflow.set_experiment(name).experiment_id
        self.made: set[str] = set()

    def add_history(self, state: State) -> None:
        """Mirror a commit's state. A run that was made before its commit is given the commit."""
        found = self.find(state)
        if found is None:
            self.client.set_terminated(self.start(state), end_time=state.milliseconds)
        elif found.data.tags.get("git_dirty") == "true":
            for tag in ("git_commit", "git_dirty"):
                self.client.set_tag(found.info.run_id, tag, state.tags[tag])

    def add_workspace(self, state: State) -> None:
        """Mirror the workspace's state with its files, and register its model.

        The model's version is given the alias `candidate` where it passed the gate.
        """
        judged = {tag: state.tags[tag] for tag in ("dvc_lock", "gate", "model_digest")}
        if found := self.find(state):
            if judged.items() <= found.data.tags.items():
                return
            self.delete(found)
        run_id = self.start(state)
        with mlflow.start_run(run_id):
            self.client.log_artifacts(run_id, str(paths.PLOTS), "plots")
            for file in () if judged["gate"] == "not run" else JUDGED:
                self.client.log_artifact(run_id, str(file))
            number = str(log_model(self.name).registered_model_version)
            for tag, value in judged.items():
                self.client.set_model_version_tag(self.name, number, tag, value)
            if judged["gate"] == "passed":
                self.client.set_registered_model_alias(self.name, "candidate", number)

    def name_champion(self, digest: str) -> None:
        """Give the alias `champion` to the latest version of the model of this digest."""
        versions = self.client.search_model_versions(
            f"name = '{self.name}' and tags.model_digest = '{digest}'"
        )
        if not versions:
            raise UserError(
                f"the champion ({paths.CHAMPION_FACTS}: {digest}) is no tracked model; "
                "run `make track` before `make promote`"
            )
        latest = max(versions, key=lambda found: int(found.version))
        self.client.set_registered_model_alias(self.name, "champion", latest.version)

    def find(self, state: State) -> Run | None:
        """Return the state's finished run; delete interrupted ones."""
        finished = None
        key = state.tags["dvc_lock"]
        for found in self.client.search_runs([self.experiment], f"tags.dvc_lock = '{key}'"):
            if found.info.status == "FINISHED":
                finished = found
            else:
                self.delete(found)
        return finished

    def delete(self, found: Run) -> None:
        """Delete a run and the model's version that came of it."""
        for made in self.client.search_model_versions(f"run_id = '{found.info.run_id}'"):
            self.client.delete_model_version(made.name, made.version)
        self.client.delete_run(found.info.run_id)

    def start(self, state: State) -> str:
        """Make a run with what is known without files; return its id."""
        at, key = state.milliseconds, state.tags["dvc_lock"]
        self.made.add(key)
        tags = {name: tag for name, tag in state.tags.items() if tag}
        created = self.client.create_run(self.experiment, at, tags, key[:8])
        run_id = str(created.info.run_id)
        params = [Param(name, str(value)[:LONGEST]) for name, value in state.params.items()]
        metrics = [Metric(name, value, at, 0) for name, value in state.metrics.items()]
        for first in range(0, max(len(params), len(metrics)), BATCH):
            last = first + BATCH
            self.client.log_batch(run_id, metrics[first:last], params[first:last])
        return run_id


def log_model(name: str) -> ModelInfo:
    """Log the model as a pyfunc of the active run, with its package; register it as `name`."""
    libraries = read_json(paths.MODEL / METADATA, "dvc repro")["libraries"]
    libraries |= {needed: version(needed) for needed in ("mlflow", "pandas", "pydantic", "pyyaml")}
    # MLflow runs the example to learn the signature.
    info: ModelInfo = mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).with_name("pyfunc.py")),
        artifacts={"model": str(paths.MODEL)},
        code_paths=[str(Path(__file__).parents[1])],
        input_example=EXAMPLE,
        pip_requirements=[f"{needed}=={libraries[needed]}" for needed in sorted(libraries)],
        registered_model_name=name,
    )
    return info


def track(mirror: Mirror) -> None:
    """Mirror Git's history, then the workspace where its model is there."""
    if not paths.LOCK.exists():
        raise UserError(f"{paths.LOCK} is missing; `dvc repro` makes it")
    for state in history():
        mirror.add_history(state)
    note = ""
    if paths.MODEL.exists():
        mirror.add_workspace(workspace())
    else:
        note = f"; {paths.MODEL} is missing, so Git's history only: `dvc repro` or `dvc pull`"
    Console(soft_wrap=True).print(f"new states in MLflow: {len(mirror.made)}{note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--champion", action="store_true", help="only name the champion in the registry"
    )
    arguments = parser.parse_args()
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    uri = os.environ.get("MLFLOW_TRACKING_URI", STORE)
    mlflow.set_tracking_uri(uri)
    try:
        if arguments.champion:
            champion = read_json(paths.CHAMPION_FACTS, "make promote")
            if champion is None:
                raise UserError("there is no champion; `make promote` names one")
            Mirror(project).name_champion(champion["digest"])
        else:
            track(Mirror(project))
    except MlflowException as error:
        raise UserError(f"MLflow at {uri}: {error.message}") from None


if __name__ == "__main__":
    run(main)
