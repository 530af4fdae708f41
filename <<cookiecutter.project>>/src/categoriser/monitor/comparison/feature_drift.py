"""How far each feature of a window is from the baseline.

Where the constraints choose the threshold, a distance has the arithmetic of Deequ's `Distance`:
numbers are compared by `deequ_distance`, which counts distinct values. Calibrated thresholds go
with `linf_simple`, which counts rows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from categoriser.monitor.comparison.deequ_distance import numerical_distance
from categoriser.monitor.comparison.distances import (
    chi_squared,
    linf_categories,
    linf_robust,
    linf_simple,
)
from categoriser.monitor.formats.constraints import Constraints, DistributionConstraints
from categoriser.monitor.formats.feature_statistics import (
    NUMERIC_TYPES,
    FeatureStatistics,
    Statistics,
)


@dataclass(frozen=True)
class FeatureDrift:
    """A feature's distance from the baseline, and the threshold that it is held against.

    `distance` is None where nothing can be compared, `threshold` where nothing is set. More is
    always more drift: a corrected chi-squared test gives a p-value, which is here 1 − p against
    1 − the threshold.
    """

    feature: str
    distance: float | None
    threshold: float | None
    method: str

    @property
    def exceeded(self) -> bool:
        if self.distance is None or self.threshold is None:
            return False
        return self.distance > self.threshold


Drifts = Mapping[str, FeatureDrift]


def drifts_from(
    current: Statistics,
    baseline: Statistics | None,
    constraints: Constraints,
    thresholds: Mapping[str, float] | None = None,
) -> dict[str, FeatureDrift]:
    """Return the drift of each feature that both have, by name.

    `thresholds` are for windows of this size and go with the simple distance of the rows; a feature
    without one is not judged. With None the constraints choose both, and numbers have Deequ's
    distance.
    """
    drifts = {}
    for name, feature in current.features.items():
        before = baseline.features.get(name) if baseline else None
        chosen = constraints.config(name).distribution_constraints
        if before is None or chosen.perform_comparison == "Disabled":
            continue
        if thresholds is None:
            distance, threshold, method = _compared(feature, before, chosen)
        else:
            distance = _simple(feature, before)
            threshold = thresholds.get(name)
            method = "Simple"
        comparable = None if math.isnan(distance) else distance
        drifts[name] = FeatureDrift(name, comparable, threshold, method)
    return drifts


def _compared(
    feature: FeatureStatistics, before: FeatureStatistics, chosen: DistributionConstraints
) -> tuple[float, float | None, str]:
    """Return distance, threshold and method as constraints have them."""
    robust = chosen.comparison_method == "Robust"
    threshold = chosen.comparison_threshold
    if feature.inferred_type not in NUMERIC_TYPES:
        threshold = chosen.categorical_comparison_threshold
        if chosen.categorical_drift_method == "ChiSquared":
            test = chi_squared(feature.categories or {}, before.categories or {})
            if robust:
                return 1 - test.p_value, 1 - threshold, "ChiSquared"
            return test.statistic, threshold, "ChiSquared statistic"
    if feature.sketch and before.sketch:
        distance, n, m = numerical_distance(feature.sketch, before.sketch)
    else:
        distance = _simple(feature, before)
        n = feature.present
        m = before.present
    if robust:
        distance = linf_robust(distance, n, m)
    return distance, threshold, chosen.comparison_method


def _simple(feature: FeatureStatistics, before: FeatureStatistics) -> float:
    """Return the uncorrected distance; NaN where one is a number and the other is not."""
    if feature.sketch and before.sketch:
        return linf_simple(feature.sketch.weighted(), before.sketch.weighted())
    return linf_categories(feature.categories or {}, before.categories or {})
