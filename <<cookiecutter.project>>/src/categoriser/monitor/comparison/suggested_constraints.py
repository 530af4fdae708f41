"""Constraints that a baseline suggests, and what a job or a person changes of them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from categoriser.monitor.formats.constraints import (
    Constraints,
    MonitoringConfig,
    QualityConstraints,
    dump_constraints,
    load_constraints,
    load_quality_constraints,
)
from categoriser.monitor.formats.quality_figures import BEST_CONSTANT, QualityFigures
from categoriser.monitor.formats.statistics import NUMERIC_TYPES, Statistics
from categoriser.monitor.monitor_settings import MonitorSettings

# A String of more values is no closed list, and a new value in it is no fault.
MOST_DOMAIN_VALUES = 100


def suggest_constraints(
    statistics: Statistics, domains: Mapping[str, Sequence[str]] = {}
) -> Constraints:
    """Return constraints that the statistics meet.

    `domains` holds the values of features whose list is known; for others it is what was seen.
    """
    features = []
    for name, feature in statistics.features.items():
        kind = feature.inferred_type
        suggested = {"name": name, "inferred_type": kind, "completeness": feature.completeness}
        seen = sorted(feature.categories or {})
        domain = domains.get(name, seen if len(seen) <= MOST_DOMAIN_VALUES else [])
        if kind in NUMERIC_TYPES and feature.min is not None:
            suggested["num_constraints"] = {"is_non_negative": feature.min >= 0}
        elif kind == "String" and domain:
            suggested["string_constraints"] = {"domains": list(domain)}
        features.append(suggested)
    config = MonitoringConfig().model_dump()
    return load_constraints({"version": 0.0, "features": features, "monitoring_config": config})


def without_features(constraints: Constraints, names: Collection[str]) -> Constraints:
    """Return the constraints of all other features."""
    features = [feature for feature in constraints.features if feature.name not in names]
    return constraints.model_copy(update={"features": features})


def suggest_quality_constraints(metrics: QualityFigures) -> QualityConstraints:
    """Return constraints on `{metric: {value, standard_deviation}}`: none may fall."""
    thresholds = {
        name: {"threshold": metric["value"], "comparison_operator": "LessThanThreshold"}
        for name, metric in metrics.items()
        if not name.endswith(BEST_CONSTANT)
    }
    return load_quality_constraints(
        {"version": 0.0, "multiclass_classification_constraints": thresholds}
    )


def overridden_constraints(
    bounds: Constraints, categorical_method: str, settings: MonitorSettings
) -> Constraints:
    """Return the constraints with what the job said, and a person in `overrides`."""
    document = dump_constraints(bounds)
    if categorical_method:
        config = document.setdefault("monitoring_config", {})
        chosen = config.setdefault("distribution_constraints", {})
        chosen["categorical_drift_method"] = categorical_method
    for feature in document.get("features", []):
        override = settings.overrides.get(feature["name"])
        if not override:
            continue
        if override.completeness is not None:
            feature["completeness"] = override.completeness
        changed: dict[str, Any] = {} if override.evaluate else {"evaluate_constraints": "Disabled"}
        before = feature.get("monitoringConfigOverrides") or {}
        if override.threshold is not None:
            changed["distribution_constraints"] = before.get("distribution_constraints", {}) | {
                "comparison_threshold": override.threshold,
                "categorical_comparison_threshold": override.threshold,
            }
        feature["monitoringConfigOverrides"] = before | changed
    return load_constraints(document)
