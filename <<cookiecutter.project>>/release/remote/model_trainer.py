"""A training job by the SageMaker Python SDK's `ModelTrainer`.

This module alone imports the SDK, which is in `.tools/sagemaker`, takes seconds to load, and does
not load without a region (`release.remote.training` sees to both).
https://sagemaker.readthedocs.io/en/stable/training/index.html
"""

import logging
from collections.abc import Mapping

import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.training.configs import (
    Compute,
    InputData,
    MetricDefinition,
    Networking,
    OutputDataConfig,
    S3DataSource,
    StoppingCondition,
    Tag,
)
from sagemaker.train.model_trainer import ModelTrainer

from categoriser.jobs.spec.sagemaker import Request

# The SDK counts its uses at AWS, unless it is told not to.
SDK_SETTINGS = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}


def start_training(
    session: boto3.Session, base_name: str, request: Request, hyperparameters: Mapping[str, str]
) -> str:
    """Start a job as a request of CreateTrainingJob describes it; return its name.

    The SDK makes the name, of the base name and the time. It passes no command on: SageMaker starts
    an image with `train`, which is the job's command. Raises what botocore raises.
    """
    logging.getLogger("sagemaker").setLevel(logging.WARNING)
    own = Session(boto_session=session, sagemaker_config=SDK_SETTINGS)
    trainer = model_trainer(own, base_name, request, hyperparameters)
    trainer.train(wait=False, logs=False)
    return str(trainer._latest_training_job.training_job_name)


def model_trainer(
    session: Session, base_name: str, request: Request, hyperparameters: Mapping[str, str]
) -> ModelTrainer:
    """Return the SDK's trainer for a request of CreateTrainingJob."""
    algorithm = request["AlgorithmSpecification"]
    cluster = request["ResourceConfig"]
    output = request["OutputDataConfig"]
    vpc = request.get("VpcConfig", {})
    trainer = ModelTrainer(
        sagemaker_session=session,
        base_job_name=base_name,
        role=request["RoleArn"],
        training_image=algorithm["TrainingImage"],
        training_input_mode=algorithm["TrainingInputMode"],
        compute=Compute(
            instance_type=cluster["InstanceType"],
            instance_count=cluster["InstanceCount"],
            volume_size_in_gb=cluster["VolumeSizeInGB"],
        ),
        stopping_condition=StoppingCondition(
            max_runtime_in_seconds=request["StoppingCondition"]["MaxRuntimeInSeconds"]
        ),
        output_data_config=OutputDataConfig(
            s3_output_path=output["S3OutputPath"], kms_key_id=output["KmsKeyId"]
        ),
        input_data_config=[
            InputData(channel_name=given["ChannelName"], data_source=source_of(given))
            for given in request["InputDataConfig"]
        ],
        networking=Networking(
            enable_network_isolation=request["EnableNetworkIsolation"],
            subnets=vpc.get("Subnets"),
            security_group_ids=vpc.get("SecurityGroupIds"),
        ),
        hyperparameters=dict(hyperparameters),
        tags=[Tag(key=tag["Key"], value=tag["Value"]) for tag in request["Tags"]],
    )
    return trainer.with_metric_definitions(
        [
            MetricDefinition(name=metric["Name"], regex=metric["Regex"])
            for metric in algorithm["MetricDefinitions"]
        ]
    )


def source_of(channel: Request) -> S3DataSource:
    """Return the objects of a channel."""
    source = channel["DataSource"]["S3DataSource"]
    return S3DataSource(s3_data_type=source["S3DataType"], s3_uri=source["S3Uri"])
