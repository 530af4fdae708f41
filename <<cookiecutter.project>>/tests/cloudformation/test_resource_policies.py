"""The policies of keys, buckets, topics and buses admit those who ask, and no others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from account_resources import ACCOUNTS, IN, everything, made, policy, role_arns, texts, topic_arn

from prove import project_files, resolver, templates
from prove.example import ACCOUNT, OTHER_ACCOUNT, PROJECT, REGION
from prove.policies import many, matches, statements

# The resource policies of an account that admit the other: whose, and the ARN that they are on.
ADMITTING: dict[str, dict[tuple[str, str], Callable[[], str]]] = {
    "tools": {
        ("data", "Key"): lambda: resolver.arn("data", "Key"),
        ("data", "ArtifactBucketPolicy"): lambda: "",
        ("data", "DataBucketPolicy"): lambda: "",
        ("data", "ModelPackageGroup"): lambda: "",
        ("images", "ReleaseRepository"): lambda: resolver.arn("images", "ReleaseRepository"),
        ("pipeline", "ProdEvents"): lambda: "",
    },
    "prod": {
        ("data", "Key"): lambda: resolver.arn("data", "Key", ACCOUNTS["prod"]),
        ("data", "LiveBucketPolicy"): lambda: "",
    },
}


def admitted(part: str) -> Iterator[tuple[str, str, str]]:
    """Yield (principal, action, resource) that an account's resource policies grant the other."""
    other = ACCOUNT if part == "prod" else OTHER_ACCOUNT
    for (name, key), of in ADMITTING[part].items():
        found = policy(name, key, part)
        if key == "ProdEvents":
            found = [made(name, part)[key]["Properties"]["Statement"]]
        for statement in found:
            if statement["Principal"] != {"AWS": f"arn:aws:iam::{other}:root"}:
                continue
            assert statement["Effect"] == "Allow"
            (principals,) = statement["Condition"]["ArnEquals"].values()
            assert {*statement["Condition"]["ArnEquals"]} == {"aws:PrincipalArn"}
            for principal in many(principals):
                for action in many(statement["Action"]):
                    for resource in many(statement.get("Resource", "*")):
                        assert of() or resource != "*", f"{key} grants all"
                        yield principal, action, (of() or resource)


def overlap(one: str, other: str) -> bool:
    return matches(one, other) or matches(other, one)


@pytest.mark.parametrize("part", ["tools", "prod"])
def test_across_accounts_what_is_asked_is_granted_and_the_reverse(part: str) -> None:
    """Both must allow: the resource's policy in `part`, and the role's own in the other account."""
    account = OTHER_ACCOUNT if part == "prod" else ACCOUNT
    granted = [*admitted(part)]
    wrong = []
    asked = [
        (arn, action, resource)
        for arn, role in role_arns("prod" if part == "tools" else "tools").items()
        for statement in statements(role)
        for resource in many(statement["Resource"])
        # A role in the other account is assumed by its own trust.
        if account in resource and ":role/" not in resource
        for action in many(statement["Action"])
    ]
    for one, others, words in ((asked, granted, "is not granted"), (granted, asked, "nobody asks")):
        wrong += [
            f"{who.split('/')[-1]}: {action} on {resource}: {words}"
            for who, action, resource in one
            if not any((who, action) == each[:2] and overlap(resource, each[2]) for each in others)
        ]
    assert not wrong, "\n".join(sorted(wrong))


# Services that resource policies admit: whose, which action, and what they must say.
def test_a_service_is_admitted_for_this_account() -> None:
    """EventBridge alone fills no condition, and a condition on it would drop its messages."""
    for name, key in (("data", "Key"), ("data", "TopicPolicy"), ("data", "LogBucketPolicy")):
        for statement in policy(name, key):
            services = (
                many(statement["Principal"].get("Service", []))
                if isinstance(statement["Principal"], dict)
                else []
            )
            condition = {
                k: v for test in statement.get("Condition", {}).values() for k, v in test.items()
            }
            if services == ["events.amazonaws.com"]:
                assert not condition
            elif services == [f"logs.{REGION}.amazonaws.com"]:
                (pattern,) = condition.values()
                for group in everything("AWS::Logs::LogGroup").values():
                    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group['LogGroupName']}"
                    assert matches(pattern, arn), arn
                assert [*condition] == ["kms:EncryptionContext:aws:logs:arn"]
            elif services:
                assert condition["aws:SourceAccount"] == ACCOUNT, f"{key}: {services}"


