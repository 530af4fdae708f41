"""The settings, and what is said of wrong ones."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from release_helpers.settings import (
    GIVEN,
    REGION,
    ROOT,
    changed,
)

from categoriser.errors import UserError
from release.parameters import PARAMETER_OF_SETTING, parameters_of
from release.settings import PARTITION_OF_REGION, SETTINGS, read_release_settings


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("project", "1-starts-with-a-digit"),
        ("project", "longer-than-twenty-chars"),
        ("region", "ap-southwest-2"),
        ("lambda_python", 3.13),
        ("source__repository", "bank"),
        ("source__repository", "https://github.com/example/bank"),
        ("source__repository", "example/.."),
        ("source__repository", "example/bank.git"),
        ("source__repository", "example/b\u00e4nk"),
        ("source__branch", "HEAD"),
        ("source__branch", "a..b"),
        ("prod_account_id", "\uff11" * 12),
        ("train__minutes", 201),
        ("train__minutes", "30"),
        ("prod__minimum", 5),
        ("prod__bake_minutes", 11),
        ("prod__capture_percent", 0),
        ("prod__instance", "m5.large"),
        ("prod_account_id", "12345"),
        ("prod_account_id", 123456789012),
        ("log_days", 2),
        ("source__host", "elsewhere"),
    ],
)
def test_a_wrong_setting_is_named(root: Path, key: str, value: object) -> None:
    given = copy.deepcopy(GIVEN)
    section, _, last = key.rpartition("__")
    (given[section] if section else given)[last] = value
    (root / SETTINGS).write_text(yaml.safe_dump(given))

    with pytest.raises(UserError, match=section or key):
        read_release_settings()


def test_a_fault_is_in_words(root: Path) -> None:
    given = GIVEN | {"prod_account_id": 123456789012, "region": "ap-southwest-2"}
    (root / SETTINGS).write_text(yaml.safe_dump(given))

    with pytest.raises(UserError) as refused:
        read_release_settings()

    said = str(refused.value)
    assert "prod_account_id: 12 digits in quotes" in said
    assert "region: a region of AWS" in said
    assert "pattern" not in said


def test_a_repository_has_its_owner_but_in_codecommit() -> None:
    for host, name in (("GitLab", "group/team/bank"), ("CodeCommit", "bank")):
        source = {"host": host, "repository": name, "branch": "main"}
        assert changed(source=source).source.repository == name
    with pytest.raises(ValueError, match="in CodeCommit its name"):
        changed(source__host="CodeCommit")


@pytest.mark.parametrize("region", ["cn-north-1", "cn-northwest-1"])
def test_china_is_refused_with_the_reason(region: str) -> None:
    source = {"host": "CodeCommit", "repository": "bank", "branch": "main"}
    with pytest.raises(ValueError, match="China: its CodePipeline has no CloudFormation action"):
        changed(region=region, source=source)


@pytest.mark.parametrize("region", ["us-iso-east-1", "eusc-de-east-1"])
def test_a_partition_that_the_templates_do_not_know_is_refused(region: str) -> None:
    with pytest.raises(
        ValueError, match=f"a region of aws or aws-us-gov, not {PARTITION_OF_REGION[region]}"
    ):
        changed(region=region)


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1"])
def test_the_other_regions_are_taken(region: str) -> None:
    assert changed(region=region).region == region


def test_no_profile_is_needed_to_read_the_settings(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobodys")

    assert read_release_settings().region == REGION


def test_an_unknown_and_a_missing_setting_are_named(root: Path) -> None:
    (root / SETTINGS).write_text(yaml.safe_dump(GIVEN | {"emial": "x@y"}))
    with pytest.raises(UserError, match="emial"):
        read_release_settings()
    (root / SETTINGS).write_text(yaml.safe_dump({k: GIVEN[k] for k in GIVEN if k != "email"}))
    with pytest.raises(UserError, match="email"):
        read_release_settings()


def test_the_projects_own_settings_are_valid() -> None:
    settings = read_release_settings(ROOT / SETTINGS)

    assert set(parameters_of(settings, PARAMETER_OF_SETTING)) == set(
        parameters_of(changed(), PARAMETER_OF_SETTING)
    )
