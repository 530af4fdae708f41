"""What AWS still wants before a deployment."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from release_helpers.fake_aws import PROD, TOOLS, FakeAws, refused
from release_helpers.fake_stacks import FakeStacks
from release_helpers.settings import (
    PROJECT,
    changed,
    tools_session,
)

from categoriser.errors import UserError
from release.cloudformation import TemplateLoader, template_text
from release.preflight import missing_services, print_preflight
from release.settings import ReleaseSettings

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
            ("ml.m5.large", "transform job"),
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

    assert capsys.readouterr().out.count(" ok\n") == 7
    # It has hundreds of quotas.
    assert len(well.made("ListServiceQuotas")) == 1


def test_a_quota_of_zero_is_a_fault_with_its_name(
    well: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    well.answers["ListServiceQuotas"]["Quotas"][2]["Value"] = 0.0

    with pytest.raises(UserError, match="1 faults"):
        looked()

    assert "ml.m5.large for endpoint usage is 0, and 8 are needed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("quota", "short", "said"),
    [
        (3, 0.0, "make batch, a warning: ml.m5.large for transform job usage is 0, and 1 are"),
        (0, 1.0, "make tune REMOTE=1, a warning: ml.m5.large for training job usage is 1, and 2"),
    ],
    ids=["transform", "search"],
)
def test_a_quota_that_no_release_needs_is_a_warning_with_its_verb(
    quota: int, short: float, said: str, well: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    well.answers["ListServiceQuotas"]["Quotas"][quota]["Value"] = short

    looked()

    shown = capsys.readouterr().out
    assert said in shown
    assert "  quotas ok\n" in shown


def test_an_instance_that_transforms_nothing_is_a_warning(
    well: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    del well.answers["ListServiceQuotas"]["Quotas"][3]

    looked()

    said = "quotas of make batch, a warning: ml.m5.large for transform job usage: no such quota"
    assert said in capsys.readouterr().out


def test_production_s_own_account_runs_no_verb_of_this_machine(
    well: FakeAws, two: ReleaseSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    print_preflight(two)

    tools, _, prod = capsys.readouterr().out.partition(f"account {PROD}")
    assert tools.count("quotas of make") == 2
    assert "quotas ok" in prod
    assert "quotas of make" not in prod


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
