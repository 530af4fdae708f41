"""The three requests to SageMaker that make a model: each is described here, once, and complete.

Build writes them to requests.json; whatever runs the training reads them there.
"""

from typing import Any

from release.settings import Settings

PROCESSING = "/opt/ml/processing"
ONE = {"InstanceCount": 1, "VolumeSizeInGB": 30}
# What the training job's log says as `name=value` (categoriser.model.train).
FIGURES = ("temperature", "validation_accuracy", "validation_log_loss")
METRICS = [{"Name": name, "Regex": f"{name}=([-+.e0-9]+)"} for name in FIGURES]
FORMATS = ["text/csv", "application/json", "application/jsonlines"]


def requests(
    settings: Settings, run: dict[str, str], lineage: dict[str, str], metadata: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """Return the requests of CreateTrainingJob, CreateProcessingJob and CreateModelPackage.

    Their keys: `training`, `evaluation`, `model_package`. Of `run`: ReleaseId; ServeImage and
    JobImage, `repository@digest`; Run, `s3://bucket/runs/<release>`; Role and Key, ARNs; Champion,
    the newest approved model.tar.gz, or empty; Subnets, joined by commas, and SecurityGroup, empty
    without a VPC. The package's files are the evaluation's. A package in a group has no tags: its
    metadata are the lineage, which the jobs have as tags, and `metadata`.
    """
    name, folder, key = f"{settings.project}-{run['ReleaseId']}", run["Run"], run["Key"]
    model = f"{folder}/training/{name}-training/output/model.tar.gz"
    vpc = {"Subnets": run["Subnets"].split(","), "SecurityGroupIds": [run["SecurityGroup"]]}
    network = {"VpcConfig": vpc} if run["Subnets"] else {}
    cluster = {"InstanceType": settings.train.instance} | ONE
    tags = [{"Key": tag, "Value": value} for tag, value in lineage.items()]
    limit = {"MaxRuntimeInSeconds": settings.train.minutes * 60}
    both = {"RoleArn": run["Role"], "Tags": tags, "StoppingCondition": limit}

    def download(given: str, uri: str) -> dict[str, Any]:
        source = {"S3Uri": uri, "S3DataType": "S3Prefix", "S3InputMode": "File"}
        target = {"LocalPath": f"{PROCESSING}/input/{given}"}
        return {"InputName": given, "S3Input": source | target}

    def figures(file: str) -> dict[str, str]:
        return {"ContentType": "application/json", "S3Uri": f"{folder}/evaluation/{file}.json"}

    data = {"S3DataType": "S3Prefix", "S3Uri": f"{folder}/data/"}
    results = {"S3Uri": f"{folder}/evaluation", "LocalPath": f"{PROCESSING}/output"}
    image = {"TrainingImage": run["JobImage"], "ContainerEntrypoint": ["train"]}
    training = {
        "TrainingJobName": f"{name}-training",
        "AlgorithmSpecification": image
        | {"TrainingInputMode": "File", "MetricDefinitions": METRICS},
        "InputDataConfig": [{"ChannelName": "data", "DataSource": {"S3DataSource": data}}],
        "OutputDataConfig": {"S3OutputPath": f"{folder}/training", "KmsKeyId": key},
        "ResourceConfig": cluster,
        "EnableNetworkIsolation": True,
    }
    inputs = {"data": data["S3Uri"], "model": model, "champion": run["Champion"]}
    output = {"OutputName": "evaluation", "S3Output": results | {"S3UploadMode": "EndOfJob"}}
    job = {"ImageUri": run["JobImage"], "ContainerEntrypoint": ["process", "evaluate"]}
    evaluation = {
        "ProcessingJobName": f"{name}-evaluation",
        "AppSpecification": job,
        "ProcessingInputs": [download(given, uri) for given, uri in inputs.items() if uri],
        "ProcessingOutputConfig": {"Outputs": [output], "KmsKeyId": key},
        "ProcessingResources": {"ClusterConfig": cluster},
        "NetworkConfig": {"EnableNetworkIsolation": True} | network,
    }
    quality = {"Statistics": figures("metrics")}
    baseline = {name: figures(f"baseline/{name.lower()}") for name in ("Statistics", "Constraints")}
    known = lineage | metadata
    served = {"Image": run["ServeImage"], "ModelDataUrl": model}
    formats = {"SupportedContentTypes": FORMATS, "SupportedResponseMIMETypes": FORMATS}
    package = {
        "ModelPackageGroupName": settings.project,
        "ModelPackageDescription": f"Release {run['ReleaseId']}",
        "ClientToken": run["ReleaseId"],
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {"Containers": [served]} | formats,
        "ModelMetrics": {"ModelQuality": quality, "ModelDataQuality": baseline},
        "DriftCheckBaselines": {"ModelDataQuality": baseline},
        "CustomerMetadataProperties": {k: v for k, v in known.items() if v},
    }
    jobs: dict[str, dict[str, Any]] = {"training": both | training | network}
    return jobs | {"evaluation": both | evaluation, "model_package": package}
