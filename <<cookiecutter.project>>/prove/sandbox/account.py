"""A sandbox account's services, and what the steps ask of the release in it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from categoriser.release_names import LIVE_ALIAS, api_function
from prove.sandbox.clients import SandboxClients
from prove.sandbox.waiting import polls
from release.accounts import bucket_name
from release.alarms import release_alarms
from release.settings import ReleaseSettings
from release.traffic import live_releases

if TYPE_CHECKING:
    from types_boto3_codepipeline.type_defs import (
        PipelineExecutionSummaryTypeDef,
        StageStateTypeDef,
    )


class ApiAnswer(TypedDict, total=False):
    """What the steps read of the API's answer: a prediction's fields, or the text of a problem."""

    prediction_id: str
    category: str
    release: str
    body: str


class Sandbox(SandboxClients):
    """The account's services, and what the steps tell one another."""

    def __init__(self, settings: ReleaseSettings, opened: boto3.Session) -> None:
        super().__init__(opened)
        self.settings = settings
        self.name = settings.project
        # The id of a prediction of the first release.
        self.prediction = ""
        # The releases that the pipeline alone has put live, the oldest first.
        self.releases: list[str] = []

    def live(self) -> tuple[str, dict[str, float]]:
        """Return the version that the alias names, and what share another has beside it."""
        found = self.functions.get_alias(FunctionName=api_function(self.name), Name=LIVE_ALIAS)
        weights = found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return found["FunctionVersion"], weights

    def release(self) -> str:
        """Return the one release that has all the traffic."""
        [(release, _, share)] = live_releases(self.session, self.name)
        assert share == 1, share
        return release

    def keys(self, kind: str, prefix: str) -> set[str]:
        """Return the keys under a prefix of the project's bucket of a kind."""
        bucket = bucket_name(self.settings, kind, self.session)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {item["Key"] for page in pages for item in page.get("Contents", [])}

    def endpoints(self) -> dict[str, str]:
        """Return the production endpoints' status by name."""
        found = self.sagemaker.list_endpoints(NameContains=f"{self.name}-2")["Endpoints"]
        return {item["EndpointName"]: item["EndpointStatus"] for item in found}

    def call(self, body: bytes, path: str = "predict") -> tuple[int, ApiAnswer]:
        """Send a signed request to the API; return the status and the answer."""
        [stack] = self.cloudformation.describe_stacks(StackName=f"{self.name}-prod")["Stacks"]
        outputs = {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}
        url = f"{outputs['ApiUrl']}/{path}"
        signed = self.session.get_credentials()
        assert signed
        request = AWSRequest("POST", url, {"content-type": "application/json"}, body)
        SigV4Auth(signed, "execute-api", self.session.region_name).add_auth(request)
        prepared = urllib.request.Request(url, body, dict(request.headers))
        try:
            with urllib.request.urlopen(prepared, timeout=40) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, {"body": error.read().decode(errors="replace")[:500]}

    def stages(self) -> dict[str, StageStateTypeDef]:
        """Return the state of the pipeline's stages by name."""
        states = self.codepipeline.get_pipeline_state(name=self.name)["stageStates"]
        return {state["stageName"]: state for state in states}

    def start(self) -> str:
        """Start the pipeline; return the execution's id."""
        return self.codepipeline.start_pipeline_execution(name=self.name)["pipelineExecutionId"]

    def until_approval(self, execution: str) -> str:
        """Wait for an execution to ask for approval; return the token. Fails if it ends before."""
        for _ in polls():
            stage = self.stages()["Approval"]
            if stage.get("latestExecution", {}).get("pipelineExecutionId") == execution:
                found = stage["actionStates"][0].get("latestExecution", {})
                if found.get("token"):
                    return found["token"]
            state = self.state(execution)
            assert state == "InProgress", f"{execution} is {state} before its approval"
        raise AssertionError("no approval was asked for")

    def approve(self, token: str) -> None:
        self.codepipeline.put_approval_result(
            pipelineName=self.name,
            stageName="Approval",
            actionName="Approve",
            result={"summary": "make prove-aws", "status": "Approved"},
            token=token,
        )

    def state(self, execution: str) -> str:
        found = self.codepipeline.get_pipeline_execution(
            pipelineName=self.name, pipelineExecutionId=execution
        )
        return found["pipelineExecution"]["status"]

    def until_done(self, execution: str, watch: Callable[[], None] = lambda: None) -> str:
        """Wait for an execution's end, calling `watch` meanwhile; return its status."""
        for _ in polls():
            watch()
            state = self.state(execution)
            if state not in ("InProgress", "Stopping"):
                return state
        raise AssertionError("it did not end")

    def executions(self) -> list[PipelineExecutionSummaryTypeDef]:
        """Return the newest executions, the newest first."""
        found = self.codepipeline.list_pipeline_executions(pipelineName=self.name)
        return found["pipelineExecutionSummaries"]

    def until_back(self, known: list[PipelineExecutionSummaryTypeDef]) -> str:
        """Wait for the end of the stage's rollback, which is not among the known executions."""
        ids = {made["pipelineExecutionId"] for made in known}
        for _ in polls():
            for made in self.executions():
                found = made["pipelineExecutionId"]
                if made["executionType"] == "ROLLBACK" and found not in ids:
                    state = self.until_done(found)
                    assert state == "Succeeded", f"the rollback is {state}"
                    return found
        raise AssertionError("the stage did not go back")


def red(sandbox: Sandbox) -> list[str]:
    """Return which of the live release's alarms are red. Fails where one is missing."""
    name = sandbox.name
    names = release_alarms(name, sandbox.release())
    names += [f"{name}-release", f"{name}-api-5xx"]
    found = sandbox.cloudwatch.describe_alarms(
        AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    states = {
        item["AlarmName"]: item["StateValue"]
        for item in found["MetricAlarms"] + found["CompositeAlarms"]
    }
    assert sorted(states) == sorted(names), states
    return [alarm for alarm in names if states[alarm] == "ALARM"]
