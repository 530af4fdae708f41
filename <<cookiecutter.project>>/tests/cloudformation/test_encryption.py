"""What can be encrypted is under the project's key."""

from __future__ import annotations

from account_resources import ACCOUNTS, IN, key_arn, made, policy
from pipeline_actions import pipeline

from prove import example, resolver, templates
from prove.example import ACCOUNT


def test_the_account_itself_governs_its_key() -> None:
    (root,) = [each for each in policy("data", "Key") if each["Action"] == "kms:*"]
    assert root["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert "Condition" not in root


def test_all_that_can_be_is_under_the_projects_key() -> None:
    for part in ACCOUNTS:
        key = resolver.arn("data", "Key", ACCOUNTS[part])
        for name in IN[part]:
            resources = made(name, part)
            for path, value in templates.walk(resources):
                if path and path[-1] in KEYS and isinstance(value, str):
                    assert value == key, f"{name}.{path}"
            for item in resources.values():
                wanted = ENCRYPTED.get(item["Type"], set())
                here = {k for p, _ in templates.walk(item["Properties"]) for k in p}
                assert wanted <= here or "Serverless" in str(item), f"{name}: {item['Type']}"


KEYS = {"KmsKeyId", "KMSMasterKeyID", "KmsMasterKeyId", "KmsKey", "VolumeKmsKeyId", "EncryptionKey"}
ENCRYPTED = {
    "AWS::CodeBuild::Project": {"EncryptionKey"},
    "AWS::CodePipeline::Pipeline": {"EncryptionKey"},
    "AWS::ECR::Repository": {"KmsKey"},
    "AWS::Logs::LogGroup": {"KmsKeyId"},
    "AWS::SNS::Topic": {"KmsMasterKeyId"},
    "AWS::SageMaker::EndpointConfig": {"KmsKeyId"},
}


def test_the_pipelines_artifacts_are_under_the_projects_key() -> None:
    store = pipeline()["ArtifactStore"]
    assert store == {
        "Type": "S3",
        "Location": example.GIVEN["ArtifactBucket"],
        "EncryptionKey": {"Type": "KMS", "Id": key_arn()},
    }
