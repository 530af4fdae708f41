"""statistics.json: what Model Monitor's container writes of a data set, ours or another's.

Keys that are not known here are passed over, and what is `SkipValidation` is written and not read:
in another's file it may be anything. What is None is not written.
"""

import math
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    SkipValidation,
    ValidationError,
)

from categoriser.errors import UserError
from categoriser.io.documents import read_json
from categoriser.io.replacing import write_json
from categoriser.monitor.formats.feature_statistics import (
    NUMERIC_TYPES,
    UNKNOWN_TYPE,
    DataType,
    FeatureStatistics,
    Statistics,
    completeness,
    finite,
)
from categoriser.monitor.formats.sketch import Sketch
from categoriser.params import faults

STATISTICS_FILE = "statistics.json"
FORMAT_VERSION = 0.0
BUCKETS = 10
MOST_COMPACTORS = 64  # an item of the last one stands for 2^63 values


def finite_only(items: list[int | float]) -> list[int | float]:
    return [item for item in items if math.isfinite(item)]


RowCount = Annotated[int, Field(ge=0)]
Number = Annotated[float | None, AfterValidator(finite)]
# Whole where this project writes it.
DistinctCount = Annotated[int | float | None, AfterValidator(finite)]
Name = Annotated[str, BeforeValidator(str)]
# Whole numbers stay whole, so that what was read is written alike.
Compactor = Annotated[list[int | float], AfterValidator(finite_only)]


class CommonStatistics(BaseModel):
    num_present: RowCount
    num_missing: RowCount = 0


class CategoryCount(BaseModel):
    value: Name
    count: RowCount


class CategoryDistribution(BaseModel):
    buckets: list[CategoryCount]


class SketchForm(BaseModel):
    parameters: dict[str, float] = {}
    data: Annotated[list[Compactor], Field(max_length=MOST_COMPACTORS)]


class Bucket(BaseModel):
    lower_bound: float
    upper_bound: float
    count: float


class NumberDistribution(BaseModel):
    """A sketch and, where the extremes are known, its counts in buckets of equal width."""

    sketch: SketchForm | None = None
    buckets: SkipValidation[list[Bucket] | None] = None


class Distribution(BaseModel):
    kll: NumberDistribution | None = None
    categorical: CategoryDistribution | None = None


class ColumnSection(BaseModel):
    """`numerical_statistics` or `string_statistics`."""

    common: CommonStatistics
    completeness: SkipValidation[float | None] = None
    mean: Number = None
    sum: Number = None
    std_dev: Number = None
    min: Number = None
    max: Number = None
    approximate_num_distinct_values: DistinctCount = None
    distinct_count: Number = None
    distribution: Distribution | None = None


class FeatureForm(BaseModel):
    name: str
    inferred_type: DataType = UNKNOWN_TYPE
    numerical_statistics: ColumnSection | None = None
    string_statistics: ColumnSection | None = None


class DatasetForm(BaseModel):
    item_count: RowCount
    not_captured: tuple[str, ...] | None = None


class StatisticsFile(BaseModel):
    version: SkipValidation[float] = FORMAT_VERSION
    dataset: DatasetForm
    features: list[FeatureForm]

    @classmethod
    def of(cls, statistics: Statistics) -> Self:
        """Return the file's content for statistics."""
        return cls(
            dataset=DatasetForm(
                item_count=statistics.item_count,
                not_captured=statistics.not_captured or None,
            ),
            features=[_feature_form(feature) for feature in statistics.features.values()],
        )

    def statistics(self) -> Statistics:
        """Return what the file says of the columns.

        Completeness is what the counts say, since older files lack it. A feature without statistics
        has nothing present.
        """
        rows = self.dataset.item_count
        features = {one.name: _feature_statistics(one, rows) for one in self.features}
        return Statistics(rows, features, self.dataset.not_captured or ())


def dump_statistics(statistics: Statistics) -> dict[str, Any]:  # free: for a JSON library
    """Return the file's content."""
    return StatisticsFile.of(statistics).model_dump(exclude_none=True)


def write_statistics(path: Path, statistics: Statistics) -> None:
    write_json(path, dump_statistics(statistics))


