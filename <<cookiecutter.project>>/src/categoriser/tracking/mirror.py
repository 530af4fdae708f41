"""MLflow's experiments and registered model of the project: one run a state, one version a model.

A state is in the experiment that its params.yaml names. Where that is changed, and nothing else is,
the state gets a run in the other experiment too: a baseline may belong to several.
"""

import json
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.utils.mlflow_tags import (
    MLFLOW_DATASET_CONTEXT,
    MLFLOW_GIT_COMMIT,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NAME,
    MLFLOW_RUN_NOTE,
    MLFLOW_SOURCE_NAME,
    MLFLOW_SOURCE_TYPE,
    MLFLOW_USER,
)
from msgspec.structs import asdict

from categoriser import paths
from categoriser.contract import EXAMPLES
from categoriser.diagnostics.findings import Diagnostics, read_diagnostics
from categoriser.diagnostics.series import (
    Series,
    SeriesHead,
    TimedStep,
    belongs,
    read_series,
    read_training,
)
from categoriser.errors import UserError
from categoriser.evaluation.champion import read_champion
from categoriser.io.digests import digest
from categoriser.model.metadata import METADATA_FILE, read_metadata
from categoriser.params import Experiment
from categoriser.tracking.candidate_runs import candidate_states
from categoriser.tracking.remote_jobs import MODEL, RECORD
from categoriser.tracking.states import State, files_state
from categoriser.tracking.store import OWN_STORE
from categoriser.tracking.trials import Search

STATE_KEY = ("dvc_lock", "gate")  # the tags that tell a state from others
MAY_GO_ON = ("passed", "accepted")  # values of the tag `gate`
JUDGEMENT_FILES = (paths.VERDICT, paths.REPORT, paths.MODEL_CARD)
DIAGNOSTICS_FILES = (paths.DIAGNOSTICS, paths.DIAGNOSTICS_PAGE)
# The tag that tells a training from others: its run is followed while it trains.
TRAINING_TAG = "training"
# MLflow's steps are whole numbers.
STEPS_AN_EPOCH = 100
EXPERIMENT_KIND = "custom_model_development"
# The tag of an experiment that says whose it is, since projects may share a server.
PROJECT = "project"
EXAMPLE = pd.DataFrame([asdict(EXAMPLES[0])])

# MLflow's limits: parameters or metrics of a call, and characters.
MOST_ENTRIES = 100
LONGEST_PARAMETER = 500
LONGEST_DIGEST = 36


