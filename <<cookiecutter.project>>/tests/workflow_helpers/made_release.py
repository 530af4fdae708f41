"""Leaves a release in the double of AWS as Build does: its requests, and the group of its model.

`python -m workflow_helpers.made_release ADDRESS FORM VERDICT`, where the form is one of `FORMS` and
the verdict one of `VERDICTS`: what the evaluation job would leave. It runs with the Python of
`.venv`; `workflow_helpers.running_aws` calls it, whatever environment that is in.
"""

import json
import sys
from typing import Any

import boto3
from msgspec import structs
from msgspec.json import encode

from categoriser.evaluation.verdict import Training, Verdict
from categoriser.jobs.spec.job import Network
from categoriser.jobs.spec.release_run import ReleaseRun
from prove.example import ACCOUNT, GIVEN, PROJECT, REGION, RELEASE
from release.build import requests_of

RUN = ReleaseRun(
    project=PROJECT,
    release=RELEASE,
    folder=GIVEN["Run"],
    serve_image=GIVEN["ServeImage"],
    job_image=GIVEN["JobImage"],
    role=f"arn:aws:iam::{ACCOUNT}:role/{PROJECT}-train-{REGION}",
    key=f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/{PROJECT}",
    champion="",
    instance="ml.m5.large",
    max_seconds=3000,
    network=Network(),
    lineage={"Project": PROJECT, "Release": RELEASE, "Commit": "abcdef1" + "0" * 33},
    metadata={"Execution": "00000000-0000-4000-8000-000000000000", "LabelledThrough": ""},
)
# The forms of a release: in a VPC beside a live model, and with neither.
FORMS = {
    "plain": RUN,
    "vpc": structs.replace(
        RUN,
        champion=f"s3://{GIVEN['DataBucket']}/runs/20261101-080000-0ddba11/model.tar.gz",
        network=Network(subnets=("subnet-1", "subnet-2"), security_groups=("sg-1",)),
    ),
}
PASSED = Verdict(
    model="0" * 64,
    training=Training("0" * 64, 1, "linear", {}),
    passed=True,
    outcome="passed",
    faults=(),
    doubts=(),
    verdicts=(),
)
VERDICTS = {
    "passed": PASSED,
    "failed": structs.replace(
        PASSED, passed=False, outcome="failed", faults=("accuracy (time) is 0.4, under 0.5",)
    ),
    "insufficient": structs.replace(
        PASSED, passed=False, outcome="insufficient", doubts=("accuracy (merchant): 30 rows",)
    ),
}


def main(address: str, form: str, verdict: str) -> None:
    bucket = GIVEN["DataBucket"]
    run = GIVEN["Run"].removeprefix(f"s3://{bucket}/")
    signed_in: Any = {
        "endpoint_url": address,
        "region_name": REGION,
        "aws_access_key_id": "none",
        "aws_secret_access_key": "none",
    }
    s3: Any = boto3.client("s3", **signed_in)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    requests = json.dumps(requests_of(FORMS[form])).encode()
    s3.put_object(Bucket=bucket, Key=f"{run}/requests.json", Body=requests)
    s3.put_object(Bucket=bucket, Key=f"{run}/evaluation/gate.json", Body=encode(VERDICTS[verdict]))
    sagemaker = boto3.client("sagemaker", **signed_in)
    sagemaker.create_model_package_group(ModelPackageGroupName=PROJECT)


if __name__ == "__main__":
    main(*sys.argv[1:])
