"""HyperLogLog: how many distinct values a column has, from registers that can be merged.

It is written here because `datasketches`, which makes the quantile sketches, takes one value a
call, while these registers are filled from arrays of hashes.
"""

import math

import numpy as np
import numpy.typing as npt

Registers = npt.NDArray[np.uint8]

PRECISION = 14  # 2^14 registers of HyperLogLog: a standard error of 0.8 %
REST_BITS = 64 - PRECISION


def registers_of(hashes: npt.NDArray[np.uint64]) -> Registers:
    """Return HyperLogLog's registers: the largest rank of a first bit that is set, by bucket."""
    registers = np.zeros(2**PRECISION, dtype=np.uint8)
    buckets = np.right_shift(hashes, np.uint64(REST_BITS)).astype(np.intp)
    rest = (hashes & np.uint64(2**REST_BITS - 1)).astype(np.float64)  # exact: under 2^53
    np.maximum.at(registers, buckets, (REST_BITS + 1 - np.frexp(rest)[1]).astype(np.uint8))
    return registers


def estimate_distinct(registers: Registers) -> float:
    """Estimate the number of distinct values, without bias from none to 2^50 of them.

    Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6,
    less its correction for saturated registers.
    """
    size = len(registers)
    counts = np.bincount(registers, minlength=REST_BITS + 2)
    share = float(counts[0] / size)
    if share == 1.0:
        return 0.0
    sigma = share
    power = share
    weight = 1.0
    while power > 0.0:
        power *= power
        sigma += power * weight
        weight *= 2.0
    ranks = np.arange(1, REST_BITS + 2)
    denominator = float(np.sum(np.ldexp(counts[1:].astype(np.float64), -ranks))) + size * sigma
    return size * size / (2 * math.log(2) * denominator)
