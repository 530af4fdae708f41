"""What a run of the monitor is asked, read from environment variables.

A SageMaker Processing job and a `MonitoringSchedule` both speak through them, with the names of
Model Monitor's container contract.
"""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from categoriser.errors import UserError
from categoriser.monitor.checks.monitor_request import DatasetFormat, MonitorRequest
from categoriser.monitor.monitor_settings import MonitorSettings
from categoriser.release_names import release_of

DATASET_FORMATS: dict[str, DatasetFormat] = {
    "sagemakerCaptureJson": "captures",
    "sagemakerMergeJson": "captures",
    "csv": "csv",
    "json": "json",
    "parquet": "parquet",
}
MULTICLASS = "MulticlassClassification"
# Variables that SageMaker sets for its own container, and which change nothing here. That they
# are ignored is said in the log.
IGNORED = (
    "end_time_offset",
    "exclude_features_attribute",
    "features_attribute",
    "metric_time",
    "probability_attribute",
    "probability_threshold_attribute",
    "start_time_offset",
)
# AWS's API calls the option `line`, its Python SDK and real jobs `lines`.
LINES = ("line", "lines")
# Options of a `dataset_format` that are read. The fields of captures are the project's own.
OPTIONS = {"csv": ("header",), "json": LINES}
# Of the data's and of the model's metrics, where Model Monitor's schedule runs the job.
MODEL_MONITOR_NAMESPACES = (
    "aws/sagemaker/Endpoints/data-metrics",
    "aws/sagemaker/Endpoints/model-metrics",
)

log = logging.getLogger("categoriser.monitor")


class Window(NamedTuple):
    """The times that are judged, in UTC; labels belong to captures that are `label_lag` older."""

    start: datetime | None
    end: datetime | None
    label_lag: timedelta


def request_from_environment(
    environment: Mapping[str, str], settings: MonitorSettings, *more: str
) -> MonitorRequest:
    """Read the variables of Model Monitor's container contract, and this project's own.

    Own: `baseline` (folder or `s3://` prefix; `{release}` in it is the endpoint's release),
    `ground_truth_source`, `scheduled_time`, the time at which an own schedule fired: the window
    before it is judged; `endpoint_variant` and `capture_percent`, which say how many captures there
    should be. Raises `UserError` that names the variable; `more` must be there as well.
    """

    def path(name: str, otherwise: Path | None = None) -> Path | None:
        return Path(environment[name]) if environment.get(name) else otherwise

    # An own schedule's job downloads nothing: it lists what has been captured.
    own = bool(environment.get("scheduled_time"))
    sources = "sagemaker_endpoint_datacapture_prefix" if own else "dataset_source"
    _check_present(environment, sources, "output_path", *more)
    _check_problem_type(environment)
    window = _window(environment, settings)
    endpoint = environment.get("sagemaker_endpoint_name", "")
    schedule = environment.get("sagemaker_monitoring_schedule_name", "")
    source = environment[sources]
    if own and endpoint:
        # A release has an endpoint of its own; labels outlive it.
        source = f"{source.rstrip('/')}/{endpoint}"
    kind, options = dataset_format(environment.get("dataset_format", ""))
    _log_ignored(environment, kind, options)
    truth = environment.get("ground_truth_source")
    if not truth and kind == "sagemakerMergeJson":
        # Model Monitor's merge job has put labels into the captures.
        truth = source
    baseline = environment.get("baseline", "").replace("{release}", release_of(endpoint))
    return MonitorRequest(
        source=source,
        history=environment[sources],
        label_lag=window.label_lag,
        output=Path(environment["output_path"]),
        format=DATASET_FORMATS[kind],
        header=str(options.get("header", True)).lower() == "true",
        baseline=baseline or None,
        statistics=path("baseline_statistics"),
        constraints=path("baseline_constraints"),
        truth=truth or None,
        start=window.start,
        end=window.end,
        endpoint=endpoint,
        schedule=schedule,
        preprocessor=path("record_preprocessor_script", settings.features.preprocessor),
        postprocessor=path("post_analytics_processor_script", settings.features.postprocessor),
        namespaces=_namespaces(environment, settings, of_model_monitor=bool(schedule) and not own),
        model_monitor=bool(schedule) and not own,
        model_quality=environment.get("analysis_type") == "MODEL_QUALITY",
        answer=environment.get("inference_attribute", ""),
        label=environment.get("ground_truth_attribute", ""),
        categorical_method=environment.get("categorical_drift_method", ""),
        variant=environment.get("endpoint_variant", ""),
        capture_percent=_percent("capture_percent", environment.get("capture_percent", "")),
    )


