"""The requests that make a model, as SageMaker takes them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import validate_parameters
from msgspec.structs import replace
from release_helpers.settings import (
    COMMIT,
    DATA,
    IMAGE,
    JOB,
    PROJECT,
    REGION,
    RELEASE,
    SERVE,
)

from categoriser.jobs.spec.job import Network
from categoriser.jobs.spec.release_run import ReleaseRun, evaluation, model_package, training
from categoriser.jobs.spec.sagemaker import (
    Request,
    model_package_request,
    processing_request,
    training_request,
)

CHAMPION = "s3://bucket/older/model.tar.gz"
LINEAGE = {"Release": RELEASE, "Commit": COMMIT}
RUN = ReleaseRun(
    project=PROJECT,
    release=RELEASE,
    folder=f"s3://{DATA}/runs/{RELEASE}",
    serve_image=IMAGE + SERVE,
    job_image=IMAGE + JOB,
    role=f"arn:aws:iam::111122223333:role/{PROJECT}-train-{REGION}",
    key=f"arn:aws:kms:{REGION}:111122223333:alias/{PROJECT}",
    champion=CHAMPION,
    instance="ml.m5.large",
    max_seconds=1800,
    network=Network(subnets=("subnet-1", "subnet-2"), security_groups=("sg-1",)),
    lineage=LINEAGE,
    metadata={"Execution": "execution", "LabelledThrough": ""},
)


def requests(**changes: Any) -> dict[str, Request]:
    """Give the requests of a run with some of its fields changed."""
    run = replace(RUN, **changes)
    return {
        "training": training_request(training(run)),
        "evaluation": processing_request(evaluation(run)),
        "model_package": model_package_request(model_package(run)),
    }


@pytest.mark.parametrize(
    ("step", "operation"),
    [
        ("training", "CreateTrainingJob"),
        ("evaluation", "CreateProcessingJob"),
        ("model_package", "CreateModelPackage"),
    ],
)
@pytest.mark.parametrize("without", [{}, {"network": Network(), "champion": ""}])
def test_a_request_is_one_that_sagemaker_knows(
    step: str, operation: str, without: dict[str, Any]
) -> None:
    shape = get_session().get_service_model("sagemaker").operation_model(operation).input_shape
    assert shape

    # Raises for a name that is not there, and for a value of another type or length.
    validate_parameters(requests(**without)[step], shape)


def test_both_jobs_are_cut_off_from_the_network_and_end_in_time() -> None:
    training = requests()["training"]
    evaluation = requests()["evaluation"]

    assert training["EnableNetworkIsolation"] is True
    assert evaluation["NetworkConfig"]["EnableNetworkIsolation"] is True
    for job in (training, evaluation):
        assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 1800}
        assert {tag["Key"]: tag["Value"] for tag in job["Tags"]} == LINEAGE
    vpc = {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    assert training["VpcConfig"] == evaluation["NetworkConfig"]["VpcConfig"] == vpc
    assert "VpcConfig" not in requests(network=Network())["training"]
    assert "VpcConfig" not in requests(network=Network())["evaluation"]["NetworkConfig"]


def test_what_training_writes_is_what_evaluation_and_the_package_read() -> None:
    training, evaluation, package = requests().values()

    folder = f"{training['OutputDataConfig']['S3OutputPath']}/{training['TrainingJobName']}"
    model = f"{folder}/output/model.tar.gz"
    inputs = {
        item["InputName"]: (item["S3Input"]["S3Uri"], item["S3Input"]["LocalPath"])
        for item in evaluation["ProcessingInputs"]
    }
    assert inputs == {
        "data": (f"{RUN.folder}/data/", "/opt/ml/processing/input/data"),
        "model": (model, "/opt/ml/processing/input/model"),
        "diagnostics": (f"{folder}/output/output.tar.gz", "/opt/ml/processing/input/diagnostics"),
        "champion": (CHAMPION, "/opt/ml/processing/input/champion"),
    }
    (container,) = package["InferenceSpecification"]["Containers"]
    assert container == {"Image": IMAGE + SERVE, "ModelDataUrl": model}
    (output,) = evaluation["ProcessingOutputConfig"]["Outputs"]
    quality = package["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert quality["S3Uri"] == f"{output['S3Output']['S3Uri']}/metrics.json"
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    # An empty value is refused by the registry.
    assert package["CustomerMetadataProperties"] == LINEAGE | {"Execution": "execution"}


def test_without_a_champion_there_is_no_such_input() -> None:
    names = [item["InputName"] for item in requests(champion="")["evaluation"]["ProcessingInputs"]]

    assert names == ["data", "model", "diagnostics"]
