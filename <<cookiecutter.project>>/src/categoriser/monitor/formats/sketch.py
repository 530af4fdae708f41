"""KLL quantile sketches in Deequ's form, the one that statistics.json holds.

A sketch is a list of compactors; an item of compactor *i* stands for 2^i values.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

K = 2048  # items of the highest compactor; Deequ's default
SHRINK = 0.64  # Deequ's `c`: how much smaller each lower compactor is

# Apache DataSketches' serial forms: those of an empty sketch and of one item are shorter.
EMPTY, SINGLE = 0x01, 0x04
FLAGS = 3
SINGLE_ITEM = 8
HEADER = struct.Struct("<8xQHBx")  # n, least k, number of levels


@dataclass(frozen=True)
class Sketch:
    """Compactors, lowest first, and the parameters that they were made with."""

    parameters: Mapping[str, float]
    data: list[list[float]]

    @property
    def size(self) -> float:
        """How many values the sketch stands for."""
        return math.fsum(math.ldexp(len(items), level) for level, items in enumerate(self.data))

    def weighted(self) -> tuple[Floats, Floats]:
        """Return the items in ascending order and the weight of each."""
        items = np.array([item for compactor in self.data for item in compactor], dtype=np.float64)
        lengths = [len(compactor) for compactor in self.data]
        weights = np.repeat(np.ldexp(1.0, np.arange(len(lengths))), lengths)
        order = np.argsort(items, kind="stable")
        return items[order], weights[order]


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