def test_policies_are_on_what_they_are_called() -> None:
    for item in made("data").values():
        properties = item["Properties"]
        if item["Type"] == "AWS::S3::BucketPolicy":
            arn = f"arn:aws:s3:::{properties['Bucket']}"
            for statement in properties["PolicyDocument"]["Statement"]:
                for resource in many(statement["Resource"]):
                    assert resource == arn or resource.startswith(f"{arn}/"), properties["Bucket"]
    topic = made("data")["TopicPolicy"]["Properties"]
    assert topic["Topics"] == [topic_arn()]
    assert {each["Resource"] for each in topic["PolicyDocument"]["Statement"]} == {topic_arn()}
    subscription = made("data")["Subscription"]["Properties"]
    assert subscription["TopicArn"] == topic_arn()
    alias = templates.resources("data")["KeyAlias"]["Properties"]
    assert alias["TargetKeyId"] == {"Ref": "Key"}
    assert resolver.physical("data", "KeyAlias") == f"alias/{PROJECT}"
    assert ":alias/{" in project_files.text("release/accounts.py"), "the requests' key"


def test_logs_are_encrypted_and_delivered_as_their_guides_say() -> None:
    """CloudWatch Logs' on a customer key, and the VPC's on flow logs in S3."""
    (logs,) = [each for each in policy("data", "Key") if each.get("Sid") == "Logs"]
    verbs = {"Encrypt", "Decrypt", "ReEncrypt*", "GenerateDataKey*", "DescribeKey"}
    assert {*logs["Action"]} == {f"kms:{verb}" for verb in verbs}
    delivery = {
        action: statement["Condition"]["StringEquals"]
        for statement in policy("data", "LogBucketPolicy")
        if statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
        for action in many(statement["Action"])
    }
    account = {"aws:SourceAccount": ACCOUNT}
    assert delivery == {
        "s3:PutObject": account | {"s3:x-amz-acl": "bucket-owner-full-control"},
        "s3:GetBucketAcl": account,
        "s3:ListBucket": account,
    }


def test_in_one_account_no_policy_admits_another() -> None:
    assert "RepositoryPolicyText" not in made("images")["ReleaseRepository"]["Properties"]
    assert "ModelPackageGroupPolicy" not in made("data")["ModelPackageGroup"]["Properties"]
    for text in texts([made(name) for name in IN["all"]]):
        assert not re.search(rf"::(?!{ACCOUNT}|aws)\d*:root", text), text


def test_the_topic_can_be_told() -> None:
    """Under a customer key whose policy admits them: with `aws/sns` alarm messages vanish."""
    topic = resolver.resolve(templates.resources("data")["Topic"]["Properties"], "data")
    assert topic["KmsMasterKeyId"] == resolver.arn("data", "Key")
    policies = {
        "kms:GenerateDataKey*": templates.resources("data")["Key"]["Properties"]["KeyPolicy"],
        "kms:Decrypt": templates.resources("data")["Key"]["Properties"]["KeyPolicy"],
        "sns:Publish": templates.resources("data")["TopicPolicy"]["Properties"]["PolicyDocument"],
    }
    for action, document in policies.items():
        admitted: set[str] = set()
        for statement in resolver.resolve(document, "data")["Statement"]:
            services = statement["Principal"].get("Service", [])
            if action in statement["Action"] and statement["Effect"] == "Allow":
                admitted |= {services} if isinstance(services, str) else {*services}
        for service in ("cloudwatch", "events"):
            assert f"{service}.amazonaws.com" in admitted, f"{action} by {service}"
