"""The statistics of what a run is asked to judge: captures, a data set, or a summary's file."""

from pathlib import Path

from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.formats.event_files import event_files
from categoriser.monitor.formats.feature_statistics import Statistics
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.statistics_file import read_statistics
from categoriser.monitor.monitor_settings import MonitorSettings
from categoriser.monitor.summaries.summary import summarise_dataset
from categoriser.monitor.summaries.summary_statistics import statistics_of
from categoriser.monitor.watching.capture_summary import summarise_captures
from categoriser.monitor.watching.watched_captures import Watching


def window_statistics(
    job: MonitorRequest, baseline: Path | None, settings: MonitorSettings
) -> tuple[Statistics, Problems]:
    if job.format == "statistics":
        return read_statistics(Path(job.source), "the summary"), Problems()
    if job.format != "captures":
        rows = summarise_dataset(dataset_files(job), job.format, header=job.header)
        return statistics_of(rows), Problems()
    problems = Problems()
    watching = watching_of(job, baseline, settings)
    summary, found = summarise_captures(window_files(job, problems), watching)
    problems.merge(found)
    return watching.statistics(summary, problems), problems


def window_files(job: MonitorRequest, problems: Problems) -> list[str]:
    return event_files(job.source, job.start, job.end, problems)


def watching_of(job: MonitorRequest, baseline: Path | None, settings: MonitorSettings) -> Watching:
    leave_out = tuple(settings.features.leave_out)
    return Watching(baseline, job.start, job.end, job.preprocessor, leave_out)


def dataset_files(job: MonitorRequest) -> str:
    """Return a data set's files, as a pattern of all in it where it is a folder."""
    return f"{job.source.rstrip('/')}/**/*" if Path(job.source).is_dir() else job.source
