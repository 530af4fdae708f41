"""From a summary to the statistics that Model Monitor's container would write of the same rows."""

import math
import struct
from dataclasses import replace

import numpy as np

from categoriser.monitor.formats.feature_statistics import (
    FRACTIONAL,
    INTEGRAL,
    STRING,
    UNKNOWN_TYPE,
    FeatureStatistics,
    Statistics,
    completeness,
    finite,
)
from categoriser.monitor.formats.sketch import SHRINK, SKETCH_SIZE, Sketch
from categoriser.monitor.summaries.hyperloglog import estimate_distinct
from categoriser.monitor.summaries.summary import ColumnSummary, Summary

# Apache DataSketches' serial forms. Its iterator gives the items with weights, and cannot be used:
# where merges left the lowest level empty, it says 1 for every weight. The serial forms of an empty
# sketch and of one item are shorter.
EMPTY_FLAG = 0x01
SINGLE_ITEM_FLAG = 0x04
FLAGS_AT = 3
SINGLE_ITEM_AT = 8
SKETCH_HEADER = struct.Struct("<8xQHBx")  # n, least k, number of levels


def statistics_of(summary: Summary) -> Statistics:
    """Return the statistics of a summary.

    The type is inferred as Deequ does: one text makes a String, else one fraction a Fractional;
    nothing present is Unknown. Moments that overflow a double are None.
    """
    features = {
        name: _column_statistics(name, column, summary.rows)
        for name, column in summary.columns.items()
    }
    return Statistics(summary.rows, features)


def _column_statistics(name: str, column: ColumnSummary, rows: int) -> FeatureStatistics:
    present = column.present
    kinds = [kind for kind in (STRING, FRACTIONAL, INTEGRAL) if column.types[kind]]
    kind = kinds[0] if kinds else UNKNOWN_TYPE
    known = FeatureStatistics(
        name,
        kind,
        present,
        missing=rows - present,
        completeness=completeness(present, rows),
        types=dict(column.types),
    )
    if kind == UNKNOWN_TYPE:
        return replace(known, distinct=0.0)
    estimate = float(round(estimate_distinct(column.registers)))
    if kind == STRING:
        # Values that were stored as numbers are in no category.
        if column.categories and sum(column.categories.values()) == present:
            counted = float(len(column.categories))
            return replace(known, distinct=counted, categories=column.categories)
        return replace(known, distinct=estimate)
    return replace(
        known,
        mean=finite(column.mean),
        sum=finite(column.mean * present),
        std_dev=finite(math.sqrt(column.squares / present)),
        min=column.minimum,
        max=column.maximum,
        distinct=estimate,
        sketch=sketch_of(column.quantiles.serialize()),
    )


def sketch_of(serialized: bytes) -> Sketch:
    """Read `kll_doubles_sketch.serialize()`, serial versions 1 and 2 of Apache DataSketches.

    Little-endian: an 8-byte preamble with flags, n, the least k, the number of levels, each level's
    offset in the buffer as u32, the smallest and the largest value, then the levels' items, lowest
    first. The buffer is filled from its end: the first offset is what is still free.
    """
    flags = serialized[FLAGS_AT]
    if flags & EMPTY_FLAG:
        levels: list[list[float]] = []
    elif flags & SINGLE_ITEM_FLAG:
        levels = [np.frombuffer(serialized, "<f8", offset=SINGLE_ITEM_AT).tolist()]
    else:
        _, _, count = SKETCH_HEADER.unpack_from(serialized)
        offsets = np.frombuffer(serialized, "<u4", count, SKETCH_HEADER.size).astype(np.int64)
        start = SKETCH_HEADER.size + 4 * count
        items = np.frombuffer(serialized, "<f8", offset=start)[2:]
        levels = [level.tolist() for level in np.split(items, offsets[1:] - offsets[0])]
    return Sketch({"c": SHRINK, "k": float(SKETCH_SIZE)}, levels)
