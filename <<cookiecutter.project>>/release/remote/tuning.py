"""`make tune REMOTE=1`: the search of `make tune`, by training jobs on SageMaker.

A job of the search measures one draw of knobs as a local trial does: on the same folds by merchant
of the same rows. SageMaker knows figures only, no rows, so it cannot say whether the best of them
is better than the settings by more than noise. That is judged here, on the folds, by the rule of
`make tune`; so params.yaml is written by that rule too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import boto3
import yaml
from msgspec import structs

from categoriser.errors import UserError
from categoriser.io.replacing import write_json
from categoriser.jobs.spec.job import MetricDefinition
from categoriser.jobs.spec.release_run import LOGGED_NUMBER, ReleaseRun, training
from categoriser.jobs.spec.sagemaker import Request
from categoriser.jobs.spec.tuning import MEASURED, Search, tuning_request
from categoriser.model.classifier import classifier_of
from categoriser.model.knobs import Knobs
from categoriser.model.tune import (
    ACCURACY,
    FAILED,
    LOG_LOSS,
    LOSS,
    Folds,
    Trial,
    candidate_of,
    compared,
    keep,
    outcome,
    refuse_stale_rows,
    search_record,
    trials_table,
)
from categoriser.params import read_params
from categoriser.paths import CHOICE, PARAMS, PREPARED, TUNING
from release.console import console
from release.remote.following import FollowedJob, JobState, follow
from release.remote.images import image_or_newest
from release.remote.laptop_run import as_hyperparameters, laptop_run, upload_rows, yaml_text
from release.remote.prices import Work, ask_cost
from release.settings import ReleaseSettings

# Which draws SageMaker makes.
SEED = 0
# Figures may differ so much between machines by rounding alone; by more, code or settings differ.
ROUNDING = 1e-4


def tune_remotely(
    settings: ReleaseSettings,
    session: boto3.Session,
    *,
    job: str,
    candidate: str,
    jobs: int,
    parallel: int,
    image: str,
    yes: bool,
) -> None:
    """Search a candidate's knobs by so many jobs, so many at once; print and keep what is found.

    Without a candidate, it is that which went on last. With `job`, a search by its name, none is
    started. Raises `UserError` where the prepared rows are not those of data and settings, where
    nobody consents, and where the search fails.
    """
    refuse_stale_rows()
    if not job:
        candidate = candidate or candidate_of(read_params().train, CHOICE)
        job = start_search(settings, session, candidate, jobs, parallel, image=image, yes=yes)
    follow(followed(session, job))
    judge_search(session, job)


def start_search(
    settings: ReleaseSettings,
    session: boto3.Session,
    candidate: str,
    jobs: int,
    parallel: int,
    *,
    image: str,
    yes: bool,
) -> str:
    """Start a search of a candidate's knobs, and return its name."""
    if not 1 <= parallel <= jobs:
        raise UserError(f"JOBS={jobs} PARALLEL={parallel}: at least one job, and no more at once")
    knobs = read_params().train.knobs_of(candidate)
    run = laptop_run(settings, session, image_or_newest(settings, session, "job", image))
    search = search_of(run, candidate, knobs, jobs, parallel)
    work = Work(
        component="Training", instance=run.instance, minutes=settings.train.minutes, jobs=jobs
    )
    console.print(f"search {search.name}: {jobs} jobs, {parallel} at once, of {run.job_image}")
    ask_cost(settings, session, work, yes=yes)
    upload_rows(session, run)
    session.client("sagemaker").create_hyper_parameter_tuning_job(**request_of(search, run))
    return search.name


def search_of(run: ReleaseRun, candidate: str, knobs: Knobs, jobs: int, parallel: int) -> Search:
    """Return the search of a candidate's `SEARCH`; its other knobs are those of params.yaml."""
    tried = classifier_of(candidate).SEARCH
    others = {name: value for name, value in knobs.items() if name not in tried}
    return Search(
        # A search's name has at most 32 characters, and a project's 20.
        name=f"{run.project}-{datetime.now(UTC):%m%d-%H%M%S}",
        objective=LOG_LOSS,
        ranges={
            f"{candidate}.{name}": tuple(yaml_text(value) for value in values)
            for name, values in tried.items()
        },
        fixed={MEASURED: candidate, **as_hyperparameters(candidate, others)},
        jobs=jobs,
        parallel=parallel,
        seed=SEED,
    )


