"""A search of knobs by SageMaker: many training jobs of one description, each with its own knobs.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html
"""

from collections.abc import Mapping

from msgspec import Struct

from categoriser.jobs.spec.job import JobSpec
from categoriser.jobs.spec.sagemaker import Request, training_request

# The hyperparameter that names the candidate of a search: the job then only measures its knobs.
MEASURED = "measured"
# Hyperparameters that SageMaker adds to a search's begin so: `_tuning_objective_metric`.
SAGEMAKERS_OWN = "_"


class Search(Struct, frozen=True, kw_only=True):
    """A search: its name (at most 32 characters), its bounds, and what each of its jobs is given.

    `objective` is the metric of the job's that is made as small as can be. `ranges` are the values
    that a hyperparameter may have, `fixed` the hyperparameters that all jobs share: all are texts.
    The same seed tries the same.
    """

    name: str
    objective: str
    ranges: Mapping[str, tuple[str, ...]]
    fixed: Mapping[str, str]
    jobs: int
    parallel: int
    seed: int


def tuning_request(search: Search, job: JobSpec) -> Request:
    """Return the request of CreateHyperParameterTuningJob for a search by a training job."""
    training = training_request(job)
    own = ("TrainingJobName", "Tags")
    return {
        "HyperParameterTuningJobName": search.name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {
                "Type": "Minimize",
                "MetricName": search.objective,
            },
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": search.jobs,
                "MaxParallelTrainingJobs": search.parallel,
            },
            "ParameterRanges": {
                "CategoricalParameterRanges": [
                    {"Name": name, "Values": [*values]} for name, values in search.ranges.items()
                ]
            },
            "TrainingJobEarlyStoppingType": "Off",
            "RandomSeed": search.seed,
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": dict(search.fixed),
            **{name: value for name, value in training.items() if name not in own},
        },
        "Tags": training["Tags"],
    }
