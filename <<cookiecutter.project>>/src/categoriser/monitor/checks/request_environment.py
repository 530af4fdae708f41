"""What a run of the monitor is asked, read from environment variables.

A SageMaker Processing job and a `MonitoringSchedule` both speak through them, with the names of
Model Monitor's container contract.
"""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

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
# Variables that SageMaker sets for its own container, and that change nothing here. The log says
# that they are ignored.
IGNORED = (
    "end_time_offset",
    "exclude_features_attribute",
    "features_attribute",
    "metric_time",
    "probability_attribute",
    "probability_threshold_attribute",
    "start_time_offset",
)
# AWS's API calls the option `line`; its Python SDK and real jobs call it `lines`.
LINES = ("line", "lines")
# Options of a `dataset_format` that are read. The fields of captures are the project's own.
OPTIONS = {"csv": ("header",), "json": LINES}
# The data's metrics and the model's go there where Model Monitor's schedule runs the job.
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


class GivenFormat(NamedTuple):
    """What a `dataset_format` says; `ignored` names the options that are not read."""

    name: str
    header: bool
    ignored: list[str]


class CaptureSource(NamedTuple):
    """Where the captures of a window are, and those that labels belong to."""

    window: str
    history: str


def request_from_environment(
    environment: Mapping[str, str], settings: MonitorSettings, *more: str
) -> MonitorRequest:
    """Read the variables of Model Monitor's container contract, and this project's own.

    Own: `baseline` (folder or `s3://` prefix; `{release}` in it is the endpoint's release),
    `ground_truth_source`, `scheduled_time`, the time at which an own schedule fired: the window
    before it is judged; `endpoint_variant` and `capture_percent`, which say how many captures there
    should be. Raises `UserError` that names the variable; `more` must be there as well.
    """
    own = _is_own_schedule(environment)
    _check_present(environment, _source_variable(own=own), "output_path", *more)
    _check_problem_type(environment)
    window = _window_asked(environment, settings)
    given_format = dataset_format(environment.get("dataset_format", ""))
    _log_ignored(environment, given_format)
    endpoint = environment.get("sagemaker_endpoint_name", "")
    schedule = environment.get("sagemaker_monitoring_schedule_name", "")
    source = _source(environment, endpoint, own=own)
    baseline = environment.get("baseline", "").replace("{release}", release_of(endpoint))
    of_model_monitor = bool(schedule) and not own
    return MonitorRequest(
        source=source.window,
        history=source.history,
        label_lag=window.label_lag,
        output=Path(environment["output_path"]),
        format=DATASET_FORMATS[given_format.name],
        header=given_format.header,
        baseline=baseline or None,
        statistics=_path(environment, "baseline_statistics"),
        constraints=_path(environment, "baseline_constraints"),
        truth=_truth(environment, given_format, source),
        start=window.start,
        end=window.end,
        endpoint=endpoint,
        schedule=schedule,
        preprocessor=_path(environment, "record_preprocessor_script")
        or settings.features.preprocessor,
        postprocessor=_path(environment, "post_analytics_processor_script")
        or settings.features.postprocessor,
        namespaces=_namespaces(environment, settings, of_model_monitor=of_model_monitor),
        model_monitor=of_model_monitor,
        model_quality=environment.get("analysis_type") == "MODEL_QUALITY",
        answer=environment.get("inference_attribute", ""),
        label=environment.get("ground_truth_attribute", ""),
        categorical_method=environment.get("categorical_drift_method", ""),
        variant=environment.get("endpoint_variant", ""),
        capture_percent=_percent("capture_percent", environment.get("capture_percent", "")),
    )


def _is_own_schedule(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("scheduled_time"))


def _source_variable(*, own: bool) -> str:
    # An own schedule's job downloads nothing: it lists what has been captured.
    return "sagemaker_endpoint_datacapture_prefix" if own else "dataset_source"


def _source(environment: Mapping[str, str], endpoint: str, *, own: bool) -> CaptureSource:
    history = environment[_source_variable(own=own)]
    if own and endpoint:
        # A release has an endpoint of its own; labels outlive it.
        return CaptureSource(f"{history.rstrip('/')}/{endpoint}", history)
    return CaptureSource(history, history)


def _truth(
    environment: Mapping[str, str], given_format: GivenFormat, source: CaptureSource
) -> str | None:
    truth = environment.get("ground_truth_source")
    if not truth and given_format.name == "sagemakerMergeJson":
        # Model Monitor's merge job has put labels into the captures.
        return source.window
    return truth or None


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(environment[name]) if environment.get(name) else None


def _check_present(environment: Mapping[str, str], *names: str) -> None:
    for name in names:
        if not environment.get(name):
            raise UserError(f"the environment variable {name} is missing")


def _window_asked(environment: Mapping[str, str], settings: MonitorSettings) -> Window:
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


def _log_ignored(environment: Mapping[str, str], given_format: GivenFormat) -> None:
    ignored = [name for name in IGNORED if environment.get(name)]
    ignored += [f"dataset_format.{given_format.name}.{name}" for name in given_format.ignored]
    if ignored:
        log.warning("given and ignored: %s", ", ".join(ignored))


def live_endpoint(environment: Mapping[str, str]) -> str:
    """Return the endpoint that a job judges even where it finds no capture of it; may be ""."""
    return environment.get("live_endpoint", "")


def dataset_format(text: str) -> GivenFormat:
    """Read a `dataset_format`: captures where it is empty.

    Raises `UserError` for one that does not exist.
    """
    try:
        given = json.loads(text) if text else {"sagemakerCaptureJson": {}}
        ((name, options),) = given.items()
        if name not in DATASET_FORMATS or not isinstance(options, dict):
            raise ValueError(name)
        if name == "json" and not all(options.get(option, True) for option in LINES):
            raise UserError("dataset_format: JSON is read as lines, one object in each")
    except (ValueError, TypeError, AttributeError):
        names = ", ".join(DATASET_FORMATS)
        raise UserError(
            f"dataset_format must be JSON with one key of {names}, and is {text!r}"
        ) from None
    header = str(options.get("header", True)).lower() == "true"
    return GivenFormat(name, header, [key for key in options if key not in OPTIONS.get(name, ())])


def in_utc(name: str, text: str) -> datetime:
    """Read a time in ISO 8601; without an offset it is in UTC. Raises `UserError` with its name."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{name} is not a time in ISO 8601: {text!r}") from None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
