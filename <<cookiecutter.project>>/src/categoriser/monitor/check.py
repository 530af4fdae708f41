"""A run of the monitor: captures or a data set in; statistics, violations, metrics, report out.

`make monitor` calls it, and `process monitor` in a job.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from rich.console import Console

from categoriser import paths
from categoriser.errors import UserError
from categoriser.io.documents import read_json
from categoriser.io.replacing import write_json
from categoriser.io.s3_uri import is_s3
from categoriser.monitor import coverage, metrics, quality, report, watching
from categoriser.monitor.calibrate import Thresholds
from categoriser.monitor.coverage import Coverage
from categoriser.monitor.formats import capture, constraints, statistics
from categoriser.monitor.formats.constraints import Constraints, Violation
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.statistics import Statistics
from categoriser.monitor.job import Format, Job, from_environment, in_utc, live_endpoint
from categoriser.monitor.settings import Settings, read_settings
from categoriser.monitor.summary import summarise_dataset
from categoriser.monitor.watching import FACTS, MADE_BY, Watching, in_common, summarise_captures
from categoriser.params import Evaluate, read_sections
from categoriser.plural import plural

STATISTICS, CONSTRAINTS = statistics.FILE, "constraints.json"
# The container's page of AWS says "constraints_violations", their container writes the other.
VIOLATIONS = "constraint_violations.json"
MODEL_VIOLATIONS = f"model_quality_{VIOLATIONS}"
T = TypeVar("T")


def check(job: Job, settings: Settings, console: Console | None = None) -> str:
    """Run a job, show its report on the console, and return the exit message.

    Raises `UserError` for what is missing or wrong apart from the captures' content, which the
    report counts.
    """
    # Loaded first: a script that cannot be is told before the work is done.
    finish = watching.load_postprocessor(job.postprocessor) if job.postprocessor else None
    with local(job.baseline) as baseline:
        if job.model_quality:
            return said(check_model(job, baseline, settings), console)
        current, problems = summarise(job, baseline, settings)
        if job.suggests:
            return said(suggest(job, current, problems), console)
        result, fault = judge(job, baseline, current, problems, settings)
        if job.samples and job.format == "captures":
            files = listed(job, Problems())
            texts = of_captures(job, baseline, settings).new_texts(files, job.samples)
            result = replace(result, samples=texts)
    folder = job.output / _folder(job)
    write_json(folder / STATISTICS, statistics.dump(current))
    write_json(folder / CONSTRAINTS, constraints.dump(result.constraints))
    of_model = [v for v in result.violations if v.of_model]
    of_data = [v for v in result.violations if not v.of_model]
    write_json(folder / VIOLATIONS, constraints.dump_violations(of_data))
    if result.quality:
        write_json(folder / quality.STATISTICS, result.quality["statistics"])
        write_json(folder / MODEL_VIOLATIONS, constraints.dump_violations(of_model))
    report.write(result, folder)
    if console:
        report.show(result, console)
        console.print(f"{folder / 'report.html'} shows more", highlight=False)
    if job.namespaces and (current.item_count or result.violations):
        publish(job, job.namespaces, *of_result(result, settings))
    if finish:
        finish()
    # Last, so that what was found is not lost.
    if fault:
        raise fault
    if problems.seen["unread"] and not current.item_count:
        raise nothing_read(problems)
    return result.message


def check_each(environment: Mapping[str, str], settings: Settings, console: Console) -> str:
    """Judge each endpoint that has captures in the window, or in that of the labels.

    A release has an endpoint and a baseline of its own: captures of one are not held against
    another's. Raises `UserError` of those that could not be judged, when the others have been.
    """
    whole = from_environment(environment, settings)
    since = whole.start - whole.label_lag if whole.start and whole.truth else whole.start
    files = capture.find(whole.source, since, whole.end)
    names = {file[len(whole.source) :].strip("/").split("/")[0] for file in files}
    # It is asked about without captures too: that there are none may be the fault.
    names.add(live_endpoint(environment))
    told, failed = [], []
    for name in sorted(names - {""}):
        try:
            job = from_environment({**environment, "sagemaker_endpoint_name": name}, settings)
            told.append(f"{check(replace(job, history=job.source), settings, console)} ({name})")
        except Exception as error:
            logging.exception("the endpoint %s could not be judged", name)
            failed.append(f"{error} ({name})")
    # SageMaker shows the start, and "CompletedWith" sorts after "Completed:".
    told.sort(reverse=True)
    if failed:
        raise UserError("; ".join(failed + told))
    return "; ".join(told) or f"Completed: no data{_window(whole)}"


def suggest(job: Job, current: Statistics, problems: Problems) -> str:
    """Write the files of a baseline."""
    if not current.item_count:
        if problems.seen["unread"]:
            raise nothing_read(problems)
        return "; ".join([f"Completed: no data{_window(job)}", *problems.notes()])
    write_json(job.output / STATISTICS, statistics.dump(current))
    write_json(job.output / CONSTRAINTS, constraints.dump(constraints.suggest(current)))
    said = f"Completed: a baseline of {plural(current.item_count, 'row')} is suggested"
    return "; ".join([said, *problems.notes()])


def nothing_read(problems: Problems) -> UserError:
    counts = problems.counts.items()
    faults = (f"{kind} ({count}), first at {problems.places[kind][0]}" for kind, count in counts)
    return UserError(f"no capture could be read: {'; '.join(faults)}")


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
        document = quality.of_answers(_files(job), job.format, job.answer, job.label)
        violations = []
    figures, rows = quality.metrics(document), document["dataset"]["item_count"]
    if not rows:
        return f"Completed: no labelled answers{_window(job)}"
    write_json(job.output / STATISTICS, document)
    if job.suggests:
        suggested = constraints.dump(constraints.suggest_quality(figures))
        write_json(job.output / CONSTRAINTS, suggested)
        return f"Completed: a baseline of {plural(rows, 'labelled answer')} is suggested"
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
            f"labels are judged with the folder that `{MADE_BY}` writes: name it in the "
            "environment variable baseline"
        )
    return baseline


def summarise(job: Job, baseline: Path | None, settings: Settings) -> tuple[Statistics, Problems]:
    if job.format == "statistics":
        return statistics.load(read_json(Path(job.source), "the summary")), Problems()
    if job.format != "captures":
        rows = summarise_dataset(_files(job), job.format, header=job.header)
        return statistics.of_summary(rows), Problems()
    problems, how = Problems(), of_captures(job, baseline, settings)
    summary, found = summarise_captures(listed(job, problems), how)
    problems.merge(found)
    return how.statistics(summary, problems), problems


def listed(job: Job, problems: Problems) -> list[str]:
    return capture.listed(job.source, job.start, job.end, problems)


def of_captures(job: Job, baseline: Path | None, settings: Settings) -> Watching:
    leave_out = tuple(settings.features.leave_out)
    return Watching(baseline, job.start, job.end, job.preprocessor, leave_out)


def judge(
    job: Job, baseline: Path | None, current: Statistics, problems: Problems, settings: Settings
) -> tuple[report.Result, UserError | None]:
    """Hold the statistics, and the labels where there are any, against the baseline.

    What is wrong with the labels, or in asking for the endpoint's calls, comes beside the result,
    so that the rest is not lost.
    """
    before = _read(job.statistics, baseline, STATISTICS, statistics.load)
    suggested = constraints.suggest(before) if before else Constraints()
    bounds = _read(job.constraints, baseline, CONSTRAINTS, constraints.load) or suggested
    bounds = overridden(bounds, job.categorical_method, settings)
    facts = read_json(baseline / FACTS, MADE_BY) if baseline and (baseline / FACTS).exists() else {}
    if baseline and facts:
        check_names(bounds, baseline, facts, settings)
    thresholds, power, least = None, [], 0
    if settings.thresholds.profile == "calibrated" and baseline and facts:
        check_watched(facts, job, settings)
        own = read_sections(baseline / paths.THRESHOLDS.name, Thresholds)
        least = settings.thresholds.min_rows
        thresholds, power = own.at(max(1, current.item_count)), own.power
        for name, override in settings.overrides.items():
            if override.threshold is not None:
                thresholds[name] = override.threshold
    bounds = constraints.without(bounds, current.not_captured)
    drifts = constraints.compare(current, before, bounds, thresholds)
    enough = current.item_count >= least
    violations = constraints.check(current, bounds, drifts) if enough else []
    seen, unseen, no_calls = see(job, problems, settings)
    labelled, no_labels = None, None
    if job.truth:
        try:
            labelled = judge_labels(job, needed(baseline), problems, settings)
            violations += labelled.violations
        except UserError as error:
            no_labels = error
    violations = unseen + violations
    message = _message(job, current.item_count, violations, enough)
    result = report.Result(
        job=job,
        profile="compat" if thresholds is None else "calibrated",
        message="; ".join([message, *problems.notes()]),
        current=current,
        baseline=before,
        constraints=bounds,
        drifts=drifts,
        violations=violations,
        problems=problems,
        coverage=seen,
        power=power,
        quality=asdict(labelled) if labelled else None,
        accuracy_before=accuracy(baseline) if labelled else None,
        model=facts.get("model", ""),
        least_rows=least,
        faults=[str(fault) for fault in (no_calls, no_labels) if fault],
    )
    return result, no_labels or no_calls


def see(
    job: Job, problems: Problems, settings: Settings
) -> tuple[Coverage | None, list[Violation], UserError | None]:
    """Return how much of what was served was seen, where that is too little, and a fault."""
    if job.format != "captures":
        return None, [], None
    fault = None
    try:
        found = coverage.coverage(job, problems)
    except UserError as error:
        found, fault = coverage.coverage(replace(job, variant=""), problems), error
    return found, coverage.check(found, settings.captures), fault


def accuracy(baseline: Path | None) -> float | None:
    """Return the accuracy on the held-out rows, which the baseline's folder holds."""
    document = read_json(needed(baseline) / quality.STATISTICS, MADE_BY)
    figure = quality.metrics(document).get("accuracy")
    return figure["value"] if figure else None


