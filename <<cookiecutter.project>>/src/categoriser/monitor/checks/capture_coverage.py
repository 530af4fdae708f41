"""How much of what was served the monitor saw.

Captures are checked before what is in them: where most cannot be read, or never came, the rest says
nothing of the whole. Both shares are metrics with bounds in `captures` of monitoring.yaml, and
violations of types of their own, beside Model Monitor's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from categoriser.errors import UserError
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.monitor_settings import CaptureSettings
from categoriser.monitor.standard_errors import RARE_STANDARD_ERRORS

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

CAPTURES_FEATURE = "captures"
UNREAD_CHECK = "unread_captures_check"
MISSING_CHECK = "missing_captures_check"
ENDPOINT_NAMESPACE = "AWS/SageMaker"
CALLS_METRIC = "Invocations"
REFUSED_METRIC = "Invocation4XXErrors"
FAILED_METRIC = "Invocation5XXErrors"
# CloudWatch keeps sums of five minutes for 63 days.
PERIOD_SECONDS = 300


@dataclass(frozen=True)
class CaptureCoverage:
    """Captured calls of a window, and how many there should be; None where nobody knows.

    `read` and `unread` are what `Problems` counts, `captured` are these and the probes. Of
    `answered` calls `expected` should be captured.
    """

    read: int
    unread: int
    captured: int
    answered: int | None = None
    expected: float | None = None

    @property
    def unread_share(self) -> float:
        return self.unread / max(1, self.read + self.unread)

    @property
    def missing_share(self) -> float | None:
        if not self.expected:
            return None
        return max(0.0, 1 - self.captured / self.expected)


def count_coverage(job: MonitorRequest, problems: Problems, client: Any = None) -> CaptureCoverage:
    """Count a window's captures, and ask CloudWatch for the calls where the job says of what.

    `client` is boto3's for CloudWatch. Raises `UserError` with what CloudWatch answers.
    """
    read = problems.seen.get("records", 0)
    unread = problems.seen.get("unread", 0)
    captured = read + unread + problems.seen.get("probes", 0)
    if not (job.variant and job.endpoint and job.start and job.end):
        return CaptureCoverage(read, unread, captured)
    answered = answered_calls(job, client)
    expected = answered * job.capture_percent / 100
    return CaptureCoverage(read, unread, captured, answered, expected)


def answered_calls(job: MonitorRequest, client: Any = None) -> int:
    """Return how many calls the job's endpoint answered in its window, by CloudWatch.

    Calls that it refused or failed are taken off: whether SageMaker captures those is not said.
    """
    sums = endpoint_sums(job, (CALLS_METRIC, REFUSED_METRIC, FAILED_METRIC), client)
    return max(0, round(sums[CALLS_METRIC] - (sums[REFUSED_METRIC] + sums[FAILED_METRIC])))


def endpoint_sums(
    job: MonitorRequest, metrics: Sequence[str], client: Any = None
) -> dict[str, float]:
    """Return the sums of the endpoint's metrics in the job's window; 0 where there is no datum.

    Raises `UserError` with what CloudWatch answers.
    """
    # A laptop asks nothing and needs no AWS library.
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    queries = [sum_query(job, metric) for metric in metrics]
    sums = {query["Id"]: 0.0 for query in queries}
    try:
        client = client or boto3.client("cloudwatch")
        pages = client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=job.start, EndTime=job.end
        )
        for page in pages:
            for found in page["MetricDataResults"]:
                sums[found["Id"]] += math.fsum(found["Values"])
    except (BotoCoreError, ClientError) as error:
        raise UserError(
            f"CloudWatch did not say how many calls {job.endpoint} answered ({error}); the role "
            "needs cloudwatch:GetMetricData"
        ) from error
    return dict(zip(metrics, sums.values(), strict=True))


def sum_query(job: MonitorRequest, metric: str) -> "MetricDataQueryTypeDef":
    """Return the query for a metric's sums in periods of the window."""
    return {
        # An Id starts with a lower-case letter.
        "Id": metric.lower(),
        "MetricStat": {
            "Metric": {
                "Namespace": ENDPOINT_NAMESPACE,
                "MetricName": metric,
                "Dimensions": [
                    {"Name": "EndpointName", "Value": job.endpoint},
                    {"Name": "VariantName", "Value": job.variant},
                ],
            },
            "Period": PERIOD_SECONDS,
            "Stat": "Sum",
        },
    }


def check_coverage(coverage: CaptureCoverage, bounds: CaptureSettings) -> list[Violation]:
    """Return what is over the bounds."""
    violations = []
    if coverage.unread_share > bounds.max_unread:
        text = (
            f"Unread captures: {100 * coverage.unread_share:.4g}% ({coverage.unread:,} of "
            f"{coverage.read + coverage.unread:,}) exceed {100 * bounds.max_unread:.4g}%"
        )
        violations.append(Violation(CAPTURES_FEATURE, UNREAD_CHECK, text))
    if coverage.captured < fewest_captures(coverage, bounds):
        text = (
            f"Missing captures: {100 * (coverage.missing_share or 0):.4g}% "
            f"({coverage.captured:,} of {coverage.expected:,.0f} came) exceed "
            f"{100 * bounds.max_missing:.4g}%"
        )
        violations.append(Violation(CAPTURES_FEATURE, MISSING_CHECK, text))
    return violations


def fewest_captures(coverage: CaptureCoverage, bounds: CaptureSettings) -> float:
    """Return how many captures there must be; 0 where nobody knows how many there should be.

    What is captured of a share of the calls is a sample, and chance may take some from it.
    """
    if not coverage.expected or not coverage.answered:
        return 0.0
    sampled = coverage.expected / coverage.answered
    chance = RARE_STANDARD_ERRORS * math.sqrt(coverage.expected * (1 - sampled))
    return (1 - bounds.max_missing) * coverage.expected - chance
