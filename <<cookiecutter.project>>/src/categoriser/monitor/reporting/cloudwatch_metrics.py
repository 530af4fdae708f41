"""Metrics for CloudWatch, by the names that SageMaker Model Monitor gives them.

They are sent with `PutMetricData`, or written to the file that Model Monitor collects from its
container: a datum a line, without the namespace, which the service adds.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeGuard
from urllib.parse import quote

from msgspec import Struct, structs, to_builtins

from categoriser.errors import UserError
from categoriser.io.container_folder import container_folder
from categoriser.io.replacing import write_text
from categoriser.monitor.comparison.feature_drift import Drifts
from categoriser.monitor.formats.constraints import Constraints
from categoriser.monitor.formats.feature_statistics import Statistics
from categoriser.monitor.formats.quality_figures import QualityFigure

# What the alarms of cloudformation/monitor.yaml watch: numbers of violations, and shares.
VIOLATIONS_METRIC = "violations"
QUALITY_VIOLATIONS_METRIC = "quality_violations"
UNREAD_CAPTURES_METRIC = "unread_captures"
MISSING_CAPTURES_METRIC = "missing_captures"
BAD_LABELS_METRIC = "bad_labels"
ALARMED_METRICS = (
    VIOLATIONS_METRIC,
    QUALITY_VIOLATIONS_METRIC,
    UNREAD_CAPTURES_METRIC,
    MISSING_CAPTURES_METRIC,
    BAD_LABELS_METRIC,
)

COLLECTED_METRICS = container_folder() / "output/metrics/cloudwatch/cloudwatch_metrics.jsonl"
# The API's limits: metrics in a call, bytes in a call, characters in a name, the largest value.
MOST_METRICS = 1000
MOST_BYTES_A_CALL = 1_000_000
LONGEST_NAME = 255
LARGEST_VALUE = 2.0**360
# A datum takes at most so many times the bytes in a call that it takes as JSON: boto3's older
# protocol spells out each key and escapes each value.
WIRE = 3
PRINTABLE = "".join(map(chr, range(32, 127))).replace("%", "")


class StatisticSet(Struct, frozen=True, rename="pascal"):
    sample_count: float
    sum: float
    minimum: float
    maximum: float


class Dimension(Struct, frozen=True, rename="pascal"):
    name: str
    value: str


class MetricDatum(Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """CloudWatch's MetricDatum: a value or a statistic set; without a time until it is stamped."""

    metric_name: str
    value: float | None = None
    statistic_values: StatisticSet | None = None
    dimensions: list[Dimension] | None = None
    timestamp: datetime | None = None


def plain_datum(datum: MetricDatum) -> Any:
    """Return a datum as boto3 takes it."""
    return to_builtins(datum, builtin_types=(datetime,))


def metrics_of_statistics(
    statistics: Statistics, drifts: Drifts, constraints: Constraints
) -> list[MetricDatum]:
    """Return the metrics of each feature whose `emit_metrics` is enabled.

    `feature_data_<f>` is the statistic set of a number's values. `feature_non_null_<f>` is that of
    1 for each value and 0 for each that is missing, so that its average is the completeness.
    `feature_baseline_drift_<f>` is the distance.
    """
    data: list[MetricDatum] = []
    for name, feature in statistics.features.items():
        if constraints.config(name).emit_metrics == "Disabled":
            continue
        data += _statistic_set_datum(
            f"feature_data_{name}", feature.present, feature.sum, feature.min, feature.max
        )
        data += _statistic_set_datum(
            f"feature_non_null_{name}",
            count=feature.present + feature.missing,
            total=feature.present,
            least=1.0 if feature.missing == 0 else 0.0,
            greatest=1.0 if feature.present > 0 else 0.0,
        )
        if name in drifts:
            data += _value_datum(f"feature_baseline_drift_{name}", drifts[name].distance)
    return data


def metrics_of_quality(figures: Mapping[str, QualityFigure]) -> list[MetricDatum]:
    """Return each figure as a metric, and its deviation as another."""
    data: list[MetricDatum] = []
    for name, figure in figures.items():
        data += _value_datum(name, figure.value)
        data += _value_datum(f"{name}_standard_deviation", figure.standard_deviation)
    return data


def metrics_of_alarms(values: Mapping[str, float | None]) -> list[MetricDatum]:
    """Return what is known of `ALARMED_METRICS`, by its names."""
    data: list[MetricDatum] = []
    for name, value in values.items():
        data += _value_datum(name, value)
    return data


def stamped(
    data: Sequence[MetricDatum], endpoint: str, schedule: str, time: datetime
) -> list[MetricDatum]:
    """Give each datum its dimensions and its time, which CloudWatch takes up to two weeks back."""
    named = {"Endpoint": endpoint, "MonitoringSchedule": schedule}
    dimensions = [
        Dimension(name, quote(value, PRINTABLE)) for name, value in named.items() if value.strip()
    ]
    return [structs.replace(datum, dimensions=dimensions, timestamp=time) for datum in data]


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
        for call in _calls([plain_datum(datum) for datum in data]):
            client.put_metric_data(Namespace=namespace, MetricData=call)
    except (BotoCoreError, ClientError) as error:
        raise UserError(
            f"CloudWatch did not take metrics of {namespace} ({error}); the role needs "
            "cloudwatch:PutMetricData, and times may be two weeks old; "
            "publish_cloudwatch_metrics=Disabled sends none"
        ) from error


def write_collected(data: Sequence[MetricDatum], path: Path = COLLECTED_METRICS) -> None:
    """Write stamped data as JSON lines."""
    lines = [json.dumps(plain_datum(datum), default=_collected_time) for datum in data]
    write_text(path, "".join(f"{line}\n" for line in lines))


def _collected_time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def metric_name(text: str) -> str:
    """Return a name that CloudWatch takes: at most 255 printable ASCII characters.

    Others, and `%`, become `%` and their bytes (`caf%C3%A9`), so that no two names become one. A
    name that is too long ends in a digest of the whole.
    """
    plain = quote(text, PRINTABLE)
    if len(plain) <= LONGEST_NAME:
        return plain
    end = "-" + hashlib.sha256(text.encode()).hexdigest()[:16]
    return plain[: LONGEST_NAME - len(end)] + end


def _value_datum(name: str, value: float | None) -> Iterator[MetricDatum]:
    """Yield a value, if CloudWatch takes it."""
    if _is_taken(value):
        yield MetricDatum(metric_name=metric_name(name), value=float(value))


def _statistic_set_datum(
    name: str, count: int, total: float | None, least: float | None, greatest: float | None
) -> Iterator[MetricDatum]:
    """Yield a statistic set, if it is of some values and CloudWatch takes it."""
    if count and _is_taken(total) and _is_taken(least) and _is_taken(greatest):
        statistics = StatisticSet(float(count), float(total), float(least), float(greatest))
        yield MetricDatum(metric_name=metric_name(name), statistic_values=statistics)


def _is_taken(value: float | None) -> TypeGuard[float]:
    # NaN is not taken: every comparison with it is false.
    return value is not None and abs(value) <= LARGEST_VALUE


def _calls(data: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield boto3's data in parts that one call takes."""
    call: list[Any] = []
    size = 0
    for datum in data:
        length = WIRE * len(json.dumps(datum, default=str))
        if len(call) == MOST_METRICS or size + length > MOST_BYTES_A_CALL:
            yield call
            call = []
            size = 0
        call.append(datum)
        size += length
    yield call
