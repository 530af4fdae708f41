"""What is live, and what waits."""

from __future__ import annotations

import io
from typing import Any

import pytest
from release_helpers.fake_aws import TOOLS, FakeAws
from release_helpers.fake_stacks import FakeStacks
from release_helpers.settings import (
    PROJECT,
    RELEASE,
    changed,
    tools_session,
)

from categoriser.retraining_decision import RetrainingDecision
from release.status import print_status, stuck_stacks

CONNECTION = f"arn:aws:codeconnections:ap-southeast-2:{TOOLS}:connection/1"


def test_status_says_what_is_live_and_what_waits(
    cloud: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    older = "20261101-080000-0ddba11"

    def version(number: str, release: str) -> dict[str, Any]:
        env = {"RELEASE_ID": release, "ENDPOINT_NAME": f"{PROJECT}-{release}"}
        return {"Version": number, "Environment": {"Variables": env}}

    decision = RetrainingDecision(
        time="2026-11-02T00:00:00Z",
        cause="drift",
        against=("too soon",),
        version="v1",
        labelled_through="2026-11-01T00:00:00Z",
        given_through="",
        superseded=False,
        running="",
        last_run="2026-11-01T12:00:00Z",
        alarms=(),
        started=None,
    )
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
        "GetObject": lambda _: {"Body": io.BytesIO(decision.json().encode())},
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

    print_status(changed(), tools_session())

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
    cloud: FakeAws, name: str
) -> None:
    title = f"{PROJECT}-{name}"
    found = FakeStacks(cloud, {title: "ROLLBACK_COMPLETE"})

    [(what, words)] = stuck_stacks(changed(), tools_session())

    assert what == f"stack {title}"
    assert words.startswith("ROLLBACK_COMPLETE: mend what its events name")
    assert f"delete-stack --stack-name {title}`, then retry the stage" in words
    found.standing[title] = "UPDATE_COMPLETE"
    assert stuck_stacks(changed(), tools_session()) == []
