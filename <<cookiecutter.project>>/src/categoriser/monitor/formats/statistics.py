"""statistics.json: what Model Monitor's container writes of a data set, ours or another's."""

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

from categoriser.errors import UserError
from categoriser.monitor.formats.sketch import Sketch
from categoriser.params import faults

STATISTICS_FILE = "statistics.json"
VERSION = 0.0
BUCKETS = 10
UNKNOWN_TYPE = "Unknown"
MOMENTS = ("mean", "sum", "std_dev", "min", "max")

DataType = Literal["Integral", "Fractional", "String", "Unknown"]


@dataclass(frozen=True)
class FeatureStatistics:
    """A column's statistics; what its type has none of, or a file does not say, is None.

    `std_dev` is the population's. `types` counts the values by data type; files do not hold it.
    """

    name: str
    inferred_type: str
    present: int
    missing: int
    completeness: float
    mean: float | None = None
    sum: float | None = None
    std_dev: float | None = None
    min: float | None = None
    max: float | None = None
    distinct: float | None = None
    sketch: Sketch | None = None
    categories: dict[str, int] | None = None
    types: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Statistics:
    """`not_captured` names features that the window cannot have: their side is not captured."""

    item_count: int
    features: dict[str, FeatureStatistics]
    not_captured: tuple[str, ...] = ()


def completeness(present: int, rows: int) -> float:
    return present / rows if rows else 0.0


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def dump_statistics(statistics: Statistics) -> dict[str, Any]:
    """Return the document of statistics.json. What is None is left out."""
    dataset: dict[str, Any] = {"item_count": statistics.item_count}
    if statistics.not_captured:
        dataset["not_captured"] = list(statistics.not_captured)
    return {
        "version": VERSION,
        "dataset": dataset,
        "features": [_dump_feature(feature) for feature in statistics.features.values()],
    }


def _dump_feature(feature: FeatureStatistics) -> dict[str, Any]:
    common = {"num_present": feature.present, "num_missing": feature.missing}
    document: dict[str, Any] = {"common": common, "completeness": feature.completeness}
    if feature.inferred_type in (INTEGRAL, FRACTIONAL):
        section = "numerical_statistics"
        document |= {name: getattr(feature, name) for name in MOMENTS}
        if feature.distinct is not None:
            document["approximate_num_distinct_values"] = round(feature.distinct)
        if feature.sketch is not None:
            sketch = _dump_sketch(feature.sketch, feature.min, feature.max)
            document["distribution"] = {"kll": sketch}
    else:
        section = "string_statistics"
        document["distinct_count"] = feature.distinct
        if feature.categories is not None:
            counts = feature.categories.items()
            buckets = [{"value": value, "count": count} for value, count in sorted(counts)]
            document["distribution"] = {"categorical": {"buckets": buckets}}
    document = {key: value for key, value in document.items() if value is not None}
    return {"name": feature.name, "inferred_type": feature.inferred_type, section: document}


def _dump_sketch(sketch: Sketch, low: float | None, high: float | None) -> dict[str, Any]:
    """Return a sketch and, where the extremes are known, its counts in buckets of equal width."""
    own = {"parameters": dict(sketch.parameters), "data": sketch.data}
    document: dict[str, Any] = {"sketch": own}
    if low is not None and high is not None:
        items, weights = sketch.weighted()
        edges = [*(_edge(low, high, n) for n in range(BUCKETS)), high]
        inside = np.searchsorted(edges[1:-1], items, side="right")
        counts = np.bincount(inside, weights, minlength=BUCKETS).tolist()
        document["buckets"] = [
            {"lower_bound": lower, "upper_bound": upper, "count": count}
            for lower, upper, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ]
    return document


def _edge(low: float, high: float, number: int) -> float:
    """Return a bucket's lower bound with Deequ's arithmetic (`KLLSketch.computeMetricFrom`)."""
    width = high - low
    if math.isfinite(width * number):
        return low + width * number / BUCKETS
    # Halved: the difference of the extremes overflows.
    return 2 * (low / 2 + (high / 2 - low / 2) * (number / BUCKETS))


# The document as others write it: keys that are not known here are passed over.
RowCount = Annotated[int, Field(ge=0)]
Number = Annotated[float | None, AfterValidator(finite)]
Name = Annotated[str, BeforeValidator(str)]
Compactor = Annotated[list[float], AfterValidator(lambda items: list(filter(math.isfinite, items)))]


class _Common(BaseModel):
    num_present: RowCount
    num_missing: RowCount = 0


class _Category(BaseModel):
    value: Name
    count: RowCount


class _Categorical(BaseModel):
    buckets: list[_Category]


class _Sketch(BaseModel):
    parameters: dict[str, float] = {}
    data: Annotated[list[Compactor], Field(max_length=64)]  # compactors of 2^64 values


class _Kll(BaseModel):
    sketch: _Sketch | None = None


class _Distribution(BaseModel):
    kll: _Kll | None = None
    categorical: _Categorical | None = None


class _Section(BaseModel):
    """`numerical_statistics` or `string_statistics`."""

    common: _Common
    mean: Number = None
    sum: Number = None
    std_dev: Number = None
    min: Number = None
    max: Number = None
    approximate_num_distinct_values: Number = None
    distinct_count: Number = None
    distribution: _Distribution | None = None


class _Feature(BaseModel):
    name: str
    inferred_type: DataType = "Unknown"
    numerical_statistics: _Section | None = None
    string_statistics: _Section | None = None


class _Dataset(BaseModel):
    item_count: RowCount
    not_captured: tuple[str, ...] = ()


class _Document(BaseModel):
    dataset: _Dataset
    features: list[_Feature]


def load_statistics(document: Any) -> Statistics:
    """Read the document of a statistics.json, old or new, ours or another's.

    Completeness is what the counts say, since older files lack it. A feature without statistics has
    nothing present. NaN and infinities are left out of sketches and moments: here they count as
    missing. Raises `UserError` that names each bad key.
    """
    try:
        read = _Document.model_validate(document)
    except ValidationError as error:
        raise UserError(f"{STATISTICS_FILE}: {faults(error)}") from None
    rows = read.dataset.item_count
    features = {one.name: _load_feature(one, rows) for one in read.features}
    return Statistics(rows, features, read.dataset.not_captured)


def _load_feature(feature: _Feature, rows: int) -> FeatureStatistics:
    absent = _Section(common=_Common(num_present=0, num_missing=rows))
    section = feature.numerical_statistics or feature.string_statistics or absent
    distribution = section.distribution or _Distribution()
    present, missing = section.common.num_present, section.common.num_missing
    counts = distribution.categorical.buckets if distribution.categorical else None
    sketch = distribution.kll.sketch if distribution.kll else None
    distinct_count = section.approximate_num_distinct_values
    return FeatureStatistics(
        name=feature.name,
        inferred_type=feature.inferred_type,
        present=present,
        missing=missing,
        completeness=completeness(present, present + missing),
        **{name: getattr(section, name) for name in MOMENTS},
        distinct=section.distinct_count if distinct_count is None else distinct_count,
        sketch=Sketch(sketch.parameters, sketch.data) if sketch else None,
        categories=None if counts is None else {item.value: item.count for item in counts},
    )


INTEGRAL, FRACTIONAL, STRING = "Integral", "Fractional", "String"

NUMERIC_TYPES = ("Integral", "Fractional")