def check_names(
    bounds: Constraints, baseline: Path, facts: Mapping[str, Any], settings: Settings
) -> None:
    """Raise `UserError` for a name in the settings that nothing watched has.

    An alarm may also be of a figure of the model, of the labels, or of a slice's gap.
    """
    watched = {feature.name for feature in bounds.features}
    figures = read_json(baseline / quality.CONSTRAINTS, MADE_BY)
    gaps = {f"{quality.SLICE_GAP}{column}" for column in facts["evaluate"]["slices"]}
    of_model = constraints.load_quality(figures).multiclass_classification_constraints
    known = {*watched, *gaps, *of_model, quality.GROUND_TRUTH}
    alarms = "alarms.features", settings.alarms.features, known
    for key, names, allowed in (("overrides", settings.overrides, watched), alarms):
        if unknown := sorted({*names} - allowed):
            raise UserError(f"{paths.MONITORING}: {key}: there is no feature {unknown[0]!r}")


def check_watched(facts: Mapping[str, Any], job: Job, settings: Settings) -> None:
    """Raise `UserError` where the baseline was not watched as the captures are."""
    if facts["watched"] != in_common(settings.features.leave_out, job.preprocessor):
        raise UserError(
            f"the baseline was made with another preprocessor or leave_out than {paths.MONITORING} "
            "has now; `dvc repro --force baseline` makes it anew"
        )


