"""A run of the monitor: captures or a data set in; statistics, violations, metrics, report out.

`make monitor` calls it, and `process monitor` does in a SageMaker Processing job or as the image
of a `MonitoringSchedule`, both of which speak through environment variables.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeVar

from rich.console import Console

from categoriser import paths
from categoriser.errors import UserError, run
from categoriser.files import read_json, write_json
from categoriser.monitor import metrics, quality, report, scripts
from categoriser.monitor.calibrate import Thresholds
from categoriser.monitor.formats import capture, constraints, statistics
from categoriser.monitor.formats.capture import Problems
from categoriser.monitor.formats.constraints import Constraints, Violation
from categoriser.monitor.formats.statistics import Statistics
from categoriser.monitor.settings import Settings, read_settings
from categoriser.monitor.summary import Summary, summarise_dataset
from categoriser.monitor.watching import FACTS, MADE_BY, Watching, summarise_captures
from categoriser.params import read_params

Format = Literal["captures", "csv", "json", "parquet"]
FORMATS: dict[str, Format] = {
    "sagemakerCaptureJson": "captures",
    "sagemakerMergeJson": "captures",
    "csv": "csv",
    "json": "json",
    "parquet": "parquet",
}
MULTICLASS = "MulticlassClassification"
STATISTICS, CONSTRAINTS = "statistics.json", "constraints.json"
# The container's page of AWS says "constraints_violations", their container writes the other.
VIOLATIONS = "constraint_violations.json"
T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """What to judge, against what, and where the result goes.

    `baseline` is the folder (or `s3://` prefix) that the stage `baseline` writes; None suggests a
    baseline instead. `statistics` and `constraints` name files that go before its own.
    """

    source: str
    output: Path
    format: Format = "captures"
    header: bool = True
    baseline: str | None = None
    statistics: Path | None = None
    constraints: Path | None = None
    truth: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    endpoint: str = ""
    schedule: str = ""
    preprocessor: Path | None = None
    postprocessor: Path | None = None
    # Namespaces of the data's and the model's metrics; None publishes nothing.
    namespaces: tuple[str, str] | None = None
    # Model Monitor's schedules collect metrics from a file, and make the reports' folders.
    model_monitor: bool = False
    # Model Monitor's other analysis: the model's answers alone, by labels. In a data set they and
    # the labels are the columns `answer` and `label`.
    model_quality: bool = False
    answer: str = ""
    label: str = ""
    categorical_method: str = ""

    @property
    def suggests(self) -> bool:
        return not (self.baseline or self.statistics or self.constraints)


def from_environment(environment: Mapping[str, str], settings: Settings) -> Job:
    """Read the variables of Model Monitor's container contract, and this project's own.

    Own: `baseline` (folder or `s3://` prefix), `ground_truth_source`, and `scheduled_time`, the
    time at which an own schedule fired: the window before it is judged. Raises `UserError` that
    names the variable.
    """

    def time(name: str) -> datetime | None:
        try:
            found = datetime.fromisoformat(value) if (value := environment.get(name)) else None
        except ValueError:
            raise UserError(f"{name} is not a time in ISO 8601: {environment[name]!r}") from None
        return found.replace(tzinfo=found.tzinfo or UTC) if found else None

    def path(name: str, otherwise: Path | None = None) -> Path | None:
        return Path(environment[name]) if environment.get(name) else otherwise

    for name in ("dataset_source", "output_path"):
        if not environment.get(name):
            raise UserError(f"the environment variable {name} is missing")
    problem = environment.get("problem_type") or MULTICLASS
    if problem != MULTICLASS:
        raise UserError(f"problem_type must be {MULTICLASS}, and is {problem!r}")
    start, end, scheduled = time("start_time"), time("end_time"), time("scheduled_time")
    if scheduled and not end:
        end = scheduled - timedelta(minutes=settings.schedule.lag_minutes)
        start = end - timedelta(hours=settings.schedule.window_hours)
    model_monitor = not scheduled and "sagemaker_monitoring_schedule_name" in environment
    namespaces = None
    if environment.get("publish_cloudwatch_metrics") == "Enabled":
        own = settings.metrics.namespace
        namespaces = metrics.NAMESPACES if model_monitor else (own, own)
    kind, options = dataset_format(environment.get("dataset_format", ""))
    source = environment["dataset_source"]
    # Where an own schedule fires nothing is downloaded: the job lists what has been captured.
    prefix = environment.get("sagemaker_endpoint_datacapture_prefix") if scheduled else None
    return Job(
        source=prefix or source,
        output=Path(environment["output_path"]),
        format=FORMATS[kind],
        header=bool(options.get("header", True)),
        baseline=environment.get("baseline") or None,
        statistics=path("baseline_statistics"),
        constraints=path("baseline_constraints"),
        # Model Monitor's merge job has put labels into the captures.
        truth=environment.get("ground_truth_source")
        or (source if kind == "sagemakerMergeJson" else None),
        start=start,
        end=end,
        endpoint=environment.get("sagemaker_endpoint_name", ""),
        schedule=environment.get("sagemaker_monitoring_schedule_name", ""),
        preprocessor=path("record_preprocessor_script", settings.features.preprocessor),
        postprocessor=path("post_analytics_processor_script", settings.features.postprocessor),
        namespaces=namespaces,
        model_monitor=model_monitor,
        model_quality=environment.get("analysis_type") == "MODEL_QUALITY",
        answer=environment.get("inference_attribute", ""),
        label=environment.get("ground_truth_attribute", ""),
        categorical_method=environment.get("categorical_drift_method", ""),
    )


def dataset_format(text: str) -> tuple[str, dict[str, Any]]:
    """Return what a `dataset_format` names, captures where it is empty, and its options.

    Raises `UserError` for another.
    """
    try:
        ((name, options),) = (json.loads(text) if text else {"sagemakerCaptureJson": {}}).items()
        if name not in FORMATS or not isinstance(options, dict):
            raise ValueError(name)
    except (ValueError, TypeError, AttributeError):
        names = ", ".join(FORMATS)
        raise UserError(
            f"dataset_format must be JSON with one key of {names}, and is {text!r}"
        ) from None
    return name, options


# A check.


def check(job: Job, settings: Settings, console: Console | None = None) -> str:
    """Run a job, show its report on the console, and return the exit message.

    Raises `UserError` for what is missing or wrong apart from the captures' content, which the
    report counts.
    """
    with local(job.baseline) as baseline:
        if job.model_quality:
            return said(check_model(job, baseline, settings), console)
        summary, problems = summarise(job, baseline, settings)
        current = statistics.of_summary(summary)
        if not current.item_count:
            return said(f"Completed: no data{_window(job)}{_unread(problems)}", console)
        if job.suggests:
            write_json(job.output / STATISTICS, statistics.dump(current))
            suggested = constraints.dump(constraints.suggest(current))
            write_json(job.output / CONSTRAINTS, suggested)
            message = f"Completed: a baseline of {current.item_count:,} rows is suggested"
            return said(message, console)
        result = judge(job, baseline, current, problems, settings)
    folder = job.output / _folder(job)
    write_json(folder / STATISTICS, statistics.dump(current))
    write_json(folder / CONSTRAINTS, constraints.dump(result.constraints))
    write_json(folder / VIOLATIONS, constraints.dump_violations(result.violations))
    report.write(result, folder)
    if console:
        report.show(result, console)
        console.print(f"{folder / 'report.html'} shows more", highlight=False)
    if job.namespaces:
        publish(job, job.namespaces, *of_result(result, settings))
    if job.postprocessor:
        scripts.postprocess(job.postprocessor)
    return result.message


def said(message: str, console: Console | None) -> str:
    if console:
        console.print(message, markup=False, highlight=False)
    return message


def check_model(job: Job, baseline: Path | None, settings: Settings) -> str:
    """Judge the model by labelled answers alone, or suggest constraints for it."""
    if job.format == "captures":
        found = judge_labels(job, needed(baseline), Problems(), settings)
        document, violations = found.statistics, found.violations
    else:
        document, violations = (
            quality.of_answers(_files(job), job.format, job.answer, job.label),
            [],
        )
    figures, rows = quality.metrics(document), document["dataset"]["item_count"]
    if not rows:
        return f"Completed: no labelled answers{_window(job)}"
    write_json(job.output / STATISTICS, document)
    if job.suggests:
        suggested = constraints.dump(constraints.suggest_quality(figures))
        write_json(job.output / CONSTRAINTS, suggested)
        return f"Completed: a baseline of {rows:,} labelled answers is suggested"
    if job.format != "captures":
        bounds = _read(job.constraints, baseline, quality.CONSTRAINTS, constraints.load_quality)
        violations = constraints.check_quality(figures, bounds) if bounds else []
    write_json(job.output / VIOLATIONS, constraints.dump_violations(violations))
    if job.namespaces:
        publish(job, job.namespaces, [], metrics.of_quality(figures))
    return _message(job, rows, violations)


def needed(baseline: Path | None) -> Path:
    if not baseline:
        raise UserError(
            "captures are watched with what the training rows held: name the folder that "
            f"`{MADE_BY}` writes in the environment variable baseline"
        )
    return baseline


def summarise(job: Job, baseline: Path | None, settings: Settings) -> tuple[Summary, Problems]:
    if job.format != "captures":
        return summarise_dataset(_files(job), job.format, header=job.header), Problems()
    found = capture.find(job.source, job.start, job.end)
    leave_out = tuple(settings.features.leave_out)
    watching = Watching(needed(baseline), job.start, job.end, job.preprocessor, leave_out)
    return summarise_captures(found, watching)


def judge(
    job: Job, baseline: Path | None, current: Statistics, problems: Problems, settings: Settings
) -> report.Result:
    """Hold the statistics, and the labels where there are any, against the baseline."""
    before = _read(job.statistics, baseline, STATISTICS, statistics.load)
    bounds = _read(job.constraints, baseline, CONSTRAINTS, constraints.load) or (
        constraints.suggest(before) if before else Constraints()
    )
    bounds = overridden(bounds, job.categorical_method, settings)
    thresholds, power, few = None, [], ""
    if settings.thresholds.profile == "calibrated" and baseline:
        own = Thresholds.load(_beside(baseline, paths.THRESHOLDS))
        least = settings.thresholds.min_rows
        enough = current.item_count >= least
        few = "" if enough else f"; drift is not judged in fewer than {least:,} rows"
        thresholds = own.at(current.item_count) if enough else {}
        thresholds |= {
            name: override.threshold
            for name, override in settings.overrides.items()
            if override.threshold is not None and enough
        }
        power = own.power
    drifts = constraints.compare(current, before, bounds, thresholds)
    violations = constraints.check(current, bounds, drifts)
    labelled = judge_labels(job, baseline, problems, settings) if job.truth and baseline else None
    if labelled:
        violations += labelled.violations
    return report.Result(
        endpoint=job.endpoint,
        schedule=job.schedule,
        profile="compat" if thresholds is None else "calibrated",
        message=_message(job, current.item_count, violations) + few + _unread(problems),
        current=current,
        baseline=before,
        constraints=bounds,
        drifts=drifts,
        violations=violations,
        start=job.start,
        end=job.end,
        problems=problems,
        power=power,
        quality=asdict(labelled) if labelled else None,
    )


def judge_labels(
    job: Job, baseline: Path, problems: Problems, settings: Settings
) -> quality.QualityResult:
    """Join ground truth to the captures and judge the model by it.

    The labels may be collected at any time: of those in the source, the ones that belong to the
    window's captures are judged, and the others counted. `problems` takes those of the labels.
    """
    watching = Watching(baseline, job.start, job.end, job.preprocessor)
    captures = capture.find(job.source, job.start, job.end)
    frames = quality.with_country(watching, captures, Problems())
    truths = capture.truths(capture.find(job.truth or ""), problems)
    facts = read_json(baseline / FACTS, MADE_BY)
    with quality.join(frames, truths, facts["classes"], settings.quality) as labelled:
        bounds = _read(
            job.constraints if job.model_quality else None,
            baseline,
            quality.CONSTRAINTS,
            constraints.load_quality,
        )
        return quality.model_quality(
            labelled, bounds, facts, settings.quality, read_params().evaluate
        )


def overridden(bounds: Constraints, categorical_method: str, settings: Settings) -> Constraints:
    """Return the constraints with what the job said, and a person in `overrides`."""
    document = constraints.dump(bounds)
    if categorical_method:
        config = document.setdefault("monitoring_config", {})
        chosen = config.setdefault("distribution_constraints", {})
        chosen["categorical_drift_method"] = categorical_method
    for feature in document.get("features", []):
        override = settings.overrides.get(feature["name"])
        if not override:
            continue
        if override.completeness is not None:
            feature["completeness"] = override.completeness
        changed: dict[str, Any] = {}
        if not override.evaluate:
            changed["evaluate_constraints"] = "Disabled"
        if override.threshold is not None:
            changed["distribution_constraints"] = {
                "comparison_threshold": override.threshold,
                "categorical_comparison_threshold": override.threshold,
            }
        feature["monitoringConfigOverrides"] = (
            feature.get("monitoringConfigOverrides", {}) | changed
        )
    return constraints.load(document)


def of_result(result: report.Result, settings: Settings) -> tuple[list[Any], list[Any]]:
    """Return the metrics of the data, with the one that the alarm watches, and the model's."""
    data = metrics.of_statistics(result.current, result.drifts, result.constraints)
    watched = settings.alarms.features
    raised = [v for v in result.violations if not watched or v.feature_name in watched]
    data.append({"MetricName": "violations", "Value": float(len(raised))})
    figures = quality.metrics(result.quality["statistics"]) if result.quality else {}
    return data, metrics.of_quality(figures)


