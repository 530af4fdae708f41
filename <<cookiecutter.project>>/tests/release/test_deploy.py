"""The layers, in their order."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from release_helpers.consent import answered
from release_helpers.fake_aws import FakeAws
from release_helpers.fake_stacks import ORDER, FakeStacks, names
from release_helpers.settings import (
    PROJECT,
    changed,
    tools_session,
)

from categoriser.errors import UserError
from release.accounts import open_session
from release.cloudformation import TemplateLoader, template_path
from release.deploy import deploy_layers
from release.settings import ReleaseSettings


def test_layers_are_deployed_in_order_and_the_seeds_lie_before_the_pipeline(
    cloud: FakeAws,
    layers: FakeStacks,
    capsys: pytest.CaptureFixture[str],
) -> None:

    deploy_layers(changed(), tools_session(), yes=True)

    assert names(cloud, "ExecuteChangeSet") == ORDER
    what = [
        call.get("Key") or call.get("StackName") or name
        for name, call in cloud.calls
        if name in ("PutObject", "ExecuteChangeSet", "StartBuild", "data_release")
    ]
    assert what[4:] == [
        f"{PROJECT}-images",
        "base/source.zip",
        "StartBuild",
        "data_release",
        f"lambdas/{'0' * 64}.zip",
        f"{PROJECT}-pipeline",
    ]
    parts = {
        item["ParameterValue"]
        for given in layers.given.values()
        for item in given
        if item["ParameterKey"] == "Part"
    }
    assert parts == {"all"}
    out = capsys.readouterr().out
    assert "Modify" in out
    assert "PENDING" in out
    assert "fails in Source until then" in out
    assert "team@example.com" in out
    assert "Push to main" in out


def test_without_a_connection_none_is_spoken_of(
    cloud: FakeAws,
    layers: FakeStacks,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = {"host": "CodeCommit", "repository": "bank", "branch": "main"}

    deploy_layers(changed(source=source), tools_session(), yes=True)

    out = capsys.readouterr().out
    assert "Push to main" in out
    assert "connection" not in out


def test_without_data_nothing_is_deployed(cloud: FakeAws, layers: FakeStacks, root: Path) -> None:
    (root / "data/generated.csv").unlink()

    with pytest.raises(UserError, match=r"data/generated.csv is missing.*make run"):
        deploy_layers(changed(), tools_session(), yes=True)

    assert not cloud.calls


def test_every_parameter_that_a_layer_lacks_a_default_for_is_given(
    cloud: FakeAws, layers: FakeStacks
) -> None:
    deploy_layers(changed(network="vpc"), tools_session(), yes=True)

    for name in [*ORDER, "network"]:
        text = (template_path(name)).read_text()
        declared = yaml.load(text, TemplateLoader)["Parameters"]
        wanted = {key for key, value in declared.items() if "Default" not in value}
        given = {item["ParameterKey"] for item in layers.given[f"{PROJECT}-{name}"]}
        assert wanted <= given <= set(declared), name


def test_no_changes_are_fine_and_nothing_is_seeded_twice(
    cloud: FakeAws, layers: FakeStacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers.standing = {f"{PROJECT}-{name}": "CREATE_COMPLETE" for name in ORDER}
    layers.changes = []
    cloud.answers |= {"ListImages": {"imageIds": [{"imageTag": "current"}]}}
    cloud.answers |= {"ListObjectsV2": {"KeyCount": 1}}
    asked = answered(monkeypatch, "n")

    deploy_layers(changed(), tools_session())

    assert not asked
    assert len(cloud.made("DeleteChangeSet")) == len(ORDER)
    assert not cloud.made("ExecuteChangeSet", "StartBuild", "data_release")


def test_a_dry_deployment_shows_what_would_change_and_changes_nothing(
    cloud: FakeAws,
    layers: FakeStacks,
    capsys: pytest.CaptureFixture[str],
) -> None:
    layers.standing = {f"{PROJECT}-{name}": "CREATE_COMPLETE" for name in ORDER[:-1]}

    deploy_layers(changed(), tools_session(), dry=True)

    assert not cloud.made(
        "ExecuteChangeSet", "DeleteStack", "PutObject", "StartBuild", "data_release"
    )
    assert names(cloud, "CreateChangeSet") == names(cloud, "DeleteChangeSet") == ORDER[:-1]
    out = capsys.readouterr().out
    assert out.count("AWS::KMS::Key") == len(ORDER) - 1
    assert f"{PROJECT}-pipeline: is new" in out
    assert "Nothing was changed" in out
    assert "The layers are made" not in out


def test_with_two_accounts_the_layers_are_in_both(
    cloud: FakeAws, two: ReleaseSettings, layers: FakeStacks
) -> None:
    deploy_layers(two, open_session(two, "tools"), yes=True)

    done = [
        (key, asked["StackName"].removeprefix(f"{PROJECT}-"))
        for (name, asked), key in zip(cloud.calls, cloud.keys, strict=False)
        if name == "ExecuteChangeSet"
    ]
    # What builds, trains and approves is the tools' account's alone.
    prod = ["data", "serving", "deployers"]
    assert [name for _, name in done] == [*ORDER[:4], *prod, *ORDER[4:]]
    # What follows is the base image's and the pipeline's, in the tools' account again.
    assert [key for key, _ in done[:7]] == ["tools"] * 4 + ["prod"] * 3
