"""Feedback: labels are kept as SageMaker's ground truth, for the classes of the release."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import botocore.awsrequest
import botocore.exceptions
import pytest
from lambda_helpers.api_calls import FAULTS, moved, problem, proxy
from lambda_helpers.world import CLASSES, LIVE, World, predicted, run
from moto import mock_aws

from categoriser.monitor.formats.event_files import find_files
from categoriser.monitor.formats.ground_truth import ground_truth_line, ground_truth_rows
from categoriser.monitor.formats.problems import Problems
from prove.example import RELEASE

SAID = {"prediction_id": "0" * 32, "category": "transport"}
ROLE = {"requestContext": {"identity": {"caller": "AROAEXAMPLE:a-session"}}}


@pytest.fixture(autouse=True)
def unknown(modules: dict[str, ModuleType]) -> None:
    """Let the function know no classes yet, as when it starts."""
    modules["prediction_api"].classes.cache_clear()


@pytest.mark.actor("api")
def test_feedback_is_ground_truth_of_its_hour(
    cloud: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for said in (SAID, SAID | {"row": 4, "category": "fees & interest"}):
        reply = run(cloud.prediction_api.handler, proxy(said, "/feedback", **ROLE))
        assert (reply["statusCode"], json.loads(reply["body"])) == (202, said)
        assert moved(capsys)["Feedback"] == 1
    [single, row] = sorted(cloud.objects(LIVE, "ground-truth/").items(), key=lambda f: len(f[0]))
    assert datetime.strptime(single[0], f"ground-truth/%Y/%m/%d/%H/AROAEXAMPLE/{'0' * 32}.jsonl")
    assert json.loads(single[1]) == {
        "groundTruthData": {"data": "transport", "encoding": "CSV"},
        "eventMetadata": {"eventId": "0" * 32},
        "eventVersion": "0",
    }
    assert row[0] == single[0].replace(".jsonl", "-4.jsonl")
    assert json.loads(row[1])["eventMetadata"] == {"eventId": f"{'0' * 32}#4"}


@pytest.mark.actor("api")
def test_the_function_learns_the_releases_classes_from_its_endpoint_once(
    cloud: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for category in ("transport", "x", "Transport", "groceries", "...", "transport "):
        reply = run(cloud.prediction_api.handler, proxy(SAID | {"category": category}, "/feedback"))
        assert reply["statusCode"] == (202 if category in CLASSES else 400)
        if category not in CLASSES:
            assert problem(reply)["field"] == "category"
            assert "not a class of the release" in problem(reply)["detail"]
            assert moved(capsys) == {"ClientErrors": 1}
        capsys.readouterr()
    # What the monitor leaves out, as it does the hooks' calls.
    [asked] = cloud.called
    assert asked.startswith(f"probe-{RELEASE}-classes-")
    assert len(asked) <= 64


@pytest.mark.actor("api")
def test_as_many_and_as_long_classes_as_there_may_be_are_known(cloud: World) -> None:
    """The environment of a function has 4 KB; these are sixteen."""
    names = [f"{number:03d}{'x' * 97}" for number in range(167)]
    best = {"category": names[0], "probability": 1.0, "review": False}
    values = dict.fromkeys(names, 0.0) | {names[0]: 1.0}
    cloud.container = lambda _: (200, best | {"probabilities": values})
    reply = run(cloud.prediction_api.handler, proxy(SAID | {"category": names[166]}, "/feedback"))
    assert reply["statusCode"] == 202


@pytest.mark.actor("api")
def test_while_the_endpoint_fails_no_label_is_judged_and_none_is_lost_for_good(
    cloud: World, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.container = lambda _: FAULTS["ModelError 503"]
    assert problem(run(cloud.prediction_api.handler, proxy(SAID, "/feedback")))["status"] == 502
    assert moved(capsys) == {"EndpointFailures": 1, "EndpointCalls": 1}
    cloud.container = lambda rows: (200, predicted(rows))
    assert run(cloud.prediction_api.handler, proxy(SAID, "/feedback"))["statusCode"] == 202


@pytest.mark.actor("api")
def test_a_caller_labels_so_many_rows_an_hour_and_stops_nobody_else(
    cloud: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cloud.prediction_api.MAX_LABELS == 1000
    monkeypatch.setattr(cloud.prediction_api, "MAX_LABELS", 3)

    def labelled(number: int, **identity: Any) -> dict[str, Any]:
        said = SAID | {"row": number}
        more = {"requestContext": {"identity": identity}}
        answer: dict[str, Any] = run(cloud.prediction_api.handler, proxy(said, "/feedback", **more))
        return answer

    for number in range(3):
        # A role's session is named by who takes it.
        assert labelled(number, caller=f"AROAONE:session-{number}")["statusCode"] == 202
    capsys.readouterr()
    reply = labelled(3, caller="AROAONE:session-3")
    assert problem(reply)["status"] == 429
    assert 0 < int(reply["multiValueHeaders"]["retry-after"][0]) <= 3600
    assert moved(capsys) == {"Overloads": 1}
    others: list[dict[str, str | None]] = [
        {"caller": "AROATWO:x"},
        {"apiKeyId": "k/../e.y", "caller": None},
        {},
    ]
    for other in others:
        assert labelled(3, **other)["statusCode"] == 202
    folders = {key.split("/")[5] for key in cloud.objects(LIVE, "ground-truth/")}
    assert folders == {"AROAONE", "AROATWO", "key", "nobody"}


def test_the_monitor_reads_what_feedback_writes(
    cloud: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud.prediction_api, "classes", lambda: {"transport", 'food, "drinks"'})
    for said in (SAID, SAID | {"row": 4, "category": 'food, "drinks"'}):
        run(cloud.prediction_api.handler, proxy(said, "/feedback", **ROLE))
    problems = Problems()
    now = datetime.now(UTC)
    # By folder of the hour too: a job looks at its window alone.
    hour = (now - timedelta(hours=1), now + timedelta(hours=1))
    [frame] = ground_truth_rows(find_files(f"s3://{LIVE}/ground-truth", *hour), problems)
    assert sorted(frame.select("id", "row", "label").rows()) == [
        ("0" * 32, 0, "transport"),
        ("0" * 32, 4, 'food, "drinks"'),
    ]
    assert (problems.counts, frame["time"].null_count()) == ({}, 0)
    assert find_files(f"s3://{LIVE}/ground-truth", now + timedelta(days=2)) == []


@pytest.mark.actor("api")
@pytest.mark.parametrize("category", ["transport", 'food, "drinks"', "café"])
def test_the_review_writes_what_feedback_writes(
    cloud: World, monkeypatch: pytest.MonkeyPatch, category: str
) -> None:
    monkeypatch.setattr(cloud.prediction_api, "classes", lambda: {category})
    said = SAID | {"row": 4, "category": category}
    run(cloud.prediction_api.handler, proxy(said, "/feedback", **ROLE))
    [content] = cloud.objects(LIVE, "ground-truth/").values()
    assert content == ground_truth_line(f"{SAID['prediction_id']}#4", category)


@pytest.mark.actor("api")
def test_repeated_feedback_writes_nothing_new_and_a_correction_stands(cloud: World) -> None:
    for category in ("transport", "transport", "groceries"):
        said = proxy(SAID | {"category": category}, "/feedback", **ROLE)
        assert run(cloud.prediction_api.handler, said)["statusCode"] == 202
        [content] = cloud.objects(LIVE, "ground-truth/").values()
        assert json.loads(content)["groundTruthData"]["data"] == category
    run(cloud.prediction_api.handler, proxy(SAID | {"row": 0}, "/feedback", **ROLE))
    assert len(cloud.objects(LIVE, "ground-truth/")) == 2


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_feedback_that_cannot_be_kept_is_the_functions_own_error(world: World) -> None:
    assert world.prediction_api.classes() == {*CLASSES}
    with mock_aws(), pytest.raises(botocore.exceptions.ClientError):
        run(world.prediction_api.handler, proxy(SAID, "/feedback"))


@pytest.mark.actor("api")
@pytest.mark.parametrize(
    "said",
    [
        [SAID],
        {},
        SAID | {"category": ""},
        SAID | {"category": "two\nlines"},
        SAID | {"category": 3},
        SAID | {"category": "x" * 101},
        SAID | {"prediction_id": "probe-x-1"},
        SAID | {"prediction_id": f"{'0' * 32}\n"},
        SAID | {"prediction_id": None},
        SAID | {"row": -1},
        SAID | {"row": True},
        SAID | {"row": None},
        SAID | {"row": 1000},
        SAID | {"row": 1.5},
        SAID | {"text": "more"},
    ],
    ids=str,
)
def test_feedback_that_cannot_be_joined_is_400(
    world: World, capsys: pytest.CaptureFixture[str], said: Any
) -> None:
    assert problem(run(world.prediction_api.handler, proxy(said, "/feedback")))["status"] == 400
    assert moved(capsys) == {"ClientErrors": 1}
    assert world.called == []
