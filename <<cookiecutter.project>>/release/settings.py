"""`cloudformation/settings.yaml` as typed objects, and the stacks' parameters derived from it.

A key becomes a parameter by its name: `prod.bake_minutes` is `ProdBakeMinutes`, in every template
that declares it. Also what every command shares: sessions for the accounts, and AWS's refusals in
words.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from os import environ
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import boto3
import yaml
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import create_loader
from botocore.parsers import ResponseParserError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from rich.console import Console
from rich.table import Column, Table

from categoriser.errors import UserError, run
from categoriser.monitor.settings import read_settings as read_monitoring
from categoriser.params import Section, read_sections
from categoriser.plural import plural

CLOUDFORMATION = Path("cloudformation")
SETTINGS = CLOUDFORMATION / "settings.yaml"
console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)
NOTHING = "nothing is deployed yet, or not here: `make deploy`"
# What mends a refusal of AWS's, by how its code begins, or by its words.
MENDS = {
    r"\w*(Credential|Profile|Token|SSO|Key|Unrecogn)": "sign in: `aws sso login`, AWS_PROFILE=...",
    r"\w*(NotFound|NoSuch)|Validation.*(not exist|not find|o export)": NOTHING,
    r"\w*(Connect|Endpoint|SSL|Parser)": f"see `region` in {SETTINGS}, and the network (a proxy?)",
    "": "see what `make preflight` finds",
}
BOUNDARY = "(arn:[^:]+:iam::([0-9]{12}|aws):policy/.+)?"
PARTITIONS = create_loader().load_data("endpoints")["partitions"]
REGIONS = {region: each["partition"] for each in PARTITIONS for region in each["regions"]}
# Partitions that the templates are written for. China's CodePipeline has no CloudFormation action.
RELEASABLE = ("aws", "aws-us-gov")
# What Git takes as a branch, and the template as a parameter.
BRANCH = r"(?!HEAD\Z)(?!.*(\.\.|//|/\.|\.lock(/|\Z)))[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9_-])?"


def form(pattern: str, words: str) -> BeforeValidator:
    """Return the check of a string, whose fault says in words what it must be."""

    def check(given: object) -> str:
        if isinstance(given, str) and re.fullmatch(pattern, given):
            return given
        raise PydanticCustomError("form", words)

    return BeforeValidator(check)


def releasable(region: str) -> str:
    """Return the region. Raises where the pipeline cannot exist in it."""
    partition = REGIONS[region]
    if partition == "aws-cn":
        words = "not China: its CodePipeline has no CloudFormation action, so nothing is released"
        raise PydanticCustomError("form", words)
    if partition not in RELEASABLE:
        raise PydanticCustomError("form", f"a region of {' or '.join(RELEASABLE)}, not {partition}")
    return region


Positive = Field(ge=1)
Word = Field(min_length=1)


class Strict(Section):
    """A part of the file: a quoted number is no number, and an account's id must be quoted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Source(Strict):
    host: Literal["GitHub", "GitLab", "Bitbucket", "CodeCommit"]
    repository: str = Word
    branch: Annotated[str, form(BRANCH, "a Git branch, such as main")]

    @model_validator(mode="after")
    def named(self) -> Self:
        owners = "{0}" if self.host == "CodeCommit" else "+"
        name = r"(?!\.{1,2}\Z)(?!.*\.git\Z)[A-Za-z0-9._-]+"
        if not re.fullmatch(rf"([A-Za-z0-9._-]+/){owners}{name}", self.repository):
            raise PydanticCustomError("form", "repository: owner/name; in CodeCommit its name")
        return self


class Sized(Strict):
    instance: Annotated[str, form(r"ml\.[a-z0-9-]+\.[a-z0-9]+", "an instance, such as ml.m5.large")]


class Train(Sized):
    # CloudFormation waits an hour for a job: the rest is for its queue and start.
    minutes: int = Field(ge=5, le=50)


class Dev(Sized):
    kind: Literal["instance", "serverless"]


class Prod(Sized):
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


class Retrain(Strict):
    cool_down_hours: int = Field(ge=0)
    monthly: bool


