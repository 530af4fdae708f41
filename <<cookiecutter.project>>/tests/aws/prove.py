"""`make prove-aws`: the whole release in a sandbox account, faults included, and its evidence.

Nothing else shows that CloudFormation, CodePipeline, CodeDeploy and IAM do what the templates ask.
It deploys, releases four times, breaks two of the releases, rolls one back, runs the monitor and
tears down. It takes some four hours, and what docs/release.md says a day costs. Somebody must click
the new connection, and the branch must have been pushed.

DRY=1 says what would be done, and calls nothing. `reports/aws-evidence.json` has each step with its
claim, when it ran, what was seen, and whether the claim held; it is written after every step.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from categoriser.errors import UserError, run
from categoriser.files import write_json
from release.settings import Settings, console, read_settings

EVIDENCE = Path("reports/aws-evidence.json")
SECONDS = 15
HOURS = 3
ROW = {"text": "spotify p0d3d89b19 sydney au", "price": 11.99}
STEPS: dict[str, tuple[str, Callable[[Sandbox], Any]]] = {}


def step(claim: str) -> Callable[[Callable[[Sandbox], Any]], Callable[[Sandbox], Any]]:
    """Register a step with its claim. It returns what was seen, or raises."""

    def register(check: Callable[[Sandbox], Any]) -> Callable[[Sandbox], Any]:
        STEPS[check.__name__.replace("_", "-")] = claim, check
        return check

    return register


class Sandbox:
    """The account's services, and what the steps tell one another."""

    def __init__(self, settings: Settings) -> None:
        self.name, self.region = settings.project, settings.region
        self.session = boto3.Session(region_name=settings.region)
        self.seen: dict[str, Any] = {}

    def __getattr__(self, service: str) -> Any:
        return self.session.client(service.replace("_", "-"))

    def output(self, stack: str, key: str) -> str:
        [found] = self.cloudformation.describe_stacks(StackName=f"{self.name}-{stack}")["Stacks"]
        return str(next(o["OutputValue"] for o in found["Outputs"] if o["OutputKey"] == key))

    def live(self) -> dict[str, Any]:
        found: dict[str, Any] = self.lambda_.get_alias(FunctionName=f"{self.name}-api", Name="live")
        return found

    @property
    def lambda_(self) -> Any:
        return self.session.client("lambda")

    def endpoints(self) -> dict[str, str]:
        """Return the production endpoints' status by name."""
        found = self.sagemaker.list_endpoints(NameContains=f"{self.name}-2")["Endpoints"]
        return {item["EndpointName"]: item["EndpointStatus"] for item in found}

    def call(self, body: bytes, path: str = "predict") -> tuple[int, dict[str, Any]]:
        """Send a signed request to the API; return the status and the answer."""
        url = f"{self.output('prod', 'ApiUrl').rstrip('/')}/{path}"
        request = AWSRequest("POST", url, {"content-type": "application/json"}, body)
        SigV4Auth(self.session.get_credentials(), "execute-api", self.region).add_auth(request)
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
            assert self.state(execution) in ("InProgress", "Superseded"), self.state(execution)
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
            if (state := self.state(execution)) not in ("InProgress", "Stopping"):
                return state
        raise AssertionError("it did not end")