def request_of(search: Search, run: ReleaseRun) -> Request:
    """Return the request of the search by the run's training job, which logs a trial's figures."""
    figures = tuple(
        MetricDefinition(name, f"{name}={LOGGED_NUMBER}") for name in (LOG_LOSS, ACCURACY)
    )
    return tuning_request(search, structs.replace(training(run), metrics=figures))


def followed(session: boto3.Session, name: str) -> FollowedJob:
    """Return the search as a job to follow. Its jobs' logs are many, and are not shown."""
    sagemaker = session.client("sagemaker")

    def describe() -> JobState:
        found = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        counts = found["TrainingJobStatusCounters"]
        failed = counts.get("RetryableError", 0) + counts.get("NonRetryableError", 0)
        words = (
            f"{found['HyperParameterTuningJobStatus']}: {counts.get('Completed', 0)} done, "
            f"{counts.get('InProgress', 0)} under way, {failed} failed"
        )
        return JobState(
            found["HyperParameterTuningJobStatus"], words, found.get("FailureReason", "")
        )

    return FollowedJob(
        name=name,
        describe=describe,
        stop=lambda: sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name),
        command="aws sagemaker stop-hyper-parameter-tuning-job --hyper-parameter-tuning-job-name "
        + name,
        follow_command=f"make tune REMOTE=1 JOB={name}",
        is_of_use_when_stopped=True,
    )


def remote_trials(
    session: boto3.Session, name: str, candidate: str, knobs: Knobs, began: float
) -> Iterator[Trial]:
    """Yield the search's jobs as trials, from 1 in the order in which they were made."""
    sagemaker = session.client("sagemaker")
    pages = sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=name, SortBy="CreationTime", SortOrder="Ascending"
    )
    listed = (job for page in pages for job in page["TrainingJobSummaries"])
    for number, job in enumerate(listed, 1):
        found = sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"])
        figures = {
            figure["MetricName"]: float(figure["Value"])
            for figure in found.get("FinalMetricDataList", [])
        }
        drawn = {
            key.removeprefix(f"{candidate}."): yaml.safe_load(text)
            for key, text in job["TunedHyperParameters"].items()
        }
        ended = job.get("TrainingEndTime", job["CreationTime"]).timestamp()
        measured = {figure: figures.get(figure, worst) for figure, worst in FAILED.items()}
        yield Trial(number, knobs | drawn, measured, ended - began, LOSS, LOSS)


def judge_search(session: boto3.Session, name: str) -> None:
    """Judge what a search on SageMaker has found. Raises `UserError` as `judge`."""
    sagemaker = session.client("sagemaker")
    found = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    candidate = (
        found.get("TrainingJobDefinition", {}).get("StaticHyperParameters", {}).get(MEASURED)
    )
    if not candidate:
        raise UserError(f"{name} is no search of `make tune REMOTE=1`")
    knobs = read_params().train.knobs_of(candidate)
    began = found["CreationTime"].timestamp()
    judge(candidate, knobs, [*remote_trials(session, name, candidate, knobs, began)], began)


def judge(candidate: str, knobs: Knobs, remote: Sequence[Trial], began: float) -> None:
    """Measure the settings and the search's best here; keep the best if it is surely better.

    Raises `UserError` where no job of the search has measured anything.
    """
    best = min(remote, key=lambda trial: trial.loss, default=None)
    if best is None or not math.isfinite(best.loss):
        raise UserError("no job of the search measured its knobs: see their logs in the console")
    console.print(f"measuring the settings as they are, and trial {best.number}, here ...")
    params = read_params()
    folds = Folds(PREPARED, params.train, params.prepare, lambda: None)
    classifier = classifier_of(candidate)
    first = folds.answers(classifier, knobs)
    as_it_is = compared(0, knobs, first, first, folds, 0.0)
    found = folds.answers(classifier, best.knobs)
    here = compared(best.number, best.knobs, found, first, folds, best.seconds)
    if abs(here.loss - best.loss) > ROUNDING:
        console.print(
            f"note: trial {best.number}'s log loss was {best.loss:.4f} there, and is "
            f"{here.loss:.4f} here: the image's code or settings are others"
        )
    kept = here if here.is_better(params.evaluate.confidence, len(remote)) else None
    if kept:
        keep(PARAMS, candidate, kept)
    done = [as_it_is, *remote]
    done[here.number] = here
    write_json(TUNING, search_record(params, candidate, done, kept, began, SEED))
    console.print(trials_table(done))
    console.print(outcome([as_it_is, here], kept))
    if not kept:
        console.print(f"trial {here.number} in {PARAMS} would be, under train.candidates:")
        console.print(yaml.safe_dump({candidate: here.knobs}, sort_keys=False).strip())
