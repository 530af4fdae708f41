"""Constraints that a baseline suggests, and what a job or a person changes of them."""

from collections.abc import Collection, Mapping, Sequence

from categoriser.monitor.formats.constraints import (
    Constraints,
    FeatureConstraints,
    MonitoringConfig,
    QualityConstraint,
    QualityConstraints,
    StringConstraints,
    load_constraints,
)
from categoriser.monitor.formats.feature_statistics import (
    NUMERIC_TYPES,
    STRING,
    FeatureStatistics,
    Statistics,
)
from categoriser.monitor.formats.quality_figures import BEST_CONSTANT
from categoriser.monitor.monitor_settings import FeatureOverride, MonitorSettings

# A String of more values is not a closed list, and a new value in it is not a fault.
MOST_DOMAIN_VALUES = 100
# The container's defaults, as values that are set: the file shows what a person may change.
SUGGESTED_CONFIG = MonitoringConfig.model_validate(MonitoringConfig().model_dump())


def suggest_constraints(
    statistics: Statistics, domains: Mapping[str, Sequence[str]] = {}
) -> Constraints:
    """Return constraints that the statistics meet.

    `domains` holds the values of features whose list is known; for others it is what was seen.
    """
    features = [
        _suggested(feature, domains.get(name)) for name, feature in statistics.features.items()
    ]
    return Constraints(version=0.0, features=features, monitoring_config=SUGGESTED_CONFIG)


def _suggested(
    feature: FeatureStatistics, known_domain: Sequence[str] | None
) -> FeatureConstraints:
    suggested = FeatureConstraints(
        name=feature.name,
        inferred_type=feature.inferred_type,
        completeness=feature.completeness,
    )
    if feature.inferred_type in NUMERIC_TYPES and feature.min is not None:
        sign = {"is_non_negative": feature.min >= 0}
        return suggested.model_copy(update={"num_constraints": sign})
    domain = _domain(feature) if known_domain is None else known_domain
    if feature.inferred_type == STRING and domain:
        listed = StringConstraints(domains=list(domain))
        return suggested.model_copy(update={"string_constraints": listed})
    return suggested


def _domain(feature: FeatureStatistics) -> Sequence[str]:
    """Return the values that were seen, if they are few."""
    seen = sorted(feature.categories or {})
    return seen if len(seen) <= MOST_DOMAIN_VALUES else []


def without_features(constraints: Constraints, names: Collection[str]) -> Constraints:
    """Return the constraints of all other features."""
    features = [feature for feature in constraints.features if feature.name not in names]
    return constraints.model_copy(update={"features": features})


def suggest_quality_constraints(values: Mapping[str, float]) -> QualityConstraints:
    """Return constraints on the figures of these values: none may fall."""
    bounds = {
        name: QualityConstraint(threshold=value, comparison_operator="LessThanThreshold")
        for name, value in values.items()
        if not name.endswith(BEST_CONSTANT)
    }
    return QualityConstraints(version=0.0, multiclass_classification_constraints=bounds)


def overridden_constraints(
    bounds: Constraints, categorical_method: str, settings: MonitorSettings
) -> Constraints:
    """Return the constraints with what the job said, and a person in `overrides`.

    Raises `UserError` for a `categorical_method` that does not exist.
    """
    config = bounds.monitoring_config
    if categorical_method:
        chosen = config.distribution_constraints.model_copy(
            update={"categorical_drift_method": categorical_method}
        )
        config = config.model_copy(update={"distribution_constraints": chosen})
        bounds = bounds.model_copy(update={"monitoring_config": config})
    features = [
        _overridden(feature, settings.overrides.get(feature.name)) for feature in bounds.features
    ]
    changed = bounds.model_copy(update={"features": features})
    # A copy is not checked.
    return load_constraints(changed.plain())


def _overridden(
    feature: FeatureConstraints, override: FeatureOverride | None
) -> FeatureConstraints:
    if override is None:
        return feature
    own = feature.overrides or MonitoringConfig()
    if not override.evaluate:
        own = own.model_copy(update={"evaluate_constraints": "Disabled"})
    if override.threshold is not None:
        thresholds = {
            "comparison_threshold": override.threshold,
            "categorical_comparison_threshold": override.threshold,
        }
        compared = own.distribution_constraints.model_copy(update=thresholds)
        own = own.model_copy(update={"distribution_constraints": compared})
    changed = feature.model_copy(update={"overrides": own})
    if override.completeness is None:
        return changed
    return changed.model_copy(update={"completeness": override.completeness})
