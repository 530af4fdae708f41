"""The steps of the proof, in their order: each has a claim, and returns what was seen, or raises.

They deploy, release four times, break two of the releases, roll one back, run the monitor and tear
down.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypedDict

from categoriser.jobs.spec.artifact_keys import RETRAINING_DECISIONS
from prove.sandbox import waiting
from prove.sandbox.account import Sandbox, red
from release.accounts import bucket_name
from release.console import console

ROW = {"text": "spotify p0d3d89b19 sydney au", "price": 11.99}
# Tagged, and left: they do not bill. A key waits for its deletion, a job's record stays for ever.
FREE = (":kms:", ":training-job/", ":processing-job/")
StepCheck = Callable[[Sandbox], object]


class ProofStep(NamedTuple):
    """A claim about the release on AWS, and what checks it: it returns what was seen, or raises."""

    claim: str
    check: StepCheck


PROOF_STEPS: dict[str, ProofStep] = {}


def step(claim: str) -> Callable[[StepCheck], StepCheck]:
    """Register a check as the step of its name, with its claim."""

    def register(check: StepCheck) -> StepCheck:
        name = check.__name__.removeprefix("check_").replace("_", "-")
        PROOF_STEPS[name] = ProofStep(claim, check)
        return check

    return register


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
def check_preflight(_: Sandbox) -> object:
    return verb("release", "preflight")


@step("CloudFormation makes the layers from an empty account, with the seeds of image and data.")
def check_deploy(_: Sandbox) -> object:
    return verb("release", "deploy")


@step("A connection that somebody has clicked becomes AVAILABLE.")
def check_connection(sandbox: Sandbox) -> object:
    if sandbox.settings.source.host == "CodeCommit":
        return "none: the repository is in CodeCommit"
    stack = {"StackName": f"{sandbox.name}-pipeline", "LogicalResourceId": "GitConnection"}
    made = sandbox.cloudformation.describe_stack_resource(**stack)["StackResourceDetail"]
    console.print("click the connection now: Developer Tools, Settings, Connections")
    for _ in waiting.polls():
        named = {"ConnectionArn": made["PhysicalResourceId"]}
        found = sandbox.codeconnections.get_connection(**named)["Connection"]
        if found["ConnectionStatus"] == "AVAILABLE":
            return found
    raise AssertionError("it stayed PENDING")


@step("The first release goes through every stage; nothing is shifted, the golden cases are asked.")
def check_first_release(sandbox: Sandbox) -> object:
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
def check_api(sandbox: Sandbox) -> object:
    status, answer = sandbox.call(json.dumps(ROW).encode())
    assert status == 200, answer
    name = answer["prediction_id"]
    sandbox.prediction = name
    label = json.dumps({"prediction_id": name, "category": answer["category"]}).encode()
    said = [sandbox.call(label, "feedback")[0] for _ in range(2)]
    assert said == [202, 202], said
    kept = [key for key in sandbox.keys("live", "ground-truth/") if key.endswith(f"/{name}.jsonl")]
    assert len(kept) == 1, kept
    return {**answer, "kept": kept}


@step("A caller's fault is a 4xx, and the release's alarms stay as they were.")
def check_bad_requests(sandbox: Sandbox) -> object:
    before = red(sandbox)
    sent = {"no JSON": b"{", "no row": b"[1]", "5.5 MB": b"[" + b" " * 5_500_000 + b"]"}
    seen = {name: sandbox.call(body)[0] for name, body in sent.items()}
    seen["11 MB"] = sandbox.call(b" " * 11_000_000)[0]
    seen["another field"] = sandbox.call(json.dumps(ROW | {"x": 1}).encode())[0]
    label = json.dumps({"prediction_id": "0" * 32, "category": "no class of ours"}).encode()
    seen["a label of no class"] = sandbox.call(label, "feedback")[0]
    assert all(400 <= status < 500 for status in seen.values()), seen
    # An alarm looks once a minute, at metrics that come late.
    for _ in waiting.polls(minutes=5):
        after = red(sandbox)
        assert after == before, f"{before} were red, now {after}"
    return seen | {"red": before}


class CanaryMoment(TypedDict):
    """What is live at a time, and what the API then answers; `weights` are the other version's."""

    at: str
    status: int
    release: str | None
    weights: dict[str, float]
    endpoints: dict[str, str]


@step("The canary gets its share for its minutes, both endpoints live, and no caller sees a 5xx.")
def check_canary(sandbox: Sandbox) -> object:
    seen: list[CanaryMoment] = []
    execution = sandbox.start()
    sandbox.approve(sandbox.until_approval(execution))

    def watch() -> None:
        _, weights = sandbox.live()
        endpoints = sandbox.endpoints()
        status, answer = sandbox.call(json.dumps(ROW).encode())
        seen.append(
            {
                "at": waiting.now(),
                "status": status,
                "release": answer.get("release"),
                "weights": weights,
                "endpoints": endpoints,
            }
        )

    state = sandbox.until_done(execution, watch)
    assert state == "Succeeded", (state, seen)
    shifting = [item for item in seen if item["weights"]]
    assert shifting, "no moment with two versions was seen"
    prod = sandbox.settings.prod
    share = prod.canary_percent / 100
    minutes = timedelta(minutes=prod.canary_minutes)
    assert all([*item["weights"].values()] == [share] for item in shifting), shifting
    assert all([*item["endpoints"].values()] == ["InService"] * 2 for item in shifting), shifting
    first = datetime.fromisoformat(shifting[0]["at"])
    last = datetime.fromisoformat(shifting[-1]["at"])
    # Looks lie a quarter of a minute apart, and what is looked at takes its time too.
    assert abs(last - first - minutes) < timedelta(minutes=1), (first, last)
    assert all(item["status"] == 200 for item in seen), seen
    sandbox.releases.append(sandbox.release())
    assert sandbox.releases[-1] not in sandbox.releases[:-1], sandbox.releases
    return seen


