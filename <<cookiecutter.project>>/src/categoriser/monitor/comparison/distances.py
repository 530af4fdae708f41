"""Distances of two distributions: of numbers, and of categories.

Those that judge are Deequ's, so that a threshold set for Model Monitor means here what it meant
there. The population stability index, which Deequ's container does not have, judges nothing.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from categoriser.monitor.formats.sketch import Floats, Weighted

# Knuth's constant for a two-sample Kolmogorov-Smirnov test at 0.003, as Deequ has it.
C_ALPHA = 1.8
# A category expected in fewer rows is too small: with two categories, and with more of them.
FEWEST_OF_TWO = 10
FEWEST = 5
SHARE_OF_SMALL = 0.2


class ChiSquared(NamedTuple):
    """Both are NaN where fewer than two categories are left."""

    statistic: float
    p_value: float


def linf_simple(current: Weighted, baseline: Weighted) -> float:
    """Return the largest absolute difference of two empirical distribution functions.

    It is taken at every value of either set. NaN where a set is empty.
    """
    if not len(current[0]) or not len(baseline[0]):
        return math.nan
    at = np.concatenate([current[0], baseline[0]])
    return float(np.abs(_cumulated(current, at) - _cumulated(baseline, at)).max())


def linf_robust(simple: float, n: int, m: int) -> float:
    """Return a simple distance less what chance gives two samples of `n` and `m`.

    `n` and `m` are what the simple distance counted: rows in `linf_categories`, weights of distinct
    values in `deequ_distance`.
    """
    if not n or not m or math.isnan(simple):
        return math.nan
    return max(0.0, simple - C_ALPHA * math.sqrt((n + m) / (n * m)))


def linf_categories(current: Mapping[str, int], baseline: Mapping[str, int]) -> float:
    """Return the largest absolute difference of the categories' shares; NaN where one is empty."""
    n = sum(current.values())
    m = sum(baseline.values())
    if not n or not m:
        return math.nan
    names = current.keys() | baseline.keys()
    return max(abs(current.get(name, 0) / n - baseline.get(name, 0) / m) for name in names)


def chi_squared(current: Mapping[str, int], baseline: Mapping[str, int]) -> ChiSquared:
    """Test the categories' counts against the baseline's, scaled to as many rows.

    As in Deequ, categories that the baseline lacks are left out, and while too many are too
    small the smallest is merged into the second smallest: with two categories none may be expected
    in fewer than 10 rows, with more at most 20 % of them in fewer than 5. Of categories that are
    equally small the first by name counts as smaller (Deequ leaves it open).
    """
    known = {name: current.get(name, 0) for name in sorted(baseline) if baseline[name]}
    rows = sum(known.values())
    expected_rows = sum(baseline.values())
    if not rows or len(known) < 2:
        return ChiSquared(math.nan, math.nan)
    # Expected and observed rows; sorting keeps the order of names among equals.
    groups = [(baseline[name] / expected_rows * rows, seen) for name, seen in known.items()]
    while len(groups) > 1 and _too_small(groups):
        smallest, second, *groups = sorted(groups, key=lambda group: group[0])
        groups.insert(0, (smallest[0] + second[0], smallest[1] + second[1]))
    if len(groups) < 2:
        return ChiSquared(math.nan, math.nan)
    statistic = math.fsum((seen - expected) ** 2 / expected for expected, seen in groups)
    return ChiSquared(statistic, float(chdtrc(len(groups) - 1, statistic)))


def psi(current: Sequence[float] | Floats, baseline: Sequence[float] | Floats) -> float:
    """Return the population stability index of the rows in the same bins.

    An empty bin counts as half a row, else one would make the index infinite. NaN where there
    are no rows.
    """
    both = [np.asarray(rows, dtype=float) for rows in (current, baseline)]
    if not all(rows.sum() for rows in both):
        return math.nan
    p, q = (np.maximum(rows, 0.5) / rows.sum() for rows in both)
    return float(((p - q) * np.log(p / q)).sum())


def _cumulated(sample: Weighted, at: Floats) -> Floats:
    """Return the share of rows that are at most each value of `at`."""
    values, weights = sample
    sums: Floats = np.concatenate([[0.0], np.cumsum(weights, dtype=float)])
    shares: Floats = sums[np.searchsorted(values, at, side="right")] / sums[-1]
    return shares


def _too_small(groups: Sequence[tuple[float, int]]) -> bool:
    if len(groups) == 2:
        return any(expected < FEWEST_OF_TWO for expected, _ in groups)
    small = sum(expected < FEWEST for expected, _ in groups)
    return small > int(SHARE_OF_SMALL * len(groups))
