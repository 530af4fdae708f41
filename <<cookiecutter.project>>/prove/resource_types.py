"""What AWS says of the types of resources: where their names are, and the form of their ARNs.

From the pages "Resource types defined by" of the service authorization reference.
"""

from __future__ import annotations

from typing import NamedTuple

from prove.training_types import TRAINING_NAMINGS


class Naming(NamedTuple):
    """How resources of a type are named.

    `property` holds the physical name; dots lead into it. `arn` is the form of the ARN without
    `arn:<partition>:`, where r is the region, a the account, n the name and g the group. Each is
    empty where there is none.
    """

    property: str
    arn: str


UNNAMED = Naming("", "")
NAMINGS: dict[str, Naming] = {
    "AWS::ApiGateway::ApiKey": Naming("Name", ""),
    "AWS::ApiGateway::RestApi": Naming("Name", ""),
    "AWS::ApiGateway::Stage": Naming("StageName", ""),
    "AWS::ApiGateway::UsagePlan": Naming("UsagePlanName", ""),
    "AWS::Budgets::Budget": Naming("Budget.BudgetName", ""),
    "AWS::CloudWatch::Alarm": Naming("AlarmName", "cloudwatch:{r}:{a}:alarm:{n}"),
    "AWS::CloudWatch::CompositeAlarm": Naming("AlarmName", "cloudwatch:{r}:{a}:alarm:{n}"),
    "AWS::CloudWatch::Dashboard": Naming("DashboardName", "cloudwatch::{a}:dashboard/{n}"),
    "AWS::CodeBuild::Project": Naming("Name", "codebuild:{r}:{a}:project/{n}"),
    "AWS::CodeCommit::Repository": Naming("RepositoryName", "codecommit:{r}:{a}:{n}"),
    "AWS::CodeConnections::Connection": Naming(
        "ConnectionName", "codeconnections:{r}:{a}:connection/{n}"
    ),
    "AWS::CodeDeploy::Application": Naming("ApplicationName", "codedeploy:{r}:{a}:application:{n}"),
    "AWS::CodeDeploy::DeploymentConfig": Naming(
        "DeploymentConfigName", "codedeploy:{r}:{a}:deploymentconfig:{n}"
    ),
    "AWS::CodeDeploy::DeploymentGroup": Naming("DeploymentGroupName", ""),
    "AWS::CodePipeline::Pipeline": Naming("Name", "codepipeline:{r}:{a}:{n}"),
    "AWS::ECR::Repository": Naming("RepositoryName", "ecr:{r}:{a}:repository/{n}"),
    "AWS::Events::EventBus": Naming("Name", "events:{r}:{a}:event-bus/{n}"),
    "AWS::Events::EventBusPolicy": Naming("StatementId", ""),
    "AWS::Events::Rule": Naming("Name", "events:{r}:{a}:rule/{n}"),
    "AWS::IAM::ManagedPolicy": Naming("ManagedPolicyName", "iam::{a}:policy/{n}"),
    "AWS::IAM::Role": Naming("RoleName", "iam::{a}:role/{n}"),
    "AWS::KMS::Alias": Naming("AliasName", "kms:{r}:{a}:{n}"),
    "AWS::KMS::Key": Naming("", "kms:{r}:{a}:key/{n}"),
    "AWS::Lambda::Function": Naming("FunctionName", "lambda:{r}:{a}:function:{n}"),
    "AWS::Logs::LogGroup": Naming("LogGroupName", "logs:{r}:{a}:log-group:{n}:*"),
    "AWS::S3::Bucket": Naming("BucketName", "s3:::{n}"),
    "AWS::SNS::Topic": Naming("TopicName", "sns:{r}:{a}:{n}"),
    "AWS::SQS::Queue": Naming("QueueName", "sqs:{r}:{a}:{n}"),
    "AWS::SageMaker::Endpoint": Naming("EndpointName", "sagemaker:{r}:{a}:endpoint/{n}"),
    "AWS::SageMaker::EndpointConfig": Naming(
        "EndpointConfigName", "sagemaker:{r}:{a}:endpoint-config/{n}"
    ),
    "AWS::SageMaker::Model": Naming("ModelName", "sagemaker:{r}:{a}:model/{n}"),
    "AWS::SageMaker::ModelPackageGroup": Naming(
        "ModelPackageGroupName", "sagemaker:{r}:{a}:model-package-group/{n}"
    ),
    "AWS::Scheduler::Schedule": Naming("Name", "scheduler:{r}:{a}:schedule/{g}/{n}"),
    "AWS::Scheduler::ScheduleGroup": Naming("Name", "scheduler:{r}:{a}:schedule-group/{n}"),
    **{kind: Naming(*forms) for kind, forms in TRAINING_NAMINGS.items()},
}
# What Ref gives by ARN; it gives the others by name. From each type's page, "Return values".
REF_IS_ARN = {
    "AWS::CodeConnections::Connection",
    "AWS::IAM::ManagedPolicy",
    "AWS::SNS::Topic",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Model",
    "AWS::SageMaker::ModelPackageGroup",
}
