"""`report.json`: all that a check found, for programs."""

from msgspec import Struct

from categoriser.monitor.checks.capture_coverage import CaptureCoverage
from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.comparison.constraint_checks import in_domain
from categoriser.monitor.comparison.feature_drift import FeatureDrift
from categoriser.monitor.formats.constraints import FeatureConstraints
from categoriser.monitor.formats.feature_statistics import FeatureStatistics
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.labels.model_quality import QualityResult
from categoriser.monitor.reporting.findings import (
    CheckState,
    check_headline,
    check_state,
    not_judged,
)
from categoriser.monitor.reporting.sentences import sentences

REPORT_FILE = "report.json"


class ReportedWindow(Struct, kw_only=True):
    """The window that was judged: times in ISO 8601, None where the job names none."""

    start: str | None
    end: str | None
    rows: int


class ReportedFeature(Struct, kw_only=True):
    """A feature of the window, or one that it lacks: then its own figures are None.

    `categorical_values` is the share of its values that are in the constraints' list. `violations`
    maps each type of violation to its description.
    """

    feature: str
    data_type: str | None
    completeness: float | None
    baseline_drift: float | None
    threshold: float | None
    method: str | None
    categorical_values: float | None
    violations: dict[str, str]


class ReportedCaptures(Struct, kw_only=True):
    """What was read of captures and labels, and what was not: `Problems`."""

    seen: dict[str, int]
    not_read: dict[str, int]
    places: dict[str, list[str]]


class ReportDocument(Struct, kw_only=True):
    """The content of `report.json`.

    `power` has a line for each shift that windows can detect: the feature, the shift, and the
    smallest one found by the window's rows.
    """

    window: ReportedWindow
    endpoint: str
    schedule: str
    profile: str
    message: str
    state: CheckState
    headline: str
    sentences: list[str]
    not_judged: list[str]
    features: list[ReportedFeature]
    violations: list[Violation]
    captures: ReportedCaptures
    coverage: CaptureCoverage | None
    power: list[dict[str, str | float | None]]
    quality: QualityResult | None


def report_document(result: CheckResult) -> ReportDocument:
    job = result.job
    return ReportDocument(
        window=ReportedWindow(
            start=job.start.isoformat() if job.start else None,
            end=job.end.isoformat() if job.end else None,
            rows=result.current.item_count,
        ),
        endpoint=job.endpoint,
        schedule=job.schedule,
        profile=result.profile,
        message=result.message,
        state=check_state(result),
        headline=check_headline(result),
        sentences=sentences(result),
        not_judged=not_judged(result),
        features=reported_features(result),
        violations=list(result.violations),
        captures=_reported_captures(result.problems),
        coverage=result.coverage,
        power=[shift.model_dump() for shift in result.power],
        quality=result.quality,
    )


def reported_features(result: CheckResult) -> list[ReportedFeature]:
    """Return the features of the window, then those that it lacks."""
    expected = {feature.name: feature for feature in result.constraints.features}
    return [
        _reported_feature(
            name,
            result.current.features.get(name),
            expected.get(name),
            result.drifts.get(name),
            [violation for violation in result.violations if violation.feature_name == name],
        )
        for name in result.current.features | expected
    ]


def _reported_feature(
    name: str,
    feature: FeatureStatistics | None,
    expected: FeatureConstraints | None,
    drift: FeatureDrift | None,
    violations: list[Violation],
) -> ReportedFeature:
    return ReportedFeature(
        feature=name,
        data_type=feature.inferred_type if feature else None,
        completeness=feature.completeness if feature else None,
        baseline_drift=drift.distance if drift else None,
        threshold=drift.threshold if drift else None,
        method=drift.method if drift else None,
        categorical_values=in_domain(feature, expected) if feature else None,
        violations={one.constraint_check_type: one.description for one in violations},
    )


def _reported_captures(problems: Problems) -> ReportedCaptures:
    return ReportedCaptures(
        seen=dict(problems.seen), not_read=dict(problems.counts), places=problems.places
    )
