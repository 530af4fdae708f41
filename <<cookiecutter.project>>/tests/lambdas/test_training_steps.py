"""The steps of training: a job is run once, awaited and stopped; a model is registered once."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import msgspec
import pytest
from lambda_helpers.custom_resources import CloudFormation
from lambda_helpers.model_registry import registry
from lambda_helpers.world import DATA, OLD, REQUESTS, World, run

from categoriser.evaluation.verdict import (
    Decision,
    FigureVerdict,
    Outcome,
    Training,
    Verdict,
)
from categoriser.jobs.spec.job import Network
from categoriser.jobs.spec.release_run import ReleaseRun
from prove.example import PROJECT, RELEASE
from release.build import requests_of

JOB = f"{PROJECT}-{RELEASE}-training"
IMAGES = f"111122223333.dkr.ecr.ap-southeast-2.amazonaws.com/{PROJECT}"
STEPS = {"training": "Training", "evaluation": "Processing"}


class Jobs:
    """SageMaker's jobs: moto's end at once, and can be made twice."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.made = dict[str, dict[str, Any]]()
        self.created: list[str] = []
        self.stopped: list[str] = []
        for kind in STEPS.values():
            for verb in ("Create", "Describe", "Stop"):
                act = partial(getattr(self, verb.lower()), kind)
                world.answer(world.training_steps.sagemaker, f"{verb}{kind}Job", act)

    def create(self, kind: str, request: dict[str, Any]) -> tuple[int, Any]:
        name = request["body"][f"{kind}JobName"]
        if name in self.made:
            return 400, {"__type": "ResourceInUse", "message": "the name is taken"}
        self.created.append(name)
        self.made[name] = {f"{kind}JobStatus": "InProgress", "CreationTime": time.time()}
        return 200, {f"{kind}JobArn": "arn:aws:sagemaker:ap-southeast-2:111122223333:x/y"}

    def describe(self, kind: str, request: dict[str, Any]) -> tuple[int, Any]:
        name = request["body"][f"{kind}JobName"]
        if name not in self.made:
            # Each kind has a word of its own.
            fault = "ValidationException" if kind == "Training" else "ResourceNotFound"
            return 400, {"__type": fault, "message": "not found"}
        return 200, self.made[name] | {f"{kind}JobName": name}

    def stop(self, kind: str, request: dict[str, Any]) -> tuple[int, Any]:
        self.stopped.append(request["body"][f"{kind}JobName"])
        return 200, {}

    def end(self, name: str, status: str, reason: str = "") -> None:
        kind = "Training" if name.endswith("training") else "Processing"
        self.made[name][f"{kind}JobStatus"] = status
        self.made[name] |= {"FailureReason": reason} if reason else {}


def properties(step: str, release: str = RELEASE) -> dict[str, Any]:
    """Return a custom resource's properties, as text, as CloudFormation hands them over."""
    requests = REQUESTS.replace(RELEASE, release)
    return {"ServiceToken": "arn", "Step": step, "Release": release, "Requests": requests}


@pytest.fixture
def jobs(cloud: World) -> Jobs:
    for release in (RELEASE, OLD):
        made_of = ReleaseRun(
            project=PROJECT,
            release=release,
            folder=f"s3://{DATA}/runs/{release}",
            serve_image=f"{IMAGES}@sha256:{'1' * 64}",
            job_image=f"{IMAGES}@sha256:{'2' * 64}",
            role=f"arn:aws:iam::111122223333:role/{PROJECT}-train-ap-southeast-2",
            key="arn:aws:kms:ap-southeast-2:111122223333:key/k",
            champion="",
            instance="ml.m5.large",
            max_seconds=1800,
            network=Network(),
            lineage={"Release": release},
            metadata={},
        )
        cloud.put(f"{made_of.folder}/requests.json", requests_of(made_of))
    return Jobs(cloud)


