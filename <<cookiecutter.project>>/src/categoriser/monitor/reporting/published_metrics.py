"""What a check sends to CloudWatch, or leaves for Model Monitor's schedule to collect."""

from collections.abc import Sequence
from datetime import UTC, datetime

from categoriser.monitor.checks.capture_coverage import CAPTURES_FEATURE
from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.formats.quality_figures import QualityFigures
from categoriser.monitor.monitor_settings import MonitorSettings
from categoriser.monitor.reporting.cloudwatch_metrics import (
    MISSING_CAPTURES_METRIC,
    QUALITY_VIOLATIONS_METRIC,
    UNREAD_CAPTURES_METRIC,
    VIOLATIONS_METRIC,
    MetricDatum,
    metrics_of_alarms,
    metrics_of_quality,
    metrics_of_statistics,
    send_metrics,
    stamped,
    write_collected,
)


def metrics_of_result(
    result: CheckResult, settings: MonitorSettings
) -> tuple[list[MetricDatum], list[MetricDatum]]:
    """Return the metrics of the data, with those that the alarms watch, and the model's.

    Captures that are unread or missing are not drift, and count for alarms of their own.
    """
    data = metrics_of_statistics(result.current, result.drifts, result.constraints)
    figures: QualityFigures = {}
    if result.quality:
        figures = result.quality.statistics.figures() | result.quality.gaps
    return data + metrics_of_alarms(_alarmed(result, settings)), metrics_of_quality(figures)


def _alarmed(result: CheckResult, settings: MonitorSettings) -> dict[str, float | None]:
    """Return what the alarms watch, by the metrics' names."""
    watched = settings.alarms.features
    raised = [
        violation
        for violation in result.violations
        if not watched or violation.feature_name in watched
    ]
    of_data = [
        violation
        for violation in raised
        if not violation.of_model and violation.feature_name != CAPTURES_FEATURE
    ]
    alarmed: dict[str, float | None] = {
        VIOLATIONS_METRIC: len(of_data),
        QUALITY_VIOLATIONS_METRIC: sum(violation.of_model for violation in raised),
    }
    if result.coverage:
        alarmed[UNREAD_CAPTURES_METRIC] = result.coverage.unread_share
        alarmed[MISSING_CAPTURES_METRIC] = result.coverage.missing_share
    return alarmed


def publish_metrics(
    job: MonitorRequest,
    namespaces: tuple[str, str],
    data: Sequence[MetricDatum],
    model: Sequence[MetricDatum],
) -> None:
    """Send the metrics, or leave them for Model Monitor's schedule."""
    at = job.end or datetime.now(UTC)
    both = [stamped(part, job.endpoint, job.schedule, at) for part in (data, model)]
    if job.model_monitor:
        write_collected([*both[0], *both[1]])
    else:
        for part, namespace in zip(both, namespaces, strict=True):
            send_metrics(part, namespace)
