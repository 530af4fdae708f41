"""What CloudFormation calls to make the stacks' resources, by the schemas of their types."""

from __future__ import annotations

from functools import cache

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from train_stage import TRAIN_STAGE

from prove import resolver, templates
from release.template_document import Resource

# The roles that CloudFormation takes, and the stacks that it makes with them.
STACKS = {"stage": ("train", "dev"), "release": ("prod", "monitor")}
# What a type's schema lists, and these templates' resources do not make CloudFormation do.
PROVISIONED = (
    "lambda:PutProvisionedConcurrencyConfig",
    "lambda:DeleteProvisionedConcurrencyConfig",
)
UNUSED: dict[str, dict[str, tuple[str, ...]]] = {
    "AWS::ApiGateway::RestApi": {
        "no policy of its own": ("apigateway:UpdateRestApiPolicy",),
    },
    "AWS::ApplicationAutoScaling::ScalableTarget": {
        "no scheduled scaling": (
            "application-autoscaling:PutScheduledAction",
            "application-autoscaling:DeleteScheduledAction",
        ),
        "no function is scaled": PROVISIONED,
    },
    "AWS::ApplicationAutoScaling::ScalingPolicy": {
        "no predictive scaling": ("cloudwatch:GetMetricData",),
    },
    "AWS::CodeDeploy::DeploymentGroup": {
        "no servers": ("codedeploy:RegisterOnPremisesInstance",),
    },
    "AWS::Lambda::Alias": {
        "no provisioned concurrency": PROVISIONED,
    },
    "AWS::Lambda::Function": {
        "not in a VPC": (
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ),
        "no file system": ("elasticfilesystem:DescribeMountTargets", "s3files:ListMountTargets"),
        "no key for its environment": ("kms:Encrypt", "kms:GenerateDataKey"),
        "no layer": ("lambda:GetLayerVersion",),
        "no signing": (
            "lambda:GetCodeSigningConfig",
            "lambda:PutFunctionCodeSigningConfig",
            "lambda:DeleteFunctionCodeSigningConfig",
        ),
        "no reserved concurrency": (
            "lambda:PutFunctionConcurrency",
            "lambda:DeleteFunctionConcurrency",
        ),
        "nothing but Lambda's defaults": (
            "lambda:AssociateRuntimeAlias",
            "lambda:PassCapacityProvider",
            "lambda:PutFunctionRecursionConfig",
            "lambda:PutFunctionScalingConfig",
            "lambda:PutRuntimeManagementConfig",
        ),
        "a version is a resource of its own": ("lambda:PublishVersion",),
        "the package's key says which it is": ("s3:GetObjectVersion",),
    },
    "AWS::Lambda::Version": {
        "nothing but Lambda's defaults": (
            "lambda:PutFunctionScalingConfig",
            "lambda:PutProvisionedConcurrencyConfig",
            "lambda:PutRuntimeManagementConfig",
        ),
    },
    "AWS::Logs::LogGroup": {
        "retention and key are always set": (
            "logs:DeleteRetentionPolicy",
            "logs:DisassociateKmsKey",
        ),
        "no policies": (
            "logs:DeleteDataProtectionPolicy",
            "logs:DeleteIndexPolicy",
            "logs:DeleteResourcePolicy",
            "logs:PutDataProtectionPolicy",
            "logs:PutIndexPolicy",
            "logs:PutResourcePolicy",
        ),
        "no delivery class, no protection": (
            "firehose:TagDeliveryStream",
            "logs:CreateLogDelivery",
            "logs:PutBearerTokenAuthentication",
            "logs:PutLogGroupDeletionProtection",
            "s3:REST.PUT.OBJECT",
        ),
    },
    **TRAIN_STAGE.unused,
}


@cache
def listed(kind: str) -> frozenset[str]:
    """Give what a resource type's schema says that CloudFormation calls for one resource."""
    if kind in TRAIN_STAGE.unlisted:
        return frozenset(TRAIN_STAGE.unlisted[kind])
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    handlers = schema["handlers"]
    lists = (each.get("permissions", ()) for name, each in handlers.items() if name != "list")
    return frozenset(action for actions in lists for action in actions)


def cloudformation_calls(kind: str) -> frozenset[str]:
    """Give what CloudFormation calls for a resource of a type, as these templates have it."""
    return listed(kind) - unused(kind)


def unused(kind: str) -> set[str]:
    return {action for actions in UNUSED.get(kind, {}).values() for action in actions}


def made_by(actor: str) -> list[tuple[str, str, Resource]]:
    """Give (template, logical id, resource) of what CloudFormation makes with an actor's role."""
    return [
        (template, key, resource)
        for template in STACKS[actor]
        for key, resource in templates.resources(template).items()
        if not resource["Type"].startswith("Custom::")
    ]


def known_arn(template: str, key: str) -> str:
    """Give a resource's ARN; empty where only AWS knows it."""
    try:
        return resolver.arn(template, key)
    except AssertionError:
        return ""
