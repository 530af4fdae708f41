"""The proof on AWS: everything but AWS."""

from __future__ import annotations

import io
import json
import re
import runpy
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from release_helpers.consent import answered
from release_helpers.fake_aws import PROD, TOOLS, FakeAws
from release_helpers.sandbox_cases import FAULTS, HOLDS
from release_helpers.sandbox_world import World
from release_helpers.settings import changed

from prove.sandbox import evidence
from release.accounts import open_session
from release.settings import SETTINGS

DOCUMENT = Path(__file__).parents[2] / "docs/release.md"


@pytest.fixture
def prove(cloud: FakeAws, root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Give the proof's module, in a folder with settings."""
    monkeypatch.delenv("DRY", raising=False)
    return evidence


def outcomes_of(module: ModuleType) -> list[tuple[str, str]]:
    found = json.loads(module.EVIDENCE.read_text(encoding="utf-8"))
    assert all(item["claim"] == module.PROOF_STEPS[item["step"]][0] for item in found)
    return [(item["step"], item["outcome"]) for item in found]


def end_of() -> str:
    """Run the proof as `python -m` does; return what it ends with."""
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("prove.sandbox", run_name="__main__")
    return str(ended.value)


@pytest.fixture
def world(cloud: FakeAws, prove: ModuleType, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(cloud, prove, monkeypatch)


def begin(world: World, step: str, changes: dict[str, Any]) -> None:
    releases, wanted = HOLDS[step]
    for _ in range(releases):
        world.release()
    # Of the releases before the last one the endpoint is gone.
    for _, end in world.versions[:-1]:
        del world.ends[end]
    vars(world).update(wanted | changes)
    if step == "bad-requests" and world.red:
        red = world.red
        world.red = []

        def later() -> Iterator[None]:
            yield
            world.red = red

        world.plays.append(later())


@pytest.mark.parametrize("said", ["1", "yes"])
def test_a_dry_run_says_every_step_and_does_nothing(
    said: str,
    prove: ModuleType,
    cloud: FakeAws,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DRY", said)
    monkeypatch.setattr("boto3.Session", None)
    runpy.run_module("prove.sandbox", run_name="__main__")
    assert cloud.calls == []
    assert not prove.EVIDENCE.exists()
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [f"{name}: {claim}" for name, (claim, _) in prove.PROOF_STEPS.items()]
    assert [*prove.PROOF_STEPS][-2:] == ["teardown", "cost"]


@pytest.mark.parametrize("said", ["", "0", None])
def test_what_is_not_dry_asks_for_the_account(
    said: str | None, prove: ModuleType, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is not None:
        monkeypatch.setenv("DRY", said)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    ended = end_of()
    assert "terminal" in ended
    assert len(ended.splitlines()) == 1
    assert [name for name, _ in cloud.calls] == ["GetCallerIdentity"]


def test_the_proof_without_a_profile_says_how_to_sign_in(
    prove: ModuleType, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    assert "nobodys" in end_of()


@pytest.mark.parametrize("dry", ["1", "0"])
@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"prod_account_id": PROD}, "prod_account_id"),
        ({"prod__auth": "api-key"}, "prod.auth: 'iam'"),
    ],
    ids=lambda value: str(value),
)
def test_the_proof_refuses_the_forms_that_it_does_not_prove(
    change: dict[str, Any],
    key: str,
    dry: str,
    prove: ModuleType,
    cloud: FakeAws,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = changed(**change).model_dump()
    SETTINGS.write_text(yaml.safe_dump(settings), encoding="utf-8")
    monkeypatch.setenv("DRY", dry)
    assert key in end_of()
    assert cloud.calls == []


def test_every_step_of_the_proof_is_a_line_of_the_document_and_the_reverse(
    prove: ModuleType,
) -> None:
    table = DOCUMENT.read_text(encoding="utf-8").partition("| claim |")[2]
    named = {name for line in table.splitlines() for name in re.findall(r"`([a-z-]+)`", line)}
    assert named & {*prove.PROOF_STEPS} == {*prove.PROOF_STEPS}
    last = {line.split("|")[3] for line in table.splitlines()[2:] if line.startswith("|")}
    assert {name for cell in last for name in re.findall(r"`([a-z-]+)`", cell)} == {
        *prove.PROOF_STEPS
    }


def test_the_proof_wants_the_account_s_id_first(
    prove: ModuleType, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(monkeypatch, "1")
    assert "sandbox account" in end_of()
    assert [name for name, _ in cloud.calls] == ["GetCallerIdentity"]


def test_a_step_that_fails_is_evidence_and_all_is_torn_down(
    prove: ModuleType, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Any) -> None:
        raise AssertionError("no canary was seen")

    def notes(name: str, _: Any) -> None:
        ran.append(name)

    ran: list[str] = []
    steps = {
        name: (claim, fails if name == "canary" else partial(notes, name))
        for name, (claim, _) in prove.PROOF_STEPS.items()
    }
    monkeypatch.setattr(prove, "PROOF_STEPS", steps)
    answered(monkeypatch, TOOLS)
    assert "did not hold" in end_of()
    before = [*steps][: [*steps].index("canary")]
    assert ran == [*before, "teardown", "cost"]
    outcomes = dict(outcomes_of(prove))
    assert outcomes["canary"] == "did not hold"
    assert {outcomes[name] for name in ran} == {"held"}
    assert "no canary was seen" in prove.EVIDENCE.read_text(encoding="utf-8")
    ignored = (Path(__file__).parents[2] / ".gitignore").read_text(encoding="utf-8")
    assert str(prove.EVIDENCE) not in ignored


def test_the_proof_s_requests_are_signed_for_the_api(
    prove: ModuleType, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []

    def urlopen(request: Any, timeout: float) -> Any:
        sent.append(request)
        body = io.BytesIO(b'{"detail": "no"}')
        raise urllib.error.HTTPError(request.full_url, 400, "Bad Request", Message(), body)

    outputs = [{"OutputKey": "ApiUrl", "OutputValue": "https://a.example/v1"}]
    stack = {"StackName": "s", "CreationTime": datetime.now(UTC), "StackStatus": "CREATE_COMPLETE"}
    cloud.answers["DescribeStacks"] = {"Stacks": [stack | {"Outputs": outputs}]}
    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    settings = prove.read_release_settings()
    status, answer = prove.Sandbox(settings, open_session(settings, "tools")).call(b"{}")
    assert (status, answer) == (400, {"body": '{"detail": "no"}'})
    [request] = sent
    assert request.full_url == "https://a.example/v1/predict"
    scope = f"{settings.region}/execute-api/aws4_request"
    assert scope in request.get_header("Authorization")


def test_every_step_is_tried(prove: ModuleType) -> None:
    assert [*HOLDS] == [*prove.PROOF_STEPS]
    assert {*HOLDS} - {step for step, *_ in FAULTS} == {"preflight", "deploy", "cost"}


@pytest.mark.parametrize("step", HOLDS)
def test_a_claim_holds_where_the_account_does_as_claimed(step: str, world: World) -> None:
    begin(world, step, {})
    found = world.step(step)
    assert json.loads(json.dumps(found, default=str)) == found


@pytest.mark.parametrize(("step", "fault", "words"), FAULTS, ids=str)
def test_a_claim_does_not_hold_where_the_account_does_otherwise(
    step: str, fault: dict[str, Any], words: str, world: World
) -> None:
    begin(world, step, fault)
    with pytest.raises(AssertionError, match=re.escape(words)):
        world.step(step)


def test_the_next_step_waits_until_the_stage_has_gone_back(world: World) -> None:
    for step in ("broken-candidate", "wrong-answers"):
        begin(world, "broken-candidate" if not world.versions else "cost", {})
        world.outcome = "Succeeded"
        found = world.step(step)
        assert world.runs[0]["pipelineExecutionId"] == found["rollback"]
        assert [run["status"] for run in world.runs[:2]] == ["Succeeded", "Failed"]


def test_a_superseded_release_is_not_waited_for(world: World) -> None:
    begin(world, "first-release", {"approval": "Superseded"})
    begun = world.clock
    with pytest.raises(AssertionError):
        world.step("first-release")
    assert world.clock == begun


def test_a_rollback_to_another_release_is_none(world: World) -> None:
    begin(world, "rollback", {})
    world.sandbox.releases.insert(1, "another")
    with pytest.raises(AssertionError, match="another"):
        world.step("rollback")
