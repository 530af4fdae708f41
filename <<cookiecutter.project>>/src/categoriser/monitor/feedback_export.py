"""`make feedback`: labels joined to captures; the figures told, the labelled rows exported."""

import sys

from msgspec import structs

from categoriser.io.documents import read_json
from categoriser.monitor.formats.baseline_facts import BASELINE_MADE_BY, read_baseline_facts
from categoriser.monitor.formats.constraints import load_quality_constraints
from categoriser.monitor.formats.event_files import event_files
from categoriser.monitor.formats.ground_truth import ground_truth_rows
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.quality_figures import QUALITY_CONSTRAINTS_FILE
from categoriser.monitor.labels.bad_labels import bad_labels_warning, count_bad_labels
from categoriser.monitor.labels.export import export_labelled
from categoriser.monitor.labels.label_join import join_labels
from categoriser.monitor.labels.model_quality import QualityResult, judge_model
from categoriser.monitor.monitor_settings import read_monitor_settings
from categoriser.monitor.watching.watched_captures import Watching, with_country
from categoriser.params import read_params
from categoriser.paths import BASELINE, FEEDBACK, GENERATED


def export_feedback(captured: str, labels: str) -> None:
    """Measure the captured rows that labels came back for, and export them as data.

    Both are a folder or `s3://bucket/prefix`. Raises `UserError` as what it calls.
    """
    settings = read_monitor_settings()
    params = read_params()
    problems = Problems()
    watching = Watching(BASELINE, preprocessor=settings.features.preprocessor)
    captures = event_files(captured, None, None, problems)
    frames = with_country(watching, captures, problems)
    truths = ground_truth_rows(event_files(labels, None, None, problems), problems)
    facts = read_baseline_facts(BASELINE)
    bounds = load_quality_constraints(
        read_json(BASELINE / QUALITY_CONSTRAINTS_FILE, BASELINE_MADE_BY)
    )
    with join_labels(frames, truths, facts.classes, settings.quality) as labelled:
        quality = judge_model(
            labelled,
            bounds,
            facts,
            settings.quality,
            params.evaluate,
            params.gate.max_slice_gap,
        )
        _tell(quality, problems)
        warning = bad_labels_warning(count_bad_labels(labelled), settings.quality)
        if warning:
            sys.stdout.write(f"warning: {warning}\n")
        sys.stdout.flush()
        counts = export_labelled(labelled, settings.quality, FEEDBACK, params.evaluate.slices)
    train, holdout = (f"{count:,} rows in {FEEDBACK / part}.csv" for part, count in counts.items())
    # One's own data may hold earlier feedback by now: the file that they were made of does not.
    before = GENERATED if params.data.path == GENERATED else "my.csv"
    sys.stdout.write(
        f"{train}, {holdout} (never train on these). "
        f"Next: make data FILE='{before} {FEEDBACK}/train.csv'\n"
    )


def _tell(quality: QualityResult, problems: Problems) -> None:
    """Print what was not read, what was joined, the figures, and the violations."""
    for name, count in (problems.counts | structs.asdict(quality.joined)).items():
        sys.stdout.write(f"{name.replace('_', ' ')}: {count}\n")
    for name, figure in (quality.statistics.figures() | quality.gaps).items():
        sys.stdout.write(f"{name}: {figure.value:.4f} +/- {figure.standard_deviation:.4f}\n")
    for violation in quality.violations:
        sys.stdout.write(f"{violation.feature_name}: {violation.description}\n")
