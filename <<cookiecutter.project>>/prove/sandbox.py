"""`make prove-aws`: the whole release in a sandbox account, faults included, and its evidence.

Nothing else shows that CloudFormation, CodePipeline, CodeDeploy and IAM do what the templates ask.
It deploys, releases four times, breaks two of the releases, rolls one back, runs the monitor and
tears down. It takes some four hours, and what docs/release.md says a day costs. Somebody must click
the new connection. Before it: `make run`, whose data are what is seeded, and a push of the branch.

DRY=1 says what would be done, and calls and writes nothing. `reports/aws-evidence.json` has each
step with its claim, when it ran, what was seen, and whether the claim held; it is written after
every step, and is worth a commit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import traceback
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
from categoriser.io.replacing import write_json
from release.accounts import account_id, bucket_name, open_session
from release.alarms import release_alarms
from release.console import console
from release.refusals import refusals_in_words
from release.settings import SETTINGS, ReleaseSettings, read_release_settings
from release.traffic import live_releases

EVIDENCE = Path("reports/aws-evidence.json")
SECONDS = 15
HOURS = 3
ROW = {"text": "spotify p0d3d89b19 sydney au", "price": 11.99}
# Tagged, and left: they do not bill. A key waits for its deletion, a job's record stays for ever.
FREE = (":kms:", ":training-job/", ":processing-job/")
STEPS: dict[str, tuple[str, Callable[[Sandbox], Any]]] = {}


def step(claim: str) -> Callable[[Callable[[Sandbox], Any]], Callable[[Sandbox], Any]]:
    """Register a step with its claim. It returns what was seen, or raises."""

    def register(check: Callable[[Sandbox], Any]) -> Callable[[Sandbox], Any]:
        STEPS[check.__name__.replace("_", "-")] = claim, check
        return check

    return register


class Sandbox:
    """The account's services, and what the steps tell one another."""

    def __init__(self, settings: ReleaseSettings, opened: boto3.Session) -> None:
        self.settings, self.name, self.session = settings, settings.project, opened
        self.prediction = ""
        self.releases: list[str] = []  # That went live, by the pipeline alone.

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
        url, signed = f"{outputs['ApiUrl']}/{path}", self.session.get_credentials()
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
            if (state := self.state(execution)) not in ("InProgress", "Stopping"):
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


