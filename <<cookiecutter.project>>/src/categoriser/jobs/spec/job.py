"""A job of a container, in no workflow's own words.

Values are texts, so that a workflow's placeholders (`${Project}`) may take their place. URIs
are `s3://bucket/prefix`.
"""

from msgspec import Struct


class Input(Struct, frozen=True):
    """All objects under a prefix, which the container finds in a folder."""

    name: str
    uri: str
    path: str


class Output(Struct, frozen=True):
    """A folder whose files go to a prefix: at the job's end, or while it runs too."""

    name: str
    uri: str
    path: str
    while_running: bool = False


class Machine(Struct, frozen=True):
    """What a job runs on. `disk_key` is the key that encrypts the disk; empty for AWS's own."""

    instance: str
    count: int = 1
    disk_gb: int = 30
    disk_key: str = ""


class Network(Struct, frozen=True):
    """Subnets and security groups of a job; without subnets it is outside of any VPC.

    An isolated job reaches nothing at all: its inputs and outputs are moved for it.
    """

    isolated: bool = False
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()


class MetricDefinition(Struct, frozen=True):
    """A figure that is read off the job's log, by a pattern with one group."""

    name: str
    pattern: str


class JobSpec(Struct, frozen=True, kw_only=True):
    """A job: what runs, on what, with which rights, and for how long at most.

    `role` is the ARN of the role that the container has, `output_key` the key that encrypts the
    outputs. `command` replaces the image's entry point in a processing job.
    """

    name: str
    image: str
    role: str
    machine: Machine
    max_seconds: int
    tags: dict[str, str]
    command: tuple[str, ...] = ()
    network: Network = Network()
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    output_key: str = ""
    environment: dict[str, str] = {}
    metrics: tuple[MetricDefinition, ...] = ()


class ModelPackageSpec(Struct, frozen=True, kw_only=True):
    """A version of the model in the registry, which waits for a person's approval.

    `statistics`, `baseline_statistics` and `baseline_constraints` are URIs of JSON; `token` is
    what makes a second request the same as the first.
    """

    group: str
    description: str
    token: str
    image: str
    model: str
    media_types: tuple[str, ...]
    statistics: str
    baseline_statistics: str
    baseline_constraints: str
    metadata: dict[str, str]
