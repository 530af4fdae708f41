"""A KLL quantile sketch in Deequ's form.

It is a list of compactors, in which an item of compactor *i* counts for 2^i values.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SHRINK = 0.64  # Deequ's `c`: how much smaller each lower compactor is
SKETCH_SIZE = 2048  # items of a sketch's highest compactor; Deequ's default

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# Values in ascending order, and how many rows each counts for.
Weighted = tuple[Floats, Floats]


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