def publish(job: Job, namespaces: tuple[str, str], data: list[Any], model: list[Any]) -> None:
    """Send the metrics, or leave them for Model Monitor's schedule."""
    at = job.end or datetime.now(UTC)
    both = [metrics.stamped(part, job.endpoint, job.schedule, at) for part in (data, model)]
    if job.model_monitor:
        metrics.write([*both[0], *both[1]])
    else:
        for part, namespace in zip(both, namespaces, strict=True):
            metrics.publish(part, namespace)


# Places.


@contextmanager
def local(source: str | None) -> Iterator[Path | None]:
    """Yield the folder, or a copy of what is under the `s3://` prefix."""
    if not source or not source.startswith(capture.S3):
        yield Path(source) if source else None
        return
    with TemporaryDirectory(prefix="categoriser-") as name:
        for file in capture.find(source):
            copy = Path(name) / file.removeprefix(source).lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            capture.fetch(file, copy)
        yield Path(name)


def _folder(job: Job) -> str:
    """Return the reports' folder as Model Monitor names it, where its schedule does not."""
    if job.model_monitor or not (job.end and job.endpoint):
        return ""
    return f"{job.endpoint}/{job.schedule or 'monitor'}/{job.end:%Y/%m/%d/%H}"


def _files(job: Job) -> str:
    """Return a data set's files: a folder's stand for what is in it."""
    return f"{job.source.rstrip('/')}/**/*" if Path(job.source).is_dir() else job.source


