"""AWS's refusals: each kind is told with what mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, TokenRetrievalError
from botocore.parsers import ResponseParserError
from release_helpers.fake_aws import TOOLS, FakeAws, refused
from release_helpers.fake_stacks import FakeStacks
from release_helpers.verbs import end_of_verb


def test_before_the_first_deployment_a_verb_points_to_it(
    root: Path, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.answers |= {
        "DescribeStacks": FakeStacks(cloud).describe,
        "GetAlias": refused("ResourceNotFoundException"),
        "GetPipelineState": refused("PipelineNotFoundException", "there is no such pipeline"),
    }

    said = end_of_verb("status", monkeypatch=monkeypatch)

    assert "no such pipeline" in said
    assert "nothing is deployed yet" in said
    assert "make deploy" in said


ADMIN = f"arn:aws:sts::{TOOLS}:assumed-role/AWSReservedSSO_Admin/token"


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        (refused("ExpiredTokenException", "The security token is expired"), "aws sso login"),
        (refused("InvalidClientTokenId"), "aws sso login"),
        (refused("ResourceLimitExceeded", "'ml.m5.large for ...' is 0"), "Service Quotas"),
        (TokenRetrievalError(provider="sso", error_msg="expired"), "aws sso login"),
        (refused("NoSuchBucket", "The specified bucket is not there"), "nothing is deployed yet"),
        (refused("ResourceNotFoundException"), "nothing is deployed yet"),
        (refused("ValidationError", "No export named a-KeyArn found"), "nothing is deployed yet"),
        (refused("ValidationError", "Stack a does not exist"), "nothing is deployed yet"),
        (EndpointConnectionError(endpoint_url="https://sts"), "`region` in cloudformation"),
        (refused("AccessDeniedException", f"{ADMIN} may not"), "make preflight"),
        (refused("AccessDenied", f"{ADMIN} may not: it does not exist"), "make preflight"),
    ],
    ids=lambda given: given if isinstance(given, str) else type(given).__name__,
)
def test_each_kind_of_refusal_has_its_mend(
    root: Path, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch, error: Exception, mend: str
) -> None:
    def refuses(_: object) -> Any:
        if isinstance(error, ClientError):
            return error
        raise error

    cloud.answers["GetCallerIdentity"] = refuses

    said = end_of_verb("why", "0" * 32, monkeypatch=monkeypatch)

    assert said.startswith("error: AWS: ")
    assert said.partition("; ")[2].count("`") > 1
    assert mend in said.rpartition("; ")[2]


def test_a_proxys_page_is_cut_short(
    root: Path, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def page(_: object) -> Any:
        raise ResponseParserError("Unable to parse response: <html>" + "<br>" * 5000)

    cloud.answers["DescribeStacks"] = page

    said = end_of_verb("status", monkeypatch=monkeypatch)

    assert len(said) < 1000
    assert "a proxy?" in said
