"""A run of the monitor: captures or a data set in; statistics, violations, metrics, report out.

`make monitor` calls it, and `process monitor` in a job.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from categoriser import paths
from categoriser.errors import UserError
from categoriser.monitor.checks.baseline_folder import local_baseline
from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.checks.judgement import judge_window
from categoriser.monitor.checks.monitor_request import DatasetFormat, MonitorRequest
from categoriser.monitor.checks.request_environment import (
    in_utc,
    live_endpoint,
    request_from_environment,
)
from categoriser.monitor.checks.run_message import window_words
from categoriser.monitor.checks.window_statistics import (
    watching_of,
    window_files,
    window_statistics,
)
from categoriser.monitor.comparison.suggested_constraints import suggest_constraints
from categoriser.monitor.formats.constraints import CONSTRAINTS_FILE, write_constraints
from categoriser.monitor.formats.event_files import find_files
from categoriser.monitor.formats.feature_statistics import Statistics
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.quality_figures import (
    QUALITY_STATISTICS_FILE,
    write_quality_statistics,
)
from categoriser.monitor.formats.statistics_file import STATISTICS_FILE, write_statistics
from categoriser.monitor.formats.violations import (
    QUALITY_VIOLATIONS_FILE,
    VIOLATIONS_FILE,
    write_violations,
)
from categoriser.monitor.model_check import check_model
from categoriser.monitor.monitor_settings import MonitorSettings, read_monitor_settings
from categoriser.monitor.reporting.published_metrics import metrics_of_result, publish_metrics
from categoriser.monitor.reporting.report_page import write_report
from categoriser.monitor.reporting.terminal_report import SAMPLE_TEXTS, show_result
from categoriser.monitor.watching.team_scripts import load_postprocessor
from categoriser.monitor.watching.watched_captures import NewText
from categoriser.plural import plural


def check_window(
    job: MonitorRequest, settings: MonitorSettings, console: Console | None = None
) -> str:
    """Run a job, show its report on the console, and return the exit message.

    Raises `UserError` for what is missing or wrong apart from the captures' content, which the
    report counts.
    """
    # It is loaded first: that a script cannot be is told before the work is done.
    postprocess = load_postprocessor(job.postprocessor) if job.postprocessor else None
    with local_baseline(job.baseline) as baseline:
        if job.model_quality:
            return _told(check_model(job, baseline, settings), console)
        current, problems = window_statistics(job, baseline, settings)
        if job.suggests:
            return _told(suggest_baseline(job, current, problems), console)
        result, fault = judge_window(job, baseline, current, problems, settings)
        if job.samples and job.format == "captures":
            result = replace(result, samples=_sample_texts(job, baseline, settings))
    folder = job.output / _folder(job)
    write_result(result, folder)
    if console:
        show_result(result, console)
        console.print(f"{folder / 'report.html'} shows more", highlight=False)
    if job.namespaces and (current.item_count or result.violations):
        publish_metrics(job, job.namespaces, *metrics_of_result(result, settings))
    if postprocess:
        postprocess()
    # Last, so that what was found is not lost.
    if fault:
        raise fault
    if problems.seen["unread"] and not current.item_count:
        raise nothing_read(problems)
    return result.message


def _sample_texts(
    job: MonitorRequest, baseline: Path | None, settings: MonitorSettings
) -> list[NewText]:
    # What cannot be read has been counted.
    files = window_files(job, Problems())
    return watching_of(job, baseline, settings).new_texts(files, job.samples)


def write_result(result: CheckResult, folder: Path) -> None:
    """Write what was found into a folder: Model Monitor's documents, and the report."""
    write_statistics(folder / STATISTICS_FILE, result.current)
    write_constraints(folder / CONSTRAINTS_FILE, result.constraints)
    of_data = [violation for violation in result.violations if not violation.of_model]
    write_violations(folder / VIOLATIONS_FILE, of_data)
    if result.quality:
        of_model = [violation for violation in result.violations if violation.of_model]
        write_quality_statistics(folder / QUALITY_STATISTICS_FILE, result.quality.statistics)
        write_violations(folder / QUALITY_VIOLATIONS_FILE, of_model)
    write_report(result, folder)


def check_endpoints(
    environment: Mapping[str, str], settings: MonitorSettings, console: Console
) -> str:
    """Judge each endpoint that has captures in the window, or in that of the labels.

    A release has an endpoint and a baseline of its own: captures of one are not held against
    another's. Raises `UserError` for those that could not be judged, when the others have been.
    """
    whole = request_from_environment(environment, settings)
    since = whole.start - whole.label_lag if whole.start and whole.truth else whole.start
    files = find_files(whole.source, since, whole.end)
    names = {file[len(whole.source) :].strip("/").split("/")[0] for file in files}
    # It is asked about without captures too: that there are none may be the fault.
    names.add(live_endpoint(environment))
    told = []
    failed = []
    for name in sorted(names - {""}):
        own = {**environment, "sagemaker_endpoint_name": name}
        try:
            job = request_from_environment(own, settings)
            message = check_window(replace(job, history=job.source), settings, console)
            told.append(f"{message} ({name})")
        except Exception as error:
            logging.exception("the endpoint %s could not be judged", name)
            failed.append(f"{error} ({name})")
    # SageMaker shows the start, and "CompletedWith" sorts after "Completed:".
    told.sort(reverse=True)
    if failed:
        raise UserError("; ".join(failed + told))
    return "; ".join(told) or f"Completed: no data{window_words(whole)}"


def suggest_baseline(job: MonitorRequest, current: Statistics, problems: Problems) -> str:
    """Write the files of a baseline. Raises `UserError` where no capture could be read."""
    if not current.item_count:
        if problems.seen["unread"]:
            raise nothing_read(problems)
        return "; ".join([f"Completed: no data{window_words(job)}", *problems.notes()])
    write_statistics(job.output / STATISTICS_FILE, current)
    write_constraints(job.output / CONSTRAINTS_FILE, suggest_constraints(current))
    said = f"Completed: a baseline of {plural(current.item_count, 'row')} is suggested"
    return "; ".join([said, *problems.notes()])


def nothing_read(problems: Problems) -> UserError:
    faults = [
        f"{kind} ({count}), first at {problems.places[kind][0]}"
        for kind, count in problems.counts.items()
    ]
    return UserError(f"no capture could be read: {'; '.join(faults)}")


def _told(message: str, console: Console | None) -> str:
    """Print a message, if there is a console, and return it."""
    if console:
        console.print(message, markup=False, highlight=False)
    return message


def _folder(job: MonitorRequest) -> str:
    """Return the reports' folder as Model Monitor names it, where its schedule does not."""
    if job.model_monitor or not (job.end and job.endpoint):
        return ""
    return f"{job.endpoint}/{job.schedule or 'monitor'}/{job.end:%Y/%m/%d/%H}"


def check_here(
    source: str,
    truth: str | None,
    start: str | None,
    end: str | None,
    form: DatasetFormat,
    output: Path,
) -> None:
    """Judge a window of captures or of a data set by the project's own baseline, and print it.

    Raises `UserError` for a time that is not in ISO 8601, and as `check_window`.
    """
    settings = read_monitor_settings()
    job = MonitorRequest(
        source=source,
        output=output,
        format=form,
        truth=truth,
        start=in_utc("start", start) if start else None,
        end=in_utc("end", end) if end else None,
        baseline=str(paths.BASELINE),
        samples=SAMPLE_TEXTS,
        preprocessor=settings.features.preprocessor,
        postprocessor=settings.features.postprocessor,
    )
    check_window(job, settings, Console())
