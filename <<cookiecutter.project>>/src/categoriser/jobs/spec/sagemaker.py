"""Jobs as SageMaker's API asks for them: the requests of its operations, ready for JSON.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations.html
"""

from typing import Any

from categoriser.jobs.spec.job import Input, JobSpec, Machine, ModelPackageSpec, Network, Output

# A request of SageMaker's, whose shape is botocore's to check.
Request = dict[str, Any]


def training_request(job: JobSpec) -> Request:
    """Return the request of CreateTrainingJob. A training job has one output: the model.

    It names no command: SageMaker starts an image with `train`, and not every workflow's engine has
    a field for another.
    https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-dockerfile.html
    """
    (model,) = job.outputs
    request: Request = {
        "TrainingJobName": job.name,
        "AlgorithmSpecification": {
            "TrainingImage": job.image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [
                {"Name": metric.name, "Regex": metric.pattern} for metric in job.metrics
            ],
        },
        "RoleArn": job.role,
        "InputDataConfig": [_channel(given) for given in job.inputs],
        "OutputDataConfig": {"S3OutputPath": model.uri, "KmsKeyId": job.output_key},
        "ResourceConfig": _cluster(job.machine),
        "StoppingCondition": {"MaxRuntimeInSeconds": job.max_seconds},
        "EnableNetworkIsolation": job.network.isolated,
        "Tags": _tags(job),
    }
    if job.network.subnets:
        request["VpcConfig"] = _vpc(job.network)
    return request


def processing_request(job: JobSpec) -> Request:
    """Return the request of CreateProcessingJob."""
    request: Request = {
        "ProcessingJobName": job.name,
        "AppSpecification": {"ImageUri": job.image, "ContainerEntrypoint": [*job.command]},
        "RoleArn": job.role,
        "ProcessingResources": {"ClusterConfig": _cluster(job.machine)},
        "StoppingCondition": {"MaxRuntimeInSeconds": job.max_seconds},
        "Tags": _tags(job),
    }
    if job.environment:
        request["Environment"] = job.environment
    if job.inputs:
        request["ProcessingInputs"] = [_download(given) for given in job.inputs]
    if job.outputs:
        request["ProcessingOutputConfig"] = {
            "Outputs": [_upload(output) for output in job.outputs],
            "KmsKeyId": job.output_key,
        }
    network = _network(job.network)
    if network:
        request["NetworkConfig"] = network
    return request


def model_package_request(package: ModelPackageSpec) -> Request:
    """Return the request of CreateModelPackage."""
    baseline = {
        "Statistics": _json_file(package.baseline_statistics),
        "Constraints": _json_file(package.baseline_constraints),
    }
    return {
        "ModelPackageGroupName": package.group,
        "ModelPackageDescription": package.description,
        "ClientToken": package.token,
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [{"Image": package.image, "ModelDataUrl": package.model}],
            "SupportedContentTypes": [*package.media_types],
            "SupportedResponseMIMETypes": [*package.media_types],
        },
        "ModelMetrics": {
            "ModelQuality": {"Statistics": _json_file(package.statistics)},
            "ModelDataQuality": baseline,
        },
        "DriftCheckBaselines": {"ModelDataQuality": baseline},
        "CustomerMetadataProperties": package.metadata,
    }


def _channel(given: Input) -> Request:
    """Return a training job's input. Its folder is SageMaker's to choose, by the channel's name."""
    source = {"S3DataType": "S3Prefix", "S3Uri": given.uri}
    return {"ChannelName": given.name, "DataSource": {"S3DataSource": source}}


def _download(given: Input) -> Request:
    return {
        "InputName": given.name,
        "S3Input": {
            "S3Uri": given.uri,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "LocalPath": given.path,
        },
    }


def _upload(output: Output) -> Request:
    return {
        "OutputName": output.name,
        "S3Output": {
            "S3Uri": output.uri,
            "LocalPath": output.path,
            "S3UploadMode": "Continuous" if output.while_running else "EndOfJob",
        },
    }


def _cluster(machine: Machine) -> Request:
    cluster: Request = {
        "InstanceType": machine.instance,
        "InstanceCount": machine.count,
        "VolumeSizeInGB": machine.disk_gb,
    }
    if machine.disk_key:
        cluster["VolumeKmsKeyId"] = machine.disk_key
    return cluster


def _network(network: Network) -> Request:
    found: Request = {}
    if network.isolated:
        found["EnableNetworkIsolation"] = True
    if network.subnets:
        found["VpcConfig"] = _vpc(network)
    return found


def _vpc(network: Network) -> Request:
    return {"Subnets": [*network.subnets], "SecurityGroupIds": [*network.security_groups]}


def _tags(job: JobSpec) -> list[Request]:
    return [{"Key": key, "Value": value} for key, value in job.tags.items()]


def _json_file(uri: str) -> Request:
    return {"ContentType": "application/json", "S3Uri": uri}
