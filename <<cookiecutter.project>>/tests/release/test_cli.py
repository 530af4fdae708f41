"""The command line: what it says without credentials, and to wrong arguments."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from release_helpers.fake_aws import FakeAws
from release_helpers.settings import ROOT
from release_helpers.verbs import end_of_verb, run_verb

from release.settings import ReleaseSettings

EVERY_VERB = (
    "preflight",
    "deploy",
    "status",
    "data-release",
    "rollback",
    "why",
    "train-remote",
    "tune-remote",
    "batch",
    "graph",
    "teardown",
    "ask-dev",
    "build",
)
VERBS = [
    ("deploy",),
    ("teardown",),
    ("preflight",),
    ("status",),
    ("rollback",),
    ("why", "0" * 32),
]


@pytest.mark.parametrize("verb", VERBS, ids="-".join)
def test_without_credentials_a_verb_says_how_to_sign_in(
    verb: tuple[str, ...], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "data").mkdir(exist_ok=True)
    (root / "data/generated.csv").touch()

    said = end_of_verb(*verb, monkeypatch=monkeypatch)

    assert said.startswith("error: AWS: Unable to locate credentials")
    assert "aws sso login" in said


def test_a_profile_that_is_not_there_is_named(
    root: Path, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobodys")

    assert "nobodys" in end_of_verb("status", monkeypatch=monkeypatch)


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        (("status", "now"), "status takes 0 arguments, not 1"),
        (("rollback", "a", "b"), "rollback takes 1 argument, not 2"),
        (("destroy",), f"there is no destroy; there is {', '.join(EVERY_VERB)}"),
    ],
    ids=["one too many", "two for one", "no such verb"],
)
def test_what_a_verb_cannot_take_is_said(
    verb: tuple[str, ...], said: str, root: Path, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert end_of_verb(*verb, monkeypatch=monkeypatch) == f"error: {said}"
    assert cloud.calls == []


def test_a_verb_that_is_not_there_names_those_that_are(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = end_of_verb("roll-back", monkeypatch=monkeypatch)

    assert re.search(r"there is no roll-back.*rollback", said)


class Recorded:
    """A verb's function, which notes what it is given after settings and session."""

    def __init__(self) -> None:
        self.given: list[object] = []
        self.named: dict[str, object] = {}

    def __call__(self, *given: object, **named: object) -> None:
        self.given = [value for value in given if not isinstance(value, AWS)]
        self.named = named


AWS = (ReleaseSettings, boto3.Session)
DEPLOY = "release.deploy.deploy_layers"
TEARDOWN = "release.teardown.tear_down"
ROLLBACK = "release.rollback.roll_back"
WHY = "release.why.print_lineage"
TRAIN = "release.remote.training.train_remotely"
TUNE = "release.remote.tuning.tune_remotely"
BATCH = "release.remote.batch.categorise"
# Variables of the environment, the verb, its function, and what that is given.
ENVIRONMENTS: list[tuple[dict[str, str], str, str, list[object], dict[str, object]]] = [
    ({}, "deploy", DEPLOY, [], {"dry": False, "yes": False}),
    ({"YES": "1"}, "deploy", DEPLOY, [], {"dry": False, "yes": True}),
    ({"YES": "y", "DRY": "1"}, "deploy", DEPLOY, [], {"dry": True, "yes": True}),
    ({"YES": "", "DRY": "0"}, "deploy", DEPLOY, [], {"dry": False, "yes": False}),
    ({}, "teardown", TEARDOWN, [], {"data": False, "yes": False}),
    ({"DATA": "1", "YES": "1"}, "teardown", TEARDOWN, [], {"data": True, "yes": True}),
    ({"DATA": "0"}, "teardown", TEARDOWN, [], {"data": False, "yes": False}),
    ({}, "rollback", ROLLBACK, [""], {"yes": False}),
    ({"EXECUTION": "e-1", "YES": "1"}, "rollback", ROLLBACK, ["e-1"], {"yes": True}),
    ({"PREDICTION": "p"}, "why", WHY, ["p", "7"], {}),
    ({"PREDICTION": "p", "DAYS": "30"}, "why", WHY, ["p", "30"], {}),
    ({}, "train-remote", TRAIN, [], {"job": "", "image": "", "yes": False}),
    (
        {"IMAGE": "i@d", "YES": "1"},
        "train-remote",
        TRAIN,
        [],
        {"job": "", "image": "i@d", "yes": True},
    ),
    ({"JOB": "j"}, "train-remote", TRAIN, [], {"job": "j", "image": "", "yes": False}),
    (
        {},
        "tune-remote",
        TUNE,
        [],
        {"job": "", "candidate": "", "jobs": 10, "parallel": 2, "image": "", "yes": False},
    ),
    (
        {"CANDIDATE": "linear", "JOBS": "30", "PARALLEL": "5", "IMAGE": "i@d", "YES": "1"},
        "tune-remote",
        TUNE,
        [],
        {"job": "", "candidate": "linear", "jobs": 30, "parallel": 5, "image": "i@d", "yes": True},
    ),
    (
        {"IN": "s3://a/b", "OUT": "s3://c/d", "PACKAGE": "3", "INSTANCES": "2", "MINUTES": "30"},
        "batch",
        BATCH,
        [],
        {
            "given": "s3://a/b",
            "out": "s3://c/d",
            "package": "3",
            "model": "",
            "instances": 2,
            "minutes": 30,
            "yes": False,
        },
    ),
    (
        {"FILE": "a.csv b.csv"},
        "data-release",
        "release.data_release.release_data",
        [[Path("a.csv"), Path("b.csv")]],
        {},
    ),
]


@pytest.mark.parametrize(("environment", "verb", "function", "given", "named"), ENVIRONMENTS)
def test_a_verb_takes_its_options_from_the_environment(
    environment: dict[str, str],
    verb: str,
    function: str,
    given: list[object],
    named: dict[str, object],
    root: Path,
    cloud: FakeAws,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called = Recorded()
    monkeypatch.setattr(function, called)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    run_verb(verb)

    assert (called.given, called.named) == (given, named)


def test_an_option_goes_before_the_environment(
    root: Path, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = Recorded()
    monkeypatch.setattr(WHY, called)
    monkeypatch.setenv("DAYS", "30")

    run_verb("why", "0" * 32, "--days", "3")

    assert called.given == ["0" * 32, "3"]


@pytest.mark.parametrize("verb", EVERY_VERB)
def test_each_verb_says_what_it_does(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_verb(verb, "--help")

    said = capsys.readouterr().out
    assert re.match(rf"Usage: .* {verb} ", said)
    assert len(said.splitlines()) > 3


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("deploy", ["--dry", "env var: DRY", "--yes", "env var: YES"]),
        ("why", ["[prediction]", "--days", "env var: DAYS", "default: 7"]),
        ("build", ["base", "data", "new-id", "release", "layers"]),
    ],
)
def test_help_shows_options_variables_and_defaults(
    verb: str, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run_verb(verb, "--help")

    shown = " ".join(capsys.readouterr().out.split())
    assert [words for words in said if words not in shown] == []


def test_help_needs_no_large_library() -> None:
    code = (
        "import sys; from release.cli.verbs import verbs; "
        "verbs(['--help'], standalone_mode=False); "
        "print({'boto3', 'pydantic', 'cfnlint', 'polars'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert done.stdout.splitlines()[-1] == "set()", done.stderr