def judge_labels(
    job: Job, baseline: Path, problems: Problems, settings: Settings
) -> quality.QualityResult:
    """Join ground truth to the captures and judge the model by it.

    The labels may be collected at any time: of those in the source, the ones that belong to the
    window's captures are judged, and the others counted. `problems` takes those of the labels.
    """
    start, end = (time and time - job.label_lag for time in (job.start, job.end))
    watching = Watching(baseline, start, end, job.preprocessor)
    captures = capture.listed(job.history or job.source, start, end, Problems())
    frames = quality.with_country(watching, captures, Problems())
    # A label is never older than its prediction.
    of_labels = Problems()
    truths = capture.truths(capture.listed(job.truth or "", start, None, of_labels), of_labels)
    facts = read_json(baseline / FACTS, MADE_BY)
    with quality.join(frames, truths, facts["classes"], settings.quality) as labelled:
        # What was read of them the join counts.
        problems.merge(replace(of_labels, seen={}))
        own = job.constraints if job.model_quality else None
        bounds = _read(own, baseline, quality.CONSTRAINTS, constraints.load_quality)
        evaluate = Evaluate.model_validate(facts["evaluate"])
        return quality.model_quality(
            labelled, bounds, facts, settings.quality, evaluate, facts["max_slice_gap"]
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
        changed: dict[str, Any] = {} if override.evaluate else {"evaluate_constraints": "Disabled"}
        before = feature.get("monitoringConfigOverrides") or {}
        if override.threshold is not None:
            changed["distribution_constraints"] = before.get("distribution_constraints", {}) | {
                "comparison_threshold": override.threshold,
                "categorical_comparison_threshold": override.threshold,
            }
        feature["monitoringConfigOverrides"] = before | changed
    return constraints.load(document)


def of_result(result: report.Result, settings: Settings) -> tuple[list[Any], list[Any]]:
    """Return the metrics of the data, with those that the alarms watch, and the model's.

    Captures that are unread or missing are no drift, and count for alarms of their own.
    """
    data = metrics.of_statistics(result.current, result.drifts, result.constraints)
    watched = settings.alarms.features
    raised = [v for v in result.violations if not watched or v.feature_name in watched]
    of_data = [v for v in raised if not v.of_model and v.feature_name != coverage.FEATURE]
    alarmed: dict[str, float | None] = {
        metrics.VIOLATIONS: len(of_data),
        metrics.QUALITY_VIOLATIONS: sum(v.of_model for v in raised),
    }
    if result.coverage:
        alarmed[metrics.UNREAD_CAPTURES] = result.coverage.unread_share
        alarmed[metrics.MISSING_CAPTURES] = result.coverage.missing_share
    figures: dict[str, Any] = {}
    if result.quality:
        figures = quality.metrics(result.quality["statistics"]) | result.quality["gaps"]
    return data + metrics.of_alarms(alarmed), metrics.of_quality(figures)


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
    if not source or not is_s3(source):
        yield Path(source) if source else None
        return
    with TemporaryDirectory(prefix="categoriser-") as name:
        for file in capture.find(source):
            within = Path(file.removeprefix(source).lstrip("/"))
            if ".." in within.parts:
                raise UserError(f"{file} is no file of a baseline")
            capture.fetch(file, Path(name) / within)
        yield Path(name)


def _folder(job: Job) -> str:
    """Return the reports' folder as Model Monitor names it, where its schedule does not."""
    if job.model_monitor or not (job.end and job.endpoint):
        return ""
    return f"{job.endpoint}/{job.schedule or 'monitor'}/{job.end:%Y/%m/%d/%H}"


def _files(job: Job) -> str:
    """Return a data set's files: a folder's stand for what is in it."""
    return f"{job.source.rstrip('/')}/**/*" if Path(job.source).is_dir() else job.source


def _read(
    file: Path | None, baseline: Path | None, name: str, load: Callable[[Any], T]
) -> T | None:
    """Read the file that is named, else the baseline's, if there is one."""
    path = file or (baseline / name if baseline else None)
    if path and path.is_dir():
        path /= name
    try:
        return load(read_json(path, MADE_BY)) if path else None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _message(job: Job, count: int, violations: Sequence[Violation], enough: bool = True) -> str:
    """Return the exit message; what is violated stands by type, since SageMaker shows its start."""
    rows = f"{plural(count, 'row')}{_window(job)}" if count else f"no data{_window(job)}"
    if violations:
        names: dict[str, list[str]] = {}
        for one in violations:
            names.setdefault(one.constraint_check_type, []).append(one.feature_name)
        what = "; ".join(f"{kind}: {', '.join(found)}" for kind, found in names.items())
        return f"CompletedWithViolations: {len(violations)} in {rows}: {what}"
    if not count:
        return f"Completed: {rows}"
    return f"Completed: {'no violations in' if enough else 'too few to judge:'} {rows}"


def _window(job: Job) -> str:
    times = {"from": job.start, "to": job.end}.items()
    return "".join(f" {word} {at:%Y-%m-%dT%H:%MZ}" for word, at in times if at)


# Entry points.


def process() -> str:
    """Run the job that the environment describes."""
    settings, given = read_settings(), dict(os.environ)
    if given.get("scheduled_time") and not given.get("sagemaker_endpoint_name"):
        return check_each(given, settings, Console())
    return check(from_environment(given, settings), settings, Console())


def check_here(
    source: str, truth: str | None, start: str | None, end: str | None, form: Format, output: Path
) -> None:
    """Judge a window of captures or of a data set by the project's own baseline, and print it.

    Raises `UserError` for a time that is not in ISO 8601, and as `check`.
    """
    settings = read_settings()
    job = Job(
        source=source,
        output=output,
        format=form,
        truth=truth,
        start=in_utc("start", start) if start else None,
        end=in_utc("end", end) if end else None,
        baseline=str(paths.BASELINE),
        samples=report.SAMPLES,
        preprocessor=settings.features.preprocessor,
        postprocessor=settings.features.postprocessor,
    )
    check(job, settings, Console())
