"""`report.json`: all that a check found, for programs."""

from dataclasses import asdict
from typing import Any

from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.comparison.constraint_checks import in_domain
from categoriser.monitor.formats.problems import as_facts
from categoriser.monitor.reporting.findings import check_state, headline, not_judged
from categoriser.monitor.reporting.sentences import sentences


def feature_table(result: CheckResult) -> list[dict[str, Any]]:
    """Return a line a feature: those of the window, then those that it lacks.

    `violations` maps each type of violation to its description.
    """
    expected = {feature.name: feature for feature in result.constraints.features}
    lines = []
    for name in result.current.features | expected:
        feature, drift = result.current.features.get(name), result.drifts.get(name)
        own = (violation for violation in result.violations if violation.feature_name == name)
        lines.append(
            {
                "feature": name,
                "data_type": feature and feature.inferred_type,
                "completeness": feature and feature.completeness,
                "baseline_drift": drift and drift.distance,
                "threshold": drift and drift.threshold,
                "method": drift and drift.method,
                "categorical_values": feature and in_domain(feature, expected.get(name)),
                "violations": {one.constraint_check_type: one.description for one in own},
            }
        )
    return lines


def report_document(result: CheckResult) -> dict[str, Any]:
    """Return the content of `report.json`."""
    job, problems = result.job, result.problems
    start, end = (time and time.isoformat() for time in (job.start, job.end))
    return {
        "window": {"start": start, "end": end, "rows": result.current.item_count},
        "endpoint": job.endpoint,
        "schedule": job.schedule,
        "profile": result.profile,
        "message": result.message,
        "state": check_state(result),
        "headline": headline(result),
        "sentences": sentences(result),
        "not_judged": not_judged(result),
        "features": feature_table(result),
        "violations": [asdict(violation) for violation in result.violations],
        "captures": dict(as_facts(problems)),
        "coverage": result.coverage and asdict(result.coverage),
        "power": [dict(line) for line in result.power],
        "quality": result.quality,
    }
