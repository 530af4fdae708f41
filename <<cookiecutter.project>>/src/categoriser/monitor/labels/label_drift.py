"""The labels' own drift: their classes' shares, held against training's."""

from collections.abc import Mapping

import numpy as np

from categoriser.monitor.comparison.constraint_checks import check_constraints
from categoriser.monitor.comparison.feature_drift import FeatureDrift, drifts_from
from categoriser.monitor.comparison.suggested_constraints import suggest_constraints
from categoriser.monitor.formats.constraints import MonitoringConfig
from categoriser.monitor.formats.feature_statistics import STRING, FeatureStatistics, Statistics
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.monitor_settings import QualitySettings
from categoriser.monitor.standard_errors import QUALITY_STANDARD_ERRORS

GROUND_TRUTH_FEATURE = "ground_truth"


def label_drift(
    truths: Mapping[str, int], training: Mapping[str, int], settings: QualitySettings
) -> tuple[FeatureDrift, list[Violation]]:
    """Hold counts of labels by class against training's, as the feature `GROUND_TRUTH_FEATURE`.

    The distance is the largest difference of a class's shares. Its threshold is `label_drift` and
    `QUALITY_STANDARD_ERRORS` of the share that varies most. Labels that are not a class are a
    violation where their share is over `max_bad_labels`.
    """
    now = _statistics_of_labels(truths)
    before = _statistics_of_labels(training)
    config = MonitoringConfig(domain_content_threshold=1 - settings.max_bad_labels)
    suggested = suggest_constraints(before)
    limits = suggested.model_copy(update={"monitoring_config": config})
    threshold = settings.label_drift + _noise(training, now.item_count)
    drifts = drifts_from(now, before, limits, {GROUND_TRUTH_FEATURE: threshold})
    return drifts[GROUND_TRUTH_FEATURE], check_constraints(now, limits, drifts)


def _statistics_of_labels(counts: Mapping[str, int]) -> Statistics:
    rows = sum(counts.values())
    feature = FeatureStatistics(
        GROUND_TRUTH_FEATURE, STRING, rows, missing=0, completeness=1.0, categories=dict(counts)
    )
    return Statistics(rows, {GROUND_TRUTH_FEATURE: feature})


def _noise(training: Mapping[str, int], rows: int) -> float:
    """Return how far chance may move the share that varies most in so many labels."""
    training_rows = sum(training.values())
    shares = np.array(list(training.values())) / training_rows
    variance = (shares * (1 - shares)).max() * (1 / max(1, rows) + 1 / training_rows)
    return QUALITY_STANDARD_ERRORS * float(np.sqrt(variance))
