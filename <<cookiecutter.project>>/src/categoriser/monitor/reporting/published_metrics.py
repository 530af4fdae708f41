"""What a check sends to CloudWatch, or leaves for Model Monitor's schedule to collect."""

from datetime import UTC, datetime
from typing import Any

from categoriser.monitor.checks.capture_coverage import CAPTURES_FEATURE
from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.labels.quality_statistics import quality_figures
from categoriser.monitor.monitor_settings import MonitorSettings
from categoriser.monitor.reporting.cloudwatch_metrics import (
    MISSING_CAPTURES_METRIC,
    QUALITY_VIOLATIONS_METRIC,
    UNREAD_CAPTURES_METRIC,
    VIOLATIONS_METRIC,
    metrics_of_alarms,
    metrics_of_quality,
    metrics_of_statistics,
    send_metrics,
    stamped,
    write_collected,
)


def metrics_of_result(
    result: CheckResult, settings: MonitorSettings
) -> tuple[list[Any], list[Any]]:
    """Return the metrics of the data, with those that the alarms watch, and the model's.

    Captures that are unread or missing are no drift, and count for alarms of their own.
    """
    data = metrics_of_statistics(result.current, result.drifts, result.constraints)
    watched = settings.alarms.features
    raised = [v for v in result.violations if not watched or v.feature_name in watched]
    of_data = [v for v in raised if not v.of_model and v.feature_name != CAPTURES_FEATURE]
    alarmed: dict[str, float | None] = {
        VIOLATIONS_METRIC: len(of_data),
        QUALITY_VIOLATIONS_METRIC: sum(v.of_model for v in raised),
    }
    if result.coverage:
        alarmed[UNREAD_CAPTURES_METRIC] = result.coverage.unread_share
        alarmed[MISSING_CAPTURES_METRIC] = result.coverage.missing_share
    figures: dict[str, Any] = {}
    if result.quality:
        figures = quality_figures(result.quality["statistics"]) | result.quality["gaps"]
    return data + metrics_of_alarms(alarmed), metrics_of_quality(figures)


def publish_metrics(
    job: MonitorRequest, namespaces: tuple[str, str], data: list[Any], model: list[Any]
) -> None:
    """Send the metrics, or leave them for Model Monitor's schedule."""
    at = job.end or datetime.now(UTC)
    both = [stamped(part, job.endpoint, job.schedule, at) for part in (data, model)]
    if job.model_monitor:
        write_collected([*both[0], *both[1]])
    else:
        for part, namespace in zip(both, namespaces, strict=True):
            send_metrics(part, namespace)
