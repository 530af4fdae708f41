"""The verbs of a laptop: without credentials, in their order, never before consent, all named.

AWS is a table of answers by operation. Requests and answers are checked against botocore's own
models, so an answer has the shape that AWS's has.
"""

from __future__ import annotations

import importlib.util
import io
import json
import re
import sys
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.message import Message
from functools import cache, partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError, TokenRetrievalError
from botocore.parsers import ResponseParserError
from botocore.validate import validate_parameters
from test_build import DATA, LIVE, PROJECT, RELEASE, changed, models, root

from categoriser.errors import UserError
from prove import resolver, templates
from release import operate, stacks
from release import settings as shared
from release.settings import Settings

__all__ = ["models", "root"]

TOOLS, PROD = "111122223333", "444455556666"
ENDPOINT = f"{PROJECT}-{RELEASE}"
Answer = Callable[[dict[str, Any]], Any]


class Cloud:
    """AWS, as far as answers were given; `calls` are the operations in their order."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "GetCallerIdentity": {"Account": TOOLS, "Arn": f"arn:aws:iam::{TOOLS}:user/someone"}
        }
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.keys: list[str] = []

    def call(self, client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        model = client.meta.service_model.operation_model(operation)
        if model.input_shape:
            validate_parameters(parameters, model.input_shape)
        self.calls.append((operation, parameters))
        self.keys.append(client._request_signer._credentials.access_key)
        answer = self.answers.get(operation, {})
        answer = answer(parameters) if callable(answer) else answer
        if isinstance(answer, ClientError):
            # Each client has its own classes for the codes of its service.
            raised = client.exceptions.from_code(answer.response["Error"]["Code"])
            raise raised(answer.response, operation)
        if model.output_shape and "Body" not in answer:
            assert set(answer) <= set(model.output_shape.members), operation
        return answer

    def made(self, *operations: str) -> list[dict[str, Any]]:
        return [parameters for name, parameters in self.calls if name in operations]


def refused(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    table = Cloud()
    monkeypatch.setattr(
        BaseClient, "_make_api_call", lambda client, *call: table.call(client, *call)
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tools")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    for name in ("YES", "DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(shared.console, "width", 200)
    return table


def answered(monkeypatch: pytest.MonkeyPatch, answer: str) -> list[str]:
    """Answer every question; return the questions."""
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr(shared.console, "input", ask)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    return asked


def run(module: ModuleType, *verb: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a command line to its end; return what it ends with."""
    monkeypatch.setattr(sys, "argv", ["program", *verb])
    with pytest.raises(SystemExit) as ended:
        exec(  # The module's last lines, as `python -m` runs them.
            compile(
                Path(str(module.__file__))
                .read_text()
                .rpartition('if __name__ == "__main__":\n')[2]
                .strip(),
                "main",
                "exec",
            ),
            vars(module),
        )
    return str(ended.value)


# Without credentials.

VERBS = [
    (stacks, "deploy"),
    (stacks, "teardown"),
    (operate, "preflight"),
    (operate, "status"),
    (operate, "rollback"),
    (operate, "why", "0" * 32),
]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: "-".join(map(str, verb[1:])))
def test_without_credentials_a_verb_says_how_to_sign_in(
    verb: tuple[Any, ...], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "data").mkdir(exist_ok=True)
    (root / "data/generated.csv").touch()

    said = run(*verb, monkeypatch=monkeypatch)

    assert said.startswith("error: AWS: Unable to locate credentials")
    assert "aws sso login" in said


def test_a_profile_that_is_not_there_is_named(
    root: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobodys")

    assert "nobodys" in run(operate, "status", monkeypatch=monkeypatch)


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ((operate, "status", "now"), "status takes 0 arguments, not 1"),
        ((operate, "rollback", "a", "b"), "rollback takes 1 argument, not 2"),
        ((stacks, "destroy"), "there is no destroy; there is deploy, teardown"),
    ],
    ids=["one too many", "two for one", "no such verb"],
)
def test_what_a_verb_cannot_take_is_said(
    verb: tuple[Any, ...], said: str, root: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(*verb, monkeypatch=monkeypatch) == f"error: {said}"
    assert cloud.calls == []


def test_before_the_first_deployment_a_verb_points_to_it(
    root: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.answers |= {
        "DescribeStacks": Stacks(cloud).describe,
        "GetAlias": refused("ResourceNotFoundException"),
        "GetPipelineState": refused("PipelineNotFoundException", "there is no such pipeline"),
    }

    said = run(operate, "status", monkeypatch=monkeypatch)

    assert "no such pipeline" in said
    assert "nothing is deployed yet" in said
    assert "make deploy" in said


ADMIN = f"arn:aws:sts::{TOOLS}:assumed-role/AWSReservedSSO_Admin/token"


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        (refused("ExpiredTokenException", "The security token is expired"), "aws sso login"),
        (refused("InvalidClientTokenId"), "aws sso login"),
        (TokenRetrievalError(provider="sso", error_msg="expired"), "aws sso login"),
        (refused("NoSuchBucket", "The specified bucket is not there"), "nothing is deployed yet"),
        (refused("ResourceNotFoundException"), "nothing is deployed yet"),
        (refused("ValidationError", "No export named a-KeyArn found"), "nothing is deployed yet"),
        (refused("ValidationError", "Stack a does not exist"), "nothing is deployed yet"),
        (EndpointConnectionError(endpoint_url="https://sts"), "`region` in cloudformation"),
        (refused("AccessDeniedException", f"{ADMIN} may not"), "make preflight"),
        (refused("AccessDenied", f"{ADMIN} may not: it does not exist"), "make preflight"),
    ],
    ids=lambda given: given if isinstance(given, str) else type(given).__name__,
)
def test_each_kind_of_refusal_has_its_mend(
    root: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, error: Exception, mend: str
) -> None:
    def refuses(_: object) -> Any:
        if isinstance(error, ClientError):
            return error
        raise error

    cloud.answers["GetCallerIdentity"] = refuses

    said = run(operate, "why", PREDICTION, monkeypatch=monkeypatch)

    assert said.startswith("error: AWS: ")
    assert said.partition("; ")[2].count("`") > 1
    assert mend in said.rpartition("; ")[2]


