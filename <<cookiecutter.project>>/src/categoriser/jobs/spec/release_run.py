"""The jobs that make a release's model: training, evaluation, and its entry in the registry.

What training writes is what evaluation reads, and what evaluation writes is what the registry
names. The commands are the image's (`categoriser.jobs.train_job` and `evaluation_job`), and so are
the folders in which they find and leave files.
"""

from msgspec import Struct

from categoriser.contract import MEDIA_TYPES
from categoriser.jobs.spec.artifact_keys import (
    RUN_BASELINE,
    RUN_DATA,
    RUN_EVALUATION,
    RUN_TRAINING,
)
from categoriser.jobs.spec.job import (
    Input,
    JobSpec,
    Machine,
    MetricDefinition,
    ModelPackageSpec,
    Network,
    Output,
)

# Folders of the container, which SageMaker gives its jobs.
TRAINING_INPUT = "/opt/ml/input/data"
TRAINED_MODEL = "/opt/ml/model"
PROCESSING_INPUT = "/opt/ml/processing/input"
PROCESSING_OUTPUT = "/opt/ml/processing/output"
# What the training job's log says as `name=value` (categoriser.model.train).
LOGGED_FIGURES = ("temperature", "validation_accuracy", "validation_log_loss")
# And what it and the diagnostics say of each step, and at the end (categoriser.diagnostics).
LOGGED_DIAGNOSTICS = (
    "train_loss",
    "train_accuracy",
    "valid_loss",
    "valid_accuracy",
    "learning_rate",
    "examples_per_second",
    "findings",
)
LOGGED_NUMBER = "([-+.e0-9]+)"


class ReleaseRun(Struct, frozen=True, kw_only=True):
    """What a release's jobs are made of.

    `folder` is the release's own, `s3://bucket/runs/<release>`; `serve_image` and `job_image` are
    `repository@digest`; `role` and `key` are ARNs; `champion` is the archive of the newest approved
    model, or empty. `lineage` is what jobs carry as tags, and the package, with `metadata`, as
    metadata, since a package in a group has no tags.
    """

    project: str
    release: str
    folder: str
    serve_image: str
    job_image: str
    role: str
    key: str
    champion: str
    instance: str
    max_seconds: int
    network: Network
    lineage: dict[str, str]
    metadata: dict[str, str]

    @property
    def data(self) -> str:
        """The prefix of the rows and of their manifest."""
        return f"{self.folder}/{RUN_DATA}/"

    @property
    def results(self) -> str:
        """The prefix of what the evaluation writes."""
        return f"{self.folder}/{RUN_EVALUATION}"

    @property
    def training_name(self) -> str:
        return f"{self.project}-{self.release}-training"

    @property
    def trained(self) -> str:
        """The prefix of what training writes."""
        return f"{self.folder}/{RUN_TRAINING}"

    @property
    def baseline(self) -> str:
        """The prefix of the monitor's baseline, which the evaluation writes too."""
        return f"{self.folder}/{RUN_BASELINE}"

    @property
    def model(self) -> str:
        """The archive of the model, where SageMaker puts it: below the training job's name."""
        return f"{self.trained}/{self.training_name}/output/model.tar.gz"

    @property
    def diagnostics(self) -> str:
        """The archive of what training leaves in /opt/ml/output/data, beside the model's."""
        return f"{self.trained}/{self.training_name}/output/output.tar.gz"


def training(run: ReleaseRun) -> JobSpec:
    """Return the job that trains the model on the release's data."""
    return JobSpec(
        name=run.training_name,
        image=run.job_image,
        role=run.role,
        machine=Machine(run.instance),
        max_seconds=run.max_seconds,
        network=isolated(run.network),
        inputs=(Input("data", run.data, f"{TRAINING_INPUT}/data"),),
        outputs=(Output("model", run.trained, TRAINED_MODEL),),
        output_key=run.key,
        metrics=tuple(
            # Another figure's name may end with this one's.
            MetricDefinition(name, rf"\b{name}={LOGGED_NUMBER}")
            for name in (*LOGGED_FIGURES, *LOGGED_DIAGNOSTICS)
        ),
        tags=run.lineage,
    )


def evaluation(run: ReleaseRun) -> JobSpec:
    """Return the job that judges the model, beside the champion if there is one."""
    sources = {
        "data": run.data,
        "model": run.model,
        "diagnostics": run.diagnostics,
        "champion": run.champion,
    }
    return JobSpec(
        name=f"{run.project}-{run.release}-evaluation",
        image=run.job_image,
        command=("process", "evaluate"),
        role=run.role,
        machine=Machine(run.instance),
        max_seconds=run.max_seconds,
        network=isolated(run.network),
        inputs=tuple(
            Input(name, uri, f"{PROCESSING_INPUT}/{name}") for name, uri in sources.items() if uri
        ),
        outputs=(Output("evaluation", run.results, PROCESSING_OUTPUT),),
        output_key=run.key,
        tags=run.lineage,
    )


def model_package(run: ReleaseRun) -> ModelPackageSpec:
    """Return the model's entry in the registry. The registry refuses metadata that are empty."""
    known = {**run.lineage, **run.metadata}
    return ModelPackageSpec(
        group=run.project,
        description=f"Release {run.release}",
        token=run.release,
        image=run.serve_image,
        model=run.model,
        media_types=MEDIA_TYPES,
        statistics=f"{run.results}/metrics.json",
        baseline_statistics=f"{run.baseline}/statistics.json",
        baseline_constraints=f"{run.baseline}/constraints.json",
        metadata={name: value for name, value in known.items() if value},
    )


def isolated(network: Network) -> Network:
    """Return the network for a job that reaches nothing: its files are moved for it."""
    return Network(True, network.subnets, network.security_groups)
