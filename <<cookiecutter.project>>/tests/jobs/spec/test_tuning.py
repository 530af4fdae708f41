"""The request of a search: a release's training job, with ranges for its hyperparameters."""

from __future__ import annotations

from msgspec.structs import replace

from categoriser.jobs.spec.job import JobSpec, Machine, MetricDefinition, Network, Output
from categoriser.jobs.spec.sagemaker import training_request
from categoriser.jobs.spec.tuning import Search, tuning_request

JOB = JobSpec(
    name="p-run-training",
    image="images@sha256:1",
    command=("train",),
    role="arn:role",
    machine=Machine("ml.m5.large"),
    max_seconds=1800,
    tags={"Project": "p"},
    network=Network(isolated=True),
    outputs=(Output("model", "s3://b/runs/r/training", "/opt/ml/model"),),
    metrics=(MetricDefinition("loss", "loss=(.*)"),),
)
SEARCH = Search(
    name="p-1130-101500",
    objective="loss",
    ranges={"linear.alpha": ("1.0e-06", "3.0e-06")},
    fixed={"measured": "linear"},
    jobs=10,
    parallel=2,
    seed=3,
)


def test_each_of_its_jobs_is_the_training_job_but_for_the_command() -> None:
    described = training_request(JOB)
    definition = tuning_request(SEARCH, JOB)["TrainingJobDefinition"]
    algorithm = definition.pop("AlgorithmSpecification")
    assert definition.pop("StaticHyperParameters") == {"measured": "linear"}
    assert definition == {name: described[name] for name in definition}
    assert {*described} - {*definition} == {"TrainingJobName", "AlgorithmSpecification", "Tags"}
    assert algorithm == described["AlgorithmSpecification"]


def test_in_a_vpc_its_jobs_are_there_too() -> None:
    within = replace(JOB, network=Network(True, ("subnet-1",), ("sg-1",)))
    definition = tuning_request(SEARCH, within)["TrainingJobDefinition"]
    assert definition["VpcConfig"] == {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}


def test_it_draws_at_random_so_many_at_once_and_makes_the_objective_small() -> None:
    request = tuning_request(SEARCH, JOB)
    config = request["HyperParameterTuningJobConfig"]
    assert request["HyperParameterTuningJobName"] == "p-1130-101500"
    assert config["Strategy"] == "Random"
    assert config["RandomSeed"] == 3
    assert config["HyperParameterTuningJobObjective"] == {"Type": "Minimize", "MetricName": "loss"}
    assert config["ResourceLimits"] == {
        "MaxNumberOfTrainingJobs": 10,
        "MaxParallelTrainingJobs": 2,
    }
    assert config["ParameterRanges"] == {
        "CategoricalParameterRanges": [
            {"Name": "linear.alpha", "Values": ["1.0e-06", "3.0e-06"]},
        ]
    }
    assert request["Tags"] == [{"Key": "Project", "Value": "p"}]