class Settings(Strict):
    # A stack's name starts with a letter; the longest name built on this one fits with 20.
    project: Annotated[str, form("[a-z]([a-z0-9-]{0,18}[a-z0-9])?", "1 to 20 of a-z, 0-9 and -")]
    email: Annotated[str, form(r"[^@\s]+@[^@\s]+", "an e-mail address")]
    region: Annotated[
        str,
        form("|".join(REGIONS), "a region of AWS, such as ap-southeast-2"),
        AfterValidator(releasable),
    ]
    source: Source
    base_image: str = Word
    prod_account_id: Annotated[str, form("([0-9]{12})?", "12 digits in quotes, or ''")]
    prod_profile: str
    permissions_boundary: Annotated[str, form(BOUNDARY, "the ARN of a managed policy, or ''")]
    network: Literal["none", "vpc"]
    lambda_python: Annotated[str, form(r"3\.1[1-4]", "'3.11' to '3.14', in quotes")]
    train: Train
    dev: Dev
    prod: Prod
    # CodePipeline's bounds.
    approval_minutes: int = Field(ge=5, le=86_400)
    monitor: Sized
    retrain: Retrain
    budget_usd: int = Positive
    # Of the numbers that CloudWatch Logs offers, those that make sense here.
    log_days: Literal[7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731]

    @property
    def live(self) -> str:
        """Return the part that production's account holds: `prod`, or `all` where it is the one."""
        return "prod" if self.prod_account_id else "all"

    @property
    def connected(self) -> bool:
        """Whether Git is reached by a connection."""
        return self.source.host != "CodeCommit"

    def session(self, part: str) -> boto3.Session:
        """Return a session in the region: the environment's, or prod_profile's for `prod`.

        Raises `UserError` where that leads into another account than `prod_account_id`.
        """
        profile = (self.prod_profile or None) if part == "prod" else None
        opened = boto3.Session(region_name=self.region, profile_name=profile)
        if part == "prod" and (found := account(opened)) != self.prod_account_id:
            raise UserError(f"prod_account_id is {self.prod_account_id}, prod_profile's is {found}")
        return opened

    def bucket(self, kind: str, opened: boto3.Session) -> str:
        """Return the name of an account's bucket: `artifacts`, `data`, or production's `live`."""
        return f"{self.project}-{kind}-{account(opened)}-{self.region}"

    def parameters(self, template: str, others: dict[str, str]) -> dict[str, str]:
        """Return the parameters that a template declares and that are known here, with values.

        `others` are those that are no setting, such as ReleaseId. What a template declares besides
        has a default, or comes from the pipeline.
        """
        monitoring = read_monitoring()
        known = flat(self) | flat(monitoring.schedule, "Schedule")
        known |= flat(monitoring.captures, "Captures") | flat(monitoring.quality, "Quality")
        known |= flat(monitoring.alarms, "Alarms") | others
        declared = yaml.load(read(template), Template)["Parameters"]  # noqa: S506 (a SafeLoader)
        return {name: known[name] for name in declared if name in known}


def read_settings(path: Path = SETTINGS) -> Settings:
    """Read and check the file. Raises `UserError` that names each bad key."""
    return read_sections(path, Settings)


def flat(section: BaseModel, prefix: str = "") -> dict[str, str]:
    """Return the values of all keys, as CloudFormation writes them, by their parameters' names."""
    values: dict[str, str] = {}
    for key, value in section:
        name = prefix + key.title().replace("_", "")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        values |= flat(value, name) if isinstance(value, BaseModel) else {name: text}
    return values


def read(template: str) -> str:
    return (CLOUDFORMATION / f"{template}.yaml").read_text(encoding="utf-8")


class Template(yaml.CSafeLoader):
    """Reads a template; what its tags (`!Sub`) hold is left out."""


Template.add_multi_constructor("!", lambda *_: None)


def each(client: Any, operation: str, key: str, **query: Any) -> Iterator[Any]:
    """Yield what an operation lists under a key, page after page."""
    for page in client.get_paginator(operation).paginate(**query):
        yield from page.get(key, [])


def show(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table; what is too long for its column goes on in the next line."""
    table = Table(*(Column(name, overflow="fold") for name in columns), title=title)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def stack(cloud: Any, name: str) -> dict[str, Any]:
    """Return what CloudFormation says of a stack, nothing where there is none."""
    try:
        return dict(cloud.describe_stacks(StackName=name)["Stacks"][0])
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return {}


def account(opened: boto3.Session) -> str:
    return str(opened.client("sts").get_caller_identity()["Account"])


def consent(question: str) -> None:
    """Ask, unless YES=1 says so already. Raises `UserError` where the answer is not y."""
    said = environ.get("YES") or (sys.stdin.isatty() and console.input(f"{question} (y/n) "))
    if said not in ("1", "y", "Y"):
        raise UserError("not done: nobody consented (YES=1 does, where nobody can be asked)")


def command(*verbs: Callable[..., None]) -> None:
    """Run the verb that the command line names, else the first, with settings, session, arguments.

    AWS's refusals, and the lack of credentials, become a `UserError`.
    """
    named = {verb.__name__.replace("_", "-"): verb for verb in verbs}

    def main() -> None:
        name, *arguments = sys.argv[1:] or [*named][:1]
        if name not in named:
            raise UserError(f"there is no {name}; there is {', '.join(named)}")
        # The first two are given by us.
        takes = len(inspect.signature(named[name]).parameters) - 2
        if len(arguments) > takes:
            raise UserError(f"{name} takes {plural(takes, 'argument')}, not {len(arguments)}")
        settings = read_settings()
        try:
            named[name](settings, settings.session("tools"), *arguments)
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            said = f"{type(error).__name__} {error}".removeprefix("ClientError An error occurred (")
            mend = next(MENDS[form] for form in MENDS if re.match(form, said))
            # A proxy's answer may be a whole page.
            raise UserError(f"AWS: {str(error)[:500]}; {mend}") from None

    run(main)
