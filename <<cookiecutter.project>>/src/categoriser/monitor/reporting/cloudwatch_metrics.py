"""Metrics for CloudWatch, by the names that SageMaker Model Monitor gives them.

They are sent with `PutMetricData`, or written to the file that Model Monitor collects from its
container: a datum a line, without the namespace, which the service adds.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from categoriser.errors import UserError
from categoriser.io.replacing import write_text
from categoriser.monitor.comparison.feature_drift import Drifts
from categoriser.monitor.formats.constraints import Constraints
from categoriser.monitor.formats.quality_figures import QualityFigures
from categoriser.monitor.formats.statistics import Statistics

# What the alarms of cloudformation/monitor.yaml watch: numbers of violations, and shares.
VIOLATIONS_METRIC, QUALITY_VIOLATIONS_METRIC = "violations", "quality_violations"
UNREAD_CAPTURES_METRIC, MISSING_CAPTURES_METRIC = "unread_captures", "missing_captures"
BAD_LABELS_METRIC = "bad_labels"
ALARMED_METRICS = (
    VIOLATIONS_METRIC,
    QUALITY_VIOLATIONS_METRIC,
    UNREAD_CAPTURES_METRIC,
    MISSING_CAPTURES_METRIC,
    BAD_LABELS_METRIC,
)

COLLECTED_METRICS = Path("/opt/ml/output/metrics/cloudwatch/cloudwatch_metrics.jsonl")
# The API's limits: metrics in a call, bytes in a call, characters in a name, the largest value.
MOST_METRICS = 1000
MOST_BYTES_A_CALL = 1_000_000
LONGEST_NAME = 255
LARGEST_VALUE = 2.0**360
# A datum takes at most so many times the bytes in a call that it takes as JSON: boto3's older
# protocol spells out each key and escapes each value.
WIRE = 3
PRINTABLE = "".join(map(chr, range(32, 127))).replace("%", "")

MetricDatum = dict[str, Any]


def metrics_of_statistics(
    statistics: Statistics, drifts: Drifts, constraints: Constraints
) -> list[MetricDatum]:
    """Return the metrics of each feature of which `emit_metrics` is enabled.

    `feature_data_<f>` is the statistic set of a number's values. `feature_non_null_<f>` is that of
    1 for each value and 0 for each that is missing, so that its average is the completeness.
    `feature_baseline_drift_<f>` is the distance.
    """
    data: list[MetricDatum] = []
    for name, f in statistics.features.items():
        if constraints.config(name).emit_metrics == "Disabled":
            continue
        rows, every, some = f.present + f.missing, f.missing == 0, f.present > 0
        data += _datum(f"feature_data_{name}", f.present, f.sum, f.min, f.max)
        data += _datum(f"feature_non_null_{name}", rows, f.present, float(every), float(some))
        if name in drifts:
            data += _datum(f"feature_baseline_drift_{name}", drifts[name].distance)
    return data


def metrics_of_quality(metrics: QualityFigures) -> list[MetricDatum]:
    """Return `{metric: {value, standard_deviation}}` as a metric and its deviation."""
    data: list[MetricDatum] = []
    for name, metric in metrics.items():
        data += _datum(name, metric["value"])
        data += _datum(f"{name}_standard_deviation", metric.get("standard_deviation"))
    return data


def metrics_of_alarms(values: Mapping[str, float | None]) -> list[MetricDatum]:
    """Return what is known of `ALARMED`, by its names."""
    return [datum for name, value in values.items() for datum in _datum(name, value)]


def stamped(
    data: Sequence[MetricDatum], endpoint: str, schedule: str, time: datetime
) -> list[MetricDatum]:
    """Give each datum its dimensions and its time, which CloudWatch takes up to two weeks back."""
    named = {"Endpoint": endpoint, "MonitoringSchedule": schedule}
    dimensions = [{"Name": k, "Value": quote(v, PRINTABLE)} for k, v in named.items() if v.strip()]
    return [datum | {"Dimensions": dimensions, "Timestamp": time} for datum in data]


def send_metrics(data: Sequence[MetricDatum], namespace: str, client: Any = None) -> None:
    """Send stamped data in as few calls as the limits allow; no data is no call.

    `client` is boto3's for CloudWatch. Raises `UserError` with what CloudWatch answers.
    """
    if not data:
        return
    # A laptop publishes nothing and needs no AWS library.
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = client or boto3.client("cloudwatch")
        for batch in _batches(data):
            client.put_metric_data(Namespace=namespace, MetricData=batch)
    except (BotoCoreError, ClientError) as error:
        raise UserError(
            f"CloudWatch did not take metrics of {namespace} ({error}); the role needs "
            "cloudwatch:PutMetricData, and times may be two weeks old; "
            "publish_cloudwatch_metrics=Disabled sends none"
        ) from error


def write_collected(data: Sequence[MetricDatum], path: Path = COLLECTED_METRICS) -> None:
    """Write stamped data as JSON lines."""
    times = [f"{datum['Timestamp'].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for datum in data]
    lines = (json.dumps(d | {"Timestamp": time}) for d, time in zip(data, times, strict=True))
    write_text(path, "".join(f"{line}\n" for line in lines))


def metric_name(text: str) -> str:
    """Return a name that CloudWatch takes: at most 255 printable ASCII characters.

    Others, and `%`, become `%` and their bytes (`caf%C3%A9`), so that no two names become one; of
    a name that is too long the end is a digest of the whole.
    """
    plain = quote(text, PRINTABLE)
    if len(plain) <= LONGEST_NAME:
        return plain
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{plain[: LONGEST_NAME - 17]}-{digest}"


def _datum(name: str, *values: float | None) -> Iterator[MetricDatum]:
    """Yield a value, or a statistic set of count, sum, least and greatest; not what is NaN."""
    numbers = [float(v) for v in values if v is not None and abs(v) <= LARGEST_VALUE]
    if len(numbers) < len(values):
        return
    if len(numbers) == 1:
        yield {"MetricName": metric_name(name), "Value": numbers[0]}
    elif numbers[0]:
        keys = ("SampleCount", "Sum", "Minimum", "Maximum")
        statistics = dict(zip(keys, numbers, strict=True))
        yield {"MetricName": metric_name(name), "StatisticValues": statistics}


def _batches(data: Sequence[MetricDatum]) -> Iterator[list[MetricDatum]]:
    batch: list[MetricDatum] = []
    size = 0
    for datum in data:
        length = WIRE * len(json.dumps(datum, default=str))
        if len(batch) == MOST_METRICS or size + length > MOST_BYTES_A_CALL:
            yield batch
            batch, size = [], 0
        batch.append(datum)
        size += length
    yield batch
