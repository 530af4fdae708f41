"""What a call needs of IAM: its actions, their resources, and the key behind them."""

from __future__ import annotations

from typing import Any

import pytest

from prove.example import ACCOUNT, REGION
from prove.needs import Call, needs

PLACE = f"{REGION}:{ACCOUNT}"


def needed(service: str, operation: str, **parameters: Any) -> list[str]:
    return [str(need) for need in needs(Call("api", service, operation, parameters))]


def test_an_action_is_on_the_resource_that_the_parameters_name() -> None:
    found = needed("sagemaker", "DescribeEndpoint", EndpointName="e")
    assert found == [f"sagemaker:DescribeEndpoint on arn:aws:sagemaker:{PLACE}:endpoint/e"]


def test_a_parameter_that_is_an_arn_is_the_resource() -> None:
    arn = f"arn:aws:lambda:{PLACE}:function:f:7"
    assert needed("lambda", "Invoke", FunctionName=arn) == [f"lambda:InvokeFunction on {arn}"]
    name = f"lambda:InvokeFunction on arn:aws:lambda:{PLACE}:function:f"
    assert needed("lambda", "Invoke", FunctionName="f") == [name]


def test_an_object_of_a_version_needs_another_action_and_the_key() -> None:
    latest, key = needed("s3", "GetObject", Bucket="b", Key="k")
    assert latest == "s3:GetObject on arn:aws:s3:::b/k"
    assert key.startswith("kms:Decrypt on arn:aws:kms:")
    version, _ = needed("s3", "GetObject", Bucket="b", Key="k", VersionId="v")
    assert version == "s3:GetObjectVersion on arn:aws:s3:::b/k"


@pytest.mark.parametrize(
    "source", ["from/k?versionId=v", {"Bucket": "from", "Key": "k", "VersionId": "v"}], ids=str
)
def test_a_copy_reads_its_source_and_writes_its_object(source: Any) -> None:
    found = needed("s3", "CopyObject", Bucket="to", Key="k2", CopySource=source)
    assert "s3:GetObjectVersion on arn:aws:s3:::from/k" in found
    assert "s3:PutObject on arn:aws:s3:::to/k2" in found


def test_a_role_is_passed_and_tags_are_added() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    call = Call(
        "jobs",
        "sagemaker",
        "CreateTrainingJob",
        {"TrainingJobName": "j", "RoleArn": role, "Tags": [{"Key": "a", "Value": "b"}]},
    )
    create, tags, passed = needs(call)
    assert (create.action, tags.action) == ("sagemaker:CreateTrainingJob", "sagemaker:AddTags")
    assert create.resource == tags.resource
    assert (passed.action, passed.resource) == ("iam:PassRole", role)
    assert passed.context == {"iam:PassedToService": "sagemaker.amazonaws.com"}


def test_an_operation_that_is_not_known_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"s3.DeleteBucket: prove/needs.py"):
        needed("s3", "DeleteBucket", Bucket="b")
