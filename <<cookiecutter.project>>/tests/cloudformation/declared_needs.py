"""What services and tools call by themselves, with which actors' roles.

No test of an actor calls these actions, and no resource's schema lists them.
"""

from __future__ import annotations

from declared_need import DeclaredNeed
from train_stage import TRAIN_STAGE

DECLARED = [
    DeclaredNeed(
        ("api", "approve", "hooks", "hosting", "registered", "retrain"),
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        "Lambda writes the function's log",
    ),
    DeclaredNeed(
        ("api", "approve", "hooks", "hosting", "registered", "retrain"),
        ("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
        "Lambda's active tracing",
    ),
    DeclaredNeed(
        ("base", "build", "test"),
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        "CodeBuild writes the build's log",
    ),
    DeclaredNeed(
        ("build", "test"),
        ("s3:GetObject", "s3:GetObjectVersion"),
        "CodeBuild fetches the action's input artifacts",
        "-artifacts-",
    ),
    DeclaredNeed(
        ("base",),
        ("s3:GetObject", "s3:GetObjectVersion"),
        "CodeBuild fetches the project's source",
    ),
    DeclaredNeed(
        ("base", "build", "test"),
        ("s3:GetBucketAcl", "s3:GetBucketLocation"),
        "CodeBuild asks whose the bucket is (its page on the service role)",
    ),
    DeclaredNeed(
        ("base",),
        ("kms:Decrypt",),
        "what CodeBuild fetches is under the key",
    ),
    DeclaredNeed(
        ("build",),
        ("codeconnections:UseConnection", "codestar-connections:UseConnection"),
        "CodeBuild clones the repository (CODEBUILD_CLONE_REF)",
    ),
    DeclaredNeed(
        ("base", "build"),
        (
            "ecr:GetAuthorizationToken",
            "ecr:BatchCheckLayerAvailability",
            "ecr:CompleteLayerUpload",
            "ecr:InitiateLayerUpload",
            "ecr:PutImage",
            "ecr:UploadLayerPart",
        ),
        "docker login and docker push",
    ),
    DeclaredNeed(
        ("base", "build"),
        ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
        "docker pull",
    ),
    DeclaredNeed(
        ("base", "build"),
        ("ecr:DescribeImages",),
        "the buildspecs ask with the CLI",
    ),
    DeclaredNeed(
        ("endpoint", "monitor", "train"),
        (
            "ecr:GetAuthorizationToken",
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
        ),
        "SageMaker pulls the image",
    ),
    DeclaredNeed(
        ("endpoint", "monitor", "train"),
        (
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ),
        "SageMaker writes the container's log",
    ),
    DeclaredNeed(
        ("endpoint", "train"),
        ("cloudwatch:PutMetricData",),
        "SageMaker measures the instance, and reads figures off the training's log",
    ),
    DeclaredNeed(
        ("endpoint", "monitor", "train"),
        (
            "ec2:CreateNetworkInterface",
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ),
        "SageMaker puts a job or an endpoint into the VPC",
    ),
    DeclaredNeed(
        ("train",),
        ("s3:GetObject", "s3:ListBucket"),
        "SageMaker fetches the jobs' inputs",
    ),
    DeclaredNeed(
        ("train",),
        ("s3:PutObject",),
        "SageMaker puts the jobs' outputs",
    ),
    DeclaredNeed(
        ("endpoint",),
        ("s3:GetObject",),
        "SageMaker fetches the model",
    ),
    DeclaredNeed(
        ("endpoint",),
        ("s3:PutObject",),
        "SageMaker captures what is asked and answered",
    ),
    DeclaredNeed(
        ("monitor", "train"),
        ("kms:Encrypt",),
        "SageMaker's page on roles, for an output's key",
    ),
    DeclaredNeed(
        ("monitor",),
        ("kms:CreateGrant", "kms:DescribeKey"),
        "and for a volume's key",
    ),
    DeclaredNeed(
        ("endpoint", "train"),
        ("kms:Decrypt", "kms:GenerateDataKey"),
        "all of it is under the key",
    ),
    DeclaredNeed(
        ("monitor",),
        ("s3:PutObject",),
        "SageMaker puts the job's reports",
        "/reports/",
    ),
    DeclaredNeed(
        ("codedeploy",),
        (
            "lambda:GetAlias",
            "lambda:GetProvisionedConcurrencyConfig",
            "lambda:UpdateAlias",
            "lambda:InvokeFunction",
            "cloudwatch:DescribeAlarms",
        ),
        "CodeDeploy shifts the alias (AWS's policy AWSCodeDeployRoleForLambdaLimited)",
    ),
    DeclaredNeed(
        ("events",),
        ("codepipeline:StartPipelineExecution", "codebuild:StartBuild"),
        "the rules' targets",
    ),
    DeclaredNeed(
        ("forward",),
        ("events:PutEvents",),
        "the rule's target",
    ),
    DeclaredNeed(
        ("monthly",),
        ("lambda:InvokeFunction",),
        "the schedule's target",
    ),
    DeclaredNeed(
        ("schedule",),
        ("sagemaker:AddTags", "sagemaker:CreateProcessingJob", "iam:PassRole"),
        "the schedules' target",
    ),
    DeclaredNeed(
        ("schedule",),
        ("kms:CreateGrant", "kms:DescribeKey"),
        "SageMaker's page on API permissions asks them of the maker of a job with a key",
    ),
    DeclaredNeed(
        ("pipeline",),
        ("ecr:DescribeImages",),
        "CodePipeline's action Base",
    ),
    DeclaredNeed(
        ("pipeline",),
        (
            "s3:GetObject",
            "s3:GetObjectTagging",
            "s3:GetObjectVersion",
            "s3:GetObjectVersionTagging",
            "s3:GetBucketAcl",
            "s3:GetBucketLocation",
            "s3:GetBucketVersioning",
        ),
        "CodePipeline's action Data",
        "-data-",
    ),
    DeclaredNeed(
        ("pipeline", "pipeline-actions"),
        ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
        "CodePipeline keeps artifacts",
        "-artifacts-",
    ),
    DeclaredNeed(
        ("pipeline",),
        ("s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning"),
        "CodePipeline keeps artifacts",
        "-artifacts-",
    ),
    DeclaredNeed(
        ("pipeline",),
        ("codeconnections:UseConnection", "codestar-connections:UseConnection"),
        "CodePipeline's action Git",
    ),
    DeclaredNeed(
        ("pipeline",),
        ("codebuild:StartBuild", "codebuild:BatchGetBuilds"),
        "Build and Test",
    ),
    DeclaredNeed(
        ("pipeline",),
        (
            "cloudformation:CreateStack",
            "cloudformation:DeleteStack",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStacks",
            "cloudformation:UpdateStack",
            "iam:PassRole",
        ),
        "CodePipeline's CloudFormation actions",
    ),
    DeclaredNeed(
        ("pipeline-actions",),
        (
            "cloudformation:CreateStack",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStacks",
            "cloudformation:UpdateStack",
            "iam:PassRole",
        ),
        "CodePipeline's CloudFormation actions in the other account",
    ),
    DeclaredNeed(
        ("pipeline",),
        ("lambda:InvokeFunction", "lambda:ListFunctions"),
        "CodePipeline's actions Registered and Package",
    ),
    DeclaredNeed(
        ("pipeline",),
        ("sns:Publish",),
        "CodePipeline's approval",
    ),
    DeclaredNeed(
        ("pipeline", "pipeline-actions"),
        ("cloudwatch:DescribeAlarms",),
        "the condition CloudWatchAlarm after Deploy Prod",
    ),
    DeclaredNeed(
        ("pipeline",),
        ("sts:AssumeRole",),
        "CodePipeline's actions in the other account",
    ),
    DeclaredNeed(
        ("pipeline",),
        ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"),
        "artifacts and topic",
    ),
    DeclaredNeed(
        ("pipeline-actions",),
        ("kms:Decrypt", "kms:GenerateDataKey"),
        "artifacts",
    ),
    DeclaredNeed(
        ("release", "stage"),
        ("lambda:InvokeFunction",),
        "CloudFormation asks a custom resource",
    ),
    DeclaredNeed(
        ("release",),
        ("sagemaker:DescribeModelPackage",),
        "SageMaker makes the model of the package",
        ":model-package/",
    ),
    DeclaredNeed(
        ("release",),
        ("sagemaker:UpdateEndpointWeightsAndCapacities",),
        "SageMaker's page on the prerequisites of scaling",
    ),
    *TRAIN_STAGE.declared,
]
