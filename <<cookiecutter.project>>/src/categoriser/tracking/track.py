"""`make track`: mirror the pipeline's states into MLflow, one run each.

A commit's state gives a run with parameters, metrics and verdict. The workspace's state, which has
the files as well, gives plots and report too, in place of its commit's run, and a version of the
registered model, which later states of the same model share. What is mirrored already is passed
over; a run that was interrupted is made anew. Versions are never deleted.
"""

import os
import tomllib
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.exceptions import MlflowException
from rich.console import Console

from categoriser import paths
from categoriser.errors import UserError, run
from categoriser.files import read_json
from categoriser.model.package import METADATA
from categoriser.tracking.states import State, history, workspace

STORE = "sqlite:///mlflow.db"
KEY = ("dvc_lock", "gate")  # the tags that tell a state from others
JUDGED = (paths.VERDICT, paths.REPORT, paths.MODEL_CARD)
EXAMPLE = pd.DataFrame({"text": ["spotify p0d3d89b19 sydney au"], "price": [11.99]})

# MLflow's limits: entries a call, a parameter's characters.
BATCH, LONGEST = 100, 500


class Mirror:
    """MLflow's experiment and registered model of one project, both of its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.client = MlflowClient()
        experiment = mlflow.set_experiment(name)
        self.experiment = experiment.experiment_id
        # MLflow keeps absolute paths: after a move it would go on writing to the old folder.
        folder = Path(experiment.artifact_location).parent.parent
        if mlflow.get_tracking_uri() == STORE and folder != Path.cwd():
            raise UserError(
                f"mlflow.db belongs to a project at {folder}; remove mlflow.db and mlruns, "
                "`make track` makes them anew from Git"
            )
        self.made: set[tuple[str, ...]] = set()

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
        model, gate = state.tags["model_digest"], state.tags["gate"]
        if found := self.find(state):
            if found.data.tags.get("model_digest") == model:
                return
            self.client.delete_run(found.info.run_id)
        run_id = self.start(state)
        with mlflow.start_run(run_id):
            self.client.log_artifacts(run_id, str(paths.PLOTS), "plots")
            for file in () if gate == "not run" else JUDGED:
                self.client.log_artifact(run_id, str(file))
            number = self.registered(model)
            if number is None:
                tags = {"model_digest": model}
                number = str(mlflow.register_model(log_model(), self.name, tags=tags).version)
            self.client.set_tag(run_id, "model_version", number)
            if gate == "passed":
                self.client.set_registered_model_alias(self.name, "candidate", number)

    def name_champion(self) -> str:
        """Give the champion's version its alias; return what is to be noted."""
        champion = read_json(paths.CHAMPION_FACTS, "make promote")
        if champion is None:
            return ""
        number = self.registered(champion["digest"])
        if number is None:
            return f"; the champion {champion['digest'][:12]} is not in the registry"
        self.client.set_registered_model_alias(self.name, "champion", number)
        return ""

    def registered(self, model: str) -> str | None:
        """Return the version of the model of this digest."""
        which = f"name = '{self.name}' and tags.model_digest = '{model}'"
        versions = self.client.search_model_versions(which)
        return str(versions[0].version) if versions else None

    def find(self, state: State) -> Run | None:
        """Return the state's finished run; delete interrupted ones."""
        finished = None
        key = " and ".join(f"tags.{tag} = '{state.tags[tag]}'" for tag in KEY)
        for found in self.client.search_runs([self.experiment], key):
            if found.info.status == "FINISHED":
                finished = found
            else:
                self.client.delete_run(found.info.run_id)
        return finished

    def start(self, state: State) -> str:
        """Make a run with what is known without files; return its id."""
        at = state.milliseconds
        self.made.add(tuple(state.tags[tag] for tag in KEY))
        tags = {name: tag for name, tag in state.tags.items() if tag}
        created = self.client.create_run(self.experiment, at, tags, tags["dvc_lock"][:8])
        run_id = str(created.info.run_id)
        params = [Param(name, str(value)[:LONGEST]) for name, value in state.params.items()]
        metrics = [Metric(name, value, at, 0) for name, value in state.metrics.items()]
        for first in range(0, max(len(params), len(metrics)), BATCH):
            last = first + BATCH
            self.client.log_batch(run_id, metrics[first:last], params[first:last])
        return run_id


def log_model() -> str:
    """Log the model as a pyfunc of the active run, with its package; return its URI."""
    libraries = read_json(paths.MODEL / METADATA, "dvc repro")["libraries"]
    libraries |= {needed: version(needed) for needed in ("mlflow", "pandas", "pydantic", "pyyaml")}
    # MLflow runs the example to learn the signature.
    info = mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).with_name("pyfunc.py")),
        artifacts={"model": str(paths.MODEL)},
        code_paths=[str(Path(__file__).parents[1])],
        input_example=EXAMPLE,
        pip_requirements=[f"{needed}=={libraries[needed]}" for needed in sorted(libraries)],
    )
    return str(info.model_uri)


def track(mirror: Mirror) -> None:
    """Mirror Git's history, then the workspace where its model is there, then the champion."""
    if not paths.LOCK.exists():
        raise UserError(f"{paths.LOCK} is missing: no stage has run; mend what `dvc repro` reports")
    for state in history():
        mirror.add_history(state)
    note = ""
    try:
        if paths.MODEL.exists():
            mirror.add_workspace(workspace())
        else:
            note = f"; {paths.MODEL} is missing, so Git's history only: `dvc repro` or `dvc pull`"
    finally:
        # A workspace that is refused does not keep the champion from being named.
        note += mirror.name_champion()
    Console(soft_wrap=True).print(f"new states in MLflow: {len(mirror.made)}{note}")


def main() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    uri = os.environ.get("MLFLOW_TRACKING_URI", STORE)
    mlflow.set_tracking_uri(uri)
    try:
        track(Mirror(project))
    except MlflowException as error:
        raise UserError(f"MLflow at {uri}: {error.message}") from None


if __name__ == "__main__":
    run(main)
