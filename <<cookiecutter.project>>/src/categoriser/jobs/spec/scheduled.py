"""The jobs that a schedule starts: the monitor's check, and the labelling job.

A scheduler knows times and ids only, so the jobs work out the rest: they are told the scheduled
time and list S3 themselves. Their environment is what
`categoriser.monitor.checks.request_environment` reads.
"""

from msgspec import Struct

from categoriser.jobs.spec.artifact_keys import (
    CAPTURES,
    DATA_MANIFEST,
    GROUND_TRUTH,
    LABELLED_MANIFEST,
    LABELS,
    REPORTS,
    RUN_BASELINE,
    run_prefix,
)
from categoriser.jobs.spec.job import JobSpec, Machine, Network, Output
from categoriser.jobs.spec.release_run import PROCESSING_OUTPUT

MAX_SECONDS = 3600


class Watch(Struct, frozen=True, kw_only=True):
    """What the scheduled jobs are made of.

    `endpoint` is the live release's. The buckets are those of captures and labels, and of data.
    `execution` and `time` are the schedule's: an id, and the time that a run is of. `role` and
    `key` are ARNs; the key encrypts disks and outputs.
    """

    project: str
    release: str
    region: str
    job_image: str
    live_bucket: str
    data_bucket: str
    endpoint: str
    variant: str
    capture_percent: str
    instance: str
    role: str
    key: str
    network: Network
    execution: str
    time: str

    @property
    def live(self) -> str:
        """The place of what production answers."""
        return f"s3://{self.live_bucket}"

    @property
    def data(self) -> str:
        """The place of data sets, and of the releases' results."""
        return f"s3://{self.data_bucket}"

    @property
    def tags(self) -> dict[str, str]:
        return {"Project": self.project, "Release": self.release}

    @property
    def environment(self) -> dict[str, str]:
        """The variables of both jobs."""
        return {
            "AWS_DEFAULT_REGION": self.region,
            "scheduled_time": self.time,
            "sagemaker_endpoint_datacapture_prefix": f"{self.live}/{CAPTURES}",
            "ground_truth_source": f"{self.live}/{GROUND_TRUTH}",
            "publish_cloudwatch_metrics": "Enabled",
        }


def monitor(watch: Watch) -> JobSpec:
    """Return the job that judges what is served by what was trained on.

    It judges every endpoint with captures in the window, each by its own release's baseline, and so
    names the release as `{release}`.
    """
    return JobSpec(
        name=f"{watch.project}-check-{watch.execution}",
        image=watch.job_image,
        command=("process", "monitor"),
        role=watch.role,
        machine=Machine(watch.instance, disk_key=watch.key),
        max_seconds=MAX_SECONDS,
        network=watch.network,
        outputs=(Output("reports", f"{watch.live}/{REPORTS}", PROCESSING_OUTPUT, True),),
        output_key=watch.key,
        environment={
            **watch.environment,
            "sagemaker_monitoring_schedule_name": f"{watch.project}-check",
            "baseline": f"{watch.data}/{run_prefix('{release}')}/{RUN_BASELINE}",
            "live_endpoint": watch.endpoint,
            "endpoint_variant": watch.variant,
            "capture_percent": watch.capture_percent,
            "output_path": PROCESSING_OUTPUT,
        },
        tags=watch.tags,
    )


def labelling(watch: Watch) -> JobSpec:
    """Return the job that joins labels to captures, as the next data to train on.

    It writes to S3 itself, since what it writes has versions.
    """
    return JobSpec(
        name=f"{watch.project}-label-{watch.execution}",
        image=watch.job_image,
        command=("process", "label"),
        role=watch.role,
        machine=Machine(watch.instance, disk_key=watch.key),
        max_seconds=MAX_SECONDS,
        network=watch.network,
        environment={
            **watch.environment,
            "sagemaker_monitoring_schedule_name": f"{watch.project}-labels",
            "sagemaker_endpoint_name": watch.endpoint,
            "baseline": f"{watch.data}/{run_prefix(watch.release)}/{RUN_BASELINE}",
            "labels": f"{watch.live}/{LABELS}",
            "data_manifest": f"{watch.data}/{DATA_MANIFEST}",
            "labelled_manifest": f"{watch.data}/{LABELLED_MANIFEST}",
        },
        tags=watch.tags,
    )
