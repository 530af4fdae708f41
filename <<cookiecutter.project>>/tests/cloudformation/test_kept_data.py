"""What holds data: it outlives its stack, it is closed, and it ends where it should."""

from __future__ import annotations

import re
from typing import Any

import pytest
from account_resources import ACCOUNTS, everything, policy
from existing_arns import OBJECTS

from prove import resolver, templates
from prove.example import PROJECT
from prove.policies import matches


@pytest.mark.parametrize("part", ACCOUNTS)
def test_what_ends_and_what_is_logged_is_what_is_there(part: str) -> None:
    logs = resolver.physical("data", "LogBucket", ACCOUNTS[part])
    (admits,) = [each for each in policy("data", "LogBucketPolicy", part) if logged(each)]
    for item in everything("AWS::S3::Bucket", part).values():
        kind = item["BucketName"].removeprefix(f"{PROJECT}-").split("-")[0]
        for rule in item["LifecycleConfiguration"]["Rules"]:
            prefix = rule.get("Prefix", "")
            if kind in OBJECTS:
                assert any(key.startswith(prefix) for key in OBJECTS[kind]), rule["Id"]
                # What a manifest names by version stays.
                kept = [key for key in OBJECTS[kind] if re.match("raw|releases|labels", key)]
                # The artifacts' versions are in no manifest.
                of_versions = kind != "artifacts" and "NoncurrentVersionExpiration" in rule
                ends = "ExpirationInDays" in rule or of_versions
                assert not ends or not any(key.startswith(prefix) for key in kept), rule["Id"]
        if "LoggingConfiguration" in item:
            place = item["LoggingConfiguration"]
            assert place["DestinationBucketName"] == logs
            path = f"arn:aws:s3:::{logs}/{place['LogFilePrefix']}x"
            assert matches(admits["Resource"], path)
            assert place["LogFilePrefix"] == f"s3/{kind}/"
            (source_arn,) = admits["Condition"]["ArnLike"].values()
            assert matches(source_arn, f"arn:aws:s3:::{item['BucketName']}")


def logged(statement: dict[str, Any]) -> bool:
    return bool(statement["Principal"] == {"Service": "logging.s3.amazonaws.com"})


# What holds data that nothing makes again.
KEPT = {"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SageMaker::ModelPackageGroup"}


def test_what_holds_data_outlives_its_stack() -> None:
    for name, key, item in templates.everywhere():
        policies = {item.get("DeletionPolicy"), item.get("UpdateReplacePolicy")}
        if item["Type"] in KEPT:
            assert policies == {"Retain"}, f"{name}.{key}"
        elif item["Type"] == "AWS::Logs::LogGroup":
            # Chosen, since the default of a log group in a template is to go with its stack.
            assert len(policies - {None}) == 1, f"{name}.{key}"
        else:
            assert "Retain" not in policies, f"{name}.{key} would be left behind"


def test_what_holds_data_is_closed() -> None:
    """Versions, encryption, no public access, TLS only, and events without CloudTrail."""
    buckets = templates.resources("data", "AWS::S3::Bucket")
    locked: dict[str, Any] = {}
    for item in templates.resources("data", "AWS::S3::BucketPolicy").values():
        locked[item["Properties"]["Bucket"]["Ref"]] = item["Properties"]["PolicyDocument"]
    assert locked.keys() == buckets.keys()
    for key, item in buckets.items():
        bucket = resolver.resolve(item["Properties"], "data")
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        arn = resolver.arn("data", key)
        deny = resolver.resolve(locked[key], "data")["Statement"][0]
        assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", "*", "s3:*")
        assert deny["Resource"] == [arn, f"{arn}/*"]
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        default = rule["ServerSideEncryptionByDefault"]
        if key == "LogBucket":  # S3 delivers logs to no bucket under a customer's key
            assert default == {"SSEAlgorithm": "AES256"}
            continue
        assert default == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": resolver.arn("data", "Key")}
        events = bucket["NotificationConfiguration"]["EventBridgeConfiguration"]
        assert events == {"EventBridgeEnabled": True}
        assert bucket["LoggingConfiguration"]["DestinationBucketName"] == resolver.physical(
            "data", "LogBucket"
        )