@step(
    "A candidate whose endpoint fails is rolled back by its alarm; the old release keeps serving."
)
def check_broken_candidate(sandbox: Sandbox) -> object:
    before, _ = sandbox.live()
    known = sandbox.executions()
    old = {*sandbox.endpoints()}
    begun = datetime.now(UTC)
    execution = sandbox.start()
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
def check_wrong_answers(sandbox: Sandbox) -> object:
    before, _ = sandbox.live()
    known = sandbox.executions()
    execution = sandbox.start()
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
def check_why(sandbox: Sandbox) -> object:
    said = verb("release", "why", sandbox.prediction)
    wanted = (sandbox.releases[0], "Commit", "ServeImage", "JobImage", "DataVersion", "approved by")
    assert all(word in said for word in wanted), said
    return said


@step("The scheduled job runs as EventBridge Scheduler would start it, under its own role.")
def check_monitor(sandbox: Sandbox) -> object:
    named = {"GroupName": sandbox.name, "Name": f"{sandbox.name}-check"}
    text = sandbox.scheduler.get_schedule(**named)["Target"]["Input"]
    text = text.replace("<aws.scheduler.scheduled-time>", waiting.now())
    request = json.loads(text.replace("<aws.scheduler.execution-id>", f"proof-{int(time.time())}"))
    sandbox.sagemaker.create_processing_job(**request)
    job = {"ProcessingJobName": request["ProcessingJobName"]}
    for _ in waiting.polls():
        found = sandbox.sagemaker.describe_processing_job(**job)
        if found["ProcessingJobStatus"] not in ("InProgress", "Stopping"):
            break
    said = {key: found.get(key) for key in ("ProcessingJobStatus", "ExitMessage", "FailureReason")}
    assert said["ProcessingJobStatus"] == "Completed", said
    assert found["RoleArn"].endswith(f"/{sandbox.name}-monitor-{sandbox.settings.region}"), found
    return said


@step("An alarm without new labels starts nothing, and the decision is recorded.")
def check_retrain(sandbox: Sandbox) -> object:
    event = {"source": "aws.cloudwatch", "detail": {"alarmName": f"{sandbox.name}-drift"}}
    runs = sandbox.executions()
    kept = sandbox.keys("data", RETRAINING_DECISIONS)
    answer = sandbox.functions.invoke(
        FunctionName=f"{sandbox.name}-retrain", Payload=json.dumps(event).encode()
    )
    said = answer["Payload"].read().decode()
    assert "FunctionError" not in answer, said
    began = [run["pipelineExecutionId"] for run in sandbox.executions()]
    assert began == [run["pipelineExecutionId"] for run in runs], began
    made = sandbox.keys("data", RETRAINING_DECISIONS) - kept
    assert len(made) == 1, made
    place = {"Bucket": bucket_name(sandbox.settings, "data", sandbox.session), "Key": made.pop()}
    decision = json.load(sandbox.s3.get_object(**place)["Body"])
    assert decision["started"] is None, decision
    return decision


@step("`make rollback` puts the release before the last one back.")
def check_rollback(sandbox: Sandbox) -> object:
    version, _ = sandbox.live()
    known = sandbox.executions()
    last = sandbox.release()
    assert [last] == sandbox.releases[-1:], (last, sandbox.releases)
    said = verb("release", "rollback")
    back = sandbox.until_back(known)
    earlier = sandbox.release()
    assert [earlier] == sandbox.releases[-2:-1], (earlier, sandbox.releases)
    assert sandbox.live()[0] != version, version
    status, answer = sandbox.call(json.dumps(ROW).encode())
    assert (status, answer.get("release")) == (200, earlier), answer
    return {"before": last, "after": earlier, "execution": back, "said": said}


@step("Nothing that bills is left.")
def check_teardown(sandbox: Sandbox) -> object:
    said = verb("release", "teardown", DATA="1")
    left: list[str] = []
    # It takes minutes until nothing is said of what is gone.
    for _ in waiting.polls(minutes=30):
        pages = sandbox.tagging.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": "Project", "Values": [sandbox.name]}]
        )
        arns = [item["ResourceARN"] for page in pages for item in page["ResourceTagMappingList"]]
        left = [arn for arn in arns if not any(kind in arn for kind in FREE)]
        if not left:
            break
    assert not left, left
    return said


@step("What it cost, by service; AWS knows it a day later, so today's figures are incomplete.")
def check_cost(sandbox: Sandbox) -> object:
    today = datetime.now(UTC).date()
    found = sandbox.cost_explorer.get_cost_and_usage(
        TimePeriod={"Start": str(today - timedelta(days=1)), "End": str(today + timedelta(days=1))},
        Granularity="DAILY",
        Metrics=["UnblendedCost"],
        GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}],
    )
    return found["ResultsByTime"]
