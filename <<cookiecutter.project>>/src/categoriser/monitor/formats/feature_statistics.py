"""The statistics of a data set's columns, in memory: what a window and a baseline are compared by.

`formats.statistics_file` reads and writes them.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

from categoriser.monitor.formats.sketch import Sketch

DataType = Literal["Integral", "Fractional", "String", "Unknown"]
INTEGRAL: DataType = "Integral"
FRACTIONAL: DataType = "Fractional"
STRING: DataType = "String"
UNKNOWN_TYPE: DataType = "Unknown"
NUMERIC_TYPES = (INTEGRAL, FRACTIONAL)


@dataclass(frozen=True)
class FeatureStatistics:
    """A column's statistics; None is what its type does not have, or a file does not say.

    `std_dev` is the population's. `types` counts the values by data type; files do not hold it.
    """

    name: str
    inferred_type: DataType
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
    types: dict[DataType, int] = field(default_factory=dict)


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
