"""The labels' own drift: their classes' shares, held against training's."""

from collections.abc import Mapping

import numpy as np

from categoriser.monitor.comparison.constraint_checks import check_constraints
from categoriser.monitor.comparison.feature_drift import FeatureDrift, drifts_from
from categoriser.monitor.comparison.suggested_constraints import suggest_constraints
from categoriser.monitor.formats.constraints import dump_constraints, load_constraints
from categoriser.monitor.formats.statistics import FeatureStatistics, Statistics
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.labels.quality_baseline import STANDARD_ERRORS
from categoriser.monitor.monitor_settings import QualitySettings

GROUND_TRUTH_FEATURE = "ground_truth"


def label_drift(
    truths: Mapping[str, int], training: Mapping[str, int], settings: QualitySettings
) -> tuple[FeatureDrift, list[Violation]]:
    """Hold counts of labels by class against training's, as a feature named `GROUND_TRUTH`.

    The distance is the largest difference of a class's shares. Its threshold is `label_drift` and
    `STANDARD_ERRORS` of the share that varies most. Labels of no class are a violation where their
    share is over `max_bad_labels`.
    """

    def described(counts: Mapping[str, int]) -> Statistics:
        rows = sum(counts.values())
        feature = FeatureStatistics(
            GROUND_TRUTH_FEATURE, "String", rows, 0, 1.0, categories=dict(counts)
        )
        return Statistics(rows, {GROUND_TRUTH_FEATURE: feature})

    now, before = described(truths), described(training)
    shares = np.array(list(training.values())) / before.item_count
    rows = 1 / max(1, now.item_count) + 1 / before.item_count
    noise = STANDARD_ERRORS * float(np.sqrt((shares * (1 - shares)).max() * rows))
    config = {"domain_content_threshold": 1 - settings.max_bad_labels}
    suggested = dump_constraints(suggest_constraints(before))
    limits = load_constraints(suggested | {"monitoring_config": config})
    thresholds = {GROUND_TRUTH_FEATURE: settings.label_drift + noise}
    drifts = drifts_from(now, before, limits, thresholds)
    return drifts[GROUND_TRUTH_FEATURE], check_constraints(now, limits, drifts)
