"""How much worse the worst slice of each column is served."""

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

from categoriser.monitor.formats.violations import Violation

SLICE_GAP_PREFIX = "slice_gap_"


def slice_gaps(
    slices: Mapping[str, Any], bound: float, confidence: float
) -> tuple[dict[str, dict[str, float]], list[Violation]]:
    """Return `slice_gap_<column>` of each column's worst slice, and the columns that are violated.

    A column is where a slice's whole interval is over the bound, as at the gate; the worst such
    slice's gap stands in the violation. A standard deviation is that of a normal distribution
    with the interval's width.
    """
    width = 2 * NormalDist().inv_cdf((1 + confidence) / 2)
    kind = "GreaterThanThreshold"
    gaps: dict[str, dict[str, float]] = {}
    violations = []
    for column, compared in slices.items():
        name = f"{SLICE_GAP_PREFIX}{column}"
        for part in compared["slices"] if compared else []:  # the worst served first
            gap = part["gap"]
            value, deviation = gap["value"], (gap["high"] - gap["low"]) / width
            gaps.setdefault(name, {"value": value, "standard_deviation": deviation})
            if gap["low"] > bound:
                text = f"Metric {name} with {value} +/- {deviation} was {kind} '{bound}'"
                violations.append(Violation(name, kind, text))
                break
    return gaps, violations
