"""The hooks of a shift: what `before` asks of a release, and that each hook reports in time."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from lambda_helpers.release_in_service import CAPTURE, WRONG, golden, hook, probes, serve
from lambda_helpers.world import DATA, GOLDEN, World, prediction

from prove.example import RELEASE


@pytest.mark.actor("hooks")
def test_before_lets_a_release_pass_whose_golden_cases_are_right(prod: World) -> None:
    rows: list[Any] = []

    def answer(row: Any) -> tuple[int, Any]:
        rows.append(row)
        return 200, prediction(row)

    prod.container = answer
    assert hook(prod, "before") == ["Succeeded"]
    cases = [{name: case[name] for name in ("text", "price")} for case in golden()["cases"]]
    assert rows == [*cases, *cases, *cases, cases[0]]
    # So many that the captures of a sample show some; their ids are what `after` waits for.
    assert prod.called == probes(prod) == [f"probe-{RELEASE}-{n}" for n in range(10)]


@pytest.mark.actor("hooks")
@pytest.mark.parametrize("percent", [1, 10, 50, 100])
def test_a_sample_of_the_probes_is_captured_in_999_releases_of_1000(
    world: World, monkeypatch: pytest.MonkeyPatch, percent: int
) -> None:
    monkeypatch.setenv("CAPTURE_PERCENT", str(percent))
    assert (1 - percent / 100) ** len(probes(world)) < 0.001


@pytest.mark.actor("hooks")
@pytest.mark.parametrize(
    "changes",
    [
        {"EndpointStatus": "Updating"},
        {"EndpointConfigName": "another"},
        {"CaptureStatus": "Stopped"},
        {"CurrentSamplingPercentage": 10},
        {"DestinationS3Uri": "s3://elsewhere/captures"},
        {"DataCaptureConfig": {}},
    ],
    ids=str,
)
def test_before_fails_on_an_endpoint_that_is_not_what_was_deployed(
    prod: World, log: io.StringIO, changes: dict[str, Any]
) -> None:
    serve(prod, **changes)
    assert hook(prod, "before") == ["Failed"]
    assert prod.called == []
    [(name, value)] = changes.items()
    wrong = {name: value} if value else dict.fromkeys(CAPTURE)
    assert f"the endpoint has {wrong}, not " in log.getvalue()


@pytest.mark.actor("hooks")
def test_before_fails_without_an_endpoint(prod: World) -> None:
    fault = {"__type": "ValidationException", "message": "Could not find endpoint"}
    prod.answer(prod.traffic_hooks.sagemaker, "DescribeEndpoint", lambda _: (400, fault))
    assert hook(prod, "before") == ["Failed"]


@pytest.mark.actor("hooks")
@pytest.mark.parametrize(("words", "answer"), WRONG.values(), ids=WRONG.keys())
def test_before_fails_on_a_golden_case_that_is_wrong(
    prod: World, log: io.StringIO, words: str, answer: Callable[[Any], tuple[int, Any]]
) -> None:
    prod.container = answer
    assert hook(prod, "before") == ["Failed"]
    assert f"probe-{RELEASE}-0: {words}" in log.getvalue()


@pytest.mark.actor("hooks")
def test_another_machines_rounding_is_no_other_answer(prod: World) -> None:
    known = golden()
    known["cases"][0]["probabilities"]["transport"] += 0.0009
    prod.put(GOLDEN, known)
    assert hook(prod, "before") == ["Succeeded"]


@pytest.mark.actor("hooks")
def test_before_fails_on_an_answer_that_is_late(
    prod: World, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count(step=6)
    clock = SimpleNamespace(monotonic=lambda: next(ticks))
    monkeypatch.setattr(prod.golden_cases, "time", clock)
    assert hook(prod, "before") == ["Failed"]
    # The first may have had to start.
    assert f"probe-{RELEASE}-1: an answer after 6.0 s" in log.getvalue()


@pytest.mark.actor("hooks")
def test_before_fails_where_the_new_version_cannot_start(prod: World, log: io.StringIO) -> None:
    error = {
        "errorMessage": "No module named 'prediction_api'",
        "errorType": "Runtime.ImportModuleError",
    }
    prod.answer(prod.golden_cases.functions, "Invoke", lambda _: (200, error))
    assert hook(prod, "before") == ["Failed"]
    assert f"probe-{RELEASE}-0: the function failed" in log.getvalue()


@pytest.mark.parametrize("name", ["before", "after"])
def test_a_hook_fails_without_golden_cases(prod: World, name: str) -> None:
    prod.s3.delete_object(Bucket=DATA, Key=GOLDEN.split("/", 3)[3])
    assert hook(prod, name) == ["Failed"]


@pytest.mark.parametrize("name", ["before", "after"])
def test_a_hook_that_hangs_reports_failure_before_its_time_is_over(
    prod: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    over = threading.Event()
    monkeypatch.setattr(prod.traffic_hooks, "read_golden_cases", lambda _: over.wait())
    try:
        assert hook(prod, name, seconds=20.1) == ["Failed"]
    finally:
        over.set()


def test_a_hook_waits_no_longer_than_leaves_time_for_its_report(
    prod: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def result(seconds: float) -> None:
        waited.append(seconds)
        raise TimeoutError

    check = SimpleNamespace(submit=lambda _: SimpleNamespace(result=result))
    monkeypatch.setattr(prod.traffic_hooks, "ThreadPoolExecutor", lambda _: check)
    assert hook(prod, "after", seconds=900) == ["Failed"]
    assert waited == [880]
