"""What the Train stage hands to the stages after: the package that its workflow has registered."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from lambda_helpers.model_registry import registry
from lambda_helpers.world import DATA, OLD, World, run

from categoriser.diagnostics.findings import Diagnostics, Finding, RuleReading
from categoriser.evaluation.verdict import Decision, FigureVerdict, Training, Verdict
from prove.example import PROJECT, RELEASE

JOB_ID = "11111111-2222-3333-4444-555555555555"
FOUND = f"s3://{DATA}/runs/{RELEASE}/evaluation/diagnostics.json"
GATE = f"s3://{DATA}/runs/{RELEASE}/evaluation/gate.json"
MODEL = f"s3://{DATA}/runs/{RELEASE}/training/any/output/model.tar.gz"
TRAINING = Training("t" * 64, 1, "linear", {})
LEAD = FigureVerdict("champion", "time", "lead in accuracy", "passed", value=0.0123)
FINDING = Finding("over_fitting", "", 0.2, 0.1, "report", "the model has learned rows by heart")
RULES = (RuleReading("over_fitting", 0.2, 0.1, "report", 1),)
NOTHING = Diagnostics("linear", 900, RULES, ())
PASSED = Verdict("0" * 64, TRAINING, True, "passed", (), (), (LEAD,))


def ask(world: World) -> tuple[str, Any]:
    """Run the action as CodePipeline does; return how it ended, and what it is told."""
    client = world.registered_model.answer_action.__globals__["codepipeline"]
    told = {
        result: world.answer(client, f"PutJob{result}Result", lambda _: (200, {}))
        for result in ("Success", "Failure")
    }
    configuration = {"UserParameters": json.dumps({"release": RELEASE})}
    data = {"actionConfiguration": {"configuration": configuration}}
    run(world.registered_model.handler, {"CodePipeline.job": {"id": JOB_ID, "data": data}})
    [(result, [body])] = [(result, bodies) for result, bodies in told.items() if bodies]
    assert body["jobId"] == JOB_ID
    return result, body


def judge(world: World, verdict: Verdict, *findings: Finding) -> None:
    """Leave what the evaluation leaves: the gates' verdict, and the diagnostics."""
    world.put(GATE, msgspec.json.encode(verdict))
    diagnostics = msgspec.structs.replace(NOTHING, findings=findings)
    world.put(FOUND, msgspec.json.encode(diagnostics))


def register(world: World, release: str, model: str = MODEL) -> str:
    """Leave a release's package in the registry, as a workflow does."""
    registry(world)
    made = world.registered_model.sagemaker.create_model_package(
        ModelPackageGroupName=PROJECT,
        ModelPackageDescription=f"Release {release}",
        InferenceSpecification={"Containers": [{"Image": "i", "ModelDataUrl": model}]},
    )
    return str(made["ModelPackageArn"])


@pytest.mark.actor("registered")
def test_the_releases_own_package_is_found_among_others(cloud: World) -> None:
    register(cloud, OLD)
    arn = register(cloud, RELEASE)
    register(cloud, f"{RELEASE}0")
    judge(cloud, PASSED)
    result, body = ask(cloud)
    assert result == "Success"
    assert body["outputVariables"] == {
        "ModelPackageArn": arn,
        "ModelDataUrl": MODEL,
        "Summary": "lead in accuracy (time) +0.0123",
    }


@pytest.mark.actor("registered")
@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (
            msgspec.structs.replace(
                PASSED, passed=False, outcome="failed", faults=("accuracy is 0.4",)
            ),
            "the gate refuses the model: accuracy is 0.4",
        ),
        (
            msgspec.structs.replace(
                PASSED, passed=False, outcome="insufficient", doubts=("30 rows",)
            ),
            "too little evidence, and no decision to go on without",
        ),
        (PASSED, "the gate lets it pass"),
    ],
    ids=["refused", "too little evidence", "passed"],
)
def test_without_a_package_the_stage_fails_with_what_the_gate_says(
    cloud: World, verdict: Verdict, said: str
) -> None:
    register(cloud, OLD)
    judge(cloud, verdict)
    result, body = ask(cloud)
    assert result == "Failure"
    assert said in body["failureDetails"]["message"]
    assert f"registered no model of {RELEASE}" in body["failureDetails"]["message"]
    assert GATE in body["failureDetails"]["message"]


@pytest.mark.actor("registered")
def test_the_approver_reads_who_accepted_too_little_evidence(cloud: World) -> None:
    register(cloud, RELEASE)
    decision = Decision(
        "watched by hand", "Ann Lee", "2026-11-29T10:00:00Z", "0" * 64, TRAINING, ()
    )
    verdict = msgspec.structs.replace(
        PASSED, outcome="insufficient", doubts=("30 rows",), verdicts=(), decision=decision
    )
    judge(cloud, verdict)
    result, body = ask(cloud)
    assert result == "Success"
    assert body["outputVariables"]["Summary"] == (
        "too little evidence, accepted by Ann Lee: watched by hand; no live model to compare with"
    )


@pytest.mark.actor("registered")
def test_what_codepipeline_takes_of_a_summary_is_not_exceeded(cloud: World) -> None:
    register(cloud, RELEASE)
    judge(cloud, msgspec.structs.replace(PASSED, verdicts=(LEAD,) * 99))
    _, body = ask(cloud)
    assert len(body["outputVariables"]["Summary"]) == 500


@pytest.mark.actor("registered")
@pytest.mark.parametrize("count", [0, 2])
def test_findings_are_counted_and_the_approver_reads_them(
    cloud: World, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    register(cloud, RELEASE)
    judge(cloud, PASSED, *[FINDING] * count)
    _, body = ask(cloud)
    summary = body["outputVariables"]["Summary"]
    assert ("2 findings: the model has learned rows by heart" in summary) == (count > 0)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    [sent] = lines
    assert sent["Findings"] == [count]
    assert sent["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
