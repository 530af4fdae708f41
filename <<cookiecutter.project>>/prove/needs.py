"""What a call of AWS needs of IAM: the actions, and the resources that they are on.

`RESOURCES` holds the operations whose action has the operation's name, `SPECIAL` the others. An
operation that neither holds is a failure, so that no call goes unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from prove import resolver
from prove.example import ACCOUNT, PROJECT, REGION
from prove.policies import Need
from prove.workflow_facts import WORKFLOW_PREFIXES, WORKFLOW_RESOURCES

# The parameters of a call: each operation of each service has its own, which botocore checks.
CallParameters = dict[str, Any]


class Call(NamedTuple):
    """One call of an operation, as botocore names it, by the code that works as an actor."""

    actor: str
    service: str
    operation: str
    parameters: CallParameters


# IAM's prefix of a service, where it is not botocore's name.
PREFIXES = {"sagemaker-runtime": "sagemaker", **WORKFLOW_PREFIXES}
# The resource of an operation whose action has its name: the part of the ARN after the account,
# with the call's parameters in braces; `*` where IAM knows no resource for the action.
# From the service authorization reference.
RESOURCES: dict[str, str] = {
    **WORKFLOW_RESOURCES,
    "cloudwatch.DescribeAlarms": "*",
    "cloudwatch.GetMetricData": "*",
    "codedeploy.PutLifecycleEventHookExecutionStatus": "*",
    "codepipeline.GetPipelineState": "{name}",
    "codepipeline.ListActionExecutions": "{pipelineName}",
    "codepipeline.ListPipelineExecutions": "{pipelineName}",
    "codepipeline.PutJobFailureResult": "*",
    "codepipeline.PutJobSuccessResult": "*",
    "codepipeline.StartPipelineExecution": "{name}",
    "ecr.BatchGetImage": "repository/{repositoryName}",
    "ecr.DescribeImages": "repository/{repositoryName}",
    "events.DeleteRule": "rule/{Name}",
    "events.PutRule": "rule/{Name}",
    "events.PutTargets": "rule/{Rule}",
    "events.RemoveTargets": "rule/{Rule}",
    "lambda.AddPermission": "function:{FunctionName}",
    "lambda.GetFunctionConfiguration": "function:{FunctionName}:{Qualifier}",
    "lambda.RemovePermission": "function:{FunctionName}",
    "logs.AssociateKmsKey": "log-group:{logGroupName}",
    "logs.CreateLogGroup": "log-group:{logGroupName}",
    "logs.PutRetentionPolicy": "log-group:{logGroupName}",
    "sagemaker.CreateProcessingJob": "processing-job/{ProcessingJobName}",
    "sagemaker.CreateTrainingJob": "training-job/{TrainingJobName}",
    "sagemaker.DescribeEndpoint": "endpoint/{EndpointName}",
    "sagemaker.DescribeEndpointConfig": "endpoint-config/{EndpointConfigName}",
    "sagemaker.DescribeModelPackage": "{ModelPackageName}",
    "sagemaker.DescribeProcessingJob": "processing-job/{ProcessingJobName}",
    "sagemaker.DescribeTrainingJob": "training-job/{TrainingJobName}",
    "sagemaker.ListModelPackages": "*",
    "sagemaker.StopProcessingJob": "processing-job/{ProcessingJobName}",
    "sagemaker.StopTrainingJob": "training-job/{TrainingJobName}",
    "sagemaker.UpdateModelPackage": "{ModelPackageArn}",
    "sagemaker-runtime.InvokeEndpoint": "endpoint/{EndpointName}",
}


def key_arn() -> str:
    """Give the ARN of the project's key."""
    return str(resolver.resolve({"Fn::ImportValue": f"{PROJECT}-KeyArn"}, "identity"))


