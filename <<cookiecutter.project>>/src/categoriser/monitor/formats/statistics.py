"""statistics.json: what Model Monitor's container writes of a dataset, and how to read anyone's.

It holds KLL quantile sketches in Deequ's form: a list of compactors, in which an item of compactor
*i* stands for 2^i values.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

from categoriser.errors import UserError
from categoriser.monitor.summary import FRACTIONAL, INTEGRAL, STRING, Column, K, Summary, distinct
from categoriser.params import faults

FILE = "statistics.json"
VERSION = 0.0
BUCKETS = 10
UNKNOWN = "Unknown"
MOMENTS = ("mean", "sum", "std_dev", "min", "max")
SHRINK = 0.64  # Deequ's `c`: how much smaller each lower compactor is

# Apache DataSketches' serial forms: those of an empty sketch and of one item are shorter.
EMPTY, SINGLE = 0x01, 0x04
FLAGS = 3
SINGLE_ITEM = 8
HEADER = struct.Struct("<8xQHBx")  # n, least k, number of levels

Floats = npt.NDArray[np.float64]
# Values in ascending order, and the rows that each stands for.
Weighted = tuple[Floats, Floats]
DataType = Literal["Integral", "Fractional", "String", "Unknown"]


@dataclass(frozen=True)
class Sketch:
    """Compactors, lowest first, and the parameters that they were made with."""

    parameters: Mapping[str, float]
    data: list[list[float]]

    @property
    def size(self) -> float:
        """How many values the sketch stands for."""
        return math.fsum(math.ldexp(len(items), level) for level, items in enumerate(self.data))

    def weighted(self) -> Weighted:
        """Return the items in ascending order and the weight of each."""
        items = np.array([item for compactor in self.data for item in compactor], dtype=np.float64)
        lengths = [len(compactor) for compactor in self.data]
        weights = np.repeat(np.ldexp(1.0, np.arange(len(lengths))), lengths)
        order = np.argsort(items, kind="stable")
        return items[order], weights[order]


def quantile(sample: Weighted, at: float) -> float:
    """Return the value that so large a share of the rows is at most. The sample is not empty."""
    values, weights = sample
    sums = np.cumsum(weights)
    return float(values[np.searchsorted(sums, at * sums[-1])])


@dataclass(frozen=True)
class Feature:
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
    features: dict[str, Feature]
    not_captured: tuple[str, ...] = ()


def of_summary(summary: Summary) -> Statistics:
    """Return the statistics of a summary.

    The type is inferred as Deequ does: one text makes a String, else one fraction a Fractional;
    nothing present is Unknown. Moments that overflow a double are None.
    """
    rows, columns = summary.rows, summary.columns
    return Statistics(rows, {name: _feature(name, columns[name], rows) for name in columns})


def _feature(name: str, column: Column, rows: int) -> Feature:
    present = column.present
    kinds = [kind for kind in (STRING, FRACTIONAL, INTEGRAL) if column.types[kind]]
    kind = kinds[0] if kinds else UNKNOWN
    share, types = _completeness(present, rows), dict(column.types)
    known = Feature(name, kind, present, rows - present, share, types=types)
    if kind == UNKNOWN:
        return replace(known, distinct=0.0)
    if kind == STRING:
        # Values that were stored as numbers are in no category.
        whole = column.categories and sum(column.categories.values()) == present
        categories = column.categories if whole else None
        count = float(len(categories)) if categories else float(round(distinct(column.registers)))
        return replace(known, distinct=count, categories=categories)
    return replace(
        known,
        mean=_finite(column.mean),
        sum=_finite(column.mean * present),
        std_dev=_finite(math.sqrt(column.squares / present)),
        min=column.minimum,
        max=column.maximum,
        distinct=float(round(distinct(column.registers))),
        sketch=decode(column.quantiles.serialize()),
    )


def _completeness(present: int, rows: int) -> float:
    return present / rows if rows else 0.0


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def decode(serialized: bytes) -> Sketch:
    """Read `kll_doubles_sketch.serialize()`, serial versions 1 and 2 of Apache DataSketches.

    Little-endian: an 8-byte preamble with flags, n, the least k, the number of levels, each level's
    offset in the buffer as u32, the smallest and the largest value, then the levels' items, lowest
    first. The buffer is filled from its end: the first offset is what is still free.
    """
    flags = serialized[FLAGS]
    if flags & EMPTY:
        levels: list[list[float]] = []
    elif flags & SINGLE:
        levels = [np.frombuffer(serialized, "<f8", offset=SINGLE_ITEM).tolist()]
    else:
        _, _, count = HEADER.unpack_from(serialized)
        offsets = np.frombuffer(serialized, "<u4", count, HEADER.size).astype(np.int64)
        start = HEADER.size + 4 * count
        items = np.frombuffer(serialized, "<f8", offset=start)[2:]
        levels = [level.tolist() for level in np.split(items, offsets[1:] - offsets[0])]
    return Sketch({"c": SHRINK, "k": float(K)}, levels)


def dump(statistics: Statistics) -> dict[str, Any]:
    """Return the document of statistics.json. What is None is left out."""
    dataset: dict[str, Any] = {"item_count": statistics.item_count}
    if statistics.not_captured:
        dataset["not_captured"] = list(statistics.not_captured)
    return {
        "version": VERSION,
        "dataset": dataset,
        "features": [_dump_feature(feature) for feature in statistics.features.values()],
    }


def _dump_feature(feature: Feature) -> dict[str, Any]:
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
Count = Annotated[int, Field(ge=0)]
Number = Annotated[float | None, AfterValidator(_finite)]
Name = Annotated[str, BeforeValidator(str)]
Compactor = Annotated[list[float], AfterValidator(lambda items: list(filter(math.isfinite, items)))]


class _Common(BaseModel):
    num_present: Count
    num_missing: Count = 0


class _Category(BaseModel):
    value: Name
    count: Count


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
    item_count: Count
    not_captured: tuple[str, ...] = ()


class _Document(BaseModel):
    dataset: _Dataset
    features: list[_Feature]


def load(document: Any) -> Statistics:
    """Read the document of a statistics.json, old or new, ours or another's.

    Completeness is what the counts say, since older files lack it. A feature without statistics has
    nothing present. NaN and infinities are left out of sketches and moments: here they count as
    missing. Raises `UserError` that names each bad key.
    """
    try:
        read = _Document.model_validate(document)
    except ValidationError as error:
        raise UserError(f"{FILE}: {faults(error)}") from None
    rows = read.dataset.item_count
    features = {one.name: _load_feature(one, rows) for one in read.features}
    return Statistics(rows, features, read.dataset.not_captured)


def _load_feature(feature: _Feature, rows: int) -> Feature:
    absent = _Section(common=_Common(num_present=0, num_missing=rows))
    section = feature.numerical_statistics or feature.string_statistics or absent
    distribution = section.distribution or _Distribution()
    present, missing = section.common.num_present, section.common.num_missing
    counts = distribution.categorical.buckets if distribution.categorical else None
    sketch = distribution.kll.sketch if distribution.kll else None
    distinct_count = section.approximate_num_distinct_values
    return Feature(
        name=feature.name,
        inferred_type=feature.inferred_type,
        present=present,
        missing=missing,
        completeness=_completeness(present, present + missing),
        **{name: getattr(section, name) for name in MOMENTS},
        distinct=section.distinct_count if distinct_count is None else distinct_count,
        sketch=Sketch(sketch.parameters, sketch.data) if sketch else None,
        categories=None if counts is None else {item.value: item.count for item in counts},
    )
