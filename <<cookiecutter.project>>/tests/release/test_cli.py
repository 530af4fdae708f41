"""The command line: what it says without credentials, and to wrong arguments."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fake_aws import FakeAws
from release_verbs import end_of_verb

EVERY_VERB = (
    "preflight",
    "deploy",
    "status",
    "data-release",
    "rollback",
    "why",
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
