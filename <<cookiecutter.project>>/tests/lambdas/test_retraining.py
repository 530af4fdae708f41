"""The retraining's decision: what starts a run, and what speaks against one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import moto.backends
import moto.cloudwatch.models
import moto.core.models
import pytest
from lambda_helpers.model_registry import registry
from lambda_helpers.world import DATA, World, run

from categoriser.errors import UserError
from categoriser.manifest import File, Manifest
from prove import templates
from prove.example import PROJECT

# moto's account.
TOPIC = f"arn:aws:sns:ap-southeast-2:123456789012:{PROJECT}"
LABELS = "2026-11-20T00:00:00Z"


def manifest(made_by: Any = "labels", through: str = LABELS, dvc: str = "1" * 32) -> bytes:
    file = File(f"s3://{DATA}/raw/own.csv", "v1", "0" * 64, 10)
    return Manifest(made_by, (file,), {"data/own.csv": dvc}, through).zip()


def execution(status: str, hours: float, name: str = "e1") -> dict[str, Any]:
    begun = time.time() - 3600 * hours
    return {"pipelineExecutionId": name, "status": status, "startTime": begun}


class Pipeline:
    """The pipeline and its data, ready for a retraining."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.executions = [execution("Succeeded", 100), execution("Failed", 200)]
        self.started: list[dict[str, Any]] = []
        client = world.retraining.codepipeline
        summaries = "pipelineExecutionSummaries"
        world.answer(
            client, "ListPipelineExecutions", lambda _: (200, {summaries: self.executions})
        )
        world.answer(client, "StartPipelineExecution", self.start)
        world.retraining.sns.create_topic(Name=PROJECT)
        world.put(f"s3://{DATA}/releases/data.zip", manifest("data-release", ""))
        self.version = world.put(f"s3://{DATA}/releases/labelled.zip", manifest())
        registry(world)

    def start(self, request: dict[str, Any]) -> tuple[int, Any]:
        self.started.append(request["body"])
        # As the service does: one token, one execution.
        tokens = [run["clientRequestToken"] for run in self.started]
        return 200, {"pipelineExecutionId": f"run-{tokens.index(tokens[-1])}"}

    def decide(self, cause: str = "drift") -> dict[str, Any]:
        """Let an alarm ask; return the decision, which must be recorded and announced."""
        detail = {"alarmName": f"{PROJECT}-{cause}", "state": {"value": "ALARM"}}
        event = {"source": "aws.cloudwatch", "detail": detail} if cause else {"source": "scheduler"}
        before = self.world.objects(DATA, "retraining/")
        run(self.world.retraining.handler, event)
        now = self.world.objects(DATA, "retraining/")
        [key] = {*now} - {*before} or {*now}
        backend = moto.backends.get_backend("sns")["123456789012"]["ap-southeast-2"]
        [topic] = backend.topics.values()
        _, message, subject, *_ = topic.sent_notifications[-1]
        decision: dict[str, Any] = json.loads(now[key])
        started = "started" if decision["started"] else "not started"
        assert (message, subject) == (now[key], f"{PROJECT}: retraining {started}")
        assert decision["cause"] == (detail["alarmName"] if cause else "schedule")
        assert datetime.strptime(decision["time"], "%Y-%m-%dT%H:%M:%SZ")
        assert key == f"retraining/{decision['time']}-request-{decision['cause']}.json"
        return decision


