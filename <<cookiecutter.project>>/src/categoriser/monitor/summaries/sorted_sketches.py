"""Sketches without chance: of sorted values, as long as all of them fit into memory."""

import math
from dataclasses import replace

import numpy as np
import polars as pl

from categoriser.monitor.formats.feature_statistics import Statistics
from categoriser.monitor.formats.sketch import SHRINK, SKETCH_SIZE, Floats, Sketch


def without_chance(known: Statistics, watched: pl.DataFrame) -> Statistics:
    """Replace the sketches, which chance is in, by those of the sorted values.

    So the stage's output depends on its input alone, and has no sketch's error to begin with.
    """
    features = dict(known.features)
    for name, feature in known.features.items():
        if feature.sketch:
            values = np.sort(watched[name].drop_nulls().to_numpy())
            features[name] = replace(feature, sketch=sorted_sketch(values))
    return replace(known, features=features)


def sorted_sketch(values: Floats) -> Sketch:
    """Return a sketch of sorted values: each item is the middle one of those that it counts for.

    At most K items are in the highest compactor, and one in each below it.
    """
    top = max(0, math.ceil(math.log2(max(1, len(values)) / SKETCH_SIZE)))
    data: list[list[float]] = []
    end = len(values)
    for level in range(top):
        size = 2**level
        # Where a level has an odd number of items, the last values are one item there.
        odd = end // size % 2
        data.append([float(values[end - size + size // 2])] * odd)
        end -= size * odd
    step = 2**top
    data.append(values[step // 2 : end : step].tolist())
    return Sketch({"c": SHRINK, "k": float(SKETCH_SIZE)}, data)