@pytest.fixture
def trained(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    return CloudFormation(jobs.world, monkeypatch)


@pytest.mark.actor("jobs")
@pytest.mark.parametrize("step", STEPS)
def test_a_job_is_made_and_awaited(jobs: Jobs, trained: CloudFormation, step: str) -> None:
    name = f"{PROJECT}-{RELEASE}-{step}"
    handler = jobs.world.training_steps.handler
    assert trained.ask(handler, "Create", properties(step)) == {}
    [rule] = trained.rules.values()
    jobs.end(name, "Completed")
    run(handler, json.loads(rule["Input"]))
    [told] = trained.told
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", name)
    assert (jobs.created, trained.rules) == ([name], {})


@pytest.mark.actor("jobs")
def test_cloudformation_calls_twice_and_one_job_runs(jobs: Jobs, trained: CloudFormation) -> None:
    for _ in range(2):
        trained.ask(jobs.world.training_steps.handler, "Create", properties("training"))
    assert (jobs.created, trained.told, len(trained.rules)) == ([JOB], [], 2)


@pytest.mark.actor("jobs")
def test_a_retried_release_finds_its_completed_job(jobs: Jobs, trained: CloudFormation) -> None:
    jobs.create("Training", {"body": {"TrainingJobName": JOB}})
    jobs.end(JOB, "Completed")
    told = trained.ask(jobs.world.training_steps.handler, "Create", properties("training"))
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", JOB)
    assert jobs.created == [JOB]


@pytest.mark.actor("jobs")
def test_a_rollback_to_the_old_release_does_not_train_it_again(
    jobs: Jobs, trained: CloudFormation
) -> None:
    old = JOB.replace(RELEASE, OLD)
    jobs.create("Training", {"body": {"TrainingJobName": old}})
    jobs.end(old, "Completed")
    handler = jobs.world.training_steps.handler
    trained.ask(handler, "Update", properties("training"), old)
    jobs.end(JOB, "Failed", "AlgorithmError")
    told = trained.ask(handler, "Update", properties("training", OLD), JOB)
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", old)
    assert jobs.created == [old, JOB]
    # The clean-up: what is done is not stopped.
    told = trained.ask(handler, "Delete", properties("training"), JOB)
    assert told["Status"] == "SUCCESS"
    assert jobs.stopped == []


@pytest.mark.actor("jobs")
def test_a_new_release_has_a_new_physical_id(jobs: Jobs, trained: CloudFormation) -> None:
    old = JOB.replace(RELEASE, OLD)
    trained.ask(jobs.world.training_steps.handler, "Update", properties("training"), old)
    jobs.end(JOB, "Completed")
    [rule] = trained.rules.values()
    run(jobs.world.training_steps.handler, json.loads(rule["Input"]))
    assert trained.told[0]["PhysicalResourceId"] == JOB


@pytest.mark.actor("jobs")
@pytest.mark.parametrize("step", STEPS)
def test_a_failed_job_fails_the_stack_with_its_reason(
    jobs: Jobs, trained: CloudFormation, step: str
) -> None:
    name = f"{PROJECT}-{RELEASE}-{step}"
    handler = jobs.world.training_steps.handler
    trained.ask(handler, "Create", properties(step))
    jobs.end(name, "Failed", "AlgorithmError: no rows of the class 'fees', exit code: 1. " * 20)
    [rule] = trained.rules.values()
    run(handler, json.loads(rule["Input"]))
    [told] = trained.told
    assert (told["Status"], told["PhysicalResourceId"]) == ("FAILED", name)
    for part in (name, f"/aws/sagemaker/{STEPS[step]}Jobs", "no rows of the class 'fees'"):
        assert part in told["Reason"]
    assert trained.rules == {}


@pytest.mark.actor("jobs")
def test_a_job_that_was_stopped_fails_the_stack(jobs: Jobs, trained: CloudFormation) -> None:
    trained.ask(jobs.world.training_steps.handler, "Create", properties("training"))
    [rule] = trained.rules.values()
    jobs.end(JOB, "Stopping")
    run(jobs.world.training_steps.handler, json.loads(rule["Input"]))
    assert trained.told == []
    jobs.end(JOB, "Stopped")
    run(jobs.world.training_steps.handler, json.loads(rule["Input"]))
    assert trained.told[0]["Status"] == "FAILED"
    assert "Stopped" in trained.told[0]["Reason"]


@pytest.mark.actor("jobs")
def test_a_job_without_an_end_fails_before_cloudformations_hour_is_over(
    jobs: Jobs, trained: CloudFormation
) -> None:
    handler = jobs.world.training_steps.handler
    trained.ask(handler, "Create", properties("training"))
    jobs.made[JOB]["CreationTime"] -= 56 * 60
    [rule] = trained.rules.values()
    run(handler, json.loads(rule["Input"]))
    assert trained.told[0]["Status"] == "FAILED"
    # And CloudFormation's answer to that ends it.
    trained.ask(handler, "Delete", properties("training"), trained.told[0]["PhysicalResourceId"])
    assert jobs.stopped == [JOB]


@pytest.mark.actor("jobs")
@pytest.mark.parametrize("step", [*STEPS, "model_package"])
def test_what_was_never_created_is_deleted(jobs: Jobs, trained: CloudFormation, step: str) -> None:
    for physical in (f"{PROJECT}-{RELEASE}-{step}", f"{PROJECT}-train_Training_AB12CD34"):
        told = trained.ask(jobs.world.training_steps.handler, "Delete", properties(step), physical)
        assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", physical)
    assert jobs.stopped == []


@pytest.mark.actor("jobs")
@pytest.mark.parametrize("step", STEPS)
def test_a_running_job_of_a_deleted_stack_is_stopped(
    jobs: Jobs, trained: CloudFormation, step: str
) -> None:
    trained.ask(jobs.world.training_steps.handler, "Create", properties(step))
    name = f"{PROJECT}-{RELEASE}-{step}"
    trained.ask(jobs.world.training_steps.handler, "Delete", properties(step), name)
    assert jobs.stopped == [name]


@pytest.mark.actor("jobs")
def test_a_deletion_that_sagemaker_refuses_is_said(jobs: Jobs, trained: CloudFormation) -> None:
    denied = {"__type": "AccessDeniedException", "message": "no"}
    world = jobs.world
    world.answer(world.training_steps.sagemaker, "DescribeTrainingJob", lambda _: (400, denied))
    told = trained.ask(world.training_steps.handler, "Delete", properties("training"), JOB)
    assert told["Status"] == "FAILED"


GATE = f"s3://{DATA}/runs/{RELEASE}/evaluation/gate.json"
TRAINING = Training("t" * 64, 1, "linear", {})


def gate(world: World, *faults: str) -> None:
    """Put the gates' verdict where the evaluation leaves it."""
    lead = FigureVerdict("champion", "time", "lead in accuracy", "passed", value=0.0123)
    outcome: Outcome = "failed" if faults else "passed"
    verdict = Verdict("0" * 64, TRAINING, not faults, outcome, faults, (), (lead,))
    world.put(GATE, msgspec.json.encode(verdict))


@pytest.mark.actor("jobs")
def test_a_model_is_registered_once_and_awaits_approval(
    jobs: Jobs, trained: CloudFormation
) -> None:
    registry(jobs.world)
    gate(jobs.world)
    for _ in range(2):
        told = trained.ask(jobs.world.training_steps.handler, "Create", properties("model_package"))
        [package] = registry(jobs.world)
        assert package["ModelApprovalStatus"] == "PendingManualApproval"
        assert told["Status"] == "SUCCESS"
        arn = package["ModelPackageArn"]
        assert told["PhysicalResourceId"] == told["Data"]["ModelPackageArn"] == arn
        assert told["Data"]["Summary"] == "lead in accuracy (time) +0.0123"


@pytest.mark.actor("jobs")
def test_a_refused_model_is_not_registered_and_the_gates_words_are_heard(
    jobs: Jobs, trained: CloudFormation
) -> None:
    registry(jobs.world)
    words = "champion (time): lead in accuracy is -0.0300, 0.0200 under the bound of -0.0100"
    gate(jobs.world, words, *["another fault, at length"] * 200)
    handler = jobs.world.training_steps.handler
    told = trained.ask(handler, "Create", properties("model_package"))
    assert told["Status"] == "FAILED"
    assert words in told["Reason"]
    assert registry(jobs.world) == []


def doubtful(world: World, decision: Decision | None) -> None:
    """Put a verdict of too little evidence where the evaluation leaves it."""
    doubt = "majority (merchant): errors avoided is +0.3210, but its interval is wide"
    passed = decision is not None
    verdict = Verdict(
        "0" * 64, TRAINING, passed, "insufficient", (), (doubt,), (), decision=decision
    )
    world.put(GATE, msgspec.json.encode(verdict))


@pytest.mark.actor("jobs")
def test_too_little_evidence_stops_the_pipeline_and_says_what_to_do(
    jobs: Jobs, trained: CloudFormation
) -> None:
    registry(jobs.world)
    doubtful(jobs.world, None)
    handler = jobs.world.training_steps.handler
    told = trained.ask(handler, "Create", properties("model_package"))
    assert told["Status"] == "FAILED"
    assert "too little evidence, and no decision to go on without" in told["Reason"]
    assert f"{GATE} is for make accept (docs/release.md)" in told["Reason"]
    assert registry(jobs.world) == []


@pytest.mark.actor("jobs")
def test_a_recorded_decision_registers_the_model_and_the_approver_reads_it(
    jobs: Jobs, trained: CloudFormation
) -> None:
    registry(jobs.world)
    when = "2026-11-29T10:00:00Z"
    doubtful(jobs.world, Decision("watched by hand", "Ann Lee", when, "0" * 64, TRAINING, ()))
    handler = jobs.world.training_steps.handler
    told = trained.ask(handler, "Create", properties("model_package"))
    assert told["Status"] == "SUCCESS"
    assert len(registry(jobs.world)) == 1
    assert told["Data"]["Summary"] == (
        "too little evidence, accepted by Ann Lee: watched by hand; no live model to compare with"
    )
