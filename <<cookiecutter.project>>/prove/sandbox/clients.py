"""The clients of a sandbox account's services."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from types_boto3_ce import CostExplorerClient
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_codeconnections import CodeConnectionsClient
    from types_boto3_codedeploy import CodeDeployClient
    from types_boto3_codepipeline import CodePipelineClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_scheduler import EventBridgeSchedulerClient


class SandboxClients:
    """Clients of one session, each made when it is first used."""

    def __init__(self, session: boto3.Session) -> None:
        self.session = session

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        return self.session.client("cloudformation")

    @cached_property
    def cloudwatch(self) -> CloudWatchClient:
        return self.session.client("cloudwatch")

    @cached_property
    def codeconnections(self) -> CodeConnectionsClient:
        return self.session.client("codeconnections")

    @cached_property
    def codedeploy(self) -> CodeDeployClient:
        return self.session.client("codedeploy")

    @cached_property
    def codepipeline(self) -> CodePipelineClient:
        return self.session.client("codepipeline")

    @cached_property
    def cost_explorer(self) -> CostExplorerClient:
        return self.session.client("ce")

    @cached_property
    def functions(self) -> LambdaClient:
        return self.session.client("lambda")

    @cached_property
    def s3(self) -> S3Client:
        return self.session.client("s3")

    @cached_property
    def sagemaker(self) -> SageMakerClient:
        return self.session.client("sagemaker")

    @cached_property
    def scheduler(self) -> EventBridgeSchedulerClient:
        return self.session.client("scheduler")

    @cached_property
    def tagging(self) -> ResourceGroupsTaggingAPIClient:
        return self.session.client("resourcegroupstaggingapi")
