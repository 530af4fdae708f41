"""A window's statistics and the model's figures, checked against constraints."""

import math
from collections.abc import Iterator

from categoriser.monitor.comparison.feature_drift import Drifts, FeatureDrift
from categoriser.monitor.formats.constraints import (
    Constraints,
    FeatureConstraints,
    MonitoringConfig,
    QualityConstraints,
)
from categoriser.monitor.formats.quality_figures import QualityFigures
from categoriser.monitor.formats.statistics import NUMERIC_TYPES, FeatureStatistics, Statistics
from categoriser.monitor.formats.violations import Violation


def check_constraints(
    current: Statistics, constraints: Constraints, drifts: Drifts
) -> list[Violation]:
    """Return what in a window is against the constraints; a window without rows breaks none."""
    if not current.item_count or constraints.monitoring_config.evaluate_constraints == "Disabled":
        return []
    expected = {feature.name: feature for feature in constraints.features}
    counts = (
        f"columns in current dataset. Number of columns in current dataset: "
        f"{len(current.features)}, Number of columns in baseline constraints: {len(expected)}"
    )
    violations = []
    for name in expected | current.features:
        config = constraints.config(name)
        if config.evaluate_constraints == "Disabled":
            continue
        if name not in current.features:
            faults = iter([("missing_column_check", f"There are missing {counts}")])
        elif name not in expected:
            faults = iter([("extra_column_check", f"There are extra {counts}")])
        else:
            faults = _faults(current.features[name], expected[name], config, drifts.get(name))
        violations += [Violation(name, *fault) for fault in faults]
    return violations


def _faults(
    feature: FeatureStatistics,
    expected: FeatureConstraints,
    config: MonitoringConfig,
    drift: FeatureDrift | None,
) -> Iterator[tuple[str, str]]:
    """Yield type and description of each thing that is against a feature's constraints."""
    kind, not_met = expected.inferred_type, "requirement is not met. Expected"
    of_type = f"Data type match {not_met} data type: {kind}, Expected match"
    complete = f"Completeness {not_met} completeness"
    in_list, enough = f"Categorical values match {not_met} match", config.domain_content_threshold
    match, known = _match(feature, kind), in_domain(feature, expected)
    for check_type, rule, least, share, what in (
        ("data_type_check", of_type, config.datatype_check_threshold, match, kind),
        ("completeness_check", complete, expected.completeness, feature.completeness, "present"),
        ("categorical_values_check", in_list, enough, known, "in the domain"),
    ):
        if least is not None and share is not None and share < least:
            observed = f"Observed: Only {100 * share}% of data is {what}."
            yield check_type, f"{rule}: {100 * least}%. {observed}"
    if drift and drift.exceeded:
        # All digits of the distance, as the container has them.
        far = f"Baseline drift distance: {drift.distance}"
        yield "baseline_drift_check", f"{far} exceeds threshold: {drift.threshold:.6g}"


def in_domain(feature: FeatureStatistics, expected: FeatureConstraints | None) -> float | None:
    """Return the share of a String's values that are in its domain; None where it has none.

    In a String of too many values to be counted none is.
    """
    domain = expected and expected.string_constraints and expected.string_constraints.domains
    if not domain or feature.inferred_type != "String" or not feature.present:
        return None
    return sum((feature.categories or {}).get(value, 0) for value in set(domain)) / feature.present


def _match(feature: FeatureStatistics, expected: str) -> float:
    """Return the share of values that are of the expected type.

    A whole number is a Fractional too. In a column of Strings a value that spells a number is a
    String; a column without any other is none. Statistics from a file tell only what was inferred.
    """
    text = expected == feature.inferred_type == "String"
    if not feature.present or expected == "Unknown" or text:
        return 1.0
    types = feature.types or {feature.inferred_type: feature.present}
    accepted = NUMERIC_TYPES if expected == "Fractional" else (expected,)
    return sum(types.get(name, 0) for name in accepted) / sum(types.values())


def check_quality_constraints(
    metrics: QualityFigures, constraints: QualityConstraints
) -> list[Violation]:
    """Return the metrics that are beyond their thresholds."""
    violations = []
    for name, constraint in constraints.multiclass_classification_constraints.items():
        value = metrics.get(name, {}).get("value", math.nan)
        kind, threshold = constraint.comparison_operator, constraint.threshold
        if value < threshold if kind == "LessThanThreshold" else value > threshold:
            deviation = metrics[name].get("standard_deviation")
            text = f"Metric {name} with {value} +/- {deviation} was {kind} '{threshold}'"
            violations.append(Violation(name, kind, text))
    return violations
