"""The analysis of the model's answers alone: Model Monitor's other one."""

from pathlib import Path

from categoriser.monitor.checks.baseline_folder import needed_baseline, read_of_baseline
from categoriser.monitor.checks.label_judgement import judge_labels
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.checks.run_message import run_message, window_words
from categoriser.monitor.checks.window_statistics import dataset_files
from categoriser.monitor.comparison.constraint_checks import check_quality_constraints
from categoriser.monitor.comparison.suggested_constraints import suggest_quality_constraints
from categoriser.monitor.formats.constraints import (
    CONSTRAINTS_FILE,
    load_quality_constraints,
    write_constraints,
)
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.quality_figures import (
    QUALITY_CONSTRAINTS_FILE,
    write_quality_statistics,
)
from categoriser.monitor.formats.statistics_file import STATISTICS_FILE
from categoriser.monitor.formats.violations import VIOLATIONS_FILE, write_violations
from categoriser.monitor.labels.quality_statistics import statistics_of_answers
from categoriser.monitor.monitor_settings import MonitorSettings
from categoriser.monitor.reporting.cloudwatch_metrics import metrics_of_quality
from categoriser.monitor.reporting.published_metrics import publish_metrics
from categoriser.plural import plural


def check_model(job: MonitorRequest, baseline: Path | None, settings: MonitorSettings) -> str:
    """Judge the model by labelled answers alone, or suggest constraints for it."""
    if job.format == "captures":
        judged = judge_labels(job, needed_baseline(baseline), Problems(), settings)
        statistics = judged.statistics
    else:
        judged = None
        statistics = statistics_of_answers(dataset_files(job), job.format, job.answer, job.label)
    rows = statistics.dataset.item_count
    if not rows:
        return f"Completed: no labelled answers{window_words(job)}"
    figures = statistics.figures()
    write_quality_statistics(job.output / STATISTICS_FILE, statistics)
    if job.suggests:
        values = {name: figure.value for name, figure in figures.items()}
        write_constraints(job.output / CONSTRAINTS_FILE, suggest_quality_constraints(values))
        return f"Completed: a baseline of {plural(rows, 'labelled answer')} is suggested"
    if judged:
        violations = judged.violations
    else:
        bounds = read_of_baseline(
            job.constraints, baseline, QUALITY_CONSTRAINTS_FILE, load_quality_constraints
        )
        violations = check_quality_constraints(figures, bounds) if bounds else []
    write_violations(job.output / VIOLATIONS_FILE, violations)
    if job.namespaces:
        publish_metrics(job, job.namespaces, [], metrics_of_quality(figures))
    return run_message(job, rows, violations)