def test_a_proxys_page_is_cut_short(
    root: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def page(_: object) -> Any:
        raise ResponseParserError("Unable to parse response: <html>" + "<br>" * 5000)

    cloud.answers["DescribeStacks"] = page

    said = run(operate, "status", monkeypatch=monkeypatch)

    assert len(said) < 1000
    assert "a proxy?" in said


# Deploy.


class Stacks:
    """CloudFormation: what stands, and what a change set makes of it."""

    def __init__(self, cloud: Cloud, standing: dict[str, str] | None = None) -> None:
        self.standing = {**(standing or {})}
        self.given: dict[str, list[dict[str, str]]] = {}
        self.fails: set[str] = set()
        self.changes: list[dict[str, Any]] = [
            {
                "Type": "Resource",
                "ResourceChange": {
                    "Action": "Modify",
                    "LogicalResourceId": "Key",
                    "ResourceType": "AWS::KMS::Key",
                    "Replacement": "True",
                },
            }
        ]
        cloud.answers |= {
            "DescribeStacks": self.describe,
            "CreateChangeSet": self.create,
            "DescribeChangeSet": self.shown,
            "ExecuteChangeSet": self.execute,
            "DeleteStack": self.delete,
        }

    def describe(self, asked: dict[str, Any]) -> Any:
        name = asked["StackName"]
        if name not in self.standing:
            return refused("ValidationError", f"Stack with id {name} does not exist")
        return {
            "Stacks": [
                {
                    "StackName": name,
                    "CreationTime": datetime.now(UTC),
                    "StackStatus": self.standing[name],
                    "Parameters": self.given.get(name, []),
                }
            ]
        }

    def create(self, asked: dict[str, Any]) -> Any:
        self.given[asked["StackName"]] = asked["Parameters"]
        return {}

    def shown(self, asked: dict[str, Any]) -> Any:
        if self.changes:
            return {"Status": "CREATE_COMPLETE", "Changes": self.changes}
        reason = "The submitted information didn't contain changes."
        return {"Status": "FAILED", "StatusReason": reason}

    def execute(self, asked: dict[str, Any]) -> Any:
        name = asked["StackName"]
        kind = "UPDATE" if name in self.standing else "CREATE"
        fails = name in self.fails
        self.standing[name] = "ROLLBACK_COMPLETE" if fails else f"{kind}_COMPLETE"
        return {}

    def delete(self, asked: dict[str, Any]) -> Any:
        name = asked["StackName"]
        self.standing[name] = "DELETE_FAILED" if name in self.fails else "DELETE_COMPLETE"
        return {}


@pytest.fixture
def layers(cloud: Cloud, root: Path, monkeypatch: pytest.MonkeyPatch) -> Stacks:
    """Let nothing stand yet; the Lambdas' package and the first data are stand-ins."""
    monkeypatch.setattr(stacks, "package", lambda _: (f"lambdas/{'0' * 64}.zip", b"zip"))
    monkeypatch.setattr(stacks, "base_source", lambda: ("short", b"source"))
    (root / "data").mkdir(exist_ok=True)
    (root / "data/generated.csv").touch()
    monkeypatch.setattr(
        stacks,
        "data_release",
        lambda *given: cloud.calls.append(("data_release", {"given": given})),
    )
    monkeypatch.setattr("release.stacks.time.sleep", lambda _: None)
    builds = iter(["IN_PROGRESS", "SUCCEEDED"])
    cloud.answers |= {
        "ListImages": {"imageIds": []},
        "ListBuildsForProject": {"ids": []},
        "StartBuild": {"build": {"id": "build"}},
        "BatchGetBuilds": lambda _: {"builds": [{"buildStatus": next(builds)}]},
        "ListObjectsV2": {"KeyCount": 0},
    }
    return Stacks(cloud)


def names(cloud: Cloud, operation: str) -> list[str]:
    return [asked["StackName"].removeprefix(f"{PROJECT}-") for asked in cloud.made(operation)]


ORDER = ["data", "serving", "identity", "deployers", "images", "pipeline"]


def test_layers_are_deployed_in_order_and_the_seeds_lie_before_the_pipeline(
    cloud: Cloud,
    layers: Stacks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("YES", "1")

    stacks.deploy(changed(), changed().session("tools"))

    assert names(cloud, "ExecuteChangeSet") == ORDER
    what = [
        call.get("Key") or call.get("StackName") or name
        for name, call in cloud.calls
        if name in ("PutObject", "ExecuteChangeSet", "StartBuild", "data_release")
    ]
    assert what[4:] == [
        f"{PROJECT}-images",
        "base/source.zip",
        "StartBuild",
        "data_release",
        f"lambdas/{'0' * 64}.zip",
        f"{PROJECT}-pipeline",
    ]
    parts = {
        item["ParameterValue"]
        for given in layers.given.values()
        for item in given
        if item["ParameterKey"] == "Part"
    }
    assert parts == {"all"}
    out = capsys.readouterr().out
    assert "Modify" in out
    assert "PENDING" in out
    assert "fails in Source until then" in out
    assert "team@example.com" in out
    assert "Push to main" in out


def test_without_a_connection_none_is_spoken_of(
    cloud: Cloud,
    layers: Stacks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("YES", "1")
    source = {"host": "CodeCommit", "repository": "bank", "branch": "main"}

    stacks.deploy(changed(source=source), changed().session("tools"))

    out = capsys.readouterr().out
    assert "Push to main" in out
    assert "connection" not in out


def test_without_data_nothing_is_deployed(
    cloud: Cloud, layers: Stacks, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YES", "1")
    (root / "data/generated.csv").unlink()

    with pytest.raises(UserError, match=r"data/generated.csv is missing.*make run"):
        stacks.deploy(changed(), changed().session("tools"))

    assert not cloud.calls


def test_every_parameter_that_a_layer_lacks_a_default_for_is_given(
    cloud: Cloud, layers: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YES", "1")
    stacks.deploy(changed(network="vpc"), changed().session("tools"))

    for name in [*ORDER, "network"]:
        text = (shared.CLOUDFORMATION / f"{name}.yaml").read_text()
        declared = yaml.load(text, shared.Template)["Parameters"]
        wanted = {key for key, value in declared.items() if "Default" not in value}
        given = {item["ParameterKey"] for item in layers.given[f"{PROJECT}-{name}"]}
        assert wanted <= given <= set(declared), name


def test_nothing_is_executed_before_consent(
    cloud: Cloud, layers: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answered(monkeypatch, "n")

    with pytest.raises(UserError, match="nobody consented"):
        stacks.deploy(changed(), changed().session("tools"))

    assert asked == [f"Change {PROJECT}-data? (y/n) "]
    assert not cloud.made("ExecuteChangeSet", "PutObject", "StartBuild")
    # Nothing is left of it: neither the change set, nor the stack that it was to make.
    (made,), (dropped,) = cloud.made("CreateChangeSet"), cloud.made("DeleteChangeSet")
    assert dropped["ChangeSetName"] == made["ChangeSetName"]
    assert names(cloud, "DeleteStack") == ["data"]


def test_a_refused_change_leaves_the_stack_that_stands(
    cloud: Cloud, layers: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers.standing = {f"{PROJECT}-data": "CREATE_COMPLETE"}
    answered(monkeypatch, "n")

    with pytest.raises(UserError, match="nobody consented"):
        stacks.deploy(changed(), changed().session("tools"))

    assert cloud.made("DeleteChangeSet")
    assert not cloud.made("DeleteStack")


def test_where_nobody_can_be_asked_nobody_consents(
    cloud: Cloud, layers: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    with pytest.raises(UserError, match="YES=1"):
        stacks.deploy(changed(), changed().session("tools"))

    assert not cloud.made("ExecuteChangeSet")


def test_each_layer_is_asked_for(
    cloud: Cloud, layers: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answered(monkeypatch, "y")

    stacks.deploy(changed(), changed().session("tools"))

    assert len(asked) == len(ORDER)


def test_no_changes_are_fine_and_nothing_is_seeded_twice(
    cloud: Cloud, layers: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers.standing = {f"{PROJECT}-{name}": "CREATE_COMPLETE" for name in ORDER}
    layers.changes = []
    cloud.answers |= {"ListImages": {"imageIds": [{"imageTag": "current"}]}}
    cloud.answers |= {"ListObjectsV2": {"KeyCount": 1}}
    asked = answered(monkeypatch, "n")

    stacks.deploy(changed(), changed().session("tools"))

    assert not asked
    assert len(cloud.made("DeleteChangeSet")) == len(ORDER)
    assert not cloud.made("ExecuteChangeSet", "StartBuild", "data_release")


def test_a_failed_first_create_names_its_cause_and_then_what_to_do(
    cloud: Cloud, layers: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YES", "1")
    layers.fails = {f"{PROJECT}-identity"}

    def event(minutes: int, words: str) -> dict[str, Any]:
        when = datetime.now(UTC) + timedelta(minutes=minutes)
        return {"LogicalResourceId": "Role", "ResourceStatusReason": words, "Timestamp": when}

    # The newest first.
    events = [event(2, "cancelled"), event(1, "boundary refused"), event(-60, "of another day")]
    cloud.answers["DescribeEvents"] = {"OperationEvents": events}

    with pytest.raises(UserError, match=r"identity failed.*Role: boundary refused"):
        stacks.deploy(changed(), changed().session("tools"))
    assert names(cloud, "ExecuteChangeSet") == ["data", "serving", "identity"]

    with pytest.raises(UserError, match=f"delete-stack --stack-name {PROJECT}-identity"):
        stacks.deploy(changed(), changed().session("tools"))


def test_what_stands_is_read_back(
    cloud: Cloud, layers: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YES", "1")
    cloud.answers["CreateChangeSet"] = {}  # Another's parameters stand.

    with pytest.raises(UserError, match="data stands, but with another Project"):
        stacks.deploy(changed(), changed().session("tools"))


def test_a_failed_build_of_the_base_image_ends_the_deployment(
    cloud: Cloud, layers: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YES", "1")
    cloud.answers["BatchGetBuilds"] = {"builds": [{"buildStatus": "FAILED"}]}

    with pytest.raises(UserError, match=f"{PROJECT}-base: its build has FAILED"):
        stacks.deploy(changed(), changed().session("tools"))

    assert "pipeline" not in names(cloud, "CreateChangeSet")


def test_a_build_of_the_base_image_that_runs_already_is_waited_for(
    cloud: Cloud,
    layers: Stacks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("YES", "1")
    states = iter(["IN_PROGRESS", "IN_PROGRESS", "SUCCEEDED"])
    cloud.answers |= {
        "ListBuildsForProject": {"ids": ["theirs"]},
        "BatchGetBuilds": lambda asked: {
            "builds": [{"id": name, "buildStatus": next(states)} for name in asked["ids"]]
        },
    }

    stacks.deploy(changed(), changed().session("tools"))

    assert not cloud.made("StartBuild")
    assert "base/source.zip" not in [asked["Key"] for asked in cloud.made("PutObject")]
    assert "is being built already, by theirs" in capsys.readouterr().out
    assert names(cloud, "ExecuteChangeSet") == ORDER


def test_a_dry_deployment_shows_what_would_change_and_changes_nothing(
    cloud: Cloud,
    layers: Stacks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DRY", "1")
    layers.standing = {f"{PROJECT}-{name}": "CREATE_COMPLETE" for name in ORDER[:-1]}

    stacks.deploy(changed(), changed().session("tools"))

    assert not cloud.made(
        "ExecuteChangeSet", "DeleteStack", "PutObject", "StartBuild", "data_release"
    )
    assert names(cloud, "CreateChangeSet") == names(cloud, "DeleteChangeSet") == ORDER[:-1]
    out = capsys.readouterr().out
    assert out.count("AWS::KMS::Key") == len(ORDER) - 1
    assert f"{PROJECT}-pipeline: is new" in out
    assert "Nothing was changed" in out
    assert "The layers stand" not in out


@pytest.fixture
def two(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Make the settings of two accounts, and prod's profile."""
    (tmp_path / "credentials").write_text(
        "[production]\naws_access_key_id = prod\naws_secret_access_key = secret\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))

    def identity(_: dict[str, Any]) -> dict[str, Any]:
        mine = {"tools": TOOLS, "prod": PROD}[cloud.keys[-1]]
        return {"Account": mine, "Arn": f"arn:aws:iam::{mine}:user/someone"}

    cloud.answers["GetCallerIdentity"] = identity
    return changed(prod_account_id=PROD, prod_profile="production")


def test_with_two_accounts_the_layers_are_in_both(
    cloud: Cloud, two: Settings, layers: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YES", "1")
    stacks.deploy(two, two.session("tools"))

    done = [
        (key, asked["StackName"].removeprefix(f"{PROJECT}-"))
        for (name, asked), key in zip(cloud.calls, cloud.keys, strict=False)
        if name == "ExecuteChangeSet"
    ]
    # What builds, trains and approves is the tools' account's alone.
    prod = ["data", "serving", "deployers"]
    assert [name for _, name in done] == [*ORDER[:4], *prod, *ORDER[4:]]
    # What follows is the base image's and the pipeline's, in the tools' account again.
    assert [key for key, _ in done[:7]] == ["tools"] * 4 + ["prod"] * 3


def test_credentials_of_another_account_are_refused_for_prod(cloud: Cloud) -> None:
    settings = changed(prod_account_id=PROD, prod_profile="")

    with pytest.raises(UserError, match=rf"{PROD}.*prod_profile.*{TOOLS}"):
        settings.session("prod")


# Teardown.

HELD = {
    "data": [("AWS::S3::Bucket", "the-data"), ("AWS::KMS::Key", "the-key")],
    "prod": [("AWS::SageMaker::Endpoint", ENDPOINT), ("AWS::IAM::Role", "free")],
    "images": [("AWS::ECR::Repository", PROJECT)],
    "network": [("AWS::EC2::VPCEndpoint", "vpce")],
}
EVERY = ["pipeline", "monitor", "prod", "dev", "train", "images", "network"]
KEPT = ["deployers", "identity", "serving", "data"]


@pytest.fixture
def standing(cloud: Cloud) -> Stacks:
    """Let a whole release stand."""

    def resources(asked: dict[str, Any]) -> dict[str, Any]:
        held = HELD.get(asked["StackName"].removeprefix(f"{PROJECT}-"), [])
        return {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": "Some",
                    "ResourceType": kind,
                    "PhysicalResourceId": name,
                    "LastUpdatedTimestamp": datetime.now(UTC),
                    "ResourceStatus": "CREATE_COMPLETE",
                }
                for kind, name in held
            ]
        }

    cloud.answers["ListStackResources"] = resources
    return Stacks(cloud, {f"{PROJECT}-{name}": "CREATE_COMPLETE" for name in EVERY + KEPT})


def test_teardown_lists_what_bills_and_deletes_nothing_before_consent(
    cloud: Cloud,
    standing: Stacks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answered(monkeypatch, "")

    with pytest.raises(UserError, match="nobody consented"):
        stacks.teardown(changed(network="vpc"), changed().session("tools"))

    out = capsys.readouterr().out
    assert all(name in out for name in ("the-data", "the-key", ENDPOINT, "vpce"))
    assert "free" not in out
    assert not [name for name, _ in cloud.calls if name.startswith(("Delete", "Schedule"))]


def test_teardown_keeps_data_and_roles_and_begins_with_the_pipeline(
    cloud: Cloud,
    standing: Stacks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("YES", "1")

    stacks.teardown(changed(network="vpc"), changed().session("tools"))

    assert set(names(cloud, "DeleteStack")) == set(EVERY)
    assert names(cloud, "DeleteStack")[:5] == EVERY[:5]
    assert not cloud.made("DeleteBucket", "DeleteObjects", "ScheduleKeyDeletion")
    last = capsys.readouterr().out.splitlines()[-1]
    assert "DATA=1" in last
    assert all(f"{PROJECT}-{name}" in last for name in KEPT)
    assert f"{PROJECT}-images" not in last


def test_where_nothing_stands_teardown_asks_nothing(
    cloud: Cloud,
    standing: Stacks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    standing.standing.clear()
    asked = answered(monkeypatch, "n")

    stacks.teardown(changed(), changed().session("tools"))

    assert not asked
    assert "there is nothing to delete" in capsys.readouterr().out


OTHERS_LOG = f"/aws/sagemaker/Endpoints/{PROJECT}-two-20261122-101500-abcdef1"
LOGS = [
    f"/aws/sagemaker/Endpoints/{PROJECT}-20261101-080000-0ddba11",
    f"/aws/sagemaker/Endpoints/{PROJECT}-dev-20261122-101500-abcdef1",
]


def log_groups(asked: dict[str, Any]) -> dict[str, Any]:
    """Answer as CloudWatch Logs does: by a prefix, which another project's groups have too."""
    every = [*LOGS, OTHERS_LOG, "/aws/sagemaker/TrainingJobs"]
    named = [name for name in every if name.startswith(asked["logGroupNamePrefix"])]
    return {"logGroups": [{"logGroupName": name} for name in named]}


def test_teardown_takes_the_endpoints_logs_which_no_stack_owns(
    cloud: Cloud,
    standing: Stacks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("YES", "1")
    cloud.answers["DescribeLogGroups"] = log_groups

    stacks.teardown(changed(), changed().session("tools"))

    assert [asked["logGroupName"] for asked in cloud.made("DeleteLogGroup")] == LOGS
    # After the endpoints, which write into them.
    deleted = [name for name, _ in cloud.calls if name.startswith("Delete")]
    assert deleted.index("DeleteLogGroup") > deleted.index("DeleteStack")
    shown = capsys.readouterr().out.splitlines()
    for name in LOGS:
        (line,) = [each for each in shown if name in each]
        assert "no stack" in line
        assert "deleted" in line
    assert not any(OTHERS_LOG in line for line in shown)


def test_logs_that_are_left_over_are_asked_for_and_deleted(
    cloud: Cloud, standing: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing.standing.clear()
    cloud.answers["DescribeLogGroups"] = log_groups
    asked = answered(monkeypatch, "y")

    stacks.teardown(changed(), changed().session("tools"))

    assert asked == ["Delete the logs of 2 endpoints? (y/n) "]
    assert len(cloud.made("DeleteLogGroup")) == 2


def test_a_log_that_cannot_be_deleted_is_named(
    cloud: Cloud, standing: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YES", "1")
    cloud.answers |= {
        "DescribeLogGroups": log_groups,
        "DeleteLogGroup": refused("AccessDeniedException"),
    }

    with pytest.raises(UserError, match=f"may bill on:\n  {LOGS[0]}: .*AccessDenied"):
        stacks.teardown(changed(), changed().session("tools"))


def test_with_data_1_the_data_go_too(
    cloud: Cloud, standing: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YES", "1")
    monkeypatch.setenv("DATA", "1")
    version = {"Key": "raw/own.csv", "VersionId": "1"}
    cloud.answers["ListObjectVersions"] = {"Versions": [version], "DeleteMarkers": []}

    stacks.teardown(changed(network="vpc"), changed().session("tools"))

    assert names(cloud, "DeleteStack") == [*EVERY, *KEPT]
    (emptied,) = cloud.made("DeleteObjects")
    assert emptied["Bucket"] == "the-data"
    assert emptied["Delete"]["Objects"] == [version]
    assert cloud.made("DeleteBucket") == [{"Bucket": "the-data"}]
    (key,) = cloud.made("ScheduleKeyDeletion")
    assert key["KeyId"] == "the-key"


def test_what_cannot_be_deleted_is_named_and_the_rest_goes(
    cloud: Cloud, standing: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YES", "1")
    standing.fails = {f"{PROJECT}-prod"}

    with pytest.raises(
        UserError, match=f"may bill on:\n  {PROJECT}-prod: .*DELETE_FAILED|StackDel"
    ):
        stacks.teardown(changed(), changed().session("tools"))

    assert "images" in names(cloud, "DeleteStack")


def test_a_second_teardown_passes_over_what_the_first_deleted(
    cloud: Cloud, standing: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YES", "1")
    monkeypatch.setenv("DATA", "1")
    cloud.answers |= {
        "ListObjectVersions": refused("NoSuchBucket", "The specified bucket does not exist"),
        "ScheduleKeyDeletion": refused("KMSInvalidStateException", "the-key is pending deletion."),
    }

    stacks.teardown(changed(), changed().session("tools"))

    assert "data" in names(cloud, "DeleteStack")


# Preflight.

CONNECTION = f"arn:aws:codeconnections:ap-southeast-2:{TOOLS}:connection/1"


@pytest.fixture
def well(cloud: Cloud, root: Path) -> Cloud:
    """Let every check find what it wants."""
    quotas = [
        {"QuotaName": f"{instance} for {use} usage", "Value": 4.0}
        for instance, use in (
            ("ml.m5.large", "training job"),
            ("ml.m5.large", "processing job"),
            ("ml.m5.large", "endpoint"),
            ("ml.t2.medium", "endpoint"),
            ("ml.t3.medium", "processing job"),
        )
    ]
    quotas[2]["Value"] = 8.0

    def resource(asked: dict[str, Any]) -> dict[str, Any]:
        template = yaml.load(shared.read("pipeline"), shared.Template)
        assert template["Resources"][asked["LogicalResourceId"]]["Type"] == (
            "AWS::CodeConnections::Connection"
        )
        return {"StackResourceDetail": {"PhysicalResourceId": CONNECTION}}

    cloud.answers |= {
        "ListServiceQuotas": {"Quotas": quotas},
        "ListAWSDefaultServiceQuotas": {"Quotas": []},
        "DescribeStacks": Stacks(cloud, {f"{PROJECT}-pipeline": "CREATE_COMPLETE"}).describe,
        "DescribeStackResource": resource,
        "GetConnection": {"Connection": {"ConnectionStatus": "AVAILABLE"}},
        "SimulatePrincipalPolicy": lambda asked: {
            "EvaluationResults": [
                {"EvalActionName": name, "EvalDecision": "allowed"} for name in asked["ActionNames"]
            ],
            "IsTruncated": False,
        },
    }
    return cloud


def looked(**changes: Any) -> None:
    operate.preflight(changed(**changes), changed().session("tools"))


def test_preflight_passes_where_all_is_well(
    well: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    looked()

    assert capsys.readouterr().out.count(" ok\n") == 5


def test_a_quota_of_zero_is_a_fault_with_its_name(
    well: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    well.answers["ListServiceQuotas"]["Quotas"][2]["Value"] = 0.0

    with pytest.raises(UserError, match="1 faults"):
        looked()

    assert "ml.m5.large for endpoint usage is 0, and 8 are needed" in capsys.readouterr().out


def test_both_endpoints_of_a_release_may_be_at_their_largest(well: Cloud) -> None:
    well.answers["ListServiceQuotas"]["Quotas"][2]["Value"] = 7.0

    with pytest.raises(UserError, match="1 faults"):
        looked()
    looked(prod__maximum=3)


def test_a_quota_that_was_never_changed_is_aws_default(well: Cloud) -> None:
    quotas = well.answers["ListServiceQuotas"]["Quotas"]
    well.answers["ListAWSDefaultServiceQuotas"]["Quotas"] = [quotas.pop()]

    looked()


def test_an_instance_without_a_quota_is_a_fault(
    well: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match="1 faults"):
        looked(dev__instance="ml.t2.meduim")

    assert "ml.t2.meduim for endpoint usage: no such quota" in capsys.readouterr().out
    # What takes no instance needs no quota of one.
    looked(dev__instance="ml.t2.meduim", dev__kind="serverless")


@pytest.mark.parametrize("status", ["PENDING", "ERROR"])
def test_a_connection_that_is_not_available_is_a_fault_with_its_mend(
    well: Cloud, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    well.answers["GetConnection"]["Connection"]["ConnectionStatus"] = status

    with pytest.raises(UserError):
        looked()

    assert f"{status}: in the console" in (out := capsys.readouterr().out)
    assert "Update pending connection" in out


def test_where_there_is_no_connection_none_is_looked_for(
    well: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    with suppress(UserError):
        looked(source={"host": "CodeCommit", "repository": "bank", "branch": "main"})

    assert "connection" not in capsys.readouterr().out
    assert not well.made("GetConnection")


def test_before_the_first_deployment_there_is_no_connection_yet(
    well: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    well.answers["DescribeStacks"] = Stacks(Cloud()).describe

    looked()

    assert "connection not checked: no pipeline yet" in capsys.readouterr().out


def test_preflight_reads_what_the_monitor_watches_too(well: Cloud, root: Path) -> None:
    (root / "monitoring/monitoring.yaml").write_text("schedule: {every_hours: 5}\n")

    with pytest.raises(UserError, match=r"monitoring\.yaml"):
        looked()


def test_a_denied_action_is_named_and_a_role_is_looked_up(
    well: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    role = f"arn:aws:iam::{TOOLS}:role/sso/Deployer"
    session = f"arn:aws:sts::{TOOLS}:assumed-role/Deployer/me"
    well.answers |= {
        "GetCallerIdentity": {"Account": TOOLS, "Arn": session},
        "GetRole": {
            "Role": {
                "Arn": role,
                "RoleName": "Deployer",
                "Path": "/sso/",
                "RoleId": "AROAEXAMPLEEXAMPLE",
                "CreateDate": datetime.now(UTC),
            }
        },
        "SimulatePrincipalPolicy": {
            "EvaluationResults": [
                {"EvalActionName": "iam:CreateRole", "EvalDecision": "implicitDeny"}
            ],
            "IsTruncated": False,
        },
    }

    with pytest.raises(UserError):
        looked()

    assert well.made("SimulatePrincipalPolicy")[0]["PolicySourceArn"] == role
    assert "may not iam:CreateRole" in capsys.readouterr().out


def test_a_check_that_is_not_allowed_is_no_fault_and_says_so(
    well: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    well.answers["SimulatePrincipalPolicy"] = refused("AccessDenied")

    looked()

    assert "permissions not checked" in capsys.readouterr().out


def test_a_region_without_a_service_is_a_fault(
    well: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = changed()
    opened = changed().session("tools")

    found = operate.services(nowhere.model_copy(update={"region": "us-nowhere-9"}), opened, "all")

    assert any("sagemaker is not in us-nowhere-9" in words for words in found)


# Status.


def test_status_says_what_is_live_and_what_waits(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    older = "20261101-080000-0ddba11"

    def version(number: str, release: str) -> dict[str, Any]:
        env = {"RELEASE_ID": release, "ENDPOINT_NAME": f"{PROJECT}-{release}"}
        return {"Version": number, "Environment": {"Variables": env}}

    decision = {"time": "2026-11-02T00:00:00Z", "cause": "drift", "against": ["too soon"]}
    cloud.answers |= {
        "GetAlias": {
            "FunctionVersion": "6",
            "RoutingConfig": {"AdditionalVersionWeights": {"7": 0.1}},
        },
        "ListVersionsByFunction": {"Versions": [version("6", older), version("7", RELEASE)]},
        "DescribeEndpoint": {"EndpointStatus": "InService"},
        "GetPipelineState": {
            "stageStates": [
                {
                    "stageName": "Build",
                    "latestExecution": {"pipelineExecutionId": "1", "status": "Succeeded"},
                },
                {
                    "stageName": "Approval",
                    "latestExecution": {"pipelineExecutionId": "1", "status": "InProgress"},
                },
                {"stageName": "DeployProd"},
            ]
        },
        "ListObjectsV2": {
            "Contents": [{"Key": f"retraining/2026-11-0{day}"} for day in range(1, 6)]
        },
        "GetObject": lambda _: {
            "Body": io.BytesIO(json.dumps(decision | {"started": None}).encode())
        },
        "DescribeAlarms": lambda asked: {
            "MetricAlarms": [
                {"AlarmName": name, "StateValue": "ALARM"}
                for name in asked["AlarmNames"]
                if name == f"{PROJECT}-drift"
            ],
            "CompositeAlarms": [],
        },
    }

    cloud.answers["DescribeStacks"] = lambda asked: {
        "Stacks": [
            {
                "StackName": asked["StackName"],
                "Outputs": [{"OutputKey": "ApiUrl", "OutputValue": "https://a.example/v1"}],
            }
        ]
    }

    cloud.answers |= {
        "DescribeStackResource": {"StackResourceDetail": {"PhysicalResourceId": CONNECTION}},
        "GetConnection": {"Connection": {"ConnectionStatus": "PENDING"}},
    }

    operate.status(changed(), changed().session("tools"))

    out = capsys.readouterr().out
    assert "each run fails in Source" in " ".join(out.split())
    lines = {line.split("│")[1].strip(): line for line in out.splitlines() if line.count("│") > 1}
    assert "https://a.example/v1" in lines["ApiUrl"]
    assert "90% of traffic" in lines[f"release {older}"]
    assert "10% of traffic" in lines[f"release {RELEASE}"]
    assert "InService" in lines[f"release {RELEASE}"]
    assert "waits for approval" in lines["stage Approval"]
    assert "never ran" in lines["stage DeployProd"]
    assert out.count("drift: too soon") == 3
    assert "ALARM" in lines[f"alarm {PROJECT}-drift"]
    asked = cloud.made("DescribeAlarms")[0]["AlarmNames"]
    assert f"{PROJECT}-latency-{RELEASE}" in asked


@pytest.mark.parametrize("name", ["prod", "monitor"])
def test_status_says_how_to_mend_a_stack_whose_first_creation_failed(
    cloud: Cloud, name: str
) -> None:
    title = f"{PROJECT}-{name}"
    found = Stacks(cloud, {title: "ROLLBACK_COMPLETE"})

    [(what, words)] = operate.stuck(changed(), changed().session("tools"))

    assert what == f"stack {title}"
    assert words.startswith("ROLLBACK_COMPLETE: mend what its events name")
    assert f"delete-stack --stack-name {title}`, then retry the stage" in words
    found.standing[title] = "UPDATE_COMPLETE"
    assert operate.stuck(changed(), changed().session("tools")) == []


# Rollback.

FIRST, SECOND, THIRD, AGAIN = (f"{digit * 8}-0000-0000-0000-000000000000" for digit in "1234")


@pytest.fixture
def history(cloud: Cloud) -> Cloud:
    """Let three executions have gone live, the third last."""
    place = {"bucket": "artifacts", "key": "Built/1"}
    stage = {
        "stageName": "DeployProd",
        "pipelineVersion": 5,
        "input": {"inputArtifacts": [{"name": "Built", "s3location": place}]},
    }
    cloud.answers |= {
        "ListPipelineExecutions": {
            "pipelineExecutionSummaries": [
                {"pipelineExecutionId": name, "executionType": "STANDARD"}
                for name in (THIRD, SECOND, FIRST)
            ]
        },
        "ListActionExecutions": {"actionExecutionDetails": [stage]},
        "GetPipeline": {
            "pipeline": {"name": PROJECT, "roleArn": "arn", "stages": [], "version": 5}
        },
        "RollbackStage": {"pipelineExecutionId": AGAIN},
    }
    return cloud


def rolled(execution: str = "") -> None:
    operate.rollback(changed(), changed().session("tools"), execution)


def test_rollback_puts_the_release_before_the_live_one_back(
    history: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(monkeypatch, "y")

    rolled()

    (asked,) = history.made("RollbackStage")
    assert asked["targetPipelineExecutionId"] == SECOND
    assert asked["stageName"] == "DeployProd"


def test_a_rollback_after_a_rollback_goes_further_back(
    history: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YES", "1")
    history.answers["ListPipelineExecutions"]["pipelineExecutionSummaries"].insert(
        0,
        {
            "pipelineExecutionId": AGAIN,
            "executionType": "ROLLBACK",
            "rollbackMetadata": {"rollbackTargetPipelineExecutionId": SECOND},
        },
    )

    rolled()

    assert history.made("RollbackStage")[0]["targetPipelineExecutionId"] == FIRST
    with pytest.raises(UserError, match=f"{AGAIN} cannot be put back.*no rollback itself"):
        rolled(AGAIN)


def test_an_execution_that_never_went_live_is_no_target(history: Cloud) -> None:
    with pytest.raises(UserError, match="must have passed DeployProd"):
        rolled(AGAIN)


def test_a_target_from_before_a_pipeline_edit_is_refused(history: Cloud) -> None:
    history.answers["GetPipeline"]["pipeline"]["version"] = 6

    with pytest.raises(UserError, match="before the pipeline was edited; revert"):
        rolled(FIRST)


def test_a_target_whose_artifacts_have_expired_is_refused(history: Cloud) -> None:
    history.answers["HeadObject"] = refused("404", "Not Found")

    with pytest.raises(UserError, match="Built/1 has expired"):
        rolled(FIRST)


def test_a_first_release_has_nothing_to_go_back_to(history: Cloud) -> None:
    summaries = history.answers["ListPipelineExecutions"]["pipelineExecutionSummaries"]
    del summaries[1:]

    with pytest.raises(UserError, match="no earlier execution"):
        rolled()
    summaries.clear()
    with pytest.raises(UserError, match="no earlier execution"):
        rolled()


def test_a_refused_rollback_rolls_nothing_back(
    history: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(monkeypatch, "n")
    history.answers["GetPipeline"]["pipeline"]["version"] = 6
    with suppress(UserError):
        rolled()
    history.answers["GetPipeline"]["pipeline"]["version"] = 5
    with suppress(UserError):
        rolled()

    assert not history.made("RollbackStage")


# Why.

PREDICTION = "0123456789abcdef" * 2
PACKAGE = f"arn:aws:sagemaker:ap-southeast-2:{TOOLS}:model-package/{PROJECT}/7"


@pytest.fixture
def captured(cloud: Cloud) -> Cloud:
    """Let one call be captured, yesterday."""
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y/%m/%d}"
    key = f"captures/{ENDPOINT}/main/{yesterday}/10/1.jsonl"
    line = json.dumps({"eventMetadata": {"eventId": "e", "inferenceId": PREDICTION}})

    def listed(asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("Delimiter"):
            ends = ("another", ENDPOINT)
            return {"CommonPrefixes": [{"Prefix": f"captures/{end}/"} for end in ends]}
        return {"Contents": [{"Key": key}]} if key.startswith(asked["Prefix"]) else {}

    facts = {"Release": RELEASE, "Commit": "abcdef1", "DataVersion": "v3"}
    cloud.answers |= {
        "ListObjectsV2": listed,
        "GetObject": lambda _: {"Body": io.BytesIO(line.encode())},
        "ListModelPackages": {
            "ModelPackageSummaryList": [
                {
                    "ModelPackageArn": PACKAGE,
                    "CreationTime": datetime.now(UTC),
                    "ModelPackageStatus": "Completed",
                }
            ]
        },
        "DescribeModelPackage": {
            "CustomerMetadataProperties": facts,
            "ApprovalDescription": "execution 1, approved by Ann",
        },
    }
    return cloud


def test_why_leads_from_a_prediction_to_commit_data_and_approver(
    captured: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    operate.why(changed(), changed().session("tools"), PREDICTION)

    out = capsys.readouterr().out
    for word in ("/10/1.jsonl", ENDPOINT, "abcdef1", "v3", "approved by Ann"):
        assert word in out


def test_why_prints_whole_values(
    captured: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.console, "width", 40)
    lineage = captured.answers["DescribeModelPackage"]["CustomerMetadataProperties"]
    lineage["ServeImage"] = f"sha256:{'a' * 64}"
    lineage["DvcHash"] = "[red]kept[/red] :warning:"

    operate.why(changed(), changed().session("tools"), PREDICTION)

    lines = capsys.readouterr().out.splitlines()
    assert f"ServeImage: sha256:{'a' * 64}" in lines
    assert "DvcHash: [red]kept[/red] :warning:" in lines


def test_a_table_folds_what_is_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shared.console, "width", 40)

    shared.show("title", ("what", "value"), [("[b]key[/b]", "0123456789" * 10)])

    out = capsys.readouterr().out
    assert "[b]key[/b]" in out
    assert "…" not in out
    assert sum(map(str.isdigit, out)) == 100


@pytest.mark.parametrize("prediction", ["", "abc", '.*"', f"{PREDICTION}0", PREDICTION.upper()])
def test_why_says_what_an_id_looks_like(captured: Cloud, prediction: str) -> None:
    with pytest.raises(UserError) as refused:
        operate.why(changed(), changed().session("tools"), prediction)

    words = "is no id of a prediction: it has 32 of 0-9 and a-f, such as the API answers"
    assert str(refused.value).startswith(f"PREDICTION={prediction} {words}")
    assert "DAYS" not in str(refused.value)
    assert not captured.made("GetObject")


@pytest.mark.parametrize("days", ["0", "-1", "x", "10000"])
def test_why_says_what_a_number_of_days_is(captured: Cloud, days: str) -> None:
    with pytest.raises(UserError, match=f"^DAYS={days} is no number of days: write 1 to 9999$"):
        operate.why(changed(), changed().session("tools"), PREDICTION, days)

    assert not captured.made("GetObject")


@pytest.mark.parametrize("form", ['"inferenceId": "%s"', '"inferenceId":"%s"'])
def test_why_finds_probes_and_only_what_is_an_id(
    captured: Cloud, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    probe = f"probe-{RELEASE}-3"
    captured.answers["GetObject"] = lambda _: {"Body": io.BytesIO((form % probe).encode())}
    operate.why(changed(), changed().session("tools"), probe)
    assert "abcdef1" in capsys.readouterr().out

    elsewhere = form.replace("inferenceId", "text") % probe
    captured.answers["GetObject"] = lambda _: {"Body": io.BytesIO(elsewhere.encode())}
    with pytest.raises(UserError, match="in no capture"):
        operate.why(changed(), changed().session("tools"), probe)


@pytest.mark.parametrize(("prediction", "days"), [("f" * 32, "7"), (PREDICTION, "1")])
def test_why_says_where_it_looked(captured: Cloud, prediction: str, days: str) -> None:
    with pytest.raises(UserError, match=rf"{prediction}.*last {days} days.*{ENDPOINT}.*DAYS="):
        operate.why(changed(), changed().session("tools"), prediction, days)


# The test of dev's endpoint.

CASE = {"text": "aldi", "price": 2.5, "category": "groceries", "probabilities": {"groceries": 0.9}}


@pytest.fixture
def dev(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """Let dev's endpoint answer rightly, and refuse what is malformed."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
    monkeypatch.setenv("ENDPOINT", f"{PROJECT}-dev-{RELEASE}")
    monkeypatch.setenv("GOLDEN", f"s3://{DATA}/runs/{RELEASE}/evaluation/golden.json")
    known = {"classes": ["groceries"], "cases": [CASE]}

    def invoke(asked: dict[str, Any]) -> Any:
        try:
            json.loads(asked["Body"])
        except ValueError:
            error = {"Error": {"Code": "ModelError", "Message": "400"}, "OriginalStatusCode": 400}
            return ClientError(error, "InvokeEndpoint")
        return {"Body": io.BytesIO(json.dumps(CASE).encode())}

    cloud.answers |= {
        "GetObject": lambda _: {"Body": io.BytesIO(json.dumps(known).encode())},
        "InvokeEndpoint": invoke,
    }
    return cloud


def proved() -> None:
    operate.prove(changed(), changed().session("tools"))


@pytest.mark.actor("test")
def test_devs_endpoint_is_asked_the_golden_cases_and_one_malformed_request(dev: Cloud) -> None:
    proved()

    assert len(dev.made("InvokeEndpoint")) == 2


@pytest.mark.actor("test")
def test_a_wrong_answer_fails_the_test_of_dev(dev: Cloud) -> None:
    wrong = json.dumps(CASE | {"category": "transport"}).encode()
    dev.answers["InvokeEndpoint"] = lambda _: {"Body": io.BytesIO(wrong)}

    with pytest.raises(RuntimeError, match="another category"):
        proved()


@pytest.mark.actor("test")
@pytest.mark.parametrize("status", [500, None])
def test_an_endpoint_that_breaks_on_a_malformed_request_fails_the_test_of_dev(
    dev: Cloud, status: int | None
) -> None:
    right = dev.answers["InvokeEndpoint"]

    def breaks(asked: dict[str, Any]) -> Any:
        answer = right(asked)
        if isinstance(answer, ClientError) and status:
            answer.response["OriginalStatusCode"] = status
            return answer
        return {"Body": io.BytesIO(json.dumps(CASE).encode())}

    dev.answers["InvokeEndpoint"] = breaks

    with pytest.raises(UserError, match="otherwise than with 400"):
        proved()


# The proof on AWS: everything but AWS.

DOCUMENT = Path(__file__).parents[2] / "docs/release.md"


@pytest.fixture
def prove(cloud: Cloud, root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Give the proof's module, in a folder with settings."""
    place = Path(__file__).parents[2] / "prove/sandbox.py"
    specification = importlib.util.spec_from_file_location("prove", place)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.delenv("DRY", raising=False)
    return module


def evidence(module: ModuleType) -> list[tuple[str, str]]:
    found = json.loads(module.EVIDENCE.read_text(encoding="utf-8"))
    assert all(item["claim"] == module.STEPS[item["step"]][0] for item in found)
    return [(item["step"], item["outcome"]) for item in found]


@pytest.mark.parametrize("said", ["1", "yes"])
def test_a_dry_run_says_every_step_and_does_nothing(
    said: str,
    prove: ModuleType,
    cloud: Cloud,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DRY", said)
    monkeypatch.setattr("boto3.Session", None)
    exec(last_line(prove), vars(prove))
    assert cloud.calls == []
    assert not prove.EVIDENCE.exists()
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [f"{name}: {claim}" for name, (claim, _) in prove.STEPS.items()]
    assert [*prove.STEPS][-2:] == ["teardown", "cost"]


@pytest.mark.parametrize("said", ["", "0", None])
def test_what_is_not_dry_asks_for_the_account(
    said: str | None, prove: ModuleType, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is not None:
        monkeypatch.setenv("DRY", said)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    ended = run(prove, monkeypatch=monkeypatch)
    assert "terminal" in ended
    assert len(ended.splitlines()) == 1
    assert [name for name, _ in cloud.calls] == ["GetCallerIdentity"]


def test_the_proof_without_a_profile_says_how_to_sign_in(
    prove: ModuleType, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    assert "nobodys" in run(prove, monkeypatch=monkeypatch)


@pytest.mark.parametrize("dry", ["1", "0"])
@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"prod_account_id": PROD}, "prod_account_id"),
        ({"prod__auth": "api-key"}, "prod.auth: 'iam'"),
    ],
    ids=lambda value: str(value),
)
def test_the_proof_refuses_the_forms_that_it_does_not_prove(
    change: dict[str, Any],
    key: str,
    dry: str,
    prove: ModuleType,
    cloud: Cloud,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = changed(**change).model_dump()
    shared.SETTINGS.write_text(yaml.safe_dump(settings), encoding="utf-8")
    monkeypatch.setenv("DRY", dry)
    assert key in run(prove, monkeypatch=monkeypatch)
    assert cloud.calls == []


def last_line(module: ModuleType) -> str:
    text = Path(str(module.__file__)).read_text(encoding="utf-8")
    return text.rpartition('if __name__ == "__main__":\n')[2].strip()


def test_every_step_of_the_proof_is_a_line_of_the_document_and_the_reverse(
    prove: ModuleType,
) -> None:
    table = DOCUMENT.read_text(encoding="utf-8").partition("| claim |")[2]
    named = {name for line in table.splitlines() for name in re.findall(r"`([a-z-]+)`", line)}
    assert named & {*prove.STEPS} == {*prove.STEPS}
    last = {line.split("|")[3] for line in table.splitlines()[2:] if line.startswith("|")}
    assert {name for cell in last for name in re.findall(r"`([a-z-]+)`", cell)} == {*prove.STEPS}


def test_the_proof_wants_the_account_s_id_first(
    prove: ModuleType, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(monkeypatch, "1")
    assert "sandbox account" in run(prove, monkeypatch=monkeypatch)
    assert [name for name, _ in cloud.calls] == ["GetCallerIdentity"]


def test_a_step_that_fails_is_evidence_and_all_is_torn_down(
    prove: ModuleType, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Any) -> None:
        raise AssertionError("no canary was seen")

    def notes(name: str, _: Any) -> None:
        ran.append(name)

    ran: list[str] = []
    steps = {
        name: (claim, fails if name == "canary" else partial(notes, name))
        for name, (claim, _) in prove.STEPS.items()
    }
    monkeypatch.setattr(prove, "STEPS", steps)
    answered(monkeypatch, TOOLS)
    assert "did not hold" in run(prove, monkeypatch=monkeypatch)
    before = [*steps][: [*steps].index("canary")]
    assert ran == [*before, "teardown", "cost"]
    outcomes = dict(evidence(prove))
    assert outcomes["canary"] == "did not hold"
    assert {outcomes[name] for name in ran} == {"held"}
    assert "no canary was seen" in prove.EVIDENCE.read_text(encoding="utf-8")
    ignored = (Path(__file__).parents[2] / ".gitignore").read_text(encoding="utf-8")
    assert str(prove.EVIDENCE) not in ignored


def test_the_proof_s_requests_are_signed_for_the_api(
    prove: ModuleType, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []

    def urlopen(request: Any, timeout: float) -> Any:
        sent.append(request)
        body = io.BytesIO(b'{"detail": "no"}')
        raise urllib.error.HTTPError(request.full_url, 400, "Bad Request", Message(), body)

    outputs = [{"OutputKey": "ApiUrl", "OutputValue": "https://a.example/v1"}]
    stack = {"StackName": "s", "CreationTime": datetime.now(UTC), "StackStatus": "CREATE_COMPLETE"}
    cloud.answers["DescribeStacks"] = {"Stacks": [stack | {"Outputs": outputs}]}
    monkeypatch.setattr(prove.urllib.request, "urlopen", urlopen)
    settings = prove.read_settings()
    status, answer = prove.Sandbox(settings, settings.session("tools")).call(b"{}")
    assert (status, answer) == (400, {"body": '{"detail": "no"}'})
    [request] = sent
    assert request.full_url == "https://a.example/v1/predict"
    scope = f"{settings.region}/execute-api/aws4_request"
    assert scope in request.get_header("Authorization")


@cache
def session() -> Any:
    """Give a session that makes each client once for all tests: AWS is the test's `Cloud`."""
    opened = changed().session("tools")
    return SimpleNamespace(client=cache(opened.client), region_name=opened.region_name)


class World:
    """An account where releases pass, or a fault is set; its names are the templates'.

    What asks for another name fails. A quarter of a minute passes with each sleep.
    """

    def __init__(self, cloud: Cloud, prove: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.prove, self.clock = prove, datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
        self.runs: list[dict[str, Any]] = []
        self.plays: list[Iterator[None]] = []
        self.versions: list[tuple[str, str]] = []
        self.weights: dict[str, float] = {}
        self.ends = {f"{PROJECT}-dev-{RELEASE}": "InService"}
        self.objects: dict[str, dict[str, bytes]] = {DATA: {}, LIVE: {}}
        self.events: list[str] = []
        self.red: list[str] = []
        self.outcome, self.code, self.share, self.minutes = "Succeeded", "ALARM_ACTIVE", 0.1, 5.0
        self.status, self.approval, self.back = 200, "InProgress", "Succeeded"
        self.shifts = ["d-1"]
        self.job, self.retraining, self.deleted = "Completed", {"started": None}, 2
        self.golden, self.labels, self.said = "", 1, ""
        self.verbs: list[tuple[str, ...]] = []
        clock = SimpleNamespace(sleep=self.sleep, time=lambda: 1_000_000_000.0)
        monkeypatch.setattr(prove, "time", clock)
        monkeypatch.setattr(prove, "now", lambda: f"{self.clock:%Y-%m-%dT%H:%M:%SZ}")
        monkeypatch.setattr(prove, "verb", self.verb)
        monkeypatch.setattr(prove.Sandbox, "call", self.call)
        cloud.answers |= {
            name: getattr(self, re.sub("(?<!^)(?=[A-Z])", "_", name).lower()) for name in ANSWERED
        }
        self.sandbox = prove.Sandbox(prove.read_settings(), session())

    def step(self, name: str) -> Any:
        return self.prove.STEPS[name][1](self.sandbox)

    def sleep(self, seconds: float) -> None:
        self.clock += timedelta(seconds=seconds)
        self.plays = [play for play in self.plays if next(play, 0) is None]

    def live(self) -> str:
        return str(len(self.versions))

    def release(self, made: bool = True) -> str:
        """Put another release live, at once."""
        name = f"2026112{len(self.versions) + 2}-101500-abcdef1"
        self.versions.append((name, f"{PROJECT}-{name}"))
        self.ends[f"{PROJECT}-{name}"] = "InService"
        self.golden = f"probe-{name}-golden-"
        if made:
            self.sandbox.releases.append(name)
        return name

    # The pipeline.

    def pipeline(self, asked: dict[str, Any]) -> None:
        name = asked.get("pipelineName") or asked["name"]
        assert name == resolver.physical("pipeline", "Pipeline")

    def run(self, kind: str) -> dict[str, Any]:
        found = {"pipelineExecutionId": f"e-{len(self.runs)}", "status": "InProgress"}
        self.runs.insert(0, found | {"executionType": kind})
        return self.runs[0]

    def start_pipeline_execution(self, asked: dict[str, Any]) -> Any:
        self.pipeline(asked)
        if (made := self.run("STANDARD")) and self.approval != "InProgress":
            made["status"] = self.approval
        golden = {"classes": ["a", "b"], "cases": [{"category": "a"}]}
        key = f"runs/2026112{len(self.versions) + 2}/evaluation/golden.json"
        self.objects[DATA][key] = json.dumps(golden).encode()
        return {"pipelineExecutionId": made["pipelineExecutionId"]}

    def get_pipeline_state(self, asked: dict[str, Any]) -> Any:
        self.pipeline(asked)
        token = {"token": "token"} if self.approval == "InProgress" else {}
        latest = {"pipelineExecutionId": self.runs[0]["pipelineExecutionId"], "status": "x"}
        state = {"stageName": "Approval", "latestExecution": latest}
        return {"stageStates": [state | {"actionStates": [{"latestExecution": token}]}]}

    def put_approval_result(self, asked: dict[str, Any]) -> Any:
        self.pipeline(asked)
        stages = templates.resources("pipeline")["Pipeline"]["Properties"]["Stages"]
        actions = {(s["Name"], a["Name"]) for s in stages for a in s["Actions"] if "Name" in a}
        assert (asked["stageName"], asked["actionName"]) in actions
        self.plays.append(self.deploys(self.runs[0]))
        return {}

    def deploys(self, run: dict[str, Any]) -> Iterator[None]:
        yield
        golden = [body for key, body in sorted(self.objects[DATA].items()) if "golden" in key]
        wrong = golden and json.loads(golden[-1])["cases"][0]["category"] != "a"
        before = self.live()
        if self.versions and not wrong:
            old = self.versions[-1][1]
            new = f"{PROJECT}-{self.release(made=False)}"
            latest = self.versions.pop()
            self.weights = {"2": self.share} if self.minutes else {}
            for _ in range(int(self.minutes * 4)):
                yield
                if new not in self.ends:
                    self.outcome = "Failed"
                    break
            self.weights = {}
            if self.outcome == "Succeeded":
                self.versions.append(latest)
                yield
                del self.ends[old]
            else:
                self.ends.pop(new, None)
        elif not wrong:
            self.release(made=False)
        else:
            self.outcome = "Failed"
            self.events.append("probe-1: another category, or classes in another order")
        run["status"] = self.outcome
        if self.outcome == "Failed" and before != "0":
            yield from self.goes_back()

    def goes_back(self, release: str = "") -> Iterator[None]:
        yield
        run = self.run("ROLLBACK") if self.back else {}
        for _ in range(8):
            yield
        run["status"] = self.back
        if release:
            self.versions.append((release, f"{PROJECT}-{release}"))

    def get_pipeline_execution(self, asked: dict[str, Any]) -> Any:
        self.pipeline(asked)
        [run] = [r for r in self.runs if r["pipelineExecutionId"] == asked["pipelineExecutionId"]]
        return {"pipelineExecution": {"status": run["status"]}}

    def list_pipeline_executions(self, asked: dict[str, Any]) -> Any:
        self.pipeline(asked)
        return {"pipelineExecutionSummaries": [{**run} for run in self.runs]}

    # The API, its shift and its alarms.

    def call(self, body: bytes, path: str = "predict") -> tuple[int, dict[str, Any]]:
        if path == "feedback" and b"no class" in body:
            return (400 if self.status == 200 else self.status), {}
        if path == "feedback":
            stem = "ground-truth/2026/11/22/10/" if self.labels else "ground-truth/other/"
            for number in range(self.labels):
                self.objects[LIVE][f"{stem[:-1]}{number}/{'0' * 32}.jsonl"] = b""
            return 202, {}
        if body != json.dumps(self.prove.ROW).encode():
            return (400 if self.status == 200 else self.status), {}
        answer = {"prediction_id": "0" * 32, "category": "a", "release": self.versions[-1][0]}
        return self.status, answer

    def get_alias(self, asked: dict[str, Any]) -> Any:
        alias = templates.resources("prod")["Live"]["Properties"]["Name"]
        assert asked == {"FunctionName": resolver.physical("prod", "Api"), "Name": alias}
        routing = {"AdditionalVersionWeights": self.weights} if self.weights else {}
        return {"FunctionVersion": self.live(), "RoutingConfig": routing}

    def list_versions_by_function(self, asked: dict[str, Any]) -> Any:
        assert asked["FunctionName"] == resolver.physical("prod", "Api")
        return {
            "Versions": [
                {
                    "Version": str(number),
                    "Environment": {"Variables": {"RELEASE_ID": name, "ENDPOINT_NAME": end}},
                }
                for number, (name, end) in enumerate(self.versions, start=1)
            ]
        }

    def list_endpoints(self, asked: dict[str, Any]) -> Any:
        assert resolver.physical("prod", "Endpoint").startswith(asked["NameContains"])
        return {
            "Endpoints": [
                {"EndpointName": name, "EndpointStatus": status}
                for name, status in self.ends.items()
                if asked["NameContains"] in name
            ]
        }

    def delete_endpoint(self, asked: dict[str, Any]) -> Any:
        del self.ends[asked["EndpointName"]]
        return {}

    def describe_alarms(self, asked: dict[str, Any]) -> Any:
        given = {"ReleaseId": self.versions[-1][0]}
        found = {
            kind: [
                {"AlarmName": name, "StateValue": "ALARM" if name in self.red else "OK"}
                for key in templates.resources("prod", f"AWS::CloudWatch::{kind}")
                if (name := resolver.physical("prod", key, given)) in asked["AlarmNames"]
            ]
            for kind in ("Alarm", "CompositeAlarm")
        }
        return {"MetricAlarms": found["Alarm"], "CompositeAlarms": found["CompositeAlarm"]}

    def list_deployments(self, asked: dict[str, Any]) -> Any:
        assert asked["applicationName"] == resolver.physical("prod", "Application")
        assert asked["deploymentGroupName"] == resolver.physical("prod", "DeploymentGroup")
        return {"deployments": self.shifts if len(self.runs) > 1 or self.code == "x" else []}

    def batch_get_deployments(self, asked: dict[str, Any]) -> Any:
        return {"deploymentsInfo": [{"errorInformation": {"code": self.code}}]}

    # The rest.

    def verb(self, *arguments: str, **_: str) -> str:
        self.verbs.append(arguments)
        if arguments[-1] == "rollback" and self.back:
            self.plays.append(self.goes_back(self.versions[0][0]))
        return self.said

    def describe_stack_resource(self, asked: dict[str, Any]) -> Any:
        template = asked["StackName"].removeprefix(f"{PROJECT}-")
        assert asked["LogicalResourceId"] in templates.resources(template)
        return {"StackResourceDetail": {"PhysicalResourceId": self.golden or "arn"}}

    def get_connection(self, asked: dict[str, Any]) -> Any:
        return {"Connection": {"ConnectionStatus": self.job if self.job else "PENDING"}}

    def describe_stack_events(self, asked: dict[str, Any]) -> Any:
        assert asked["StackName"] == f"{PROJECT}-prod"
        return {"StackEvents": [{"ResourceStatusReason": words} for words in self.events]}

    def list_objects_v2(self, asked: dict[str, Any]) -> Any:
        keys = [key for key in self.objects[asked["Bucket"]] if key.startswith(asked["Prefix"])]
        return {"Contents": [{"Key": key} for key in keys]}

    def get_object(self, asked: dict[str, Any]) -> Any:
        return {"Body": io.BytesIO(self.objects[asked["Bucket"]][asked["Key"]])}

    def put_object(self, asked: dict[str, Any]) -> Any:
        self.objects[asked["Bucket"]][asked["Key"]] = asked["Body"]
        return {}

    def get_schedule(self, asked: dict[str, Any]) -> Any:
        [schedule] = [
            found
            for found in resolver.resolve(templates.resources("monitor"), "monitor").values()
            if found["Type"] == "AWS::Scheduler::Schedule"
            and {key: found["Properties"][key] for key in asked} == asked
            and {"GroupName", "Name"} == {*asked}
        ]
        return {"Target": schedule["Properties"]["Target"]}

    def create_processing_job(self, asked: dict[str, Any]) -> Any:
        assert not re.search("<aws", json.dumps(asked))
        self.role = asked["RoleArn"]
        return {}

    def describe_processing_job(self, asked: dict[str, Any]) -> Any:
        return {"ProcessingJobStatus": self.job, "RoleArn": self.role}

    def invoke(self, asked: dict[str, Any]) -> Any:
        assert asked["FunctionName"] == resolver.physical("pipeline", "RetrainFunction")
        alarm = json.loads(asked["Payload"])["detail"]["alarmName"]
        assert alarm == resolver.physical("monitor", "DriftAlarm")
        for number in range(self.labels):
            body = json.dumps(self.retraining).encode()
            self.objects[DATA][f"retraining/{number}.json"] = body
        if self.retraining["started"]:
            self.run("STANDARD")
        error = {"FunctionError": "Unhandled"} if self.status != 200 else {}
        return {"Payload": io.BytesIO(b"null")} | error

    def get_resources(self, asked: dict[str, Any]) -> Any:
        self.deleted -= 1
        kinds = ["kms:::key/1", "sagemaker:::training-job/1"]
        kinds += ["sagemaker:::endpoint/1"] if self.deleted > 0 else []
        return {"ResourceTagMappingList": [{"ResourceARN": f"arn:aws:{kind}"} for kind in kinds]}

    def get_cost_and_usage(self, asked: dict[str, Any]) -> Any:
        return {"ResultsByTime": []}


ANSWERED = [
    "StartPipelineExecution",
    "GetPipelineState",
    "PutApprovalResult",
    "GetPipelineExecution",
    "ListPipelineExecutions",
    "GetAlias",
    "ListVersionsByFunction",
    "ListEndpoints",
    "DeleteEndpoint",
    "DescribeAlarms",
    "ListDeployments",
    "BatchGetDeployments",
    "DescribeStackResource",
    "GetConnection",
    "DescribeStackEvents",
    "ListObjectsV2",
    "GetObject",
    "PutObject",
    "GetSchedule",
    "CreateProcessingJob",
    "DescribeProcessingJob",
    "Invoke",
    "GetResources",
    "GetCostAndUsage",
]
SAID = "Release 20261122-101500-abcdef1 Commit ServeImage JobImage DataVersion approved by someone"
# A step: how many releases are live before it, and what of the world it wants.
HOLDS: dict[str, tuple[int, dict[str, Any]]] = {
    "preflight": (0, {}),
    "deploy": (0, {}),
    "connection": (0, {"job": "AVAILABLE"}),
    "first-release": (0, {}),
    "api": (1, {}),
    "bad-requests": (1, {}),
    "canary": (1, {}),
    "broken-candidate": (1, {}),
    "wrong-answers": (1, {}),
    "why": (1, {"said": SAID}),
    "monitor": (1, {}),
    "retrain": (1, {}),
    "rollback": (2, {}),
    "teardown": (0, {}),
    "cost": (0, {}),
}
FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("connection", {"job": ""}, "PENDING"),
    ("first-release", {"outcome": "Failed"}, "Failed"),
    ("first-release", {"approval": "Superseded"}, "Superseded before its approval"),
    ("first-release", {"code": "x"}, "d-1"),
    ("api", {"status": 502}, "prediction_id"),
    ("api", {"labels": 0}, "[]"),
    ("api", {"labels": 2}, "jsonl"),
    ("bad-requests", {"status": 502}, "502"),
    ("bad-requests", {"red": [f"{PROJECT}-release"]}, "now"),
    ("canary", {"minutes": 0}, "no moment"),
    ("canary", {"minutes": 2.0}, "datetime"),
    ("canary", {"minutes": 8.0}, "datetime"),
    ("canary", {"share": 0.5}, "0.5"),
    ("canary", {"status": 502}, "502"),
    ("canary", {"outcome": "Failed"}, "Failed"),
    ("broken-candidate", {"minutes": 0}, "Succeeded"),
    ("broken-candidate", {"code": "TIMEOUT"}, "TIMEOUT"),
    ("broken-candidate", {"back": "Failed"}, "the rollback is Failed"),
    ("broken-candidate", {"back": ""}, "did not go back"),
    ("broken-candidate", {"status": 502}, "prediction_id"),
    ("wrong-answers", {"back": ""}, "did not go back"),
    ("wrong-answers", {"weights": {"2": 0.1}}, "0.1"),
    ("why", {"said": SAID.replace("approved", "none")}, "none"),
    ("why", {"said": SAID.replace("JobImage", "")}, "Commit"),
    ("monitor", {"job": "Failed"}, "Failed"),
    ("retrain", {"status": 500}, "null"),
    ("retrain", {"labels": 0}, "set()"),
    ("retrain", {"labels": 2}, "retraining/"),
    ("retrain", {"retraining": {"started": "e-9"}}, "e-"),
    ("rollback", {"back": "Failed"}, "the rollback is Failed"),
    ("rollback", {"back": ""}, "did not go back"),
    ("rollback", {"status": 502}, "prediction_id"),
    ("teardown", {"deleted": 10_000}, "endpoint/1"),
]


@pytest.fixture
def world(cloud: Cloud, prove: ModuleType, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(cloud, prove, monkeypatch)


def begin(world: World, step: str, changes: dict[str, Any]) -> None:
    releases, wanted = HOLDS[step]
    for _ in range(releases):
        world.release()
    # Of the releases before the last one the endpoint is gone.
    for _, end in world.versions[:-1]:
        del world.ends[end]
    vars(world).update(wanted | changes)
    if step == "bad-requests" and world.red:
        red, world.red = world.red, []

        def later() -> Iterator[None]:
            yield
            world.red = red

        world.plays.append(later())


def test_every_step_is_tried(prove: ModuleType) -> None:
    assert [*HOLDS] == [*prove.STEPS]
    assert {*HOLDS} - {step for step, *_ in FAULTS} == {"preflight", "deploy", "cost"}


@pytest.mark.parametrize("step", HOLDS)
def test_a_claim_holds_where_the_account_does_as_claimed(step: str, world: World) -> None:
    begin(world, step, {})
    found = world.step(step)
    assert json.loads(json.dumps(found, default=str)) == found


@pytest.mark.parametrize(("step", "fault", "words"), FAULTS, ids=str)
def test_a_claim_does_not_hold_where_the_account_does_otherwise(
    step: str, fault: dict[str, Any], words: str, world: World
) -> None:
    begin(world, step, fault)
    with pytest.raises(AssertionError, match=re.escape(words)):
        world.step(step)


def test_the_next_step_waits_until_the_stage_has_gone_back(world: World) -> None:
    for step in ("broken-candidate", "wrong-answers"):
        begin(world, "broken-candidate" if not world.versions else "cost", {})
        world.outcome = "Succeeded"
        found = world.step(step)
        assert world.runs[0]["pipelineExecutionId"] == found["rollback"]
        assert [run["status"] for run in world.runs[:2]] == ["Succeeded", "Failed"]


def test_a_superseded_release_is_not_waited_for(world: World) -> None:
    begin(world, "first-release", {"approval": "Superseded"})
    begun = world.clock
    with pytest.raises(AssertionError):
        world.step("first-release")
    assert world.clock == begun


def test_a_rollback_to_another_release_is_none(world: World) -> None:
    begin(world, "rollback", {})
    world.sandbox.releases.insert(1, "another")
    with pytest.raises(AssertionError, match="another"):
        world.step("rollback")
