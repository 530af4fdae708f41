"""An account where releases pass, or a fault is set, as the proof on AWS sees it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from prove import resolver, templates
from prove.sandbox import steps, waiting
from release_helpers.fake_aws import FakeAws, cached_session
from release_helpers.settings import (
    DATA,
    LIVE,
    PROJECT,
    RELEASE,
)


class World:
    """An account where releases pass, or a fault is set; its names are the templates'.

    What asks for another name fails. A quarter of a minute passes with each sleep.
    """

    def __init__(self, cloud: FakeAws, prove: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.prove = prove
        self.clock = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
        self.runs: list[dict[str, Any]] = []
        self.plays: list[Iterator[None]] = []
        self.versions: list[tuple[str, str]] = []
        self.weights: dict[str, float] = {}
        self.ends = {f"{PROJECT}-dev-{RELEASE}": "InService"}
        self.objects: dict[str, dict[str, bytes]] = {DATA: {}, LIVE: {}}
        self.events: list[str] = []
        self.red: list[str] = []
        self.outcome = "Succeeded"
        self.code = "ALARM_ACTIVE"
        self.share = 0.1
        self.minutes = 5.0
        self.status = 200
        self.approval = "InProgress"
        self.back = "Succeeded"
        self.shifts = ["d-1"]
        self.job = "Completed"
        self.retraining = {"started": None}
        self.deleted = 2
        self.golden = ""
        self.labels = 1
        self.said = ""
        self.verbs: list[tuple[str, ...]] = []
        clock = SimpleNamespace(sleep=self.sleep, time=lambda: 1_000_000_000.0)
        monkeypatch.setattr(steps, "time", clock)
        monkeypatch.setattr(waiting, "time", clock)
        monkeypatch.setattr(waiting, "now", lambda: f"{self.clock:%Y-%m-%dT%H:%M:%SZ}")
        monkeypatch.setattr(steps, "verb", self.verb)
        monkeypatch.setattr(prove.Sandbox, "call", self.call)
        cloud.answers |= {
            name: getattr(self, re.sub("(?<!^)(?=[A-Z])", "_", name).lower()) for name in ANSWERED
        }
        self.sandbox = prove.Sandbox(prove.read_release_settings(), cached_session())

    def step(self, name: str) -> Any:
        return self.prove.PROOF_STEPS[name][1](self.sandbox)

    def sleep(self, seconds: float) -> None:
        self.clock += timedelta(seconds=seconds)
        self.plays = [play for play in self.plays if next(play, 0) is None]

    def live(self) -> str:
        return str(len(self.versions))

    def release(self, made: bool = True) -> str:
        """Put another release live, at once."""
        name = f"2026112{len(self.versions) + 2}-101500-abcdef1"
        self.versions.append((name, f"{PROJECT}-{name}"))
        self.ends[f"{PROJECT}-{name}"] = "InService"
        self.golden = f"probe-{name}-golden-"
        if made:
            self.sandbox.releases.append(name)
        return name

    # The pipeline.

    def pipeline(self, asked: dict[str, Any]) -> None:
        name = asked.get("pipelineName") or asked["name"]
        assert name == resolver.physical("pipeline", "Pipeline")

    def run(self, kind: str) -> dict[str, Any]:
        found = {"pipelineExecutionId": f"e-{len(self.runs)}", "status": "InProgress"}
        self.runs.insert(0, found | {"executionType": kind})
        return self.runs[0]

    def start_pipeline_execution(self, asked: dict[str, Any]) -> Any:
        self.pipeline(asked)
        made = self.run("STANDARD")
        if self.approval != "InProgress":
            made["status"] = self.approval
        golden = {"classes": ["a", "b"], "cases": [{"category": "a"}]}
        key = f"runs/2026112{len(self.versions) + 2}/evaluation/golden.json"
        self.objects[DATA][key] = json.dumps(golden).encode()
        return {"pipelineExecutionId": made["pipelineExecutionId"]}

    def get_pipeline_state(self, asked: dict[str, Any]) -> Any:
        self.pipeline(asked)
        token = {"token": "token"} if self.approval == "InProgress" else {}
        latest = {"pipelineExecutionId": self.runs[0]["pipelineExecutionId"], "status": "x"}
        state = {"stageName": "Approval", "latestExecution": latest}
        return {"stageStates": [state | {"actionStates": [{"latestExecution": token}]}]}

    def put_approval_result(self, asked: dict[str, Any]) -> Any:
        self.pipeline(asked)
        stages = templates.resources("pipeline")["Pipeline"]["Properties"]["Stages"]
        actions = {(s["Name"], a["Name"]) for s in stages for a in s["Actions"] if "Name" in a}
        assert (asked["stageName"], asked["actionName"]) in actions
        self.plays.append(self.deploys(self.runs[0]))
        return {}

    def deploys(self, run: dict[str, Any]) -> Iterator[None]:
        yield
        golden = [body for key, body in sorted(self.objects[DATA].items()) if "golden" in key]
        wrong = golden and json.loads(golden[-1])["cases"][0]["category"] != "a"
        before = self.live()
        if self.versions and not wrong:
            old = self.versions[-1][1]
            new = f"{PROJECT}-{self.release(made=False)}"
            latest = self.versions.pop()
            self.weights = {"2": self.share} if self.minutes else {}
            for _ in range(int(self.minutes * 4)):
                yield
                if new not in self.ends:
                    self.outcome = "Failed"
                    break
            self.weights = {}
            if self.outcome == "Succeeded":
                self.versions.append(latest)
                yield
                del self.ends[old]
            else:
                self.ends.pop(new, None)
        elif not wrong:
            self.release(made=False)
        else:
            self.outcome = "Failed"
            self.events.append("probe-1: another category, or classes in another order")
        run["status"] = self.outcome
        if self.outcome == "Failed" and before != "0":
            yield from self.goes_back()

    def goes_back(self, release: str = "") -> Iterator[None]:
        yield
        run = self.run("ROLLBACK") if self.back else {}
        for _ in range(8):
            yield
        run["status"] = self.back
        if release:
            self.versions.append((release, f"{PROJECT}-{release}"))

    def get_pipeline_execution(self, asked: dict[str, Any]) -> Any:
        self.pipeline(asked)
        [run] = [r for r in self.runs if r["pipelineExecutionId"] == asked["pipelineExecutionId"]]
        return {"pipelineExecution": {"status": run["status"]}}

    def list_pipeline_executions(self, asked: dict[str, Any]) -> Any:
        self.pipeline(asked)
        return {"pipelineExecutionSummaries": [{**run} for run in self.runs]}

    # The API, its shift and its alarms.

    def call(self, body: bytes, path: str = "predict") -> tuple[int, dict[str, Any]]:
        if path == "feedback" and b"no class" in body:
            return (400 if self.status == 200 else self.status), {}
        if path == "feedback":
            stem = "ground-truth/2026/11/22/10/" if self.labels else "ground-truth/other/"
            for number in range(self.labels):
                self.objects[LIVE][f"{stem[:-1]}{number}/{'0' * 32}.jsonl"] = b""
            return 202, {}
        if body != json.dumps(steps.ROW).encode():
            return (400 if self.status == 200 else self.status), {}
        answer = {"prediction_id": "0" * 32, "category": "a", "release": self.versions[-1][0]}
        return self.status, answer

    def get_alias(self, asked: dict[str, Any]) -> Any:
        alias = templates.resources("prod")["Live"]["Properties"]["Name"]
        assert asked == {"FunctionName": resolver.physical("prod", "Api"), "Name": alias}
        routing = {"AdditionalVersionWeights": self.weights} if self.weights else {}
        return {"FunctionVersion": self.live(), "RoutingConfig": routing}

    def list_versions_by_function(self, asked: dict[str, Any]) -> Any:
        assert asked["FunctionName"] == resolver.physical("prod", "Api")
        return {
            "Versions": [
                {
                    "Version": str(number),
                    "Environment": {"Variables": {"RELEASE_ID": name, "ENDPOINT_NAME": end}},
                }
                for number, (name, end) in enumerate(self.versions, start=1)
            ]
        }

    def list_endpoints(self, asked: dict[str, Any]) -> Any:
        assert resolver.physical("prod", "Endpoint").startswith(asked["NameContains"])
        return {
            "Endpoints": [
                {"EndpointName": name, "EndpointStatus": status}
                for name, status in self.ends.items()
                if asked["NameContains"] in name
            ]
        }

    def delete_endpoint(self, asked: dict[str, Any]) -> Any:
        del self.ends[asked["EndpointName"]]
        return {}

    def describe_alarms(self, asked: dict[str, Any]) -> Any:
        wanted = asked["AlarmNames"]
        return {
            "MetricAlarms": self.alarm_states("AWS::CloudWatch::Alarm", wanted),
            "CompositeAlarms": self.alarm_states("AWS::CloudWatch::CompositeAlarm", wanted),
        }

    def alarm_states(self, kind: str, wanted: list[str]) -> list[dict[str, str]]:
        given = {"ReleaseId": self.versions[-1][0]}
        keys = templates.resources("prod", kind)
        names = [resolver.physical("prod", key, given) for key in keys]
        return [
            {"AlarmName": name, "StateValue": "ALARM" if name in self.red else "OK"}
            for name in names
            if name in wanted
        ]

    def list_deployments(self, asked: dict[str, Any]) -> Any:
        assert asked["applicationName"] == resolver.physical("prod", "Application")
        assert asked["deploymentGroupName"] == resolver.physical("prod", "DeploymentGroup")
        return {"deployments": self.shifts if len(self.runs) > 1 or self.code == "x" else []}

    def batch_get_deployments(self, asked: dict[str, Any]) -> Any:
        return {"deploymentsInfo": [{"errorInformation": {"code": self.code}}]}

    # The rest.

    def verb(self, *arguments: str, **_: str) -> str:
        self.verbs.append(arguments)
        if arguments[-1] == "rollback" and self.back:
            self.plays.append(self.goes_back(self.versions[0][0]))
        return self.said

    def describe_stack_resource(self, asked: dict[str, Any]) -> Any:
        template = asked["StackName"].removeprefix(f"{PROJECT}-")
        assert asked["LogicalResourceId"] in templates.resources(template)
        return {"StackResourceDetail": {"PhysicalResourceId": self.golden or "arn"}}

    def get_connection(self, asked: dict[str, Any]) -> Any:
        return {"Connection": {"ConnectionStatus": self.job if self.job else "PENDING"}}

    def describe_stack_events(self, asked: dict[str, Any]) -> Any:
        assert asked["StackName"] == f"{PROJECT}-prod"
        return {"StackEvents": [{"ResourceStatusReason": words} for words in self.events]}

    def list_objects_v2(self, asked: dict[str, Any]) -> Any:
        keys = [key for key in self.objects[asked["Bucket"]] if key.startswith(asked["Prefix"])]
        return {"Contents": [{"Key": key} for key in keys]}

    def get_object(self, asked: dict[str, Any]) -> Any:
        return {"Body": io.BytesIO(self.objects[asked["Bucket"]][asked["Key"]])}

    def put_object(self, asked: dict[str, Any]) -> Any:
        self.objects[asked["Bucket"]][asked["Key"]] = asked["Body"]
        return {}

    def get_schedule(self, asked: dict[str, Any]) -> Any:
        [schedule] = [
            found
            for found in resolver.resolve(templates.resources("monitor"), "monitor").values()
            if found["Type"] == "AWS::Scheduler::Schedule"
            and {key: found["Properties"][key] for key in asked} == asked
            and {"GroupName", "Name"} == {*asked}
        ]
        return {"Target": schedule["Properties"]["Target"]}

    def create_processing_job(self, asked: dict[str, Any]) -> Any:
        assert not re.search("<aws", json.dumps(asked))
        self.role = asked["RoleArn"]
        return {}

    def describe_processing_job(self, asked: dict[str, Any]) -> Any:
        return {"ProcessingJobStatus": self.job, "RoleArn": self.role}

    def invoke(self, asked: dict[str, Any]) -> Any:
        assert asked["FunctionName"] == resolver.physical("pipeline", "RetrainFunction")
        alarm = json.loads(asked["Payload"])["detail"]["alarmName"]
        assert alarm == resolver.physical("monitor", "DriftAlarm")
        for number in range(self.labels):
            body = json.dumps(self.retraining).encode()
            self.objects[DATA][f"retraining/{number}.json"] = body
        if self.retraining["started"]:
            self.run("STANDARD")
        error = {"FunctionError": "Unhandled"} if self.status != 200 else {}
        return {"Payload": io.BytesIO(b"null")} | error

    def get_resources(self, asked: dict[str, Any]) -> Any:
        self.deleted -= 1
        kinds = ["kms:::key/1", "sagemaker:::training-job/1"]
        kinds += ["sagemaker:::endpoint/1"] if self.deleted > 0 else []
        return {"ResourceTagMappingList": [{"ResourceARN": f"arn:aws:{kind}"} for kind in kinds]}

    def get_cost_and_usage(self, asked: dict[str, Any]) -> Any:
        return {"ResultsByTime": []}


ANSWERED = [
    "StartPipelineExecution",
    "GetPipelineState",
    "PutApprovalResult",
    "GetPipelineExecution",
    "ListPipelineExecutions",
    "GetAlias",
    "ListVersionsByFunction",
    "ListEndpoints",
    "DeleteEndpoint",
    "DescribeAlarms",
    "ListDeployments",
    "BatchGetDeployments",
    "DescribeStackResource",
    "GetConnection",
    "DescribeStackEvents",
    "ListObjectsV2",
    "GetObject",
    "PutObject",
    "GetSchedule",
    "CreateProcessingJob",
    "DescribeProcessingJob",
    "Invoke",
    "GetResources",
    "GetCostAndUsage",
]