def _check_present(environment: Mapping[str, str], *names: str) -> None:
    for name in names:
        if not environment.get(name):
            raise UserError(f"the environment variable {name} is missing")


def _window(environment: Mapping[str, str], settings: MonitorSettings) -> Window:
    """Return the window that is asked for, or the one before the time of an own schedule."""

    def time(name: str) -> datetime | None:
        return in_utc(name, environment[name]) if environment.get(name) else None

    scheduled = time("scheduled_time")
    start = time("start_time")
    end = time("end_time")
    if not scheduled:
        return Window(start, end, timedelta())
    end = scheduled - timedelta(minutes=settings.schedule.lag_minutes)
    start = end - timedelta(hours=settings.schedule.window_hours)
    return Window(start, end, timedelta(hours=settings.quality.label_lag_hours))


def _namespaces(
    environment: Mapping[str, str], settings: MonitorSettings, *, of_model_monitor: bool
) -> tuple[str, str] | None:
    """Return the namespaces of the data's and the model's metrics; None where none are sent."""
    if environment.get("publish_cloudwatch_metrics") != "Enabled":
        return None
    if of_model_monitor:
        return MODEL_MONITOR_NAMESPACES
    return settings.metrics.namespace, settings.metrics.namespace


def _check_problem_type(environment: Mapping[str, str]) -> None:
    problem = environment.get("problem_type") or MULTICLASS
    if problem != MULTICLASS:
        raise UserError(f"problem_type must be {MULTICLASS}, and is {problem!r}")


def _percent(name: str, text: str) -> float:
    try:
        share = float(text or "100")
    except ValueError:
        share = -1.0
    if not 0 <= share <= 100:
        raise UserError(f"{name} must be a number from 0 to 100, and is {text!r}")
    return share


def _log_ignored(environment: Mapping[str, str], kind: str, options: Mapping[str, Any]) -> None:
    ignored = [name for name in IGNORED if environment.get(name)]
    read = OPTIONS.get(kind, ())
    ignored += [f"dataset_format.{kind}.{name}" for name in options if name not in read]
    if ignored:
        log.warning("given and ignored: %s", ", ".join(ignored))


def live_endpoint(environment: Mapping[str, str]) -> str:
    """Return the endpoint that a job judges even where it finds no capture of it; may be ""."""
    return environment.get("live_endpoint", "")


def dataset_format(text: str) -> tuple[str, dict[str, Any]]:
    """Return what a `dataset_format` names, captures where it is empty, and its options.

    Raises `UserError` for another.
    """
    try:
        ((name, options),) = (json.loads(text) if text else {"sagemakerCaptureJson": {}}).items()
        if name not in DATASET_FORMATS or not isinstance(options, dict):
            raise ValueError(name)
        if name == "json" and not all(options.get(option, True) for option in LINES):
            raise UserError("dataset_format: JSON is read as lines, one object in each")
    except (ValueError, TypeError, AttributeError):
        names = ", ".join(DATASET_FORMATS)
        raise UserError(
            f"dataset_format must be JSON with one key of {names}, and is {text!r}"
        ) from None
    return name, options


def in_utc(name: str, text: str) -> datetime:
    """Read a time in ISO 8601; without an offset it is in UTC. Raises `UserError` with its name."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{name} is not a time in ISO 8601: {text!r}") from None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
