"""What bills is listed, asked for, and deleted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from release_helpers.consent import answered
from release_helpers.fake_aws import TOOLS, FakeAws, refused
from release_helpers.fake_stacks import FakeStacks, names
from release_helpers.settings import (
    PROJECT,
    RELEASE,
    changed,
)

from categoriser.errors import UserError
from release.teardown import tear_down

ENDPOINT = f"{PROJECT}-{RELEASE}"


HELD = {
    "data": [("AWS::S3::Bucket", "the-data"), ("AWS::KMS::Key", "the-key")],
    "prod": [("AWS::SageMaker::Endpoint", ENDPOINT), ("AWS::IAM::Role", "free")],
    "images": [("AWS::ECR::Repository", PROJECT)],
    "network": [("AWS::EC2::VPCEndpoint", "vpce")],
}


EVERY = ["pipeline", "monitor", "prod", "dev", "train", "images", "network"]


KEPT = ["deployers", "identity", "serving", "data"]


@pytest.fixture
def standing(cloud: FakeAws) -> FakeStacks:
    """Let a whole release be there."""

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
    return FakeStacks(cloud, {f"{PROJECT}-{name}": "CREATE_COMPLETE" for name in EVERY + KEPT})


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


def test_teardown_lists_what_bills_and_deletes_nothing_before_consent(
    cloud: FakeAws,
    standing: FakeStacks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answered(monkeypatch, "")

    with pytest.raises(UserError, match="nobody consented"):
        tear_down(changed(network="vpc"))

    out = capsys.readouterr().out
    assert all(name in out for name in ("the-data", "the-key", ENDPOINT, "vpce"))
    assert "free" not in out
    assert not [name for name, _ in cloud.calls if name.startswith(("Delete", "Schedule"))]


def test_teardown_keeps_data_and_roles_and_begins_with_the_pipeline(
    cloud: FakeAws,
    standing: FakeStacks,
    capsys: pytest.CaptureFixture[str],
) -> None:

    tear_down(changed(network="vpc"), yes=True)

    assert set(names(cloud, "DeleteStack")) == set(EVERY)
    assert names(cloud, "DeleteStack")[:5] == EVERY[:5]
    assert not cloud.made("DeleteBucket", "DeleteObjects", "ScheduleKeyDeletion")
    last = capsys.readouterr().out.splitlines()[-1]
    assert "DATA=1" in last
    assert all(f"{PROJECT}-{name}" in last for name in KEPT)
    assert f"{PROJECT}-images" not in last


def test_where_nothing_stands_teardown_asks_nothing(
    cloud: FakeAws,
    standing: FakeStacks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    standing.standing.clear()
    asked = answered(monkeypatch, "n")

    tear_down(changed())

    assert not asked
    assert "there is nothing to delete" in capsys.readouterr().out


def test_teardown_takes_the_endpoints_logs_which_no_stack_owns(
    cloud: FakeAws,
    standing: FakeStacks,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cloud.answers["DescribeLogGroups"] = log_groups

    tear_down(changed(), yes=True)

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
    cloud: FakeAws, standing: FakeStacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing.standing.clear()
    cloud.answers["DescribeLogGroups"] = log_groups
    asked = answered(monkeypatch, "y")

    tear_down(changed())

    assert asked == ["Delete the logs of 2 endpoints? (y/n) "]
    assert len(cloud.made("DeleteLogGroup")) == 2


def test_a_log_that_cannot_be_deleted_is_named(cloud: FakeAws, standing: FakeStacks) -> None:
    cloud.answers |= {
        "DescribeLogGroups": log_groups,
        "DeleteLogGroup": refused("AccessDeniedException"),
    }

    with pytest.raises(UserError, match=f"may bill on:\n  {LOGS[0]}: .*AccessDenied"):
        tear_down(changed(), yes=True)


def test_one_log_is_asked_for_as_one(
    cloud: FakeAws, standing: FakeStacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing.standing.clear()
    cloud.answers["DescribeLogGroups"] = {"logGroups": [{"logGroupName": LOGS[0]}]}
    asked = answered(monkeypatch, "y")

    tear_down(changed())

    assert asked == ["Delete the logs of 1 endpoint? (y/n) "]


def test_a_policy_is_taken_from_the_roles_that_are_not_its_stacks(
    cloud: FakeAws, standing: FakeStacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = f"arn:aws:iam::{TOOLS}:policy/{PROJECT}-shared"
    monkeypatch.setitem(
        HELD, "identity", [("AWS::IAM::ManagedPolicy", policy), ("AWS::IAM::Role", "own")]
    )
    attached = [{"RoleName": name} for name in ("own", "the-teams")]
    cloud.answers["ListEntitiesForPolicy"] = {"PolicyRoles": attached}

    tear_down(changed(), yes=True)
    # The stack is kept, so its policy stays where it is.
    assert not cloud.made("DetachRolePolicy")

    tear_down(changed(), yes=True, data=True)
    assert cloud.made("DetachRolePolicy") == [{"RoleName": "the-teams", "PolicyArn": policy}]


def test_with_data_1_the_data_go_too(cloud: FakeAws, standing: FakeStacks) -> None:
    version = {"Key": "raw/own.csv", "VersionId": "1"}
    cloud.answers["ListObjectVersions"] = {"Versions": [version], "DeleteMarkers": []}

    tear_down(changed(network="vpc"), yes=True, data=True)

    assert names(cloud, "DeleteStack") == [*EVERY, *KEPT]
    (emptied,) = cloud.made("DeleteObjects")
    assert emptied["Bucket"] == "the-data"
    assert emptied["Delete"]["Objects"] == [version]
    assert cloud.made("DeleteBucket") == [{"Bucket": "the-data"}]
    (key,) = cloud.made("ScheduleKeyDeletion")
    assert key["KeyId"] == "the-key"


def test_what_cannot_be_deleted_is_named_and_the_rest_goes(
    cloud: FakeAws, standing: FakeStacks
) -> None:
    standing.fails = {f"{PROJECT}-prod"}

    with pytest.raises(
        UserError, match=f"may bill on:\n  {PROJECT}-prod: .*DELETE_FAILED|StackDel"
    ):
        tear_down(changed(), yes=True)

    assert "images" in names(cloud, "DeleteStack")


def test_a_second_teardown_passes_over_what_the_first_deleted(
    cloud: FakeAws, standing: FakeStacks
) -> None:
    cloud.answers |= {
        "ListObjectVersions": refused("NoSuchBucket", "The specified bucket does not exist"),
        "ScheduleKeyDeletion": refused("KMSInvalidStateException", "the-key is pending deletion."),
    }

    tear_down(changed(), yes=True, data=True)

    assert "data" in names(cloud, "DeleteStack")
