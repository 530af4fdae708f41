"""Evaluation of policies: patterns, conditions, and a Deny over any Allow."""

from __future__ import annotations

from typing import Any

import pytest

from prove.policies import Need, allows, fulfilled, matches

READ = Need("s3:GetObject", "arn:aws:s3:::bucket/key", {"aws:SourceAccount": "111122223333"})


def role(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Policies": [{"PolicyDocument": {"Statement": [*statements]}}]}


def statement(effect: str = "Allow", **changes: Any) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/*",
    } | changes


@pytest.mark.parametrize(
    ("pattern", "text", "covers"),
    [
        ("s3:Get*", "s3:GetObject", True),
        ("s3:Get?bject", "s3:GetObject", True),
        ("s3:Get*", "s3:PutObject", False),
        ("arn:aws:s3:::bucket", "arn:aws:s3:::bucket/key", False),
        ("a.c", "abc", False),
        ("bucket/*", "bucket/two\nlines", True),
        # A pattern is covered where all that it stands for is.
        ("bucket/*", "bucket/x*", True),
        ("bucket/x*", "bucket/*", False),
    ],
)
def test_a_pattern_covers_texts_and_narrower_patterns(
    pattern: str, text: str, covers: bool
) -> None:
    assert matches(pattern, text) is covers


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({}, True),
        ({"Action": ["s3:PutObject", "S3:getobject"]}, True),
        ({"Action": "s3:PutObject"}, False),
        ({"Resource": ["arn:aws:s3:::other/*", "*"]}, True),
        ({"Resource": "arn:aws:s3:::other/*"}, False),
        ({"Condition": {"StringEquals": {"aws:SourceAccount": ["1", "111122223333"]}}}, True),
        ({"Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}, False),
    ],
    ids=str,
)
def test_a_statement_allows_what_it_covers(change: dict[str, Any], allowed: bool) -> None:
    assert allows(role(statement(**change)), READ) is allowed


def test_what_no_statement_allows_is_denied() -> None:
    assert not allows({}, READ)


def test_a_deny_wins_whatever_its_place() -> None:
    deny = statement("Deny", Action="s3:*")
    assert not allows(role(statement(), deny), READ)
    assert not allows(role(deny, statement()), READ)


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ({"StringLike": {"s3:prefix": "runs/*"}}, True),
        ({"StringLike": {"s3:prefix": "data/*"}}, False),
        ({"ArnLike": {"aws:PrincipalArn": "*"}}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "Project"}}, True),
        ({"StringLike": {"s3:prefix": "runs/*"}, "Bool": {"aws:Via": "true"}}, False),
    ],
    ids=str,
)
def test_every_key_of_a_condition_must_be_met_by_the_context(
    condition: dict[str, Any], met: bool
) -> None:
    assert fulfilled(condition, {"s3:prefix": "runs/1"}) is met


def test_an_operator_that_is_not_known_is_an_error() -> None:
    with pytest.raises(KeyError, match="NumericLessThan"):
        fulfilled({"NumericLessThan": {"s3:max-keys": "10"}}, {"s3:max-keys": "5"})
