"""The base image is built once, and waited for."""

from __future__ import annotations

import pytest
from release_helpers.fake_aws import FakeAws
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