def load_statistics(document: object) -> Statistics:
    """Read the parsed JSON of a statistics.json, old or new, ours or another's.

    NaN and infinities are left out of sketches and moments: here they count as missing. Raises
    `UserError` that names each bad key.
    """
    try:
        return StatisticsFile.model_validate(document).statistics()
    except ValidationError as error:
        raise UserError(f"{STATISTICS_FILE}: {faults(error)}") from None


def read_statistics(path: Path, made_by: str) -> Statistics:
    """Read the file. Raises as `load_statistics`, and where it is missing or not JSON."""
    return load_statistics(read_json(path, made_by))


def _feature_form(feature: FeatureStatistics) -> FeatureForm:
    form = FeatureForm(name=feature.name, inferred_type=feature.inferred_type)
    if feature.inferred_type in NUMERIC_TYPES:
        form.numerical_statistics = _number_section(feature)
    else:
        form.string_statistics = _string_section(feature)
    return form


def _number_section(feature: FeatureStatistics) -> ColumnSection:
    distribution = None
    if feature.sketch is not None:
        kll = _number_distribution(feature.sketch, feature.min, feature.max)
        distribution = Distribution(kll=kll)
    return ColumnSection(
        common=_common(feature),
        completeness=feature.completeness,
        mean=feature.mean,
        sum=feature.sum,
        std_dev=feature.std_dev,
        min=feature.min,
        max=feature.max,
        approximate_num_distinct_values=None
        if feature.distinct is None
        else round(feature.distinct),
        distribution=distribution,
    )


def _string_section(feature: FeatureStatistics) -> ColumnSection:
    distribution = None
    if feature.categories is not None:
        counts = sorted(feature.categories.items())
        buckets = [CategoryCount(value=value, count=count) for value, count in counts]
        distribution = Distribution(categorical=CategoryDistribution(buckets=buckets))
    return ColumnSection(
        common=_common(feature),
        completeness=feature.completeness,
        distinct_count=feature.distinct,
        distribution=distribution,
    )


def _common(feature: FeatureStatistics) -> CommonStatistics:
    return CommonStatistics(num_present=feature.present, num_missing=feature.missing)


def _number_distribution(
    sketch: Sketch, low: float | None, high: float | None
) -> NumberDistribution:
    form = SketchForm(parameters=dict(sketch.parameters), data=sketch.data)
    if low is None or high is None:
        return NumberDistribution(sketch=form)
    items, weights = sketch.weighted()
    edges = [*(_bucket_edge(low, high, number) for number in range(BUCKETS)), high]
    inside = np.searchsorted(edges[1:-1], items, side="right")
    counts = np.bincount(inside, weights, minlength=BUCKETS).tolist()
    buckets = [
        Bucket(lower_bound=lower, upper_bound=upper, count=count)
        for lower, upper, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    return NumberDistribution(sketch=form, buckets=buckets)


def _bucket_edge(low: float, high: float, number: int) -> float:
    """Return a bucket's lower bound with Deequ's arithmetic (`KLLSketch.computeMetricFrom`)."""
    width = high - low
    if math.isfinite(width * number):
        return low + width * number / BUCKETS
    # Halved: the difference of the extremes overflows.
    return 2 * (low / 2 + (high / 2 - low / 2) * (number / BUCKETS))


def _feature_statistics(feature: FeatureForm, rows: int) -> FeatureStatistics:
    absent = ColumnSection(common=CommonStatistics(num_present=0, num_missing=rows))
    section = feature.numerical_statistics or feature.string_statistics or absent
    distribution = section.distribution or Distribution()
    present = section.common.num_present
    missing = section.common.num_missing
    distinct = section.approximate_num_distinct_values
    return FeatureStatistics(
        name=feature.name,
        inferred_type=feature.inferred_type,
        present=present,
        missing=missing,
        completeness=completeness(present, present + missing),
        mean=section.mean,
        sum=section.sum,
        std_dev=section.std_dev,
        min=section.min,
        max=section.max,
        distinct=section.distinct_count if distinct is None else distinct,
        sketch=_sketch(distribution),
        categories=_category_counts(distribution),
    )


def _sketch(distribution: Distribution) -> Sketch | None:
    form = distribution.kll and distribution.kll.sketch
    return Sketch(form.parameters, form.data) if form else None


def _category_counts(distribution: Distribution) -> dict[str, int] | None:
    if not distribution.categorical:
        return None
    return {bucket.value: bucket.count for bucket in distribution.categorical.buckets}
