"""Which execution goes back, and which cannot."""

from __future__ import annotations

from contextlib import suppress

import pytest
from release_helpers.consent import answered
from release_helpers.fake_aws import FakeAws, refused
from release_helpers.settings import (
    PROJECT,
    changed,
    tools_session,
)

from categoriser.errors import UserError
from release.rollback import roll_back

FIRST, SECOND, THIRD, AGAIN = (f"{digit * 8}-0000-0000-0000-000000000000" for digit in "1234")


@pytest.fixture
def history(cloud: FakeAws) -> FakeAws:
    """Let three executions have gone live, the third last."""
    place = {"bucket": "artifacts", "key": "Built/1"}
    stage = {
        "stageName": "DeployProd",
        "pipelineVersion": 5,
        "input": {"inputArtifacts": [{"name": "Built", "s3location": place}]},
    }
    cloud.answers |= {
        "ListPipelineExecutions": {
            "pipelineExecutionSummaries": [
                {"pipelineExecutionId": name, "executionType": "STANDARD"}
                for name in (THIRD, SECOND, FIRST)
            ]
        },
        "ListActionExecutions": {"actionExecutionDetails": [stage]},
        "GetPipeline": {
            "pipeline": {"name": PROJECT, "roleArn": "arn", "stages": [], "version": 5}
        },
        "RollbackStage": {"pipelineExecutionId": AGAIN},
    }
    return cloud


def rolled(execution: str = "", *, yes: bool = False) -> None:
    roll_back(changed(), tools_session(), execution, yes=yes)


def test_rollback_puts_the_release_before_the_live_one_back(
    history: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(monkeypatch, "y")

    rolled()

    (asked,) = history.made("RollbackStage")
    assert asked["targetPipelineExecutionId"] == SECOND
    assert asked["stageName"] == "DeployProd"


def test_a_rollback_after_a_rollback_goes_further_back(history: FakeAws) -> None:
    history.answers["ListPipelineExecutions"]["pipelineExecutionSummaries"].insert(
        0,
        {
            "pipelineExecutionId": AGAIN,
            "executionType": "ROLLBACK",
            "rollbackMetadata": {"rollbackTargetPipelineExecutionId": SECOND},
        },
    )

    rolled(yes=True)

    assert history.made("RollbackStage")[0]["targetPipelineExecutionId"] == FIRST
    with pytest.raises(UserError, match=f"{AGAIN} cannot be put back.*no rollback itself"):
        rolled(AGAIN, yes=True)


def test_an_execution_that_never_went_live_is_no_target(history: FakeAws) -> None:
    with pytest.raises(UserError, match="must have passed DeployProd"):
        rolled(AGAIN)


def test_a_target_from_before_a_pipeline_edit_is_refused(history: FakeAws) -> None:
    history.answers["GetPipeline"]["pipeline"]["version"] = 6

    with pytest.raises(UserError, match="before the pipeline was edited; revert"):
        rolled(FIRST)


def test_a_target_whose_artifacts_have_expired_is_refused(history: FakeAws) -> None:
    history.answers["HeadObject"] = refused("404", "Not Found")

    with pytest.raises(UserError, match="Built/1 has expired"):
        rolled(FIRST)


def test_a_first_release_has_nothing_to_go_back_to(history: FakeAws) -> None:
    summaries = history.answers["ListPipelineExecutions"]["pipelineExecutionSummaries"]
    del summaries[1:]

    with pytest.raises(UserError, match="no earlier execution"):
        rolled()
    summaries.clear()
    with pytest.raises(UserError, match="no earlier execution"):
        rolled()


def test_a_refused_rollback_rolls_nothing_back(
    history: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(monkeypatch, "n")
    history.answers["GetPipeline"]["pipeline"]["version"] = 6
    with suppress(UserError):
        rolled()
    history.answers["GetPipeline"]["pipeline"]["version"] = 5
    with suppress(UserError):
        rolled()

    assert not history.made("RollbackStage")
