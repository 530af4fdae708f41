"""How much worse the worst slice of each column is served."""

from collections.abc import Mapping
from statistics import NormalDist

from categoriser.evaluation.evaluation_file import ColumnSlices
from categoriser.monitor.comparison.constraint_checks import beyond_threshold
from categoriser.monitor.formats.quality_figures import QualityFigure, QualityFigures
from categoriser.monitor.formats.violations import Violation

SLICE_GAP_PREFIX = "slice_gap_"


def slice_gaps(
    slices: Mapping[str, ColumnSlices | None], bound: float, confidence: float
) -> tuple[QualityFigures, list[Violation]]:
    """Return `slice_gap_<column>` of each column's worst slice, and the columns that are violated.

    A column is violated where a slice's whole interval is over the bound, as at the gate; the gap
    of the worst such slice is in the violation. A standard deviation is that of a normal
    distribution with the interval's width.
    """
    width = 2 * NormalDist().inv_cdf((1 + confidence) / 2)
    kind = "GreaterThanThreshold"
    gaps: QualityFigures = {}
    violations = []
    for column, compared in slices.items():
        name = f"{SLICE_GAP_PREFIX}{column}"
        for part in compared.slices if compared else []:  # the worst served first
            figure = QualityFigure(part.gap.value, (part.gap.high - part.gap.low) / width)
            gaps.setdefault(name, figure)
            if part.gap.low > bound:
                text = beyond_threshold(name, figure, kind, bound)
                violations.append(Violation(name, kind, text))
                break
    return gaps, violations
