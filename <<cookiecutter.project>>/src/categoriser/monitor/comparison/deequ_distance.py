"""Deequ's distance of two numeric columns: what SageMaker Model Monitor's container reports.

It differs from a two-sample Kolmogorov-Smirnov distance in what it counts. Deequ takes a sketch's
items into a map from value to weight (`QuantileNonSample.getRankMap` of awslabs/deequ), so that
every distinct value counts once, however many rows have it, with the weight of the highest
compactor that it is in. `Distance.numericalDistance` takes ranks and numbers of samples from
those maps. So a column of few distinct values hardly drifts, whatever its rows do, and one of 0
and 1 never does.

The categorical distances of the same file count rows; they are in `distances`.
"""

from typing import NamedTuple

import numpy as np

from categoriser.monitor.formats.sketch import Sketch, Weighted


class DeequDistance(NamedTuple):
    """A distance without correction, and the sums of weights that Deequ corrects it by.

    `current` and `baseline` are its `n` and `m`. They are not numbers of rows.
    """

    simple: float
    current: int
    baseline: int


def numerical_distance(current: Sketch, baseline: Sketch) -> DeequDistance:
    """Return the largest difference of the two rank maps' distribution functions.

    NaN, with sums of 0, where a sketch is empty.
    """
    samples = [distinct_values(sketch) for sketch in (current, baseline)]
    n, m = (int(weights.sum()) for _, weights in samples)
    if not n or not m:
        return DeequDistance(np.nan, 0, 0)
    at = np.concatenate([values for values, _ in samples])
    ranks = []
    for values, weights in samples:
        sums = np.concatenate([[0.0], np.cumsum(weights)])
        ranks.append(sums[np.searchsorted(values, at, side="right")])
    # Divided apart, as Deequ does: so the last digit is its own.
    return DeequDistance(float(np.abs(ranks[0] / n - ranks[1] / m).max()), n, m)


def distinct_values(sketch: Sketch) -> Weighted:
    """Return a sketch's distinct values in ascending order, each with its highest weight."""
    values, weights = sketch.weighted()
    highest_first = np.lexsort((-weights, values))
    values, first = np.unique(values[highest_first], return_index=True)
    return values, weights[highest_first][first]
