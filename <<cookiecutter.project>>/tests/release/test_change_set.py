"""A change of a stack: shown, asked for, executed, read back."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from release_helpers.consent import answered
from release_helpers.fake_aws import FakeAws
from release_helpers.fake_stacks import ORDER, FakeStacks, names
from release_helpers.settings import (
    PROJECT,
    changed,
    tools_session,
)

from categoriser.errors import UserError
from release.deploy import deploy_layers


def test_nothing_is_executed_before_consent(
    cloud: FakeAws, layers: FakeStacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answered(monkeypatch, "n")

    with pytest.raises(UserError, match="nobody consented"):
        deploy_layers(changed(), tools_session())

    assert asked == [f"Change {PROJECT}-data? (y/n) "]
    assert not cloud.made("ExecuteChangeSet", "PutObject", "StartBuild")
    # Nothing is left of it: neither the change set, nor the stack that it was to make.
    (made,) = cloud.made("CreateChangeSet")
    (dropped,) = cloud.made("DeleteChangeSet")
    assert dropped["ChangeSetName"] == made["ChangeSetName"]
    assert names(cloud, "DeleteStack") == ["data"]


def test_a_refused_change_leaves_the_stack_that_stands(
    cloud: FakeAws, layers: FakeStacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers.standing = {f"{PROJECT}-data": "CREATE_COMPLETE"}
    answered(monkeypatch, "n")

    with pytest.raises(UserError, match="nobody consented"):
        deploy_layers(changed(), tools_session())

    assert cloud.made("DeleteChangeSet")
    assert not cloud.made("DeleteStack")


def test_where_nobody_can_be_asked_nobody_consents(
    cloud: FakeAws, layers: FakeStacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    with pytest.raises(UserError, match="YES=1"):
        deploy_layers(changed(), tools_session())

    assert not cloud.made("ExecuteChangeSet")


def test_each_layer_is_asked_for(
    cloud: FakeAws, layers: FakeStacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answered(monkeypatch, "y")

    deploy_layers(changed(), tools_session())

    assert len(asked) == len(ORDER)


def test_a_failed_first_create_names_its_cause_and_then_what_to_do(
    cloud: FakeAws, layers: FakeStacks
) -> None:
    layers.fails = {f"{PROJECT}-identity"}

    def event(minutes: int, words: str) -> dict[str, Any]:
        when = datetime.now(UTC) + timedelta(minutes=minutes)
        return {"LogicalResourceId": "Role", "ResourceStatusReason": words, "Timestamp": when}

    # The newest first.
    events = [event(120, "cancelled"), event(60, "boundary refused"), event(-60, "of another day")]
    cloud.answers["DescribeEvents"] = {"OperationEvents": events}

    with pytest.raises(UserError, match=r"identity failed.*Role: boundary refused"):
        deploy_layers(changed(), tools_session(), yes=True)
    assert names(cloud, "ExecuteChangeSet") == ["data", "serving", "identity"]

    with pytest.raises(UserError, match=f"delete-stack --stack-name {PROJECT}-identity"):
        deploy_layers(changed(), tools_session(), yes=True)


def test_what_stands_is_read_back(cloud: FakeAws, layers: FakeStacks) -> None:
    cloud.answers["CreateChangeSet"] = {}  # The stack keeps another's parameters.

    with pytest.raises(UserError, match="data is there, but with another Project"):
        deploy_layers(changed(), tools_session(), yes=True)
