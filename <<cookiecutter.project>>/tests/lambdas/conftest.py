"""The clouds that the functions' tests run in."""

from __future__ import annotations

import io
import time
import urllib.parse
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from lambda_helpers.custom_resources import CloudFormation
from lambda_helpers.release_in_service import alarms, golden, serve
from lambda_helpers.world import CANDIDATE, DATA, GOLDEN, LIVE, World, imported_functions, run
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

from prove.recorded import acting


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    with imported_functions() as found:
        yield found


@pytest.fixture
def world(modules: dict[str, ModuleType]) -> Iterator[World]:
    """Give a cloud that holds nothing."""
    made = World(modules)
    yield made
    made.forget(bool)


@pytest.fixture
def cloud(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give one with the buckets, and moto for the rest."""
    monkeypatch.setattr(BotocoreStubber, "__call__", lambda _, *a, **k: world.aside(*a, **k))
    with mock_aws():
        for bucket in (DATA, LIVE):
            place = {"LocationConstraint": "ap-southeast-2"}
            world.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
            versioning = {"Status": "Enabled"}
            world.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioning)
        yield world


@pytest.fixture
def log(world: World, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Take down what the functions log: JSON, one object a line."""
    stream = io.StringIO()
    monkeypatch.setattr(world.prediction_api.logger.registered_handler, "stream", stream)
    return stream


@pytest.fixture
def prod(cloud: World) -> World:
    """Give a release in service: its endpoint, golden cases, alarms, and the API's new version."""
    for alarm in alarms():
        cloud.traffic_hooks.cloudwatch.put_metric_alarm(
            **{name: value for name, value in alarm.items() if name != "Tags"}
        )
    cloud.put(GOLDEN, golden())
    serve(cloud)

    def version(request: dict[str, Any]) -> tuple[int, Any]:
        assert urllib.parse.unquote(request["url"]).endswith(f"{CANDIDATE}/invocations")
        with acting("api"):
            return 200, run(cloud.prediction_api.handler, request["body"])

    cloud.answer(cloud.golden_cases.functions, "Invoke", version)
    return cloud


@pytest.fixture
def formation(prod: World, monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    return CloudFormation(prod, monkeypatch)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch, world: World) -> list[float]:
    """Let no time pass; return the seconds that were asked for."""
    seconds: list[float] = []
    clock = SimpleNamespace(sleep=seconds.append, monotonic=time.monotonic)
    monkeypatch.setattr(world.traffic_hooks, "time", clock)
    return seconds