class Mirror:
    """MLflow's experiments of one project, and its registered model, which has its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.client = MlflowClient()
        self.experiments: dict[str, str] = {}
        self.experiment_id("")
        self.made: set[tuple[str, ...]] = set()

    def experiment_id(self, name: str) -> str:
        """Return the id of the experiment, made if need be; without a name, the project's own.

        Raises `UserError` where it is another project's, or the store is another folder's.
        """
        if name not in self.experiments:
            experiment = mlflow.set_experiment(name or self.name)
            # MLflow keeps absolute paths: after a move it would go on writing to the old folder.
            folder = Path(experiment.artifact_location).parent.parent
            if mlflow.get_tracking_uri() == OWN_STORE and folder != Path.cwd():
                raise UserError(
                    f"mlflow.db belongs to a project at {folder}; remove mlflow.db and mlruns, "
                    "`make track` makes them anew from Git"
                )
            owner = experiment.tags.get(PROJECT, self.name)
            if owner != self.name:
                raise UserError(
                    f"MLflow's experiment {experiment.name!r} belongs to the project {owner}; "
                    "name another, as in make run EXPERIMENT=another"
                )
            # With this kind its page shows runs, not traces.
            tags = {"mlflow.experimentKind": EXPERIMENT_KIND, PROJECT: self.name}
            for tag, value in tags.items():
                self.client.set_experiment_tag(experiment.experiment_id, tag, value)
            self.experiments[name] = experiment.experiment_id
        return self.experiments[name]

    def add_history(self, state: State) -> None:
        """Mirror a commit's state. A run that was made before its commit is given the commit."""
        found = self.find(state)
        if found is None:
            self.client.set_terminated(self.start(state), end_time=state.milliseconds)
            return
        self.describe(found, state.experiment)
        commit = found.data.tags.get("git_commit", "")[:7]
        if not str(found.info.run_name).endswith(f"({commit})"):
            for tag, value in mlflow_tags(state).items():
                self.client.set_tag(found.info.run_id, tag, value)

    def add_workspace(self, state: State) -> None:
        """Mirror the workspace's state with its files, and register its model."""
        model = state.tags["model_digest"]
        gate = state.tags["gate"]
        number = self.registered(model)
        found = self.find(state)
        series = current_series()
        followed = self.followed(self.place(state), series) if series else None
        if found:
            self.describe(found, state.experiment)
            if number and found.data.tags.get("model_digest") == model:
                if followed:
                    self.client.delete_run(followed)
                return
            self.delete_with_candidates(found)
        run_id = self.start(state, followed)
        self.add_candidates(state, run_id)
        with mlflow.start_run(run_id):
            if series:
                self.complete_series(run_id, series)
            if paths.DIAGNOSTICS.exists():
                self.add_diagnostics(run_id, read_diagnostics(paths.DIAGNOSTICS))
            self.client.log_artifacts(run_id, str(paths.PLOTS), "plots")
            if gate != "not run":
                for file in JUDGEMENT_FILES:
                    self.client.log_artifact(run_id, str(file))
            if number is None:
                tags = {"model_digest": model}
                number = str(mlflow.register_model(log_model(), self.name, tags=tags).version)
            self.client.set_tag(run_id, "model_version", number)

    def start_training(self, head: SeriesHead, experiment: Experiment) -> str:
        """Make a run in an experiment for a training that has begun; return its id."""
        tags = {TRAINING_TAG: head.training, "candidate_trained": head.candidate}
        name = f"training {head.candidate} on {head.rows:,} rows"
        place = self.experiment_id(experiment.name)
        created = self.client.create_run(place, head.milliseconds, tags, name)
        return str(created.info.run_id)

    def end_abandoned(self, before: str) -> None:
        """End the runs whose process was ended before it could end them.

        In a folder's own store no other training can be going on. On a server others' may be, so
        there only the run of this folder's training `before` is ended.
        """
        own_store = mlflow.get_tracking_uri() == OWN_STORE
        mine = self.client.search_experiments(filter_string=f"tags.{PROJECT} = '{self.name}'")
        places = [experiment.experiment_id for experiment in mine]
        for run in self.client.search_runs(places, "attributes.status = 'RUNNING'"):
            training = run.data.tags.get(TRAINING_TAG)
            if training and (own_store or training == before):
                self.client.set_terminated(run.info.run_id, "KILLED")

    def add_steps(self, run_id: str, steps: Sequence[TimedStep]) -> None:
        """Add steps of a training: MLflow's steps are hundredths of an epoch."""
        for step in steps:
            metrics = [
                Metric(f"training.{name}", value, step.milliseconds, round(place))
                for place in [STEPS_AN_EPOCH * step.epochs]
                for name, value in {"epochs": step.epochs, **step.figures()}.items()
            ]
            self.client.log_batch(run_id, metrics)

    def end_training(self, run_id: str, series: Series) -> None:
        """End a training's run: as failed where it was stopped, by fastText or by a rule."""
        sound = paths.TRAINING.exists() and belongs(series, read_training(paths.TRAINING))
        if sound and written_since(paths.DIAGNOSTICS, series.head.milliseconds):
            found = read_diagnostics(paths.DIAGNOSTICS)
            self.add_diagnostics(run_id, found)
            sound = not found.stops
        self.client.set_terminated(run_id, "FINISHED" if sound else "FAILED")

    def followed(self, experiment: str, series: Series) -> str | None:
        """Return an experiment's run that a training was followed into, if it is no state's."""
        for run in self.runs(experiment, **{TRAINING_TAG: series.head.training}):
            if STATE_KEY[0] not in run.data.tags:
                return str(run.info.run_id)
        return None

    def complete_series(self, run_id: str, series: Series) -> None:
        """Add the steps that a run lacks."""
        brought = len(self.client.get_metric_history(run_id, "training.epochs"))
        self.add_steps(run_id, series.steps[brought:])
        self.client.set_tag(run_id, TRAINING_TAG, series.head.training)

    def add_diagnostics(self, run_id: str, found: Diagnostics) -> None:
        """Add the rules' values and findings, and their page, unless the run has them."""
        if "diagnostics" in self.client.get_run(run_id).data.tags:
            return
        at = int(time.time() * 1000)
        values = {rule.rule: rule.value for rule in found.rules if rule.value is not None}
        figures = {f"diagnostics.{name}": value for name, value in values.items()}
        figures |= {f"diagnostics.findings.{name}": count for name, count in found.counts.items()}
        tripped = ", ".join(name for name, count in found.counts.items() if count)
        self.client.log_batch(
            run_id,
            [Metric(name, value, at, 0) for name, value in figures.items()],
            tags=[RunTag("diagnostics", tripped or "nothing found")],
        )
        for file in filter(Path.exists, DIAGNOSTICS_FILES):
            self.client.log_artifact(run_id, str(file))

    def add_candidates(self, state: State, parent: str) -> None:
        """Mirror the candidates that the workspace's model was chosen among, nested in its run."""
        choice = read_metadata(paths.MODEL).choice
        for candidate in candidate_states(state, choice) if choice else []:
            run_id = self.start(candidate)
            self.client.set_tag(run_id, MLFLOW_PARENT_RUN_ID, parent)
            self.client.set_terminated(run_id)

    def describe(self, run: Run, experiment: Experiment) -> None:
        """Let a run and its candidates' say what is aimed at, if that was said in other words."""
        tags = described(experiment)
        if all(run.data.tags.get(tag, "") == value for tag, value in tags.items()):
            return
        for each in [run, *self.candidates(run)]:
            for tag, value in tags.items():
                self.client.set_tag(each.info.run_id, tag, value)

    def candidates(self, run: Run) -> list[Run]:
        """Return the runs of a run's candidates; experiments that began at it are none."""
        nested = self.runs(run.info.experiment_id, **{MLFLOW_PARENT_RUN_ID: run.info.run_id})
        return [child for child in nested if "candidate" in child.data.tags]

    def delete_with_candidates(self, run: Run) -> None:
        """Delete a run and those of its candidates."""
        for each in [*self.candidates(run), run]:
            self.client.delete_run(each.info.run_id)

    def add_experiment(self, state: State) -> None:
        """Mirror an experiment of DVC's, nested in the run of the state that it began at.

        Where that state has no run in the same experiment of MLflow's, it is nested in none.
        """
        found = self.find(state)
        run_id = found.info.run_id if found else self.start(state)
        begun = self.runs(self.place(state), dvc_lock=state.tags["dvc_exp_from"])
        parents = [run for run in begun if "dvc_exp" not in run.data.tags]
        if parents:
            self.client.set_tag(run_id, MLFLOW_PARENT_RUN_ID, parents[0].info.run_id)
        if found is None:
            self.client.set_terminated(run_id, end_time=state.milliseconds)

    def add_search(self, search: Search) -> None:
        """Mirror what `make tune` tried, each trial nested in the search's run."""
        found = self.runs(self.place(search.whole), tuning=search.whole.tags["tuning"])
        if any("trial" not in one.data.tags and one.info.status == "FINISHED" for one in found):
            return
        for interrupted in found:
            self.client.delete_run(interrupted.info.run_id)
        whole = self.start(search.whole)
        for trial in search.trials:
            run_id = self.start(trial)
            self.client.set_tag(run_id, MLFLOW_PARENT_RUN_ID, whole)
            self.client.set_terminated(run_id)
        self.client.set_terminated(whole)

    def add_remote(self, folder: Path, state: State) -> None:
        """Mirror a training job that was brought back, with its record and its metadata."""
        found = self.runs(self.place(state), training_job=state.tags["training_job"])
        if any(one.info.status == "FINISHED" for one in found):
            return
        for interrupted in found:
            self.client.delete_run(interrupted.info.run_id)
        run_id = self.start(state)
        self.client.log_artifact(run_id, str(folder / RECORD))
        self.client.log_artifact(run_id, str(folder / MODEL / METADATA_FILE))
        self.client.set_terminated(run_id)

    def name_candidate(self) -> None:
        """Give the alias to the version of the workspace's model if that may go on, or to none."""
        number = None
        if all(path.exists() for path in (paths.LOCK, paths.PARAMS, paths.METRICS)):
            found = self.find(files_state())
            tags = found.data.tags if found else {}
            model = tags.get("model_digest", "")
            replaced = paths.MODEL.is_dir() and digest(paths.MODEL) != model
            if tags.get("gate") in MAY_GO_ON and not replaced:
                number = self.registered(model)
        self.alias("candidate", number)

    def alias(self, name: str, number: str | None) -> None:
        """Give the alias to a version; take it away where there is none."""
        if number is not None:
            self.client.set_registered_model_alias(self.name, name, number)
        elif self.client.search_registered_models(f"name = '{self.name}'"):
            self.client.delete_registered_model_alias(self.name, name)

    def name_champion(self) -> str:
        """Give the champion's version its alias, or none; return what is to be noted."""
        champion = read_champion(paths.CHAMPION)
        number = self.registered(champion.digest) if champion else None
        self.alias("champion", number)
        if champion and number is None:
            return f"; the champion {champion.digest[:12]} is not in the registry"
        return ""

    def registered(self, model: str) -> str | None:
        """Return the version of the model of this digest."""
        which = f"name = '{self.name}' and tags.model_digest = '{model}'"
        versions = self.client.search_model_versions(which)
        return str(versions[0].version) if versions else None

    def find(self, state: State) -> Run | None:
        """Return the state's finished run; delete interrupted ones."""
        finished = None
        key = {tag: state.tags[tag] for tag in STATE_KEY}
        for found in self.runs(self.place(state), **key):
            if found.data.tags.get("dvc_exp") != state.tags.get("dvc_exp"):
                continue
            if found.info.status == "FINISHED":
                finished = found
            else:
                self.client.delete_run(found.info.run_id)
        return finished

    def place(self, state: State) -> str:
        """Return the id of the experiment of a state."""
        return self.experiment_id(state.experiment.name)

    def runs(self, experiment: str, **tags: str) -> list[Run]:
        """Return an experiment's runs that have these tags."""
        which = " and ".join(f"tags.`{tag}` = '{value}'" for tag, value in tags.items())
        return list(self.client.search_runs([experiment], which))

    def start(self, state: State, run_id: str | None = None) -> str:
        """Make a run, or go on with one, with what is known without files; return its id."""
        at = state.milliseconds
        if STATE_KEY[0] in state.tags:
            self.made.add(tuple(state.tags[tag] for tag in STATE_KEY))
        tags = {name: tag for name, tag in (state.tags | mlflow_tags(state)).items() if tag}
        if run_id is None:
            created = self.client.create_run(self.place(state), at, tags, state.name)
            run_id = str(created.info.run_id)
        else:
            # First of all, since `find` takes a state's run that has ended for a whole one.
            self.client.update_run(run_id, "RUNNING")
            named = [RunTag(name, tag) for name, tag in tags.items()]
            self.client.log_batch(run_id, tags=named)
        params = [
            Param(name, str(value)[:LONGEST_PARAMETER]) for name, value in state.params.items()
        ]
        metrics = [Metric(name, value, at, 0) for name, value in state.metrics.items()]
        for first in range(0, max(len(params), len(metrics)), MOST_ENTRIES):
            last = first + MOST_ENTRIES
            self.client.log_batch(run_id, metrics[first:last], params[first:last])
        self.client.log_inputs(run_id, [training_data(state)])
        return run_id


