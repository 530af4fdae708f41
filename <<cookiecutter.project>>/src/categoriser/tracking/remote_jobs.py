"""Training jobs of `make train-remote`, as they were brought back: `remote/<job>`, one run each.

A job's folder has its model in `model` and what is known of the job in `job.json`.
"""

from collections.abc import Iterator
from pathlib import Path

from msgspec import UNSET, Struct

from categoriser import paths
from categoriser.io.documents import read_document
from categoriser.io.git_commands import person
from categoriser.model.metadata import read_metadata
from categoriser.params import Experiment
from categoriser.tracking.states import State

RECORD = "job.json"
MODEL = "model"


class RemoteJob(Struct, frozen=True, kw_only=True):
    """A training job that has completed.

    `data` is the file of its rows here, `model` the archive in S3, `figures` what SageMaker read
    off its log, `tags` its lineage, `milliseconds` those from 1970 to its creation. `experiment`
    is the section of params.yaml.
    """

    name: str
    data: str
    model: str
    instance: str
    hyperparameters: dict[str, str]
    figures: dict[str, float]
    tags: dict[str, str]
    milliseconds: int
    billed_seconds: int
    experiment: dict[str, str]


def remote_states(folder: Path = paths.REMOTE) -> Iterator[tuple[Path, State]]:
    """Yield each job's folder and state, the oldest first. Raises `UserError` for damaged files."""
    jobs = {
        record.parent: read_document(record, RemoteJob, "make train-remote")
        for record in folder.glob(f"*/{RECORD}")
    }
    for place, job in sorted(jobs.items(), key=lambda item: item[1].milliseconds):
        yield place, remote_state(job, place / MODEL)


def remote_state(job: RemoteJob, model: Path) -> State:
    """Return a job as a state, with its own figures and those of its model's metadata."""
    metadata = read_metadata(model)
    known = {
        "validation_accuracy": metadata.validation_accuracy,
        "validation_log_loss": metadata.validation_log_loss,
    }
    knobs = {f"train.candidates.{name}": value for name, value in job.hyperparameters.items()}
    return State(
        experiment=Experiment.model_validate(job.experiment),
        params={"data.path": job.data, "instance": job.instance, **knobs},
        metrics={
            **job.figures,
            **{name: value for name, value in known.items() if value is not UNSET},
            "train_rows": float(metadata.train_rows),
            "billed_seconds": float(job.billed_seconds),
        },
        tags={
            **job.tags,
            "training_job": job.name,
            "model_uri": job.model,
            "candidate_trained": metadata.candidate,
            "dvc_data": job.tags.get("DvcHash", ""),
            "author": person(),
        },
        milliseconds=job.milliseconds,
        name=job.name,
    )
