"""`make feedback`: labels joined to captures; the figures told, the labelled rows exported."""

import sys

from categoriser.io.documents import read_json
from categoriser.monitor.formats.baseline_facts import BASELINE_MADE_BY, FACTS_FILE
from categoriser.monitor.formats.constraints import load_quality_constraints
from categoriser.monitor.formats.event_files import event_files
from categoriser.monitor.formats.ground_truth import ground_truth_rows
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.quality_figures import QUALITY_CONSTRAINTS_FILE
from categoriser.monitor.labels.bad_labels import bad_labels_warning, count_bad_labels
from categoriser.monitor.labels.export import export_labelled
from categoriser.monitor.labels.label_join import join_labels
from categoriser.monitor.labels.model_quality import judge_model
from categoriser.monitor.labels.quality_statistics import quality_figures
from categoriser.monitor.monitor_settings import read_monitor_settings
from categoriser.monitor.watching.watched_captures import Watching, with_country
from categoriser.params import read_params
from categoriser.paths import BASELINE, FEEDBACK, GENERATED


def export_feedback(captured: str, labels: str) -> None:
    """Measure the captured rows that labels came back for, and export them as data.

    Both are a folder or `s3://bucket/prefix`. Raises `UserError` as what it calls.
    """
    settings, params, problems = read_monitor_settings(), read_params(), Problems()
    watching = Watching(BASELINE, preprocessor=settings.features.preprocessor)
    captures = event_files(captured, None, None, problems)
    frames = with_country(watching, captures, problems)
    truths = ground_truth_rows(event_files(labels, None, None, problems), problems)
    facts = read_json(BASELINE / FACTS_FILE, BASELINE_MADE_BY)
    bounds = load_quality_constraints(
        read_json(BASELINE / QUALITY_CONSTRAINTS_FILE, BASELINE_MADE_BY)
    )
    with join_labels(frames, truths, facts["classes"], settings.quality) as labelled:
        of_slices = params.evaluate, params.gate.max_slice_gap
        found = judge_model(labelled, bounds, facts, settings.quality, *of_slices)
        for name, count in (problems.counts | labelled.counts).items():
            sys.stdout.write(f"{name.replace('_', ' ')}: {count}\n")
        for name, figure in (quality_figures(found.statistics) | found.gaps).items():
            value, error = figure["value"], figure["standard_deviation"]
            sys.stdout.write(f"{name}: {value:.4f} +/- {error:.4f}\n")
        for violation in found.violations:
            sys.stdout.write(f"{violation.feature_name}: {violation.description}\n")
        if said := bad_labels_warning(count_bad_labels(labelled), settings.quality):
            sys.stdout.write(f"warning: {said}\n")
        sys.stdout.flush()
        counts = export_labelled(labelled, settings.quality, FEEDBACK, params.evaluate.slices)
    train, holdout = (f"{count:,} rows in {FEEDBACK / part}.csv" for part, count in counts.items())
    # One's own data may hold earlier feedback by now: the file that they were made of does not.
    before = GENERATED if params.data.path == GENERATED else "my.csv"
    sys.stdout.write(
        f"{train}, {holdout} (never train on these). "
        f"Next: make data FILE='{before} {FEEDBACK}/train.csv'\n"
    )
