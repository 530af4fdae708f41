"""From a summary to the statistics that Model Monitor's container would write of the same rows."""

import math
from collections.abc import Iterable
from dataclasses import replace

from categoriser.monitor.formats.sketch import SHRINK, SKETCH_SIZE, Sketch
from categoriser.monitor.formats.statistics import (
    FRACTIONAL,
    INTEGRAL,
    STRING,
    UNKNOWN_TYPE,
    FeatureStatistics,
    Statistics,
    completeness,
    finite,
)
from categoriser.monitor.summaries.hyperloglog import estimate_distinct
from categoriser.monitor.summaries.summary import ColumnSummary, Summary


def statistics_of(summary: Summary) -> Statistics:
    """Return the statistics of a summary.

    The type is inferred as Deequ does: one text makes a String, else one fraction a Fractional;
    nothing present is Unknown. Moments that overflow a double are None.
    """
    rows, columns = summary.rows, summary.columns
    return Statistics(rows, {name: _feature(name, columns[name], rows) for name in columns})


def _feature(name: str, column: ColumnSummary, rows: int) -> FeatureStatistics:
    present = column.present
    kinds = [kind for kind in (STRING, FRACTIONAL, INTEGRAL) if column.types[kind]]
    kind = kinds[0] if kinds else UNKNOWN_TYPE
    share, types = completeness(present, rows), dict(column.types)
    known = FeatureStatistics(name, kind, present, rows - present, share, types=types)
    if kind == UNKNOWN_TYPE:
        return replace(known, distinct=0.0)
    if kind == STRING:
        # Values that were stored as numbers are in no category.
        whole = column.categories and sum(column.categories.values()) == present
        categories = column.categories if whole else None
        count = len(categories) if categories else round(estimate_distinct(column.registers))
        return replace(known, distinct=float(count), categories=categories)
    return replace(
        known,
        mean=finite(column.mean),
        sum=finite(column.mean * present),
        std_dev=finite(math.sqrt(column.squares / present)),
        min=column.minimum,
        max=column.maximum,
        distinct=float(round(estimate_distinct(column.registers))),
        sketch=sketch_of(column.quantiles),
    )


def sketch_of(quantiles: Iterable[tuple[float, int]]) -> Sketch:
    """Return Deequ's form of a KLL sketch of DataSketches, which yields its items with weights.

    An item of weight 2^i is of compactor i.
    """
    compactors: list[list[float]] = []
    for item, weight in quantiles:
        level = weight.bit_length() - 1
        while len(compactors) <= level:
            compactors.append([])
        compactors[level].append(item)
    return Sketch({"c": SHRINK, "k": float(SKETCH_SIZE)}, compactors)
