"""A run of this machine's: its rows in S3, its tags, its network, its knobs as texts."""

from __future__ import annotations

import re
from hashlib import md5
from pathlib import Path

import boto3
import pytest
import yaml
from release_helpers.data import ROWS
from release_helpers.fake_aws import TOOLS, refused
from release_helpers.remote_aws import NEWEST_JOB, REPOSITORY, RemoteAws
from release_helpers.settings import DATA, PROJECT, REGION, changed, tools_session

from categoriser.errors import UserError
from categoriser.jobs.spec.job import Network
from categoriser.jobs.spec.release_run import ReleaseRun
from categoriser.params import set_params
from release.remote.laptop_run import as_hyperparameters, laptop_run, upload_rows

IMAGE = f"{REPOSITORY}@{NEWEST_JOB}"


def run(network: str = "none") -> ReleaseRun:
    return laptop_run(changed(network=network), tools_session(), IMAGE)


def own_rows(text: str) -> None:
    Path("data").mkdir(exist_ok=True)
    Path("data/own.csv").write_text(text)
    set_params(Path("params.yaml"), {"data.path": "data/own.csv"})


def test_a_run_has_a_folder_beside_the_releases_and_their_role_key_and_limits(
    remote: RemoteAws,
) -> None:
    found = run()
    assert re.fullmatch(r"laptop-\d{8}-\d{6}", found.release)
    assert found.folder == f"s3://{DATA}/runs/{found.release}"
    assert found.role == f"arn:aws:iam::{TOOLS}:role/{PROJECT}-train-{REGION}"
    assert found.key == f"arn:aws:kms:{REGION}:{TOOLS}:alias/{PROJECT}"
    assert (found.instance, found.max_seconds) == ("ml.m5.large", 1800)
    assert len(found.training_name) <= 63


def test_its_tags_say_what_it_is_made_of_and_who_started_it(remote: RemoteAws) -> None:
    found = run()
    assert found.lineage == {
        "Project": PROJECT,
        "Release": found.release,
        "Commit": "none",
        "JobImage": NEWEST_JOB,
        "DvcHash": "none",
        "StartedBy": f"arn:aws:iam::{TOOLS}:user/someone",
        "Data": "data/generated.csv",
    }


def test_in_a_vpc_its_jobs_are_in_the_network_s_subnets(remote: RemoteAws) -> None:
    outputs = {"Subnets": "subnet-1,subnet-2", "SecurityGroup": "sg-1"}
    pairs = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    stack = {"Outputs": pairs, "StackName": "n", "StackStatus": "CREATE_COMPLETE"}
    remote.answers["DescribeStacks"] = {"Stacks": [stack]}

    assert run("vpc").network == Network(False, ("subnet-1", "subnet-2"), ("sg-1",))
    assert remote.made("DescribeStacks") == [{"StackName": f"{PROJECT}-network"}]


def test_without_the_network_that_the_settings_want_it_is_said(remote: RemoteAws) -> None:
    remote.answers["DescribeStacks"] = refused("ValidationError", "it does not exist")

    with pytest.raises(UserError, match="make deploy"):
        run("vpc")


def test_its_hash_is_of_the_rows_as_they_are(remote: RemoteAws) -> None:
    own_rows(ROWS)
    known = run().lineage
    assert known["Data"] == "data/own.csv"
    assert known["DvcHash"] == md5(Path("data/own.csv").read_bytes()).hexdigest()
    own_rows(ROWS + ROWS.splitlines()[1] + "\n")
    assert run().lineage["DvcHash"] != known["DvcHash"]


def test_rows_that_are_not_valid_are_not_uploaded(remote: RemoteAws) -> None:
    own_rows("date,text,price,category\n" + "x,y,z,\n" * 50)
    with pytest.raises(UserError):
        upload_rows(tools_session(), run())
    assert not boto3.client("s3").list_objects_v2(Bucket=DATA)["KeyCount"]


def test_the_rows_are_uploaded_in_the_run_s_folder(remote: RemoteAws) -> None:
    own_rows(ROWS)
    found = run()
    upload_rows(tools_session(), found)
    listed = boto3.client("s3").list_objects_v2(Bucket=DATA)["Contents"]
    folder = f"runs/{found.release}/data"
    assert [item["Key"] for item in listed] == [f"{folder}/data.json", f"{folder}/transactions.csv"]


def test_knobs_are_texts_that_yaml_reads_back() -> None:
    knobs = {"alpha": 1e-6, "passes": 10, "quantise": False, "lr": 0.2, "name": "a b", "no": None}
    texts = as_hyperparameters("linear", knobs)
    assert {name: yaml.safe_load(text) for name, text in texts.items()} == {
        f"linear.{name}": value for name, value in knobs.items()
    }
