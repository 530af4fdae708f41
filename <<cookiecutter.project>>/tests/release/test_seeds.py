"""The base image is built once, and waited for."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from release_helpers.fake_aws import FakeAws, refused
from release_helpers.fake_stacks import ORDER, FakeStacks, names
from release_helpers.settings import (
    PROJECT,
    changed,
    tools_session,
)

from categoriser.errors import UserError
from release.deploy import deploy_layers


def test_a_failed_build_of_the_base_image_ends_the_deployment(
    cloud: FakeAws, layers: FakeStacks
) -> None:
    cloud.answers["BatchGetBuilds"] = {"builds": [{"buildStatus": "FAILED"}]}

    with pytest.raises(UserError, match=f"{PROJECT}-base: its build has FAILED"):
        deploy_layers(changed(), tools_session(), yes=True)

    assert "pipeline" not in names(cloud, "CreateChangeSet")


def test_a_build_of_the_base_image_that_runs_already_is_waited_for(
    cloud: FakeAws,
    layers: FakeStacks,
    capsys: pytest.CaptureFixture[str],
) -> None:
    states = iter(["IN_PROGRESS", "IN_PROGRESS", "SUCCEEDED"])
    cloud.answers |= {
        "ListBuildsForProject": {"ids": ["theirs"]},
        "BatchGetBuilds": lambda asked: {
            "builds": [{"id": name, "buildStatus": next(states)} for name in asked["ids"]]
        },
    }

    deploy_layers(changed(), tools_session(), yes=True)

    assert not cloud.made("StartBuild")
    assert "base/source.zip" not in [asked["Key"] for asked in cloud.made("PutObject")]
    assert "is being built already, by theirs" in capsys.readouterr().out
    assert names(cloud, "ExecuteChangeSet") == ORDER


def test_a_build_that_the_sources_have_started_is_waited_for(
    cloud: FakeAws,
    layers: FakeStacks,
) -> None:
    """The rule of images.yaml may be first, and the project builds one at a time."""
    runs = iter([[], ["the rule's"]])
    states = iter(["IN_PROGRESS", "IN_PROGRESS", "SUCCEEDED"])
    cloud.answers |= {
        "ListBuildsForProject": lambda _: {"ids": next(runs)},
        "StartBuild": refused("AccountLimitExceededException"),
        "BatchGetBuilds": lambda asked: {
            "builds": [{"id": name, "buildStatus": next(states)} for name in asked["ids"]]
        },
    }

    deploy_layers(changed(), tools_session(), yes=True)

    assert [asked["ids"] for asked in cloud.made("BatchGetBuilds")] == [["the rule's"]] * 3
    assert names(cloud, "ExecuteChangeSet") == ORDER


def test_a_limit_that_no_build_of_the_project_fills_is_told(
    cloud: FakeAws, layers: FakeStacks
) -> None:
    cloud.answers |= {
        "ListBuildsForProject": {"ids": []},
        "StartBuild": refused("AccountLimitExceededException", "no more builds"),
    }

    with pytest.raises(ClientError, match="no more builds"):
        deploy_layers(changed(), tools_session(), yes=True)
