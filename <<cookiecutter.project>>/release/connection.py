"""The connection to Git's host, which somebody must click once in the console."""

import boto3

from categoriser.errors import UserError
from release.cloudformation import find_stack, stack_name
from release.settings import ReleaseSettings

CLICK = "in the console: Developer Tools, Settings, Connections, Update pending connection"
# Of cloudformation/pipeline.yaml.
LOGICAL_ID = "GitConnection"


def connection_faults(settings: ReleaseSettings, session: boto3.Session) -> list[str]:
    """Return what is to be done about the connection. Raises `UserError` before there is one."""
    cloudformation = session.client("cloudformation")
    pipeline = stack_name(settings, "pipeline")
    if not find_stack(cloudformation, pipeline):
        raise UserError("no pipeline yet")
    resource = cloudformation.describe_stack_resource(
        StackName=pipeline, LogicalResourceId=LOGICAL_ID
    )
    arn = resource["StackResourceDetail"]["PhysicalResourceId"]
    found = session.client("codeconnections").get_connection(ConnectionArn=arn)
    status = found["Connection"]["ConnectionStatus"]
    return [] if status == "AVAILABLE" else [f"it is {status}: {CLICK}"]
