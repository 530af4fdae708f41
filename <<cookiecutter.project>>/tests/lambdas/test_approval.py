"""The approval: a package is marked in the name of who approved its release."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lambda_helpers.model_registry import package
from lambda_helpers.world import PACKAGE, World, run

from prove.example import PROJECT

JOB_ID = "11111111-2222-3333-4444-555555555555"
PERSON = "arn:aws:sts::111122223333:assumed-role/releases/ada"


def action(category: str, status: str, execution: str, who: str = PERSON) -> dict[str, Any]:
    kind = {"category": category, "owner": "AWS", "provider": "Manual", "version": "1"}
    return {
        "pipelineExecutionId": execution,
        "actionName": category,
        "status": status,
        "updatedBy": who,
        "input": {"actionTypeId": kind},
    }


def approve(world: World, package: str, *actions: dict[str, Any], execution: str = "e1") -> Any:
    """Run the action as CodePipeline does; return what it is told."""
    told = {
        result: world.answer(
            world.approval.codepipeline, f"PutJob{result}Result", lambda _: (200, {})
        )
        for result in ("Success", "Failure")
    }
    world.answer(
        world.approval.codepipeline,
        "ListActionExecutions",
        lambda asked: (
            200,
            {
                "actionExecutionDetails": [
                    known
                    for known in actions
                    if known["pipelineExecutionId"]
                    == asked["body"]["filter"]["pipelineExecutionId"]
                ]
            },
        ),
    )
    given = json.dumps({"package": package, "execution": execution})
    configuration = {"FunctionName": f"{PROJECT}-approve", "UserParameters": given}
    data = {"actionConfiguration": {"configuration": configuration}}
    run(world.approval.handler, {"CodePipeline.job": {"id": JOB_ID, "data": data}})
    [(result, [body])] = [(result, bodies) for result, bodies in told.items() if bodies]
    assert body["jobId"] == JOB_ID
    return result, body


@pytest.mark.actor("approve")
def test_a_package_is_approved_in_the_name_of_who_approved_the_execution(cloud: World) -> None:
    arn = package(cloud)
    actions = [
        action("Build", "Succeeded", "e1", "a build"),
        action("Approval", "Succeeded", "e0", "another"),
        action("Approval", "Succeeded", "e1"),
    ]
    assert approve(cloud, arn, *actions)[0] == "Success"
    known = cloud.registered_model.sagemaker.describe_model_package(ModelPackageName=arn)
    assert known["ModelApprovalStatus"] == "Approved"
    assert {"e1,", PERSON} <= {*known["ApprovalDescription"].split()}
    assert known["CustomerMetadataProperties"] == {"Approver": PERSON}


@pytest.mark.actor("approve")
@pytest.mark.parametrize(
    "actions",
    [[], [action("Approval", "Failed", "e1")], [action("Approval", "Succeeded", "e0")]],
    ids=["no approval", "rejected", "another execution's"],
)
def test_nobodys_approval_is_none(cloud: World, actions: list[dict[str, Any]]) -> None:
    arn = package(cloud)
    result, told = approve(cloud, arn, *actions)
    assert (result, told["failureDetails"]["type"]) == ("Failure", "JobFailed")
    assert "nobody approved" in told["failureDetails"]["message"]
    known = cloud.registered_model.sagemaker.describe_model_package(ModelPackageName=arn)
    assert known["ModelApprovalStatus"] == "PendingManualApproval"


@pytest.mark.actor("approve")
def test_a_rollback_deploys_an_approved_package_that_nobody_approves_again(cloud: World) -> None:
    arn = package(cloud, "Approved")
    refused = package(cloud)
    live = package(cloud, "Approved", Commit="abc")
    assert approve(cloud, arn, execution="rollback")[0] == "Success"

    def known(name: str) -> Any:
        return cloud.registered_model.sagemaker.describe_model_package(ModelPackageName=name)

    assert known(arn)["ModelApprovalStatus"] == "Approved"
    # What was put back is what no next model is compared with.
    assert known(live)["ModelApprovalStatus"] == "Rejected"
    assert {"rollback,", arn} <= {*known(live)["ApprovalDescription"].split()}
    assert known(refused)["ModelApprovalStatus"] == "PendingManualApproval"
    metadata = known(live)["CustomerMetadataProperties"]
    assert metadata == {"Commit": "abc", "PutBack": "rollback"}


@pytest.mark.actor("approve")
def test_what_a_rollback_rejected_is_approved_again_in_its_approvers_name(cloud: World) -> None:
    arn = package(cloud, "Rejected", Commit="abc", Approver=PERSON, PutBack="e0")
    assert approve(cloud, arn, execution="e1")[0] == "Success"
    known = cloud.registered_model.sagemaker.describe_model_package(ModelPackageName=arn)
    assert known["ModelApprovalStatus"] == "Approved"
    assert PERSON in known["ApprovalDescription"]
    assert known["CustomerMetadataProperties"] == {"Commit": "abc", "Approver": PERSON}


@pytest.mark.actor("approve")
def test_what_a_person_rejected_stays_rejected(cloud: World) -> None:
    arn = package(cloud)
    cloud.registered_model.sagemaker.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Rejected",
        ApprovalDescription="it forgets refunds",
    )
    result, told = approve(cloud, arn, action("Approval", "Succeeded", "e1"))
    assert result == "Failure"
    assert "(it forgets refunds): approve it there" in told["failureDetails"]["message"]
    known = cloud.registered_model.sagemaker.describe_model_package(ModelPackageName=arn)
    assert known["ModelApprovalStatus"] == "Rejected"


@pytest.mark.actor("approve")
def test_the_approver_is_of_the_execution_that_made_the_package(cloud: World) -> None:
    """A release of an earlier package has an execution of its own, which nobody may have approved.

    The registry takes few characters: others are replaced.
    """
    arn = package(cloud, Execution="e0")
    action_of_maker = action("Approval", "Succeeded", "e0", "user/ada,lovelace")
    assert approve(cloud, arn, action_of_maker, execution="e1")[0] == "Success"
    known = cloud.registered_model.sagemaker.describe_model_package(ModelPackageName=arn)
    assert known["CustomerMetadataProperties"]["Approver"] == "user/ada_lovelace"


@pytest.mark.actor("approve")
def test_a_package_that_is_missing_fails_the_action(cloud: World) -> None:
    assert approve(cloud, PACKAGE)[0] == "Failure"