@pytest.fixture
def pipeline(cloud: World, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    monkeypatch.setenv("TOPIC_ARN", TOPIC)
    return Pipeline(cloud)


@pytest.mark.actor("retrain")
@pytest.mark.parametrize("cause", ["drift", "quality", ""])
def test_new_labels_start_the_pipeline_with_exactly_them(pipeline: Pipeline, cause: str) -> None:
    decision = pipeline.decide(cause)
    assert (decision["against"], decision["started"]) == ([], "run-0")
    [asked] = pipeline.started
    head = pipeline.world.s3.head_object(Bucket=DATA, Key="releases/data.zip")
    [source] = [
        action["ActionTypeId"]
        | {"Name": action["Name"], "Key": action["Configuration"]["S3ObjectKey"]}
        for stage in templates.resources("pipeline")["Pipeline"]["Properties"]["Stages"]
        for action in stage["Actions"]
        if "S3ObjectKey" in action.get("Configuration", {})
    ]
    assert source["Key"] == "releases/data.zip"
    assert asked["sourceRevisions"] == [
        {
            "actionName": source["Name"],
            "revisionType": "S3_OBJECT_VERSION_ID",
            "revisionValue": head["VersionId"],
        }
    ]
    copied = pipeline.world.s3.get_object(Bucket=DATA, Key="releases/data.zip")["Body"].read()
    assert copied == manifest()


AGAINST: dict[str, tuple[Callable[[Pipeline], Any], str]] = {
    "no labelled data": (
        lambda p: p.world.s3.delete_object(Bucket=DATA, Key="releases/labelled.zip"),
        "no labelled data",
    ),
    # Whatever became of that run: a model that the gate refused is not trained again and again.
    "a run was given these labels": (
        lambda p: p.world.put(f"s3://{DATA}/releases/data.zip", manifest()),
        f"labels through {LABELS}",
    ),
    "labels of an earlier data release": (
        lambda p: p.world.put(
            f"s3://{DATA}/releases/data.zip", manifest("data-release", "", "2" * 32)
        ),
        "earlier data release",
    ),
    "a run under way, such as one that awaits approval": (
        lambda p: p.executions.insert(0, execution("InProgress", 90, "e9")),
        "e9 is under way",
    ),
    "a run that is stopping": (
        lambda p: p.executions.insert(0, execution("Stopping", 90, "e9")),
        "e9 is under way",
    ),
    "the cool-down": (lambda p: p.executions.insert(0, execution("Failed", 71)), "cool-down"),
}


@pytest.mark.actor("retrain")
@pytest.mark.parametrize(("arrange", "words"), AGAINST.values(), ids=AGAINST.keys())
def test_no_retraining_and_the_reason_in_words(
    pipeline: Pipeline, arrange: Callable[[Pipeline], Any], words: str
) -> None:
    arrange(pipeline)
    decision = pipeline.decide()
    [reason] = decision["against"]
    assert words in reason
    assert decision["started"] is None
    assert pipeline.started == []


@pytest.mark.actor("retrain")
def test_a_pipeline_that_never_ran_is_started(pipeline: Pipeline) -> None:
    pipeline.executions.clear()
    pipeline.world.s3.delete_object(Bucket=DATA, Key="releases/data.zip")
    decision = pipeline.decide()
    assert (decision["given_through"], decision["last_run"]) == ("", "")
    assert decision["started"] == "run-0"


ARRIVED = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "detail": {"bucket": {"name": DATA}, "object": {"key": "releases/labelled.zip"}},
}


@pytest.mark.actor("retrain")
def test_new_labels_alone_ask_for_nothing(pipeline: Pipeline) -> None:
    """Nor do they with decisions that no alarm asked for."""
    decision = pipeline.decide("")
    pipeline.world.put(f"s3://{DATA}/retraining/{decision['time']}-request-labels.json", decision)
    pipeline.started.clear()
    pipeline.world.put(f"s3://{DATA}/releases/data.zip", manifest("data-release", ""))
    before = pipeline.world.objects(DATA, "retraining/")
    run(pipeline.world.retraining.handler, ARRIVED)
    assert pipeline.started == []
    assert pipeline.world.objects(DATA, "retraining/") == before


@pytest.mark.actor("retrain")
def test_an_alarm_that_came_before_the_labels_is_heard_when_they_come(pipeline: Pipeline) -> None:
    pipeline.world.put(
        f"s3://{DATA}/releases/labelled.zip", manifest("labels", "2026-09-01T00:00:00Z")
    )
    pipeline.world.put(f"s3://{DATA}/releases/data.zip", manifest("labels", "2026-10-01T00:00:00Z"))
    assert pipeline.decide()["started"] is None
    pipeline.world.put(f"s3://{DATA}/releases/labelled.zip", manifest())
    run(pipeline.world.retraining.handler, ARRIVED)
    assert len(pipeline.started) == 1
    decisions = pipeline.world.objects(DATA, "retraining/")
    assert len(decisions) == 2
    assert sum(name.endswith("-labels.json") for name in decisions) == 1
    # That run has begun since: the alarm has had its answer.
    pipeline.executions.insert(0, execution("Succeeded", -1))
    run(pipeline.world.retraining.handler, ARRIVED)
    assert len(pipeline.started) == 1
    assert len(pipeline.world.objects(DATA, "retraining/")) == 2


@pytest.mark.actor("retrain")
def test_labels_that_come_after_the_decision_are_not_what_is_trained_on(pipeline: Pipeline) -> None:
    pipeline.world.put(
        f"s3://{DATA}/releases/labelled.zip", manifest(through="2026-11-21T00:00:00Z")
    )
    pipeline.world.retraining.start_run(pipeline.version)
    copied = pipeline.world.s3.get_object(Bucket=DATA, Key="releases/data.zip")["Body"].read()
    assert copied == manifest()


@pytest.mark.actor("retrain")
@pytest.mark.parametrize("name", ["labelled", "data"])
def test_data_that_cannot_be_read_are_named(pipeline: Pipeline, name: str) -> None:
    pipeline.world.put(f"s3://{DATA}/releases/{name}.zip", b"no zip")
    with pytest.raises(UserError, match=f"^releases/{name}.zip is not a zip"):
        pipeline.decide()


@pytest.mark.actor("retrain")
def test_two_alarms_at_once_start_one_run(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = pipeline.world.retraining.gather()
    monkeypatch.setattr(pipeline.world.retraining, "gather", lambda: facts)
    # Neither sees the other's run yet.
    decisions = [pipeline.decide(cause) for cause in ("drift", "quality")]
    assert [decision["started"] for decision in decisions] == ["run-0", "run-0"]
    assert len({run["clientRequestToken"] for run in pipeline.started}) == 1