def current_series() -> Series | None:
    """Return the series of the training that the workspace's model comes from, if here."""
    series = read_series(paths.SERIES)
    if series and paths.TRAINING.exists() and belongs(series, read_training(paths.TRAINING)):
        return series
    return None


def written_since(path: Path, milliseconds: int) -> bool:
    return path.exists() and path.stat().st_mtime * 1000 >= milliseconds


def mlflow_tags(state: State) -> dict[str, str]:
    """Return the tags that MLflow's pages show: name, author, source and commit."""
    commit = state.tags.get("git_commit", "")
    own = described(state.experiment)
    own |= {"git_commit": commit, "git_dirty": state.tags.get("git_dirty", "")}
    return own | {
        MLFLOW_GIT_COMMIT: commit,
        MLFLOW_RUN_NAME: state.name,
        MLFLOW_SOURCE_NAME: source_name(state),
        MLFLOW_SOURCE_TYPE: "PROJECT",
        MLFLOW_USER: state.tags.get("author", ""),
    }


def source_name(state: State) -> str:
    """Return what made a state."""
    if "tuning" in state.tags:
        return "make tune"
    return "make train-remote" if "training_job" in state.tags else "dvc.yaml"


def described(experiment: Experiment) -> dict[str, str]:
    """Return the tags that say what is aimed at; MLflow's page of a run shows the note."""
    said = {"goal": experiment.goal, "hypothesis": experiment.hypothesis}
    lines = [f"{name.capitalize()}: {text}" for name, text in said.items() if text]
    return said | {MLFLOW_RUN_NOTE: "\n\n".join(lines)}


def training_data(state: State) -> DatasetInput:
    """Return the data file of a state, with DVC's hash of it."""
    path = str(state.params["data.path"])
    known = state.tags["dvc_data"] or "unknown"
    source = json.dumps({"uri": path})
    data = Dataset(path, known[:LONGEST_DIGEST], "local", source)
    return DatasetInput(data, [InputTag(MLFLOW_DATASET_CONTEXT, "training")])


def log_model() -> str:
    """Log the model as a pyfunc of the active run, with its package; return its URI."""
    needed = ("mlflow", "pandas", "pydantic", "pyyaml")
    libraries = read_metadata(paths.MODEL).libraries | {name: version(name) for name in needed}
    # MLflow runs the example to learn the signature.
    info = mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).with_name("pyfunc.py")),
        artifacts={"model": str(paths.MODEL)},
        code_paths=[str(Path(__file__).parents[1])],
        input_example=EXAMPLE,
        pip_requirements=[f"{name}=={libraries[name]}" for name in sorted(libraries)],
    )
    return str(info.model_uri)