def _beside(baseline: Path, otherwise: Path) -> Path:
    """Return the file of the baseline's folder, as a release keeps it, or the project's own."""
    kept = baseline / otherwise.name
    return kept if kept.exists() else otherwise


def _read(
    file: Path | None, baseline: Path | None, name: str, load: Callable[[Any], T]
) -> T | None:
    """Read the file that is named, else the baseline's, if there is one."""
    path = file or (baseline / name if baseline else None)
    if path and path.is_dir():
        path /= name
    return load(read_json(path, MADE_BY)) if path else None


def _message(job: Job, count: int, violations: Sequence[Violation]) -> str:
    """Return the exit message; what is violated stands by type, since SageMaker shows its start."""
    rows = f"{count:,} rows{_window(job)}"
    if not violations:
        return f"Completed: no violations in {rows}"
    names: dict[str, list[str]] = {}
    for one in violations:
        names.setdefault(one.constraint_check_type, []).append(one.feature_name)
    what = "; ".join(f"{kind}: {', '.join(found)}" for kind, found in names.items())
    return f"CompletedWithViolations: {len(violations)} in {rows}: {what}"


def _window(job: Job) -> str:
    times = (job.start, job.end)
    return "".join(
        f" {word} {at:%Y-%m-%dT%H:%MZ}"
        for word, at in zip(("from", "to"), times, strict=True)
        if at
    )


def _unread(problems: Problems) -> str:
    count = sum(problems.counts.values())
    return f"; {count:,} captures or parts of them could not be read" if count else ""


# Entry points.


def process() -> str:
    """Run the job that the environment describes."""
    settings = read_settings()
    return check(from_environment(os.environ, settings), settings, Console())


def main() -> None:
    parser = argparse.ArgumentParser(prog="make monitor", description=__doc__)
    parser.add_argument("source", metavar="CAPTURE", help="a folder or an s3://bucket/prefix")
    parser.add_argument("--truth", help="labels, in such a place")
    parser.add_argument("--start", type=_time, help="of the window, in ISO 8601")
    parser.add_argument("--end", type=_time)
    parser.add_argument("--output", type=Path, default=paths.MONITOR)
    arguments = parser.parse_args()
    settings = read_settings()
    job = Job(
        baseline=str(paths.BASELINE),
        preprocessor=settings.features.preprocessor,
        postprocessor=settings.features.postprocessor,
        **vars(arguments),
    )
    check(job, settings, Console())


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=time.tzinfo or UTC)


if __name__ == "__main__":
    run(main)