def polls(minutes: int = HOURS * 60) -> Iterator[int]:
    for number in range(minutes * 60 // SECONDS):
        yield number
        time.sleep(SECONDS)


def verb(*arguments: str, **environment: str) -> str:
    """Run a verb as `make` does; return the end of what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        env=os.environ | {"YES": "1", "COLUMNS": "200"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout[-5000:]


@step("The account has quotas, permissions and services for a release.")
def preflight(_: Sandbox) -> Any:
    return verb("release", "preflight")


@step("CloudFormation makes the layers from an empty account, with the seeds of image and data.")
def deploy(_: Sandbox) -> Any:
    return verb("release", "deploy")


@step("A connection that somebody has clicked becomes AVAILABLE.")
def connection(sandbox: Sandbox) -> Any:
    if sandbox.settings.source.host == "CodeCommit":
        return "none: the repository is in CodeCommit"
    stack = {"StackName": f"{sandbox.name}-pipeline", "LogicalResourceId": "GitConnection"}
    made = sandbox.cloudformation.describe_stack_resource(**stack)["StackResourceDetail"]
    console.print("click the connection now: Developer Tools, Settings, Connections")
    for _ in polls():
        named = {"ConnectionArn": made["PhysicalResourceId"]}
        found = sandbox.codeconnections.get_connection(**named)["Connection"]
        if found["ConnectionStatus"] == "AVAILABLE":
            return found
    raise AssertionError("it stayed PENDING")


@step("The first release goes through every stage; nothing is shifted, the golden cases are asked.")
def first_release(sandbox: Sandbox) -> Any:
    execution = sandbox.start()
    sandbox.approve(sandbox.until_approval(execution))
    state = sandbox.until_done(execution)
    assert state == "Succeeded", state
    shifts = sandbox.codedeploy.list_deployments(
        applicationName=sandbox.name, deploymentGroupName=sandbox.name
    )
    assert not shifts["deployments"], shifts
    stack = {"StackName": f"{sandbox.name}-prod", "LogicalResourceId": "Golden"}
    golden = sandbox.cloudformation.describe_stack_resource(**stack)["StackResourceDetail"]
    sandbox.releases.append(sandbox.release())
    asked = f"probe-{sandbox.releases[-1]}-golden-"
    assert golden["PhysicalResourceId"] == asked, golden["PhysicalResourceId"]
    return {"execution": execution, "endpoints": sandbox.endpoints(), "golden": asked}


@step("The API answers a signed request, and keeps a label once however often it is said.")
def api(sandbox: Sandbox) -> Any:
    status, answer = sandbox.call(json.dumps(ROW).encode())
    assert status == 200, answer
    name = sandbox.prediction = answer["prediction_id"]
    label = json.dumps({"prediction_id": name, "category": answer["category"]}).encode()
    said = [sandbox.call(label, "feedback")[0] for _ in range(2)]
    assert said == [202, 202], said
    kept = [key for key in sandbox.keys("live", "ground-truth/") if key.endswith(f"/{name}.jsonl")]
    assert len(kept) == 1, kept
    return answer | {"kept": kept}


@step("A caller's fault is a 4xx, and the release's alarms stay as they were.")
def bad_requests(sandbox: Sandbox) -> Any:
    before = red(sandbox)
    sent = {"no JSON": b"{", "no row": b"[1]", "5.5 MB": b"[" + b" " * 5_500_000 + b"]"}
    seen = {name: sandbox.call(body)[0] for name, body in sent.items()}
    seen["11 MB"] = sandbox.call(b" " * 11_000_000)[0]
    seen["another field"] = sandbox.call(json.dumps(ROW | {"x": 1}).encode())[0]
    label = json.dumps({"prediction_id": "0" * 32, "category": "no class of ours"}).encode()
    seen["a label of no class"] = sandbox.call(label, "feedback")[0]
    assert all(400 <= status < 500 for status in seen.values()), seen
    # An alarm looks once a minute, at metrics that come late.
    for _ in polls(minutes=5):
        after = red(sandbox)
        assert after == before, f"{before} were red, now {after}"
    return seen | {"red": before}


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


@step("The canary gets its share for its minutes, both endpoints live, and no caller sees a 5xx.")
def canary(sandbox: Sandbox) -> Any:
    seen: list[dict[str, Any]] = []
    execution = sandbox.start()
    sandbox.approve(sandbox.until_approval(execution))

    def watch() -> None:
        (_, weights), endpoints = sandbox.live(), sandbox.endpoints()
        status, answer = sandbox.call(json.dumps(ROW).encode())
        said = {"at": now(), "status": status, "release": answer.get("release")}
        seen.append(said | {"weights": weights, "endpoints": endpoints})

    state = sandbox.until_done(execution, watch)
    assert state == "Succeeded", (state, seen)
    shifting = [item for item in seen if item["weights"]]
    assert shifting, "no moment with two versions was seen"
    prod = sandbox.settings.prod
    share, minutes = prod.canary_percent / 100, timedelta(minutes=prod.canary_minutes)
    assert all([*item["weights"].values()] == [share] for item in shifting), shifting
    assert all([*item["endpoints"].values()] == ["InService"] * 2 for item in shifting), shifting
    first, last = (datetime.fromisoformat(shifting[end]["at"]) for end in (0, -1))
    # Looks lie a quarter of a minute apart, and what is looked at takes its time too.
    assert abs(last - first - minutes) < timedelta(minutes=1), (first, last)
    assert all(item["status"] == 200 for item in seen), seen
    sandbox.releases.append(sandbox.release())
    assert sandbox.releases[-1] not in sandbox.releases[:-1], sandbox.releases
    return seen


@step(
    "A candidate whose endpoint fails is rolled back by its alarm; the old release keeps serving."
)
def broken_candidate(sandbox: Sandbox) -> Any:
    (before, _), known, old = sandbox.live(), sandbox.executions(), {*sandbox.endpoints()}
    begun, execution = datetime.now(UTC), sandbox.start()
    sandbox.approve(sandbox.until_approval(execution))
    killed: list[str] = []
    statuses: list[int] = []

    def watch() -> None:
        if sandbox.live()[1]:
            for name in {*sandbox.endpoints()} - old - {*killed}:
                sandbox.sagemaker.delete_endpoint(EndpointName=name)
                killed.append(name)
            statuses.extend(sandbox.call(json.dumps(ROW).encode())[0] for _ in range(20))

    state = sandbox.until_done(execution, watch)
    assert state == "Failed", state
    assert killed, "the canary was not seen"
    shifts = sandbox.codedeploy.list_deployments(
        applicationName=sandbox.name,
        deploymentGroupName=sandbox.name,
        createTimeRange={"start": begun},
    )["deployments"]
    found = sandbox.codedeploy.batch_get_deployments(deploymentIds=shifts)["deploymentsInfo"]
    ended = [shift.get("errorInformation", {}).get("code") for shift in found]
    assert "ALARM_ACTIVE" in ended, ended
    back = sandbox.until_back(known)
    assert sandbox.live() == (before, {}), sandbox.live()
    status, answer = sandbox.call(json.dumps(ROW).encode())
    assert (status, answer.get("release")) == (200, sandbox.releases[-1]), answer
    counts = {str(status): statuses.count(status) for status in sorted({*statuses})}
    return {"killed": killed, "ended": ended, "rollback": back, "statuses": counts}


@step("A candidate with wrong answers fails before any traffic, and with the reason in the events.")
def wrong_answers(sandbox: Sandbox) -> Any:
    (before, _), known, execution = sandbox.live(), sandbox.executions(), sandbox.start()
    token = sandbox.until_approval(execution)
    data = bucket_name(sandbox.settings, "data", sandbox.session)
    # Releases are named after their time.
    key = max(k for k in sandbox.keys("data", "runs/") if k.endswith("/evaluation/golden.json"))
    golden = json.load(sandbox.s3.get_object(Bucket=data, Key=key)["Body"])
    for case in golden["cases"]:
        case["category"] = next(name for name in golden["classes"] if name != case["category"])
    sandbox.s3.put_object(Bucket=data, Key=key, Body=json.dumps(golden).encode())
    sandbox.approve(token)
    seen: list[tuple[str, dict[str, float]]] = []
    state = sandbox.until_done(execution, lambda: seen.append(sandbox.live()))
    assert state == "Failed", state
    assert all(alias == (before, {}) for alias in seen), seen
    pages = sandbox.cloudformation.get_paginator("describe_stack_events").paginate(
        StackName=f"{sandbox.name}-prod"
    )
    events = [event for page in pages for event in page["StackEvents"]]
    said = [event.get("ResourceStatusReason", "") for event in events]
    reason = next((words for words in said if "another category" in words), "")
    assert reason, said[:20]
    back = sandbox.until_back(known)
    assert sandbox.live() == (before, {}), sandbox.live()
    return {"golden": key, "reason": reason, "rollback": back}


@step("A prediction leads to its release, commit, image digests, data version and approver.")
def why(sandbox: Sandbox) -> Any:
    said = verb("release", "why", sandbox.prediction)
    wanted = (sandbox.releases[0], "Commit", "ServeImage", "JobImage", "DataVersion", "approved by")
    assert all(word in said for word in wanted), said
    return said


@step("The scheduled job runs as EventBridge Scheduler would start it, under its own role.")
def monitor(sandbox: Sandbox) -> Any:
    named = {"GroupName": sandbox.name, "Name": f"{sandbox.name}-check"}
    text = sandbox.scheduler.get_schedule(**named)["Target"]["Input"]
    text = text.replace("<aws.scheduler.scheduled-time>", now())
    request = json.loads(text.replace("<aws.scheduler.execution-id>", f"proof-{int(time.time())}"))
    sandbox.sagemaker.create_processing_job(**request)
    job = {"ProcessingJobName": request["ProcessingJobName"]}
    for _ in polls():
        found = sandbox.sagemaker.describe_processing_job(**job)
        if found["ProcessingJobStatus"] not in ("InProgress", "Stopping"):
            break
    said = {key: found.get(key) for key in ("ProcessingJobStatus", "ExitMessage", "FailureReason")}
    assert said["ProcessingJobStatus"] == "Completed", said
    assert found["RoleArn"].endswith(f"/{sandbox.name}-monitor-{sandbox.settings.region}"), found
    return said


@step("An alarm without new labels starts nothing, and the decision is recorded.")
def retrain(sandbox: Sandbox) -> Any:
    event = {"source": "aws.cloudwatch", "detail": {"alarmName": f"{sandbox.name}-drift"}}
    runs, kept = sandbox.executions(), sandbox.keys("data", "retraining/")
    answer = sandbox.lambda_.invoke(
        FunctionName=f"{sandbox.name}-retrain", Payload=json.dumps(event).encode()
    )
    said = answer["Payload"].read().decode()
    assert "FunctionError" not in answer, said
    began = [run["pipelineExecutionId"] for run in sandbox.executions()]
    assert began == [run["pipelineExecutionId"] for run in runs], began
    made = sandbox.keys("data", "retraining/") - kept
    assert len(made) == 1, made
    place = {"Bucket": bucket_name(sandbox.settings, "data", sandbox.session), "Key": made.pop()}
    decision = json.load(sandbox.s3.get_object(**place)["Body"])
    assert decision["started"] is None, decision
    return decision


@step("`make rollback` puts the release before the last one back.")
def rollback(sandbox: Sandbox) -> Any:
    (version, _), known, last = sandbox.live(), sandbox.executions(), sandbox.release()
    assert [last] == sandbox.releases[-1:], (last, sandbox.releases)
    said = verb("release", "rollback")
    back, earlier = sandbox.until_back(known), sandbox.release()
    assert [earlier] == sandbox.releases[-2:-1], (earlier, sandbox.releases)
    assert sandbox.live()[0] != version, version
    status, answer = sandbox.call(json.dumps(ROW).encode())
    assert (status, answer.get("release")) == (200, earlier), answer
    return {"before": last, "after": earlier, "execution": back, "said": said}


@step("Nothing that bills is left.")
def teardown(sandbox: Sandbox) -> Any:
    said = verb("release", "teardown", DATA="1")
    tags, left = [{"Key": "Project", "Values": [sandbox.name]}], [""]
    # It takes minutes until nothing is said of what is gone.
    for _ in polls(minutes=30):
        pages = sandbox.resourcegroupstaggingapi.get_paginator("get_resources").paginate(
            TagFilters=tags
        )
        arns = [item["ResourceARN"] for page in pages for item in page["ResourceTagMappingList"]]
        if not (left := [arn for arn in arns if not any(kind in arn for kind in FREE)]):
            break
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


def proven(settings: ReleaseSettings) -> None:
    """Raise `UserError` where the settings are not those that the steps are about."""
    forms = {
        "prod_account_id": (settings.prod_account_id, ""),
        "prod.auth": (settings.prod.auth, "iam"),
    }
    others = [f"{key}: {form!r}" for key, (found, form) in forms.items() if found != form]
    if others:
        raise UserError(
            f"this proves the default form alone: set {', '.join(others)} in {SETTINGS}"
        )


def rehearse() -> None:
    """Print the steps and their claims. Raises `UserError` as the proof would at its start."""
    settings = read_release_settings()
    proven(settings)
    console.print(f"{settings.project} in {settings.region}: {len(STEPS)} steps")
    for name, (claim, _) in STEPS.items():
        console.print(f"{name}: {claim}")


def prove(settings: ReleaseSettings, opened: boto3.Session) -> None:
    """Run every step, the teardown too where one before it fails. Raises `UserError` then."""
    proven(settings)
    sandbox, identity = Sandbox(settings, opened), account_id(opened)
    question = f"Everything in account {identity} may be billed. Its id again: "
    if not sys.stdin.isatty() or console.input(question) != identity:
        raise UserError("not done: someone at a terminal names a sandbox account by its id first")
    evidence: list[dict[str, Any]] = []
    broken = False
    for name, (claim, check) in STEPS.items():
        found: dict[str, Any] = {"step": name, "claim": claim, "outcome": "not run"}
        evidence.append(found)
        console.print(f"{name}: {claim}")
        if not broken or name in ("teardown", "cost"):
            found["begun"] = now()
            try:
                found["seen"], found["outcome"] = check(sandbox), "held"
            except Exception as error:  # noqa: BLE001  # all that happens is evidence
                lines = [frame.line for frame in traceback.extract_tb(error.__traceback__)]
                found["seen"], found["at"] = repr(error), lines[1:]
                found["outcome"], broken = "did not hold", True
            found["ended"] = now()
            console.print(f"  {found['outcome']}")
        write_json(EVIDENCE, json.loads(json.dumps(evidence, default=str)))
    if broken:
        raise UserError(f"a claim did not hold; {EVIDENCE} has what was seen")


def prove_in_sandbox() -> None:
    """Prove with the settings and the credentials of the environment."""
    settings = read_release_settings()
    with refusals_in_words():
        prove(settings, open_session(settings, "tools"))


if __name__ == "__main__":
    run(rehearse if os.environ.get("DRY") not in (None, "", "0") else prove_in_sandbox)
