"""What a release's endpoint begins with: a log that ends, and as many instances as serve now.

`handler` is a custom resource that the endpoint waits for. SageMaker makes an endpoint's log group
with its first line, without an end and without a key; so it is made before. It belongs to no stack:
the log of a candidate that failed says why, and a release that comes back has its log again.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import boto3
from botocore.exceptions import ClientError
from crhelper import CfnResource

# SageMaker's folder of the endpoints' logs.
LOG_GROUPS = "/aws/sagemaker/Endpoints/"
logs = boto3.client("logs")
sagemaker = boto3.client("sagemaker")
functions = boto3.client("lambda")
handler = CfnResource(json_logging=True, log_level="INFO", sleep_on_delete=0)


@handler.create
@handler.update
def begin(event: dict[str, Any], context: Any) -> str:
    """Keep the endpoint's log, and answer `Instances` where there is a minimum; return its name."""
    properties = event["ResourceProperties"]
    name = str(properties["EndpointName"])
    keep(f"{LOG_GROUPS}{name}", int(properties["LogDays"]), properties["Key"])
    if "Minimum" in properties:
        at_least = max(instances(name, properties["Function"]), int(properties["Minimum"]))
        handler.Data["Instances"] = min(at_least, int(properties["Maximum"]))
    return name


def keep(group: str, days: int, key: str) -> None:
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
    own = found(sagemaker.describe_endpoint_config, EndpointConfigName=name)
    if own:
        return int(own["ProductionVariants"][0]["InitialInstanceCount"])
    live = found(functions.get_function_configuration, FunctionName=function, Qualifier="live")
    if not live:
        return 0
    serving = live["Environment"]["Variables"]["ENDPOINT_NAME"]
    endpoint = found(sagemaker.describe_endpoint, EndpointName=serving)
    if not endpoint:
        return 0
    return int(endpoint["ProductionVariants"][0]["DesiredInstanceCount"])


def found(describe: Callable[..., Any], **query: str) -> Any:
    """Return what AWS says of a resource; None where it does not exist."""
    try:
        return describe(**query)
    except ClientError as error:
        fault = error.response["Error"]
        # SageMaker's code for it is that of any wrong request.
        if "NotFound" in fault["Code"] or "Could not find" in fault["Message"]:
            return None
        raise
