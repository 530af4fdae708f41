"""The model, judged by ground truth that is joined to its captured answers."""

from dataclasses import replace
from pathlib import Path

from msgspec import structs

from categoriser.monitor.checks.baseline_folder import read_of_baseline
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.formats.baseline_facts import read_baseline_facts
from categoriser.monitor.formats.constraints import load_quality_constraints
from categoriser.monitor.formats.event_files import event_files
from categoriser.monitor.formats.ground_truth import ground_truth_rows
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.quality_figures import QUALITY_CONSTRAINTS_FILE
from categoriser.monitor.labels.label_join import join_labels
from categoriser.monitor.labels.model_quality import QualityResult, judge_model
from categoriser.monitor.monitor_settings import MonitorSettings
from categoriser.monitor.watching.watched_captures import Watching, with_country
from categoriser.params import Evaluate


def judge_labels(
    job: MonitorRequest, baseline: Path, problems: Problems, settings: MonitorSettings
) -> QualityResult:
    """Join ground truth to the captures and judge the model by it.

    The labels may be collected at any time: of those in the source, the ones that belong to the
    window's captures are judged, and the others counted. `problems` takes those of the labels.
    """
    start = job.start and job.start - job.label_lag
    end = job.end and job.end - job.label_lag
    watching = Watching(baseline, start, end, job.preprocessor)
    captures = event_files(job.history or job.source, start, end, Problems())
    frames = with_country(watching, captures, Problems())
    # A label is never older than its prediction.
    of_labels = Problems()
    truths = ground_truth_rows(event_files(job.truth or "", start, None, of_labels), of_labels)
    facts = read_baseline_facts(baseline)
    with join_labels(frames, truths, facts.classes, settings.quality) as labelled:
        # The join counts what was read of them.
        problems.merge(replace(of_labels, seen={}))
        own = job.constraints if job.model_quality else None
        bounds = read_of_baseline(own, baseline, QUALITY_CONSTRAINTS_FILE, load_quality_constraints)
        evaluate = Evaluate.model_validate(structs.asdict(facts.evaluate))
        return judge_model(labelled, bounds, facts, settings.quality, evaluate, facts.max_slice_gap)
