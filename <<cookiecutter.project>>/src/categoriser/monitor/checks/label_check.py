"""The model, judged by labelled answers."""

from dataclasses import replace
from pathlib import Path

from categoriser.io.documents import read_json
from categoriser.io.replacing import write_json
from categoriser.monitor.checks.baseline_folder import needed_baseline, read_of_baseline
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.checks.run_message import run_message, window_words
from categoriser.monitor.checks.window_statistics import dataset_files
from categoriser.monitor.comparison.constraint_checks import check_quality_constraints
from categoriser.monitor.comparison.suggested_constraints import suggest_quality_constraints
from categoriser.monitor.formats.baseline_facts import BASELINE_MADE_BY, FACTS_FILE
from categoriser.monitor.formats.constraints import (
    CONSTRAINTS_FILE,
    dump_constraints,
    load_quality_constraints,
)
from categoriser.monitor.formats.event_files import event_files
from categoriser.monitor.formats.ground_truth import ground_truth_rows
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.quality_figures import QUALITY_CONSTRAINTS_FILE
from categoriser.monitor.formats.statistics import STATISTICS_FILE
from categoriser.monitor.formats.violations import VIOLATIONS_FILE, dump_violations
from categoriser.monitor.labels.label_join import join_labels
from categoriser.monitor.labels.model_quality import QualityResult, judge_model
from categoriser.monitor.labels.quality_statistics import quality_figures, statistics_of_answers
from categoriser.monitor.monitor_settings import MonitorSettings
from categoriser.monitor.reporting.cloudwatch_metrics import metrics_of_quality
from categoriser.monitor.reporting.published_metrics import publish_metrics
from categoriser.monitor.watching.watched_captures import Watching, with_country
from categoriser.params import Evaluate
from categoriser.plural import plural


def check_model(job: MonitorRequest, baseline: Path | None, settings: MonitorSettings) -> str:
    """Judge the model by labelled answers alone, or suggest constraints for it."""
    if job.format == "captures":
        found = judge_labels(job, needed_baseline(baseline), Problems(), settings)
        document, violations = found.statistics, found.violations
    else:
        document = statistics_of_answers(dataset_files(job), job.format, job.answer, job.label)
        violations = []
    figures, rows = quality_figures(document), document["dataset"]["item_count"]
    if not rows:
        return f"Completed: no labelled answers{window_words(job)}"
    write_json(job.output / STATISTICS_FILE, document)
    if job.suggests:
        suggested = dump_constraints(suggest_quality_constraints(figures))
        write_json(job.output / CONSTRAINTS_FILE, suggested)
        return f"Completed: a baseline of {plural(rows, 'labelled answer')} is suggested"
    if job.format != "captures":
        bounds = read_of_baseline(
            job.constraints, baseline, QUALITY_CONSTRAINTS_FILE, load_quality_constraints
        )
        violations = check_quality_constraints(figures, bounds) if bounds else []
    write_json(job.output / VIOLATIONS_FILE, dump_violations(violations))
    if job.namespaces:
        publish_metrics(job, job.namespaces, [], metrics_of_quality(figures))
    return run_message(job, rows, violations)


def judge_labels(
    job: MonitorRequest, baseline: Path, problems: Problems, settings: MonitorSettings
) -> QualityResult:
    """Join ground truth to the captures and judge the model by it.

    The labels may be collected at any time: of those in the source, the ones that belong to the
    window's captures are judged, and the others counted. `problems` takes those of the labels.
    """
    start, end = (time and time - job.label_lag for time in (job.start, job.end))
    watching = Watching(baseline, start, end, job.preprocessor)
    captures = event_files(job.history or job.source, start, end, Problems())
    frames = with_country(watching, captures, Problems())
    # A label is never older than its prediction.
    of_labels = Problems()
    truths = ground_truth_rows(event_files(job.truth or "", start, None, of_labels), of_labels)
    facts = read_json(baseline / FACTS_FILE, BASELINE_MADE_BY)
    with join_labels(frames, truths, facts["classes"], settings.quality) as labelled:
        # What was read of them the join counts.
        problems.merge(replace(of_labels, seen={}))
        own = job.constraints if job.model_quality else None
        bounds = read_of_baseline(own, baseline, QUALITY_CONSTRAINTS_FILE, load_quality_constraints)
        evaluate = Evaluate.model_validate(facts["evaluate"])
        return judge_model(
            labelled, bounds, facts, settings.quality, evaluate, facts["max_slice_gap"]
        )
