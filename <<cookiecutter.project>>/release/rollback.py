"""`make rollback`: what an earlier execution of the pipeline released goes live again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

from categoriser.errors import UserError
from release.console import ask_consent, console
from release.settings import ReleaseSettings

if TYPE_CHECKING:
    from types_boto3_codepipeline import CodePipelineClient
    from types_boto3_codepipeline.type_defs import PipelineExecutionSummaryTypeDef

STAGE = "DeployProd"
REVERT = "revert the commit in Git and push, which makes a release of it"


def roll_back(
    settings: ReleaseSettings, session: boto3.Session, execution: str = "", *, yes: bool = False
) -> None:
    """Put back what an execution released: by default what was live before that which is.

    Raises `UserError` for a target that CodePipeline would refuse, or whose artifacts are gone.
    """
    pipeline = settings.project
    codepipeline = session.client("codepipeline")
    target = choose_target(codepipeline, pipeline, execution)
    require_artifacts(session, pipeline, target)
    ask_consent(f"Put back what {target} released?", yes=yes)
    codepipeline.rollback_stage(
        pipelineName=pipeline, stageName=STAGE, targetPipelineExecutionId=target
    )
    console.print("It is on its way: `make status` shows it")


def choose_target(codepipeline: CodePipelineClient, pipeline: str, execution: str) -> str:
    """Return the execution to go back to. Raises `UserError` where it is not one that can be."""
    pages = codepipeline.get_paginator("list_pipeline_executions").paginate(
        pipelineName=pipeline, filter={"succeededInStage": {"stageName": STAGE}}
    )
    runs = [run for page in pages for run in page.get("pipelineExecutionSummaries", [])]
    standard = [run["pipelineExecutionId"] for run in runs if run["executionType"] == "STANDARD"]
    target = execution or before_the_live(runs)
    if target not in standard:
        fault = f"{target or 'no earlier execution'} cannot be put back: it must have passed"
        able = ", ".join(standard)
        raise UserError(f"{fault} {STAGE}, and be no rollback itself. These can: {able}")
    return target


def before_the_live(runs: Sequence[PipelineExecutionSummaryTypeDef]) -> str:
    """Return the execution that was live before that which is; empty where there was none."""
    line = lived(runs)
    return line[-2] if len(line) > 1 else ""


def lived(runs: Sequence[PipelineExecutionSummaryTypeDef]) -> list[str]:
    """Return the executions that were live one after another, as far as none took them away.

    The last one is live. Of `runs`, the newest first, a rollback takes away what came after its
    target; one that goes forward, to what an earlier one took away, adds it again.
    """
    line: list[str] = []
    for run in reversed(runs):
        rollback = run.get("rollbackMetadata", {})
        name = rollback.get("rollbackTargetPipelineExecutionId", run["pipelineExecutionId"])
        if name in line:
            del line[line.index(name) :]
        line.append(name)
    return line


def require_artifacts(session: boto3.Session, pipeline: str, target: str) -> None:
    """Raise `UserError` where the pipeline was edited since, or the target's artifacts are gone."""
    codepipeline = session.client("codepipeline")
    pages = codepipeline.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline, filter={"pipelineExecutionId": target}
    )
    actions = [action for page in pages for action in page.get("actionExecutionDetails", [])]
    version = codepipeline.get_pipeline(name=pipeline)["pipeline"]["version"]
    if actions[0]["pipelineVersion"] != version:
        raise UserError(f"{target} is from before the pipeline was edited; {REVERT}")
    s3 = session.client("s3")
    for action in actions:
        if action["stageName"] != STAGE:
            continue
        for artifact in action["input"].get("inputArtifacts", []):
            place = artifact["s3location"]
            try:
                s3.head_object(Bucket=place["bucket"], Key=place["key"])
            except ClientError as error:
                fault = f"{target}: {place['key']} has expired ({error})"
                raise UserError(f"{fault}; {REVERT}") from None
