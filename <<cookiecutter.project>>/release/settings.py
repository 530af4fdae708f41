"""`cloudformation/settings.yaml`, read once at the edge of a command into typed objects."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from botocore.loaders import create_loader
from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from categoriser.params import read_sections
from release.strict_section import StrictSection
from release.workflow_settings import WorkflowSettings

CLOUDFORMATION = Path("cloudformation")
SETTINGS = CLOUDFORMATION / "settings.yaml"
# The partition of each region, by what botocore knows.
PARTITIONS = create_loader().load_data("endpoints")["partitions"]
PARTITION_OF_REGION = {
    region: partition["partition"] for partition in PARTITIONS for region in partition["regions"]
}
# Partitions that the templates are written for. China's CodePipeline has no CloudFormation action.
RELEASABLE = ("aws", "aws-us-gov")

# A stack's name starts with a letter; the longest name built on this one fits with 20.
PROJECT_PATTERN = "[a-z]([a-z0-9-]{0,18}[a-z0-9])?"
EMAIL = r"[^@\s]+@[^@\s]+"
ACCOUNT_PATTERN = "([0-9]{12})?"
BOUNDARY = "(arn:[^:]+:iam::([0-9]{12}|aws):policy/.+)?"
INSTANCE = r"ml\.[a-z0-9-]+\.[a-z0-9]+"
LAMBDA_PYTHON = r"3\.1[1-4]"
# A repository's name, and the owners (a group and its subgroups) before it.
REPOSITORY = r"(?!\.{1,2}\Z)(?!.*\.git\Z)[A-Za-z0-9._-]+"
OWNERS = "([A-Za-z0-9._-]+/)+"
# What Git takes as a branch, and the template as a parameter.
BRANCH = r"(?!HEAD\Z)(?!.*(\.\.|//|/\.|\.lock(/|\Z)))[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9_-])?"


def matching(pattern: str, words: str) -> BeforeValidator:
    """Return a validator of a string, whose fault says in words what it must be."""

    def match(given: object) -> str:
        if isinstance(given, str) and re.fullmatch(pattern, given):
            return given
        raise PydanticCustomError("form", words)

    return BeforeValidator(match)


def releasable(region: str) -> str:
    """Return the region. Raises where the pipeline cannot exist in it."""
    partition = PARTITION_OF_REGION[region]
    if partition == "aws-cn":
        words = "not China: its CodePipeline has no CloudFormation action, so nothing is released"
        raise PydanticCustomError("form", words)
    if partition not in RELEASABLE:
        raise PydanticCustomError("form", f"a region of {' or '.join(RELEASABLE)}, not {partition}")
    return region


Positive = Field(ge=1)
NotEmpty = Field(min_length=1)


class SourceSettings(StrictSection):
    host: Literal["GitHub", "GitLab", "Bitbucket", "CodeCommit"]
    repository: str = NotEmpty
    branch: Annotated[str, matching(BRANCH, "a Git branch, such as main")]

    @model_validator(mode="after")
    def repository_is_a_name(self) -> Self:
        pattern = REPOSITORY if self.host == "CodeCommit" else OWNERS + REPOSITORY
        if not re.fullmatch(pattern, self.repository):
            raise PydanticCustomError("form", "repository: owner/name; in CodeCommit its name")
        return self


class OnInstance(StrictSection):
    instance: Annotated[str, matching(INSTANCE, "an instance, such as ml.m5.large")]


class TrainSettings(OnInstance, WorkflowSettings):
    """What training runs on, and what its workflow needs to know."""


class DevSettings(OnInstance):
    kind: Literal["instance", "serverless"]


class ProdSettings(OnInstance):
    minimum: int = Positive
    maximum: int = Positive
    requests_per_instance: int = Positive
    auth: Literal["iam", "api-key"]
    rate: int = Positive
    burst: int = Positive
    daily_quota: int = Positive
    canary_percent: int = Field(ge=1, le=50)
    canary_minutes: int = Field(ge=1, le=60)
    # What watches is a Lambda function, which ends after 15 minutes.
    bake_minutes: int = Field(ge=1, le=10)
    # The hooks look for their own requests in the captures.
    capture_percent: int = Field(ge=1, le=100)
    latency_ms: int = Positive

    @model_validator(mode="after")
    def sizes_rise(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError("minimum must not be above maximum")
        return self


class RetrainSettings(StrictSection):
    cool_down_hours: int = Field(ge=0)
    monthly: bool


class ReleaseSettings(StrictSection):
    project: Annotated[str, matching(PROJECT_PATTERN, "1 to 20 of a-z, 0-9 and -")]
    email: Annotated[str, matching(EMAIL, "an e-mail address")]
    region: Annotated[
        str,
        matching("|".join(PARTITION_OF_REGION), "a region of AWS, such as ap-southeast-2"),
        AfterValidator(releasable),
    ]
    source: SourceSettings
    base_image: str = NotEmpty
    prod_account_id: Annotated[str, matching(ACCOUNT_PATTERN, "12 digits in quotes, or ''")]
    prod_profile: str
    permissions_boundary: Annotated[str, matching(BOUNDARY, "the ARN of a managed policy, or ''")]
    network: Literal["none", "vpc"]
    lambda_python: Annotated[str, matching(LAMBDA_PYTHON, "'3.11' to '3.14', in quotes")]
    train: TrainSettings
    dev: DevSettings
    prod: ProdSettings
    # CodePipeline's bounds.
    approval_minutes: int = Field(ge=5, le=86_400)
    monitor: OnInstance
    retrain: RetrainSettings
    budget_usd: int = Positive
    # Of the numbers that CloudWatch Logs offers, those that make sense here.
    log_days: Literal[7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731]

    @property
    def live_part(self) -> str:
        """Return the part that production's account holds: `prod`, or `all` where it is the one."""
        return "prod" if self.prod_account_id else "all"

    @property
    def has_connection(self) -> bool:
        """Whether Git is reached by a connection of the console's."""
        return self.source.host != "CodeCommit"


def read_release_settings(path: Path = SETTINGS) -> ReleaseSettings:
    """Read and check the file. Raises `UserError` that names each bad key."""
    return read_sections(path, ReleaseSettings)
