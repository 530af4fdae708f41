"""What one template imports another exports, under the name that says what it is."""

from __future__ import annotations

import pytest
from account_resources import ACCOUNTS, everything, exports, imports, key_arn, topic_arn

from prove import example, resolver
from prove.example import ACCOUNT, OTHER_ACCOUNT, PROJECT, REGION


@pytest.mark.parametrize("part", ACCOUNTS)
def test_what_a_template_imports_its_account_exports(part: str) -> None:
    assert imports(part, Network="vpc") <= exports(part).keys()


def test_what_is_exported_is_imported() -> None:
    assert exports("all").keys() == imports("all", Network="vpc")


def test_exports_are_what_they_are_called() -> None:
    buckets = {f"{kind.title()}Bucket": kind for kind in ("log", "artifact", "data")}
    names = {"log": "logs", "artifact": "artifacts"}
    expected = {
        f"{PROJECT}-{export}": f"{PROJECT}-{names.get(kind, kind)}-{ACCOUNT}-{REGION}"
        for export, kind in buckets.items()
    }
    expected[f"{PROJECT}-KeyArn"] = key_arn()
    expected[f"{PROJECT}-TopicArn"] = topic_arn()
    found = exports("all")
    assert expected.items() <= found.items()
    first, second = (
        resolver.physical("network", f"{which}Subnet") for which in ("First", "Second")
    )
    assert found[f"{PROJECT}-Subnets"] == f"{first},{second}"
    assert "SecurityGroup" in found[f"{PROJECT}-SecurityGroup"]
    assert found[f"{PROJECT}-ReleaseRepository"].endswith("ReleaseRepository.RepositoryUri")
    # Where there are two accounts, each has its own key, topic and logs.
    both = exports("tools").keys() & exports("prod").keys()
    assert f"{PROJECT}-DataBucket" not in exports("prod")
    assert {f"{PROJECT}-{name}" for name in ("KeyArn", "TopicArn")} <= both


@pytest.mark.parametrize("part", ACCOUNTS)
def test_the_settings_buckets_are_the_templates(part: str) -> None:
    """Build and the verbs give buckets by name, where a template's stack cannot import."""
    account = OTHER_ACCOUNT if part == "prod" else ACCOUNT
    made_here = {item["BucketName"] for item in everything("AWS::S3::Bucket", part).values()}
    kinds = {"all": "logs artifacts data live", "tools": "logs artifacts data", "prod": "logs live"}
    assert made_here == {f"{PROJECT}-{kind}-{account}-{REGION}" for kind in kinds[part].split()}
    if part == "all":
        assert made_here > {example.GIVEN[f"{kind}Bucket"] for kind in ("Artifact", "Data", "Live")}
