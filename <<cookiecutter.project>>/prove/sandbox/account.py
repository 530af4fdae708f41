"""A sandbox account's services, and what the steps ask of the release in it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from prove.sandbox.waiting import polls
from release.accounts import bucket_name
from release.alarms import release_alarms
from release.settings import ReleaseSettings
from release.traffic import live_releases


class Sandbox:
    """The account's services, and what the steps tell one another."""

    def __init__(self, settings: ReleaseSettings, opened: boto3.Session) -> None:
        self.settings = settings
        self.name = settings.project
        self.session = opened
        # The id of a prediction of the first release.
        self.prediction = ""
        # The releases that the pipeline alone has put live, the oldest first.
        self.releases: list[str] = []

    def __getattr__(self, service: str) -> Any:
        """Make a service's client, once. `lambda_` is Lambda's."""
        session: Any = self.session  # whose types know services by their literal names
        client = session.client(service.rstrip("_"))
        setattr(self, service, client)
        return client

    def live(self) -> tuple[str, dict[str, float]]:
        """Return the version that the alias names, and what share another has beside it."""
        found = self.lambda_.get_alias(FunctionName=f"{self.name}-api", Name="live")
        weights = found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return found["FunctionVersion"], weights

    def release(self) -> str:
        """Return the one release that has all the traffic."""
        [(release, _, share)] = live_releases(self.session, self.name)
        assert share == 1, share
        return release

    def keys(self, kind: str, prefix: str) -> set[str]:
        """Return the keys under a prefix of the project's bucket of a kind."""
        place = {"Bucket": bucket_name(self.settings, kind, self.session), "Prefix": prefix}
        pages = self.s3.get_paginator("list_objects_v2").paginate(**place)
        return {item["Key"] for page in pages for item in page.get("Contents", [])}

    def endpoints(self) -> dict[str, str]:
        """Return the production endpoints' status by name."""
        found = self.sagemaker.list_endpoints(NameContains=f"{self.name}-2")["Endpoints"]
        return {item["EndpointName"]: item["EndpointStatus"] for item in found}

    def call(self, body: bytes, path: str = "predict") -> tuple[int, dict[str, Any]]:
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

    def stages(self) -> dict[str, dict[str, Any]]:
        states = self.codepipeline.get_pipeline_state(name=self.name)["stageStates"]
        return {state["stageName"]: state for state in states}

    def start(self) -> str:
        return str(
            self.codepipeline.start_pipeline_execution(name=self.name)["pipelineExecutionId"]
        )

    def until_approval(self, execution: str) -> str:
        """Wait for an execution to ask for approval; return the token. Fails if it ends before."""
        for _ in polls():
            stage = self.stages()["Approval"]
            if stage.get("latestExecution", {}).get("pipelineExecutionId") == execution:
                found = stage["actionStates"][0].get("latestExecution", {})
                if found.get("token"):
                    return str(found["token"])
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
        return str(found["pipelineExecution"]["status"])

    def until_done(self, execution: str, watch: Callable[[], None] = lambda: None) -> str:
        """Wait for an execution's end, calling `watch` meanwhile; return its status."""
        for _ in polls():
            watch()
            state = self.state(execution)
            if state not in ("InProgress", "Stopping"):
                return state
        raise AssertionError("it did not end")

    def executions(self) -> list[dict[str, Any]]:
        """Return the newest executions, the newest first."""
        found = self.codepipeline.list_pipeline_executions(pipelineName=self.name)
        return list(found["pipelineExecutionSummaries"])

    def until_back(self, known: list[dict[str, Any]]) -> str:
        """Wait for the end of the stage's rollback, an execution that is none of those known."""
        ids = {made["pipelineExecutionId"] for made in known}
        for _ in polls():
            for made in self.executions():
                found = str(made["pipelineExecutionId"])
                if made["executionType"] == "ROLLBACK" and found not in ids:
                    state = self.until_done(found)
                    assert state == "Succeeded", f"the rollback is {state}"
                    return found
        raise AssertionError("the stage did not go back")


def red(sandbox: Sandbox) -> list[str]:
    """Return which of the live release's alarms are red. Fails where one is missing."""
    release, name = sandbox.release(), sandbox.name
    names = release_alarms(name, release)
    names += [f"{name}-release", f"{name}-api-5xx"]
    found = sandbox.cloudwatch.describe_alarms(
        AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    states = {
        item["AlarmName"]: item["StateValue"]
        for item in found["MetricAlarms"] + found["CompositeAlarms"]
    }
    assert sorted(states) == sorted(names), states
    return [name for name in names if states[name] == "ALARM"]
