"""What AWS still wants before a deployment."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from release_helpers.fake_aws import TOOLS, FakeAws, refused
from release_helpers.fake_stacks import FakeStacks
from release_helpers.settings import (
    PROJECT,
    changed,
    tools_session,
)

from categoriser.errors import UserError
from release.cloudformation import TemplateLoader, template_text
from release.preflight import missing_services, print_preflight

CONNECTION = f"arn:aws:codeconnections:ap-southeast-2:{TOOLS}:connection/1"


@pytest.fixture
def well(cloud: FakeAws, root: Path) -> FakeAws:
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
        template = yaml.load(template_text("pipeline"), TemplateLoader)
        assert template["Resources"][asked["LogicalResourceId"]]["Type"] == (
            "AWS::CodeConnections::Connection"
        )
        return {"StackResourceDetail": {"PhysicalResourceId": CONNECTION}}

    cloud.answers |= {
        "ListServiceQuotas": {"Quotas": quotas},
        "ListAWSDefaultServiceQuotas": {"Quotas": []},
        "DescribeStacks": FakeStacks(cloud, {f"{PROJECT}-pipeline": "CREATE_COMPLETE"}).describe,
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
    print_preflight(changed(**changes))


def test_preflight_passes_where_all_is_well(
    well: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    looked()

    assert capsys.readouterr().out.count(" ok\n") == 5


def test_a_quota_of_zero_is_a_fault_with_its_name(
    well: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    well.answers["ListServiceQuotas"]["Quotas"][2]["Value"] = 0.0

    with pytest.raises(UserError, match="1 faults"):
        looked()

    assert "ml.m5.large for endpoint usage is 0, and 8 are needed" in capsys.readouterr().out


def test_both_endpoints_of_a_release_may_be_at_their_largest(well: FakeAws) -> None:
    well.answers["ListServiceQuotas"]["Quotas"][2]["Value"] = 7.0

    with pytest.raises(UserError, match="1 faults"):
        looked()
    looked(prod__maximum=3)


def test_a_quota_that_was_never_changed_is_aws_default(well: FakeAws) -> None:
    quotas = well.answers["ListServiceQuotas"]["Quotas"]
    well.answers["ListAWSDefaultServiceQuotas"]["Quotas"] = [quotas.pop()]

    looked()


def test_an_instance_without_a_quota_is_a_fault(
    well: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match="1 faults"):
        looked(dev__instance="ml.t2.meduim")

    assert "ml.t2.meduim for endpoint usage: no such quota" in capsys.readouterr().out
    # What takes no instance needs no quota of one.
    looked(dev__instance="ml.t2.meduim", dev__kind="serverless")


@pytest.mark.parametrize("status", ["PENDING", "ERROR"])
def test_a_connection_that_is_not_available_is_a_fault_with_its_mend(
    well: FakeAws, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    well.answers["GetConnection"]["Connection"]["ConnectionStatus"] = status

    with pytest.raises(UserError):
        looked()

    out = capsys.readouterr().out
    assert f"{status}: in the console" in out
    assert "Update pending connection" in out


def test_where_there_is_no_connection_none_is_looked_for(
    well: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    with suppress(UserError):
        looked(source={"host": "CodeCommit", "repository": "bank", "branch": "main"})

    assert "connection" not in capsys.readouterr().out
    assert not well.made("GetConnection")


def test_before_the_first_deployment_there_is_no_connection_yet(
    well: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    well.answers["DescribeStacks"] = FakeStacks(FakeAws()).describe

    looked()

    assert "connection not checked: no pipeline yet" in capsys.readouterr().out


def test_preflight_reads_what_the_monitor_watches_too(well: FakeAws, root: Path) -> None:
    (root / "monitoring/monitoring.yaml").write_text("schedule: {every_hours: 5}\n")

    with pytest.raises(UserError, match=r"monitoring\.yaml"):
        looked()


def test_a_denied_action_is_named_and_a_role_is_looked_up(
    well: FakeAws, capsys: pytest.CaptureFixture[str]
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
    well: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    well.answers["SimulatePrincipalPolicy"] = refused("AccessDenied")

    looked()

    assert "permissions not checked" in capsys.readouterr().out


def test_a_region_without_a_service_is_a_fault(
    well: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    found = missing_services("us-nowhere-9", tools_session())

    assert any("sagemaker is not in us-nowhere-9" in words for words in found)
