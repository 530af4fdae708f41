"""Answers CodePipeline's Invoke actions: what an action finds, or why it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from aws_lambda_powertools import Logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.data_classes import CodePipelineJobEvent
    from types_boto3_codepipeline.type_defs import FailureDetailsTypeDef

# CodePipeline takes 5,000 characters of a message; people read fewer.
MESSAGE_CHARACTERS = 1000
logger = Logger()
codepipeline = boto3.client("codepipeline")


def answer_action(event: CodePipelineJobEvent, act: Callable[..., dict[str, str] | None]) -> None:
    """Call `act` with the action's UserParameters, which are JSON, and tell CodePipeline the end.

    What `act` returns are the action's output variables, if any; what it raises fails the action,
    with its words.
    """
    try:
        variables = act(**event.decoded_user_parameters)
    except Exception as error:
        logger.exception("the action fails")
        details: FailureDetailsTypeDef = {
            "type": "JobFailed",
            "message": str(error)[:MESSAGE_CHARACTERS],
        }
        codepipeline.put_job_failure_result(jobId=event.get_id, failureDetails=details)
    else:
        codepipeline.put_job_success_result(jobId=event.get_id, outputVariables=variables or {})
