"""The search on SageMaker: what it asks for, how its jobs are read, and what is kept."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError
from measured import CANDIDATE, FEW
from release_helpers.data import ROWS
from release_helpers.fake_aws import refused
from release_helpers.remote_aws import NEWEST_JOB, REPOSITORY, RemoteAws
from release_helpers.settings import DATA, PROJECT, changed, tools_session
from release_helpers.verbs import run_verb

from categoriser.errors import UserError
from categoriser.model.classifiers.fasttext_svm import Classifier
from categoriser.model.tune import Folds
from categoriser.params import read_params, set_params
from release.remote import tuning
from release.remote.tuning import tune_remotely

POOR = FEW | {"lr": 0.0001, "svm_c": 0.0001}
SPACE = {"svm_c": (0.3, 1.0), "lr": (0.5, 1e-06)}
WITHIN = f"train.candidates.{CANDIDATE}"
BEGAN = datetime(2026, 11, 30, 10, tzinfo=UTC)


class Searches:
    """Searches of SageMaker's; each ends at once, with the trials that it is given."""

    def __init__(self, trials: list[tuple[dict[str, str], dict[str, float]]]) -> None:
        self.trials = trials
        self.status = "Completed"
        self.definition: dict[str, Any] = {
            "StaticHyperParameters": {"measured": CANDIDATE},
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
            "RoleArn": f"arn:aws:iam::111122223333:role/{PROJECT}",
            "OutputDataConfig": {"S3OutputPath": f"s3://{DATA}/runs"},
            "StoppingCondition": {},
        }

    def describe(self, _: dict[str, Any]) -> dict[str, Any]:
        counts = {"Completed": len(self.trials), "InProgress": 0, "NonRetryableError": 1}
        return {
            "HyperParameterTuningJobStatus": self.status,
            "CreationTime": BEGAN,
            "TrainingJobDefinition": self.definition,
            "TrainingJobStatusCounters": counts,
            "FailureReason": "No training job succeeded",
        }

    def listed(self, _: dict[str, Any]) -> dict[str, Any]:
        return {
            "TrainingJobSummaries": [
                {
                    "TrainingJobName": f"trial-{number}",
                    "CreationTime": BEGAN,
                    "TrainingEndTime": BEGAN + timedelta(minutes=number),
                    "TunedHyperParameters": drawn,
                }
                for number, (drawn, _) in enumerate(self.trials)
            ]
        }

    def trial(self, given: dict[str, Any]) -> dict[str, Any]:
        _, figures = self.trials[int(given["TrainingJobName"].removeprefix("trial-"))]
        found = [{"MetricName": name, "Value": value} for name, value in figures.items()]
        return {"FinalMetricDataList": found}


def drawn(svm_c: str, lr: str) -> dict[str, str]:
    return {f"{CANDIDATE}.svm_c": svm_c, f"{CANDIDATE}.lr": lr}


def figures(log_loss: float, accuracy: float) -> dict[str, float]:
    return {"folds_log_loss": log_loss, "folds_accuracy": accuracy}


