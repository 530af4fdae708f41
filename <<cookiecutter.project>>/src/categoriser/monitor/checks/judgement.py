"""A window's statistics, captures and labels, held against the baseline."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from categoriser import paths
from categoriser.errors import UserError
from categoriser.io.documents import read_json
from categoriser.monitor.calibration.thresholds import CalibratedThresholds, DetectableShift
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
from categoriser.monitor.formats.baseline_facts import (
    BASELINE_MADE_BY,
    FACTS_FILE,
    BaselineFacts,
    read_baseline_facts,
)
from categoriser.monitor.formats.constraints import (
    CONSTRAINTS_FILE,
    Constraints,
    load_constraints,
    load_quality_constraints,
)
from categoriser.monitor.formats.feature_statistics import Statistics
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.quality_figures import (
    QUALITY_CONSTRAINTS_FILE,
    read_quality_statistics,
)
from categoriser.monitor.formats.statistics_file import STATISTICS_FILE, load_statistics
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.labels.label_drift import GROUND_TRUTH_FEATURE
from categoriser.monitor.labels.model_quality import QualityResult
from categoriser.monitor.labels.slice_gaps import SLICE_GAP_PREFIX
from categoriser.monitor.monitor_settings import MonitorSettings
from categoriser.monitor.watching.watched_captures import watched_with
from categoriser.params import read_sections


@dataclass(frozen=True)
class WindowThresholds:
    """The calibrated thresholds for a window, by feature; None where constraints choose them.

    `power` says what windows can detect by them. A window of fewer than `least_rows` is not judged.
    """

    by_feature: dict[str, float] | None = None
    power: tuple[DetectableShift, ...] = ()
    least_rows: int = 0

    @property
    def profile(self) -> str:
        return "compat" if self.by_feature is None else "calibrated"


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
    bounds = window_constraints(job, baseline, before, settings)
    facts = own_facts(baseline)
    if baseline and facts:
        check_names(bounds, baseline, facts, settings)
    thresholds = window_thresholds(job, baseline, facts, current.item_count, settings)
    bounds = without_features(bounds, current.not_captured)
    drifts = drifts_from(current, before, bounds, thresholds.by_feature)
    enough = current.item_count >= thresholds.least_rows
    of_data = check_constraints(current, bounds, drifts) if enough else []
    coverage, unseen, no_calls = see_coverage(job, problems, settings)
    labelled, no_labels = see_labels(job, baseline, problems, settings)
    of_model = labelled.violations if labelled else []
    violations = [*unseen, *of_data, *of_model]
    message = run_message(job, current.item_count, violations, enough)
    result = CheckResult(
        job=job,
        profile=thresholds.profile,
        message="; ".join([message, *problems.notes()]),
        current=current,
        baseline=before,
        constraints=bounds,
        drifts=drifts,
        violations=violations,
        problems=problems,
        coverage=coverage,
        power=thresholds.power,
        quality=labelled,
        accuracy_before=baseline_accuracy(baseline) if labelled else None,
        model=facts.model if facts else "",
        least_rows=thresholds.least_rows,
        faults=[str(fault) for fault in (no_calls, no_labels) if fault],
    )
    return result, no_labels or no_calls


def window_constraints(
    job: MonitorRequest, baseline: Path | None, before: Statistics | None, settings: MonitorSettings
) -> Constraints:
    """Return the constraints that are given, else those that the statistics suggest."""
    given = read_of_baseline(job.constraints, baseline, CONSTRAINTS_FILE, load_constraints)
    suggested = suggest_constraints(before) if before else Constraints()
    return overridden_constraints(given or suggested, job.categorical_method, settings)


def own_facts(baseline: Path | None) -> BaselineFacts | None:
    """Return what the stage `baseline` says of the model; another's baseline says nothing."""
    if baseline is None or not (baseline / FACTS_FILE).exists():
        return None
    return read_baseline_facts(baseline)


def window_thresholds(
    job: MonitorRequest,
    baseline: Path | None,
    facts: BaselineFacts | None,
    rows: int,
    settings: MonitorSettings,
) -> WindowThresholds:
    """Return the calibrated thresholds with a person's overrides, where that is the profile."""
    if settings.thresholds.profile != "calibrated" or baseline is None or facts is None:
        return WindowThresholds()
    check_watched(facts, job, settings)
    calibrated = read_sections(baseline / paths.THRESHOLDS.name, CalibratedThresholds)
    overridden = {
        name: override.threshold
        for name, override in settings.overrides.items()
        if override.threshold is not None
    }
    return WindowThresholds(
        by_feature=calibrated.at(max(1, rows)) | overridden,
        power=tuple(calibrated.power),
        least_rows=settings.thresholds.min_rows,
    )


def see_coverage(
    job: MonitorRequest, problems: Problems, settings: MonitorSettings
) -> tuple[CaptureCoverage | None, list[Violation], UserError | None]:
    """Return how much of what was served was seen, where that is too little, and a fault."""
    if job.format != "captures":
        return None, [], None
    fault = None
    try:
        coverage = count_coverage(job, problems)
    except UserError as error:
        fault = error
        coverage = count_coverage(replace(job, variant=""), problems)
    return coverage, check_coverage(coverage, settings.captures), fault


def see_labels(
    job: MonitorRequest, baseline: Path | None, problems: Problems, settings: MonitorSettings
) -> tuple[QualityResult | None, UserError | None]:
    """Return what the labels say of the model, where there are any, and a fault."""
    if not job.truth:
        return None, None
    try:
        return judge_labels(job, needed_baseline(baseline), problems, settings), None
    except UserError as error:
        return None, error


def baseline_accuracy(baseline: Path | None) -> float | None:
    """Return the accuracy on the held-out rows, which the baseline's folder holds."""
    statistics = read_quality_statistics(needed_baseline(baseline))
    accuracy = statistics.multiclass_classification_metrics.accuracy
    return accuracy.value if accuracy else None


def check_names(
    bounds: Constraints, baseline: Path, facts: BaselineFacts, settings: MonitorSettings
) -> None:
    """Raise `UserError` for a name in the settings that nothing watched has.

    An alarm may also be of a figure of the model, of the labels, or of a slice's gap.
    """
    watched = {feature.name for feature in bounds.features}
    figures = read_json(baseline / QUALITY_CONSTRAINTS_FILE, BASELINE_MADE_BY)
    gaps = {f"{SLICE_GAP_PREFIX}{column}" for column in facts.evaluate.slices}
    of_model = load_quality_constraints(figures).multiclass_classification_constraints
    _refuse_unknown("overrides", settings.overrides, watched)
    known = {*watched, *gaps, *of_model, GROUND_TRUTH_FEATURE}
    _refuse_unknown("alarms.features", settings.alarms.features, known)


def _refuse_unknown(key: str, names: Collection[str], known: set[str]) -> None:
    unknown = sorted({*names} - known)
    if unknown:
        raise UserError(f"{paths.MONITORING}: {key}: there is no feature {unknown[0]!r}")


def check_watched(facts: BaselineFacts, job: MonitorRequest, settings: MonitorSettings) -> None:
    """Raise `UserError` where the baseline was not watched as the captures are."""
    if facts.watched != watched_with(settings.features.leave_out, job.preprocessor):
        raise UserError(
            f"the baseline was made with another preprocessor or leave_out than {paths.MONITORING} "
            "has now; `dvc repro --force baseline` makes it anew"
        )
