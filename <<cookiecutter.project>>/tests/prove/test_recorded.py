"""Recorded calls: whose they are, which do not count, and what the roles refuse of them."""

from __future__ import annotations

import threading

import boto3
import pytest
from moto import mock_aws

from prove.example import ACCOUNT, REGION
from prove.needs import Call
from prove.recorded import MOTO_ACCOUNT, acting, in_example, recording, refusals, used


def listing() -> None:
    """Call S3 with a client of this file."""
    with mock_aws():
        boto3.client(
            "s3", "eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
        ).list_buckets()


def test_calls_are_the_actors_in_whose_block_they_are_made() -> None:
    with recording("api") as calls:
        listing()
        with acting("build"):
            listing()
        with acting(None):
            listing()
        listing()
    listing()
    assert [call.actor for call in calls] == ["api", "build", "api"]
    assert {(call.service, call.operation) for call in calls} == {("s3", "ListBuckets")}


def test_threads_act_for_the_same_actor() -> None:
    with recording("api") as calls:
        thread = threading.Thread(target=listing)
        thread.start()
        thread.join()
    assert [call.actor for call in calls] == ["api"]


def test_what_arranges_does_not_count() -> None:
    with recording("api", (__file__,)) as calls:
        listing()
    assert calls == []


def test_an_object_that_does_not_exist_is_said_only_to_those_who_may_list() -> None:
    with mock_aws():
        client = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        client.create_bucket(Bucket="bucket")
        with recording("api") as calls, pytest.raises(client.exceptions.NoSuchKey):
            client.get_object(Bucket="bucket", Key="k")
    assert [call.operation for call in calls] == ["GetObject", "HeadBucket"]


def test_motos_account_and_region_are_the_examples() -> None:
    given = {"Arn": [f"arn:aws:sns:eu-west-1:{MOTO_ACCOUNT}:t"], "Name": "x:eu-west-1:y", "N": 3}
    assert in_example(given, "eu-west-1") == {
        "Arn": [f"arn:aws:sns:{REGION}:{ACCOUNT}:t"],
        "Name": "x:eu-west-1:y",
        "N": 3,
    }


def test_a_call_that_the_role_does_not_allow_is_refused_in_words() -> None:
    call = Call("approve", "sagemaker", "DescribeEndpoint", {"EndpointName": "e"})
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/e"
    (words,) = refusals([call])
    assert words == (
        f"approve may not sagemaker:DescribeEndpoint on {arn} (asked by sagemaker.DescribeEndpoint)"
    )
    assert used([call]) == {("approve", "sagemaker:DescribeEndpoint", arn)}
