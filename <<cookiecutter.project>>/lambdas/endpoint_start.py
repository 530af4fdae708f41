"""What a release's endpoint begins with: a log that ends, and as many instances as serve now.

`handler` is a custom resource that the endpoint waits for. SageMaker makes an endpoint's log group
with its first line, without an end and without a key, so this function makes it before. It belongs
to no stack: the log of a candidate that failed says why, and a release that comes back has its log
again.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError
from crhelper import CfnResource

from categoriser.release_names import LIVE_ALIAS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from custom_resources import CustomResourceEvent

# SageMaker's folder of the endpoints' logs.
LOG_GROUPS = "/aws/sagemaker/Endpoints/"
logs = boto3.client("logs")
sagemaker = boto3.client("sagemaker")
functions = boto3.client("lambda")
handler = CfnResource(json_logging=True, log_level="INFO", sleep_on_delete=0)


@handler.create
@handler.update
def begin(event: CustomResourceEvent, context: LambdaContext) -> str:
    """Keep the endpoint's log, and answer `Instances` where there is a minimum; return its name."""
    properties = event["ResourceProperties"]
    name = properties["EndpointName"]
    keep_log(f"{LOG_GROUPS}{name}", int(properties["LogDays"]), properties["Key"])
    if "Minimum" in properties:
        at_least = max(instances(name, properties["Function"]), int(properties["Minimum"]))
        handler.Data["Instances"] = min(at_least, int(properties["Maximum"]))
    return name


def keep_log(group: str, days: int, key: str) -> None:
    """Make a log group, unless it exists; let it end after so many days, and be under the key."""
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)
    logs.associate_kms_key(logGroupName=group, kmsKeyId=key)
    logs.put_retention_policy(logGroupName=group, retentionInDays=days)


def instances(name: str, function: str) -> int:
    """Return how many instances an endpoint begins with: as many as the live one has now.

    An endpoint that exists keeps its number, so that a stack's rollback finds it unchanged. The
    number is 0 where nothing is live.
    """
    with suppress_missing():
        own = sagemaker.describe_endpoint_config(EndpointConfigName=name)
        return own["ProductionVariants"][0]["InitialInstanceCount"]
    with suppress_missing():
        live = functions.get_function_configuration(FunctionName=function, Qualifier=LIVE_ALIAS)
        serving = live["Environment"]["Variables"]["ENDPOINT_NAME"]
        endpoint = sagemaker.describe_endpoint(EndpointName=serving)
        return endpoint["ProductionVariants"][0]["DesiredInstanceCount"]
    return 0


@contextmanager
def suppress_missing() -> Iterator[None]:
    """End the block quietly where AWS says that what it asks for does not exist."""
    try:
        yield
    except ClientError as error:
        fault = error.response["Error"]
        # SageMaker's code for it is that of any wrong request.
        if "NotFound" not in fault["Code"] and "Could not find" not in fault["Message"]:
            raise
