"""A repository with DVC whose pipeline's outputs are written by hand, and what MLflow has of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from dvc.repo import Repo
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from msgspec.structs import replace

from categoriser import paths
from categoriser.io.digests import digest
from categoriser.model.package import Categoriser

# Stages that `dvc commit` records as run; the tests write their outputs.
PIPELINE = """
stages:
  validate:
    cmd: "true"
    deps: ["${data.path}", champion/profile.json]
    params: [data]
    outs: [data/validated]
  train: {cmd: "true", deps: [data/validated], params: [train], outs: [model]}
  evaluate:
    cmd: "true"
    deps: [champion, model]
    metrics: [{reports/metrics.json: {cache: false}}]
    plots: [reports/plots]
  gate:
    cmd: "true"
    deps: [reports/metrics.json]
    params: [gate]
    outs:
      - reports/gate.json: {cache: false}
      - reports/model_card.md: {cache: false}
      - reports/report.html
"""


class Project:
    """A repository whose pipeline's outputs are written by hand; the working folder."""

    def __init__(self, folder: Path, name: str, categoriser: Categoriser) -> None:
        self.folder = folder
        self.name = name
        self.categoriser = categoriser
        self.write("pyproject.toml", f'[project]\nname = "{name}"\n')
        self.write("dvc.yaml", PIPELINE)
        self.write(".gitignore", "/model\n/mlruns\n/data/validated\n/reports/plots\n*.html\n")
        self.write("data/own.csv", "rows")
        self.write(paths.CHAMPION_FACTS, "null")
        self.write(paths.CHAMPION_PROFILE, "null")
        self.write("data/validated", "rows")
        self.call("git", "init", "--quiet", "--initial-branch=main")
        Repo.init(str(folder)).close()

    def write(self, path: Path | str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8")

    def call(self, *command: str) -> str:
        identity = ["-c", "user.name=n", "-c", "user.email=n@example.com"]
        command = ("git", *identity, *command[1:]) if command[0] == "git" else command
        return subprocess.run(
            command, cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    def reproduce(self, lr: float, *stages: str, passed: bool = True) -> str:
        """Put the pipeline's outputs there as if the stages (all) had run; return the digest."""
        self.write(
            paths.PARAMS, f"data: {{path: data/own.csv}}\ntrain: {{lr: {lr}}}\ngate: {{floor: 0}}\n"
        )
        metadata = replace(self.categoriser.metadata, temperature=1 + lr)
        model = Categoriser(self.categoriser.classifier, metadata)
        model.save(self.folder / paths.MODEL)
        found = digest(self.folder / paths.MODEL)
        self.write(paths.METRICS, json.dumps({"random": {"accuracy": 1 - lr}}))
        self.write(paths.PLOTS / "confusion.csv", f"{lr}")
        self.write(paths.VERDICT, json.dumps({"passed": passed, "model": found}))
        self.write(paths.REPORT, f"report {lr}")
        self.write(paths.MODEL_CARD, f"card {lr}")
        self.record(*stages)
        return found

    def record(self, *stages: str) -> None:
        """Write dvc.lock as if the stages (all) had run; within the process, to save seconds."""
        with Repo(str(self.folder)) as repo:
            for stage in stages or (None,):
                repo.commit(stage, force=True)

    def commit(self) -> str:
        self.call("git", "add", "--all")
        self.call("git", "commit", "--quiet", "--message=state")
        return self.call("git", "rev-parse", "HEAD")

    def runs(self) -> list[Run]:
        """Return the experiment's runs by learning rate, which rises from state to state."""
        experiment = MlflowClient().get_experiment_by_name(self.name)
        assert experiment
        found = MlflowClient().search_runs([experiment.experiment_id])
        return sorted(found, key=lambda run: float(run.data.params["train.lr"]))


def alias(project: Project, name: str) -> str | None:
    try:
        return str(MlflowClient().get_model_version_by_alias(project.name, name).version)
    except MlflowException:
        return None


def versions(project: Project) -> list[str]:
    found = MlflowClient().search_model_versions(f"name = '{project.name}'")
    return sorted(str(version.version) for version in found)
