"""What no stack owns and `make teardown` deletes itself, such as the logs of endpoints."""

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import boto3

LOG_GROUP = "AWS::Logs::LogGroup"
# Of a release's endpoint, or dev's; another project's name may begin with this one's.
ENDPOINT_OF_A_RELEASE = r"(dev-)?\d{8}-\d{6}-[0-9a-f]{7}"


class UnownedResource(NamedTuple):
    """A resource of no stack: its type, as CloudFormation calls it, its name, what deletes it."""

    kind: str
    name: str
    delete: Callable[[], object]


def endpoint_logs(
    session: boto3.Session, endpoints: str, *, without_key: bool = False
) -> list[UnownedResource]:
    """Return the log groups of endpoints whose names are `<endpoints>-<release>`, of every release.

    They are those of dev's endpoints too, `<endpoints>-dev-<release>`. `without_key` gives only
    those that SageMaker has made by itself: a release makes its own under the project's key.
    """
    logs = session.client("logs")
    prefix = f"/aws/sagemaker/Endpoints/{endpoints}-"
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
    groups = [group for page in pages for group in page.get("logGroups", [])]
    return [
        UnownedResource(
            LOG_GROUP,
            group["logGroupName"],
            partial(logs.delete_log_group, logGroupName=group["logGroupName"]),
        )
        for group in groups
        if re.fullmatch(re.escape(prefix) + ENDPOINT_OF_A_RELEASE, group["logGroupName"])
        and not (without_key and "kmsKeyId" in group)
    ]
