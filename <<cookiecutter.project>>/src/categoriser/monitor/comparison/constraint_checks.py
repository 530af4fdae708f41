"""A window's statistics and the model's figures, checked against constraints."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from categoriser.monitor.comparison.feature_drift import Drifts, FeatureDrift
from categoriser.monitor.formats.constraints import (
    Constraints,
    FeatureConstraints,
    MonitoringConfig,
    QualityConstraint,
    QualityConstraints,
)
from categoriser.monitor.formats.feature_statistics import (
    NUMERIC_TYPES,
    DataType,
    FeatureStatistics,
    Statistics,
)
from categoriser.monitor.formats.quality_figures import QualityFigure
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


class ShareCheck(NamedTuple):
    """A share of a feature's values that must be at least `least`; None is not checked.

    `rule` begins the violation's description, and `what` says what the share is of.
    """

    check_type: str
    rule: str
    least: float | None
    share: float | None
    what: str


def _faults(
    feature: FeatureStatistics,
    expected: FeatureConstraints,
    config: MonitoringConfig,
    drift: FeatureDrift | None,
) -> Iterator[tuple[str, str]]:
    """Yield type and description of each thing that is against a feature's constraints."""
    for check in _share_checks(feature, expected, config):
        if check.least is not None and check.share is not None and check.share < check.least:
            observed = f"Observed: Only {100 * check.share}% of data is {check.what}."
            yield check.check_type, f"{check.rule}: {100 * check.least}%. {observed}"
    if drift and drift.exceeded:
        # All digits of the distance, as the container has them.
        far = f"Baseline drift distance: {drift.distance}"
        yield "baseline_drift_check", f"{far} exceeds threshold: {drift.threshold:.6g}"


def _share_checks(
    feature: FeatureStatistics, expected: FeatureConstraints, config: MonitoringConfig
) -> list[ShareCheck]:
    not_met = "requirement is not met. Expected"
    kind = expected.inferred_type
    return [
        ShareCheck(
            "data_type_check",
            f"Data type match {not_met} data type: {kind}, Expected match",
            least=config.datatype_check_threshold,
            share=_match(feature, kind),
            what=kind,
        ),
        ShareCheck(
            "completeness_check",
            f"Completeness {not_met} completeness",
            least=expected.completeness,
            share=feature.completeness,
            what="present",
        ),
        ShareCheck(
            "categorical_values_check",
            f"Categorical values match {not_met} match",
            least=config.domain_content_threshold,
            share=in_domain(feature, expected),
            what="in the domain",
        ),
    ]


def in_domain(feature: FeatureStatistics, expected: FeatureConstraints | None) -> float | None:
    """Return the share of a String's values that are in its domain; None without a domain.

    The values of a String that has too many to be counted are not in it.
    """
    domain = expected and expected.string_constraints and expected.string_constraints.domains
    if not domain or feature.inferred_type != "String" or not feature.present:
        return None
    counts = feature.categories or {}
    return sum(counts.get(value, 0) for value in set(domain)) / feature.present


def _match(feature: FeatureStatistics, expected: DataType) -> float:
    """Return the share of values that are of the expected type.

    A whole number is a Fractional too. In a column of Strings a value that spells a number is a
    String; a column of nothing else is not one of Strings. Statistics from a file tell only what
    was inferred.
    """
    text = expected == feature.inferred_type == "String"
    if not feature.present or expected == "Unknown" or text:
        return 1.0
    types = feature.types or {feature.inferred_type: feature.present}
    accepted = NUMERIC_TYPES if expected == "Fractional" else (expected,)
    return sum(types.get(name, 0) for name in accepted) / sum(types.values())


def check_quality_constraints(
    metrics: Mapping[str, QualityFigure], constraints: QualityConstraints
) -> list[Violation]:
    """Return the metrics that are beyond their thresholds."""
    violations = []
    for name, constraint in constraints.multiclass_classification_constraints.items():
        figure = metrics.get(name)
        if figure and _is_beyond(figure.value, constraint):
            kind = constraint.comparison_operator
            text = beyond_threshold(name, figure, kind, constraint.threshold)
            violations.append(Violation(name, kind, text))
    return violations


def _is_beyond(value: float, constraint: QualityConstraint) -> bool:
    if constraint.comparison_operator == "LessThanThreshold":
        return value < constraint.threshold
    return value > constraint.threshold


def beyond_threshold(name: str, figure: QualityFigure, kind: str, threshold: float) -> str:
    """Describe a figure that is beyond its threshold, as Model Monitor does."""
    spread = f"{figure.value} +/- {figure.standard_deviation}"
    return f"Metric {name} with {spread} was {kind} '{threshold}'"