def polls() -> Iterator[int]:
    for number in range(HOURS * 3600 // SECONDS):
        yield number
        time.sleep(SECONDS)


def verb(*arguments: str, **environment: str) -> str:
    """Run a verb as `make` does; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        env=os.environ | {"YES": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout[-2000:]


@step("The account has quotas, permissions and services for a release.")
def preflight(_: Sandbox) -> Any:
    return verb("release.preflight")


@step("CloudFormation makes the layers from an empty account, with the seeds of image and data.")
def deploy(_: Sandbox) -> Any:
    return verb("release.stacks", "deploy")


@step("A connection that somebody has clicked becomes AVAILABLE.")
def connection(sandbox: Sandbox) -> Any:
    console.print("click the connection now: Developer Tools, Settings, Connections")
    for _ in polls():
        found = sandbox.codeconnections.list_connections()["Connections"]
        mine = [item for item in found if item["ConnectionName"] == sandbox.name]
        if not mine or mine[0]["ConnectionStatus"] == "AVAILABLE":
            return mine
    raise AssertionError("it stayed PENDING")


@step("The first release goes through every stage; nothing is shifted, the golden cases are asked.")
def first_release(sandbox: Sandbox) -> Any:
    execution = sandbox.start()
    sandbox.approve(sandbox.until_approval(execution))
    assert sandbox.until_done(execution) == "Succeeded"
    shifts = sandbox.codedeploy.list_deployments(
        applicationName=sandbox.name, deploymentGroupName=sandbox.name
    )
    assert not shifts["deployments"], shifts
    return {"execution": execution, "endpoints": sandbox.endpoints()}


@step("The API answers a signed request, and keeps a label once however often it is said.")
def api(sandbox: Sandbox) -> Any:
    status, answer = sandbox.call(json.dumps(ROW).encode())
    assert status == 200, answer
    sandbox.seen["prediction"] = answer["prediction_id"]
    label = json.dumps({"prediction_id": answer["prediction_id"], "category": answer["category"]})
    assert [sandbox.call(label.encode(), "feedback")[0] for _ in range(2)] == [202, 202]
    return answer


@step("A caller's fault is a 4xx, and the release's alarms stay as they were.")
def bad_requests(sandbox: Sandbox) -> Any:
    sent = {"no JSON": b"{", "no row": b"[1]", "5.5 MB": b"[" + b" " * 5_500_000 + b"]"}
    seen = {name: sandbox.call(body)[0] for name, body in sent.items()}
    seen["11 MB"] = sandbox.call(b" " * 11_000_000)[0]
    assert all(400 <= status < 500 for status in seen.values()), seen
    return seen | {"alarms": red(sandbox)}


def red(sandbox: Sandbox) -> list[str]:
    """Return the project's alarms that are red."""
    found = sandbox.cloudwatch.describe_alarms(
        AlarmNamePrefix=f"{sandbox.name}-",
        StateValue="ALARM",
        AlarmTypes=["MetricAlarm", "CompositeAlarm"],
    )
    return [
        item["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms") for item in found[kind]
    ]


@step(
    "A tenth of the traffic moves for five minutes, both endpoints live, and no caller sees a 5xx."
)
def canary(sandbox: Sandbox) -> Any:
    execution, seen = sandbox.start(), []
    sandbox.approve(sandbox.until_approval(execution))

    def watch() -> None:
        weights = sandbox.live().get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        status, answer = sandbox.call(json.dumps(ROW).encode())
        seen.append(
            {
                "at": now(),
                "weights": weights,
                "endpoints": sandbox.endpoints(),
                "status": status,
                "release": answer.get("release"),
            }
        )

    assert sandbox.until_done(execution, watch) == "Succeeded"
    shifting = [item for item in seen if item["weights"]]
    assert shifting, "no moment with two versions was seen"
    assert all([*item["weights"].values()] == [0.1] for item in shifting)
    assert all(list(item["endpoints"].values()) == ["InService"] * 2 for item in shifting)
    assert all(item["status"] == 200 for item in seen)
    return seen


@step(
    "A candidate whose endpoint fails is rolled back by its alarm; the old release keeps serving."
)
def broken_candidate(sandbox: Sandbox) -> Any:
    before, execution = sandbox.live()["FunctionVersion"], sandbox.start()
    old = set(sandbox.endpoints())
    sandbox.approve(sandbox.until_approval(execution))
    killed: list[str] = []
    statuses: list[int] = []

    def watch() -> None:
        if sandbox.live().get("RoutingConfig", {}).get("AdditionalVersionWeights"):
            for name in set(sandbox.endpoints()) - old - set(killed):
                sandbox.sagemaker.delete_endpoint(EndpointName=name)
                killed.append(name)
            statuses.extend(sandbox.call(json.dumps(ROW).encode())[0] for _ in range(20))

    assert sandbox.until_done(execution, watch) == "Failed"
    assert killed, "the canary was not seen"
    assert sandbox.live()["FunctionVersion"] == before
    assert sandbox.call(json.dumps(ROW).encode())[0] == 200
    return {"killed": killed, "502": statuses.count(502), "200": statuses.count(200)}


@step("A candidate with wrong answers fails before any traffic, and with the reason in the events.")
def wrong_answers(sandbox: Sandbox) -> Any:
    before, execution = sandbox.live()["FunctionVersion"], sandbox.start()
    token = sandbox.until_approval(execution)
    data = sandbox.output("data", "DataBucket")
    runs = sandbox.s3.list_objects_v2(Bucket=data, Prefix="runs/", Delimiter="/")["CommonPrefixes"]
    key = f"{max(item['Prefix'] for item in runs)}evaluation/golden.json"
    golden = json.load(sandbox.s3.get_object(Bucket=data, Key=key)["Body"])
    for case in golden["cases"]:
        case["category"] = next(name for name in golden["classes"] if name != case["category"])
    sandbox.s3.put_object(Bucket=data, Key=key, Body=json.dumps(golden).encode())
    sandbox.approve(token)
    assert sandbox.until_done(execution) == "Failed"
    assert sandbox.live()["FunctionVersion"] == before
    events = sandbox.cloudformation.describe_stack_events(StackName=f"{sandbox.name}-prod")
    said = [event.get("ResourceStatusReason", "") for event in events["StackEvents"]]
    assert any("another category" in words for words in said)
    return key


@step("A prediction leads to its release, commit, image digests, data version and approver.")
def why(sandbox: Sandbox) -> Any:
    return verb("release.operate", "why", sandbox.seen["prediction"])


@step("The scheduled job runs as EventBridge Scheduler would start it, under its own role.")
def monitor(sandbox: Sandbox) -> Any:
    target = sandbox.scheduler.get_schedule(Name=f"{sandbox.name}-check")["Target"]
    text = target["Input"].replace("<aws.scheduler.scheduled-time>", now())
    request = json.loads(text.replace("<aws.scheduler.execution-id>", f"proof-{int(time.time())}"))
    sandbox.sagemaker.create_processing_job(**request)
    name = request["ProcessingJobName"]
    sandbox.sagemaker.get_waiter("processing_job_completed_or_stopped").wait(ProcessingJobName=name)
    return sandbox.sagemaker.describe_processing_job(ProcessingJobName=name)["ExitMessage"]


@step("An alarm without new labels starts nothing, and the decision is recorded.")
def retrain(sandbox: Sandbox) -> Any:
    event = {"source": "aws.cloudwatch", "detail": {"alarmName": f"{sandbox.name}-drift"}}
    before = sandbox.codepipeline.list_pipeline_executions(pipelineName=sandbox.name)
    answer = sandbox.lambda_.invoke(
        FunctionName=f"{sandbox.name}-retrain", Payload=json.dumps(event).encode()
    )
    after = sandbox.codepipeline.list_pipeline_executions(pipelineName=sandbox.name)
    newest = [found["pipelineExecutionSummaries"][0] for found in (before, after)]
    assert newest[0]["pipelineExecutionId"] == newest[1]["pipelineExecutionId"]
    listed = sandbox.s3.list_objects_v2(
        Bucket=sandbox.output("data", "DataBucket"), Prefix="retraining/"
    )
    assert listed["KeyCount"]
    return answer["Payload"].read().decode()


@step("`make rollback` puts the release before the last one back.")
def rollback(_: Sandbox) -> Any:
    return verb("release.operate", "rollback")


@step("Nothing that bills is left.")
def teardown(sandbox: Sandbox) -> Any:
    said = verb("release.stacks", "teardown", DATA="1")
    tagged = sandbox.resourcegroupstaggingapi.get_resources(
        TagFilters=[{"Key": "Project", "Values": [sandbox.name]}]
    )["ResourceTagMappingList"]
    left = [item["ResourceARN"] for item in tagged if ":kms:" not in item["ResourceARN"]]
    assert not left, left
    return said


@step("What it cost, by service; AWS knows it a day later, so today's figures are incomplete.")
def cost(sandbox: Sandbox) -> Any:
    today = datetime.now(UTC).date()
    found = sandbox.ce.get_cost_and_usage(
        TimePeriod={"Start": str(today - timedelta(days=1)), "End": str(today + timedelta(days=1))},
        Granularity="DAILY",
        Metrics=["UnblendedCost"],
        GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}],
    )
    return found["ResultsByTime"]


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def main() -> None:
    """Run every step, the teardown too where one before it fails. Raises `UserError` then."""
    settings, dry = read_settings(), bool(os.environ.get("DRY"))
    sandbox = Sandbox(settings)
    console.print(f"{settings.project} in {settings.region}: {len(STEPS)} steps")
    if not dry:
        identity = sandbox.sts.get_caller_identity()["Account"]
        if (
            console.input(f"Everything in account {identity} may be billed. Its id again: ")
            != identity
        ):
            raise UserError("not done: this needs a sandbox account, named by its id")
    evidence: list[dict[str, Any]] = []
    broken = False
    for name, (claim, check) in STEPS.items():
        found: dict[str, Any] = {"step": name, "claim": claim, "outcome": "not run"}
        evidence.append(found)
        console.print(f"{name}: {claim}")
        if not dry and (not broken or name in ("teardown", "cost")):
            found["begun"] = now()
            try:
                found["seen"], found["outcome"] = check(sandbox), "held"
            except Exception as error:  # noqa: BLE001  # all that happens is evidence
                found["seen"], found["outcome"], broken = repr(error), "did not hold", True
            found["ended"] = now()
            console.print(f"  {found['outcome']}")
        write_json(EVIDENCE, json.loads(json.dumps(evidence, default=str)))
    if broken:
        raise UserError(f"a claim did not hold; {EVIDENCE} has what was seen")


if __name__ == "__main__":
    run(main)