def under_key(action: str, service: str) -> Need:
    """Give what a service asks of the project's key, in the name of its caller."""
    return Need(f"kms:{action}", key_arn(), {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"})


def read_object_needs(bucket: str, name: str, version: str | None) -> list[Need]:
    return [
        Need("s3:GetObjectVersion" if version else "s3:GetObject", f"arn:aws:s3:::{bucket}/{name}"),
        under_key("Decrypt", "s3"),
    ]


def get_object(given: CallParameters) -> list[Need]:
    return read_object_needs(given["Bucket"], given["Key"], given.get("VersionId"))


def put_object(given: CallParameters) -> list[Need]:
    return [
        Need("s3:PutObject", f"arn:aws:s3:::{given['Bucket']}/{given['Key']}"),
        under_key("GenerateDataKey", "s3"),
    ]


def put_part(given: CallParameters) -> list[Need]:
    # A part is encrypted with the upload's key, which has to be decrypted first.
    return [*put_object(given), under_key("Decrypt", "s3")]


def copy_object(given: CallParameters) -> list[Need]:
    source = given["CopySource"]
    if isinstance(source, str):
        path, _, version = source.partition("?versionId=")
        bucket, _, name = path.partition("/")
        source = {"Bucket": bucket, "Key": name, "VersionId": version}
    return [
        *read_object_needs(source["Bucket"], source["Key"], source.get("VersionId")),
        *put_object(given),
    ]


def list_bucket(action: str) -> Callable[[CallParameters], list[Need]]:
    def needs(given: CallParameters) -> list[Need]:
        return [
            Need(action, f"arn:aws:s3:::{given['Bucket']}", {"s3:prefix": given.get("Prefix", "")})
        ]

    return needs


def put_metrics(given: CallParameters) -> list[Need]:
    return [Need("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": given["Namespace"]})]


def publish_to_topic(given: CallParameters) -> list[Need]:
    kms = [under_key(action, "sns") for action in ("GenerateDataKey", "Decrypt")]
    return [Need("sns:Publish", given["TopicArn"]), *kms]


def create_model_package(given: CallParameters) -> list[Need]:
    group = given["ModelPackageGroupName"]
    forms = (f"model-package-group/{group}", f"model-package/{group}/*")
    return [
        Need("sagemaker:CreateModelPackage", resource_arn("sagemaker", form, {})) for form in forms
    ]


def invoke_function(given: CallParameters) -> list[Need]:
    form = (
        "{FunctionName}" if given["FunctionName"].startswith("arn:") else "function:{FunctionName}"
    )
    return [Need("lambda:InvokeFunction", resource_arn("lambda", form, given))]


def ask_of_stack(action: str) -> Callable[[CallParameters], list[Need]]:
    def needs(given: CallParameters) -> list[Need]:
        form = "{StackName}" if given["StackName"].startswith("arn:") else "stack/{StackName}/0"
        return [Need(f"cloudformation:{action}", resource_arn("cloudformation", form, given))]

    return needs


SPECIAL: dict[str, Callable[[CallParameters], list[Need]]] = {
    "cloudformation.DescribeStacks": ask_of_stack("DescribeStacks"),
    "cloudformation.GetTemplate": ask_of_stack("GetTemplate"),
    # Everybody may ask for their own identity.
    "sts.GetCallerIdentity": lambda given: [],
    "cloudwatch.PutMetricData": put_metrics,
    "lambda.Invoke": invoke_function,
    "s3.AbortMultipartUpload": lambda given: [
        Need("s3:AbortMultipartUpload", f"arn:aws:s3:::{given['Bucket']}/{given['Key']}")
    ],
    "s3.CompleteMultipartUpload": put_part,
    "s3.CopyObject": copy_object,
    "s3.CreateMultipartUpload": put_object,
    "s3.GetObject": get_object,
    "s3.HeadObject": get_object,
    "s3.HeadBucket": list_bucket("s3:ListBucket"),
    "s3.ListObjects": list_bucket("s3:ListBucket"),
    "s3.ListObjectsV2": list_bucket("s3:ListBucket"),
    "s3.ListObjectVersions": list_bucket("s3:ListBucketVersions"),
    "s3.PutObject": put_object,
    "s3.UploadPart": put_part,
    "sagemaker.CreateModelPackage": create_model_package,
    "sns.Publish": publish_to_topic,
}


def resource_arn(prefix: str, form: str, parameters: CallParameters) -> str:
    """Put a call's parameters into an ARN's form; one that is an ARN already is the resource."""
    if form == "*":
        return form
    text = f"arn:aws:{prefix}:{REGION}:{ACCOUNT}:{form.format(**parameters)}"
    return text[text.rindex("arn:") :]


def needs(call: Call) -> list[Need]:
    """Give what IAM asks for one call.

    Raises:
        LookupError: neither table holds the operation.

    """
    operation = f"{call.service}.{call.operation}"
    if operation in SPECIAL:
        return SPECIAL[operation](call.parameters)
    if operation not in RESOURCES:
        raise LookupError(f"{operation}: prove/needs.py does not know what it needs")
    prefix = PREFIXES.get(call.service, call.service)
    resource = resource_arn(prefix, RESOURCES[operation], call.parameters)
    found = [Need(f"{prefix}:{call.operation}", resource)]
    if call.parameters.get("Tags") and prefix == "sagemaker":
        found.append(Need("sagemaker:AddTags", resource))
    if "RoleArn" in call.parameters:
        service = {"iam:PassedToService": f"{prefix}.amazonaws.com"}
        found.append(Need("iam:PassRole", call.parameters["RoleArn"], service))
    return found
