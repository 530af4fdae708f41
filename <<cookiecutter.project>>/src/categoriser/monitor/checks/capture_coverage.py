"""How much of what was served the monitor saw: a check of captures before that of what is in them.

Where most captures cannot be read, or never came, the rest says nothing of the whole. Both shares
are metrics with bounds in `captures` of monitoring.yaml, and violations of types of their own,
beside Model Monitor's.
"""

import math
from dataclasses import dataclass
from typing import Any

from categoriser.errors import UserError
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.monitor_settings import CaptureSettings

CAPTURES_FEATURE = "captures"
UNREAD_CHECK, MISSING_CHECK = "unread_captures_check", "missing_captures_check"
ENDPOINT_NAMESPACE = "AWS/SageMaker"
CALLS_METRIC, REFUSED_METRIC, FAILED_METRIC = (
    "Invocations",
    "Invocation4XXErrors",
    "Invocation5XXErrors",
)
# CloudWatch keeps sums of five minutes for 63 days.
PERIOD_SECONDS = 300
# What is captured of a share of the calls is a sample: by chance one in 30,000 lies so far off.
STANDARD_ERRORS = 4


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
    seen = problems.seen
    read, unread = seen.get("records", 0), seen.get("unread", 0)
    captured = read + unread + seen.get("probes", 0)
    if not (job.variant and job.endpoint and job.start and job.end):
        return CaptureCoverage(read, unread, captured)
    answered = answered_calls(job, client)
    return CaptureCoverage(read, unread, captured, answered, answered * job.capture_percent / 100)


def answered_calls(job: MonitorRequest, client: Any = None) -> int:
    """Return how many calls the job's endpoint answered in its window, by CloudWatch.

    Calls that it refused or failed are taken off: whether SageMaker captures those is not said.
    """
    # A laptop asks nothing and needs no AWS library.
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    dimensions = [
        {"Name": "EndpointName", "Value": job.endpoint},
        {"Name": "VariantName", "Value": job.variant},
    ]
    queries = [
        {
            "Id": name.lower(),
            "MetricStat": {
                "Metric": {
                    "Namespace": ENDPOINT_NAMESPACE,
                    "MetricName": name,
                    "Dimensions": dimensions,
                },
                "Period": PERIOD_SECONDS,
                "Stat": "Sum",
            },
        }
        for name in (CALLS_METRIC, REFUSED_METRIC, FAILED_METRIC)
    ]
    sums = dict.fromkeys((CALLS_METRIC.lower(), REFUSED_METRIC.lower(), FAILED_METRIC.lower()), 0.0)
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
    calls = sums.pop(CALLS_METRIC.lower())
    return max(0, round(calls - sum(sums.values())))


def check_coverage(found: CaptureCoverage, bounds: CaptureSettings) -> list[Violation]:
    """Return what is over the bounds."""
    violations = []
    if found.unread_share > bounds.max_unread:
        text = (
            f"Unread captures: {100 * found.unread_share:.4g}% ({found.unread:,} of "
            f"{found.read + found.unread:,}) exceed {100 * bounds.max_unread:.4g}%"
        )
        violations.append(Violation(CAPTURES_FEATURE, UNREAD_CHECK, text))
    if found.expected and found.answered:
        sampled = found.expected / found.answered
        chance = STANDARD_ERRORS * math.sqrt(found.expected * (1 - sampled))
        if found.captured < (1 - bounds.max_missing) * found.expected - chance:
            text = (
                f"Missing captures: {100 * (found.missing_share or 0):.4g}% ({found.captured:,} of "
                f"{found.expected:,.0f} came) exceed {100 * bounds.max_missing:.4g}%"
            )
            violations.append(Violation(CAPTURES_FEATURE, MISSING_CHECK, text))
    return violations