@pytest.fixture
def searches(
    remote: RemoteAws, root: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> Searches:
    """Make a project whose knobs are poor, and a search that finds better ones."""
    Path("data").mkdir()
    Path("data/own.csv").write_text(ROWS)
    shutil.copytree(prepared, "data/prepared")
    values = {f"{WITHIN}.{name}": value for name, value in POOR.items()}
    set_params(Path("params.yaml"), values | {"data.path": "data/own.csv"})
    monkeypatch.setattr(Classifier, "SEARCH", SPACE)
    monkeypatch.setattr(tuning, "refuse_stale_rows", lambda: None)
    found = Searches(
        [
            (drawn("1.0", "1.0e-06"), figures(0.9, 0.5)),
            (drawn("0.3", "0.5"), figures(*measured_here(svm_c=0.3, lr=0.5))),
            (drawn("0.3", "1.0e-06"), {}),
        ]
    )
    remote.answers |= {
        "CreateHyperParameterTuningJob": {"HyperParameterTuningJobArn": "arn"},
        "DescribeHyperParameterTuningJob": found.describe,
        "ListTrainingJobsForHyperParameterTuningJob": found.listed,
        "DescribeTrainingJob": found.trial,
    }
    return found


def measured_here(**knobs: Any) -> tuple[float, float]:
    """Measure knobs as a job of the search does."""
    params = read_params()
    folds = Folds(Path("data/prepared"), params.train, params.prepare, lambda: None)
    found = folds.answers(Classifier, params.train.candidates[CANDIDATE] | knobs).measured()
    return found["folds_log_loss"], found["folds_accuracy"]


def search(**how: Any) -> None:
    few: dict[str, Any] = {"candidate": CANDIDATE, "jobs": 3, "parallel": 2}
    standard = few | {"job": "", "image": "", "yes": True}
    tune_remotely(changed(), tools_session(), **(standard | how))


def knobs() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(Path("params.yaml").read_text())
    return dict(found["train"]["candidates"][CANDIDATE])


def record() -> dict[str, Any]:
    return dict(json.loads(Path("reports/tuning.json").read_text()))


def test_the_search_is_over_the_classifier_s_space_and_the_other_knobs_are_this_machine_s(
    searches: Searches, remote: RemoteAws
) -> None:
    search()

    [request] = remote.made("CreateHyperParameterTuningJob")
    name = request["HyperParameterTuningJobName"]
    assert name.startswith(f"{PROJECT}-")
    assert len(name) - len(PROJECT) <= 32 - 20
    ranges = request["HyperParameterTuningJobConfig"]["ParameterRanges"]
    assert {one["Name"]: one["Values"] for one in ranges["CategoricalParameterRanges"]} == {
        f"{CANDIDATE}.svm_c": ["0.3", "1.0"],
        f"{CANDIDATE}.lr": ["0.5", "1.0e-06"],
    }
    definition = request["TrainingJobDefinition"]
    fixed = definition["StaticHyperParameters"]
    assert fixed["measured"] == CANDIDATE
    assert fixed[f"{CANDIDATE}.dim"] == str(FEW["dim"])
    assert f"{CANDIDATE}.svm_c" not in fixed
    algorithm = definition["AlgorithmSpecification"]
    assert algorithm["TrainingImage"] == f"{REPOSITORY}@{NEWEST_JOB}"
    assert [one["Name"] for one in algorithm["MetricDefinitions"]] == [
        "folds_log_loss",
        "folds_accuracy",
    ]
    [channel] = definition["InputDataConfig"]
    place = channel["DataSource"]["S3DataSource"]["S3Uri"].removeprefix(f"s3://{DATA}/")
    listed = boto3.client("s3").list_objects_v2(Bucket=DATA, Prefix=place)
    assert listed["KeyCount"] == 2


def test_the_best_is_judged_here_and_written_by_the_rule_of_the_local_search(
    searches: Searches, remote: RemoteAws, capsys: pytest.CaptureFixture[str]
) -> None:
    search()

    assert (knobs()["svm_c"], knobs()["lr"], knobs()["dim"]) == (0.3, 0.5, FEW["dim"])
    said = capsys.readouterr().out
    assert "3 done, 0 under way, 1 failed" in said
    assert "svm_c 0.0001 → 0.3" in said
    assert "note:" not in said
    tuned = record()
    assert tuned["kept"] == 2
    assert [trial["knobs"]["svm_c"] for trial in tuned["trials"]] == [0.0001, 1.0, 0.3, 0.3]
    assert tuned["trials"][3]["measured"]["folds_log_loss"] is None
    assert tuned["trials"][1]["measured"] == figures(0.9, 0.5)


@pytest.mark.parametrize("status", ["Completed", "Stopped"])
def test_a_search_that_was_left_alone_or_stopped_is_judged_by_its_name(
    status: str, searches: Searches, remote: RemoteAws
) -> None:
    searches.status = status

    search(job="bank-1130-100000", candidate="", yes=False)

    assert (knobs()["svm_c"], knobs()["lr"]) == (0.3, 0.5)
    assert record()["kept"] == 2
    assert remote.made("CreateHyperParameterTuningJob") == []
    assert remote.made("GetProducts") == []


def test_a_search_of_others_is_not_judged(searches: Searches, remote: RemoteAws) -> None:
    searches.definition["StaticHyperParameters"] = {"depth": "3"}

    with pytest.raises(UserError, match="is no search of `make tune REMOTE=1`"):
        search(job="another")


def test_what_is_better_there_and_not_here_is_shown_and_not_written(
    searches: Searches, remote: RemoteAws, capsys: pytest.CaptureFixture[str]
) -> None:
    set_params(Path("params.yaml"), {f"{WITHIN}.svm_c": 0.3, f"{WITHIN}.lr": 0.5})
    before = Path("params.yaml").read_text()
    searches.trials = [(drawn("1.0", "0.5"), figures(0.0001, 1.0))]

    search(jobs=1, parallel=1)

    assert Path("params.yaml").read_text() == before
    assert record()["kept"] is None
    said = capsys.readouterr().out
    assert "note: trial 1's log loss was 0.0001 there" in said
    assert "Nothing is better by more than noise" in said
    assert "svm_c: 1.0" in said


def test_a_search_belongs_to_what_the_command_line_names(
    searches: Searches, remote: RemoteAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_params(Path("params.yaml"), {"experiment.name": "old", "experiment.goal": "an old goal"})
    monkeypatch.setenv("EXPERIMENT", "vectors")
    monkeypatch.setenv("HYPOTHESIS", "a better rate makes up for it")
    # As `make` passes on what is not given.
    monkeypatch.setenv("GOAL", "")

    run_verb("tune-remote", "--candidate", CANDIDATE, "--jobs", "3", "--yes")

    named = {"name": "vectors", "goal": "", "hypothesis": "a better rate makes up for it"}
    assert record()["experiment"] == named
    # The next runs stay in it.
    assert read_params().experiment.model_dump() == named


def test_a_search_that_names_nothing_stays_in_the_experiment_of_before(
    searches: Searches, remote: RemoteAws
) -> None:
    set_params(Path("params.yaml"), {"experiment.name": "vectors", "experiment.goal": "speed"})

    run_verb("tune-remote", "--candidate", CANDIDATE, "--jobs", "3", "--yes")

    assert record()["experiment"] == {"name": "vectors", "goal": "speed", "hypothesis": ""}


def test_what_names_no_experiment_is_refused_before_anything_is_paid_for(
    searches: Searches, remote: RemoteAws
) -> None:
    with pytest.raises(UserError, match=r"experiment\.goal: .*pattern"):
        run_verb("tune-remote", "--goal", "one\ntwo", "--yes")

    assert remote.made("CreateHyperParameterTuningJob") == []


def test_the_more_jobs_the_more_is_asked_of_the_best(
    searches: Searches, remote: RemoteAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    monkeypatch.setattr(
        "categoriser.model.tune.Gain.is_sure", lambda self, confidence, count: tried.append(count)
    )

    search()

    assert set(tried) == {3}


@pytest.mark.parametrize(
    ("trials", "status", "said"),
    [
        ([(drawn("0.3", "0.5"), {})], "Completed", "no job of the search measured"),
        ([], "Failed", "failed: No training job succeeded"),
    ],
)
def test_a_search_that_measures_nothing_is_an_error(
    trials: list[Any], status: str, said: str, searches: Searches, remote: RemoteAws
) -> None:
    searches.trials, searches.status = trials, status
    before = Path("params.yaml").read_text()

    with pytest.raises(UserError, match=said):
        search()

    assert Path("params.yaml").read_text() == before
    assert not Path("reports/tuning.json").exists()


def test_its_cost_is_that_of_all_its_jobs_and_is_asked_for(
    searches: Searches, remote: RemoteAws, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match="nobody consented"):
        search(yes=False, jobs=20)

    assert "at most 1.20 USD (20 jobs of 1 instance and 30 minutes: 10.00 hours)" in (
        capsys.readouterr().out
    )
    assert remote.made("CreateHyperParameterTuningJob") == []
    assert not boto3.client("s3").list_objects_v2(Bucket=DATA)["KeyCount"]


def test_more_at_once_than_in_all_are_refused(searches: Searches) -> None:
    with pytest.raises(UserError, match="JOBS=2 PARALLEL=3"):
        search(jobs=2, parallel=3)


def test_a_quota_of_nought_is_named(searches: Searches, remote: RemoteAws) -> None:
    quota = "The account-level service limit 'ml.m5.large for training job usage' is 0 Instances"
    remote.answers["CreateHyperParameterTuningJob"] = refused("ResourceLimitExceeded", quota)

    with pytest.raises(ClientError, match=r"ml\.m5\.large for training job usage"):
        search()
