"""A window's statistics, captures and labels, held against the baseline."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from categoriser import paths
from categoriser.errors import UserError
from categoriser.io.documents import read_json
from categoriser.monitor.calibration.thresholds import CalibratedThresholds
from categoriser.monitor.checks.baseline_folder import needed_baseline, read_of_baseline
from categoriser.monitor.checks.capture_coverage import (
    CaptureCoverage,
    check_coverage,
    count_coverage,
)
from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.checks.label_judgement import judge_labels
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.checks.run_message import run_message
from categoriser.monitor.comparison.constraint_checks import check_constraints
from categoriser.monitor.comparison.feature_drift import drifts_from
from categoriser.monitor.comparison.suggested_constraints import (
    overridden_constraints,
    suggest_constraints,
    without_features,
)
from categoriser.monitor.formats.baseline_facts import BASELINE_MADE_BY, FACTS_FILE
from categoriser.monitor.formats.constraints import (
    CONSTRAINTS_FILE,
    Constraints,
    load_constraints,
    load_quality_constraints,
)
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.quality_figures import (
    QUALITY_CONSTRAINTS_FILE,
    QUALITY_STATISTICS_FILE,
)
from categoriser.monitor.formats.statistics import STATISTICS_FILE, Statistics, load_statistics
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.labels.label_drift import GROUND_TRUTH_FEATURE
from categoriser.monitor.labels.quality_statistics import quality_figures
from categoriser.monitor.labels.slice_gaps import SLICE_GAP_PREFIX
from categoriser.monitor.monitor_settings import MonitorSettings
from categoriser.monitor.watching.watched_captures import in_common
from categoriser.params import read_sections


def judge_window(
    job: MonitorRequest,
    baseline: Path | None,
    current: Statistics,
    problems: Problems,
    settings: MonitorSettings,
) -> tuple[CheckResult, UserError | None]:
    """Hold the statistics, and the labels where there are any, against the baseline.

    What is wrong with the labels, or in asking for the endpoint's calls, comes beside the result,
    so that the rest is not lost.
    """
    before = read_of_baseline(job.statistics, baseline, STATISTICS_FILE, load_statistics)
    suggested = suggest_constraints(before) if before else Constraints()
    bounds = (
        read_of_baseline(job.constraints, baseline, CONSTRAINTS_FILE, load_constraints) or suggested
    )
    bounds = overridden_constraints(bounds, job.categorical_method, settings)
    facts = (
        read_json(baseline / FACTS_FILE, BASELINE_MADE_BY)
        if baseline and (baseline / FACTS_FILE).exists()
        else {}
    )
    if baseline and facts:
        check_names(bounds, baseline, facts, settings)
    thresholds, power, least = None, [], 0
    if settings.thresholds.profile == "calibrated" and baseline and facts:
        check_watched(facts, job, settings)
        own = read_sections(baseline / paths.THRESHOLDS.name, CalibratedThresholds)
        least = settings.thresholds.min_rows
        thresholds, power = own.at(max(1, current.item_count)), own.power
        for name, override in settings.overrides.items():
            if override.threshold is not None:
                thresholds[name] = override.threshold
    bounds = without_features(bounds, current.not_captured)
    drifts = drifts_from(current, before, bounds, thresholds)
    enough = current.item_count >= least
    violations = check_constraints(current, bounds, drifts) if enough else []
    seen, unseen, no_calls = see_coverage(job, problems, settings)
    labelled, no_labels = None, None
    if job.truth:
        try:
            labelled = judge_labels(job, needed_baseline(baseline), problems, settings)
            violations += labelled.violations
        except UserError as error:
            no_labels = error
    violations = unseen + violations
    message = run_message(job, current.item_count, violations, enough)
    result = CheckResult(
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
        accuracy_before=baseline_accuracy(baseline) if labelled else None,
        model=facts.get("model", ""),
        least_rows=least,
        faults=[str(fault) for fault in (no_calls, no_labels) if fault],
    )
    return result, no_labels or no_calls


def see_coverage(
    job: MonitorRequest, problems: Problems, settings: MonitorSettings
) -> tuple[CaptureCoverage | None, list[Violation], UserError | None]:
    """Return how much of what was served was seen, where that is too little, and a fault."""
    if job.format != "captures":
        return None, [], None
    fault = None
    try:
        found = count_coverage(job, problems)
    except UserError as error:
        found, fault = count_coverage(replace(job, variant=""), problems), error
    return found, check_coverage(found, settings.captures), fault


def baseline_accuracy(baseline: Path | None) -> float | None:
    """Return the accuracy on the held-out rows, which the baseline's folder holds."""
    document = read_json(needed_baseline(baseline) / QUALITY_STATISTICS_FILE, BASELINE_MADE_BY)
    figure = quality_figures(document).get("accuracy")
    return figure["value"] if figure else None


def check_names(
    bounds: Constraints, baseline: Path, facts: Mapping[str, Any], settings: MonitorSettings
) -> None:
    """Raise `UserError` for a name in the settings that nothing watched has.

    An alarm may also be of a figure of the model, of the labels, or of a slice's gap.
    """
    watched = {feature.name for feature in bounds.features}
    figures = read_json(baseline / QUALITY_CONSTRAINTS_FILE, BASELINE_MADE_BY)
    gaps = {f"{SLICE_GAP_PREFIX}{column}" for column in facts["evaluate"]["slices"]}
    of_model = load_quality_constraints(figures).multiclass_classification_constraints
    known = {*watched, *gaps, *of_model, GROUND_TRUTH_FEATURE}
    alarms = "alarms.features", settings.alarms.features, known
    for key, names, allowed in (("overrides", settings.overrides, watched), alarms):
        if unknown := sorted({*names} - allowed):
            raise UserError(f"{paths.MONITORING}: {key}: there is no feature {unknown[0]!r}")


def check_watched(facts: Mapping[str, Any], job: MonitorRequest, settings: MonitorSettings) -> None:
    """Raise `UserError` where the baseline was not watched as the captures are."""
    if facts["watched"] != in_common(settings.features.leave_out, job.preprocessor):
        raise UserError(
            f"the baseline was made with another preprocessor or leave_out than {paths.MONITORING} "
            "has now; `dvc repro --force baseline` makes it anew"
        )
