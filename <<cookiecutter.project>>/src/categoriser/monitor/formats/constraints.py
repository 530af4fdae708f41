"""`constraints.json` and `constraint_violations.json`, as SageMaker Model Monitor has them.

A baseline suggests constraints, people edit them, and each window's statistics are checked against
them. Data quality's files and model quality's are read and written here.

Where the constraints choose the threshold, a distance has the arithmetic of Deequ's `Distance`, so
that a threshold set for Model Monitor means here what it meant there: numbers are compared by
`deequ`, which counts distinct values. Calibrated thresholds go with `linf_simple`, which counts
rows. The population stability index, which Deequ's container has not, judges nothing.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args

import numpy as np
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from scipy.special import chdtrc

from categoriser.errors import UserError
from categoriser.monitor.formats import deequ, statistics
from categoriser.monitor.formats.statistics import Feature, Floats, Statistics, Weighted

NUMERIC = ("Integral", "Fractional")
# A String of more values is no closed list, and a new value in it is no fault.
MOST_DOMAIN_VALUES = 100
BEST_CONSTANT = "_best_constant_classifier"


def _spelled(*names: str) -> BeforeValidator:
    """Accept each name in any case, with or without underscores and a leading `linf_`."""
    right = {name.lower(): name for name in names}

    def spell(value: object) -> object:
        plain = str(value).lower().removeprefix("linf_").replace("_", "")
        return right.get(plain, value)

    return BeforeValidator(spell)


Switch = Annotated[Literal["Enabled", "Disabled"], _spelled("Enabled", "Disabled")]
Method = Annotated[Literal["Simple", "Robust"], _spelled("Simple", "Robust")]
DriftMethod = Annotated[Literal["LInfinity", "ChiSquared"], _spelled("LInfinity", "ChiSquared")]
DataType = Annotated[statistics.DataType, _spelled(*get_args(statistics.DataType))]
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """A part of the file; keys that are not known stay in it."""

    model_config = ConfigDict(extra="allow", frozen=True)


class DistributionConstraints(Part):
    perform_comparison: Switch = "Enabled"
    comparison_threshold: float = 0.1
    comparison_method: Method = "Robust"
    categorical_comparison_threshold: float = 0.1
    categorical_drift_method: DriftMethod = "LInfinity"


class MonitoringConfig(Part):
    """What is checked and from where on it is a violation, with the container's defaults."""

    evaluate_constraints: Switch = "Enabled"
    emit_metrics: Switch = "Enabled"
    datatype_check_threshold: Share = 1.0
    domain_content_threshold: Share = 1.0
    distribution_constraints: DistributionConstraints = DistributionConstraints()


class StringConstraints(Part):
    domains: list[str] | None = None


OVERRIDES = "monitoringConfigOverrides"
OTHER_OVERRIDES = "monitoring_config_overrides"
# The parts of a feature in which SageMaker's SDK, or a person after its example, leaves overrides.
PARTS_WITH_OVERRIDES = ("string_constraints", "num_constraints")


class FeatureConstraints(Part):
    """A feature's constraints.

    SageMaker's SDK (`Constraints.set_monitoring`) writes overrides inside `string_constraints`.
    They are moved to where the container's schema has them, and go before what stands there.
    """

    name: str
    inferred_type: DataType = "Unknown"
    completeness: Share | None = None
    # Written for those who read it; no type of violation goes with `is_non_negative`.
    num_constraints: dict[str, Any] | None = None
    string_constraints: StringConstraints | None = None
    overrides: MonitoringConfig | None = Field(
        default=None,
        validation_alias=AliasChoices(OVERRIDES, OTHER_OVERRIDES),
        serialization_alias=OVERRIDES,
    )

    @model_validator(mode="before")
    @classmethod
    def overrides_of_parts(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        feature = dict(given)
        for name in PARTS_WITH_OVERRIDES:
            part = feature.get(name)
            if not isinstance(part, dict):
                continue
            feature[name] = part = dict(part)
            for key in (OVERRIDES, OTHER_OVERRIDES):
                moved = part.pop(key, None)
                if isinstance(moved, dict):
                    own = feature.pop(OTHER_OVERRIDES, None) or feature.get(OVERRIDES) or {}
                    feature[OVERRIDES] = own | moved
        return feature


class Constraints(Part):
    version: float = 0.0
    features: list[FeatureConstraints] = []
    monitoring_config: MonitoringConfig = MonitoringConfig()

    def config(self, name: str) -> MonitoringConfig:
        """Return what holds for a feature: the file's configuration under the feature's own."""
        own = next((f.overrides for f in self.features if f.name == name), None)
        if own is None:
            return self.monitoring_config
        whole, changes = self.monitoring_config.model_dump(), own.model_dump(exclude_unset=True)
        key = "distribution_constraints"
        changes[key] = whole[key] | changes.get(key, {})
        return MonitoringConfig.model_validate(whole | changes)


class QualityConstraint(Part):
    threshold: float
    comparison_operator: Literal["LessThanThreshold", "GreaterThanThreshold"]


class QualityConstraints(Part):
    version: float = 0.0
    multiclass_classification_constraints: dict[str, QualityConstraint]


@dataclass(frozen=True)
class Drift:
    """A feature's distance from the baseline, and the threshold that it is held against.

    `distance` is None where nothing can be compared, `threshold` where nothing is set. More is
    always more drift: a corrected chi-squared test gives a p-value, and stands here as 1 − p
    against 1 − the threshold.
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


@dataclass(frozen=True)
class Violation:
    """A line of `constraint_violations.json`; in model quality's, the feature is the metric."""

    feature_name: str
    constraint_check_type: str
    description: str

    @property
    def of_model(self) -> bool:
        """Whether it is of the model's quality; else it is of the data."""
        return self.constraint_check_type.endswith("Threshold")


File = TypeVar("File", bound=BaseModel)
Drifts = Mapping[str, Drift]
Metrics = Mapping[str, Mapping[str, float]]


def load(document: object) -> Constraints:
    """Read the content of `constraints.json`. Raises `UserError` that names the key."""
    return _read(Constraints, document)


def load_quality(document: object) -> QualityConstraints:
    """Read model quality's `constraints.json`. Raises `UserError` that names the key."""
    return _read(QualityConstraints, document)


def _read(kind: type[File], document: object) -> File:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the whole"
        fault = f"{first['msg']} (there is {first['input']!r:.80})"
        raise UserError(f"constraints.json: {key}: {fault}") from None


def dump(constraints: Constraints | QualityConstraints) -> dict[str, Any]:
    """Return the file's content."""
    return constraints.model_dump(by_alias=True, exclude_unset=True)


def suggest(statistics: Statistics, domains: Mapping[str, Sequence[str]] = {}) -> Constraints:
    """Return constraints that the statistics meet.

    `domains` holds the values of features whose list is known; for others it is what was seen.
    """
    features = []
    for name, feature in statistics.features.items():
        kind = feature.inferred_type
        suggested = {"name": name, "inferred_type": kind, "completeness": feature.completeness}
        seen = sorted(feature.categories or {})
        domain = domains.get(name, seen if len(seen) <= MOST_DOMAIN_VALUES else [])
        if kind in NUMERIC and feature.min is not None:
            suggested["num_constraints"] = {"is_non_negative": feature.min >= 0}
        elif kind == "String" and domain:
            suggested["string_constraints"] = {"domains": list(domain)}
        features.append(suggested)
    config = MonitoringConfig().model_dump()
    return load({"version": 0.0, "features": features, "monitoring_config": config})


def without(constraints: Constraints, names: Collection[str]) -> Constraints:
    """Return the constraints of all other features."""
    features = [feature for feature in constraints.features if feature.name not in names]
    return constraints.model_copy(update={"features": features})


def suggest_quality(metrics: Metrics) -> QualityConstraints:
    """Return constraints on `{metric: {value, standard_deviation}}`: none may fall."""
    thresholds = {
        name: {"threshold": metric["value"], "comparison_operator": "LessThanThreshold"}
        for name, metric in metrics.items()
        if not name.endswith(BEST_CONSTANT)
    }
    return load_quality({"version": 0.0, "multiclass_classification_constraints": thresholds})


def compare(
    current: Statistics,
    baseline: Statistics | None,
    constraints: Constraints,
    thresholds: Mapping[str, float] | None = None,
) -> dict[str, Drift]:
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
            distance, threshold, method = _simple(feature, before), thresholds.get(name), "Simple"
        drifts[name] = Drift(name, None if math.isnan(distance) else distance, threshold, method)
    return drifts


def _compared(
    feature: Feature, before: Feature, chosen: DistributionConstraints
) -> tuple[float, float | None, str]:
    """Return distance, threshold and method as constraints have them."""
    robust = chosen.comparison_method == "Robust"
    threshold = chosen.comparison_threshold
    if feature.inferred_type not in NUMERIC:
        threshold = chosen.categorical_comparison_threshold
        if chosen.categorical_drift_method == "ChiSquared":
            test = chi_squared(feature.categories or {}, before.categories or {})
            if robust:
                return 1 - test.p_value, 1 - threshold, "ChiSquared"
            return test.statistic, threshold, "ChiSquared statistic"
    distance, n, m = _simple(feature, before), feature.present, before.present
    if feature.sketch and before.sketch:
        distance, n, m = deequ.numerical_distance(feature.sketch, before.sketch)
    if robust:
        distance = linf_robust(distance, n, m)
    return distance, threshold, chosen.comparison_method


def _simple(feature: Feature, before: Feature) -> float:
    """Return the uncorrected distance; NaN where one is a number and the other is not."""
    if feature.sketch and before.sketch:
        return linf_simple(feature.sketch.weighted(), before.sketch.weighted())
    return linf_categories(feature.categories or {}, before.categories or {})


def check(current: Statistics, constraints: Constraints, drifts: Drifts) -> list[Violation]:
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
    feature: Feature, expected: FeatureConstraints, config: MonitoringConfig, drift: Drift | None
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


def in_domain(feature: Feature, expected: FeatureConstraints | None) -> float | None:
    """Return the share of a String's values that are in its domain; None where it has none.

    In a String of too many values to be counted none is.
    """
    domain = expected and expected.string_constraints and expected.string_constraints.domains
    if not domain or feature.inferred_type != "String" or not feature.present:
        return None
    return sum((feature.categories or {}).get(value, 0) for value in set(domain)) / feature.present


def _match(feature: Feature, expected: str) -> float:
    """Return the share of values that are of the expected type.

    A whole number is a Fractional too. In a column of Strings a value that spells a number is a
    String; a column without any other is none. Statistics from a file tell only what was inferred.
    """
    text = expected == feature.inferred_type == "String"
    if not feature.present or expected == "Unknown" or text:
        return 1.0
    types = feature.types or {feature.inferred_type: feature.present}
    accepted = NUMERIC if expected == "Fractional" else (expected,)
    return sum(types.get(name, 0) for name in accepted) / sum(types.values())


def check_quality(metrics: Metrics, constraints: QualityConstraints) -> list[Violation]:
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


def dump_violations(violations: Sequence[Violation]) -> dict[str, Any]:
    """Return the content of `constraint_violations.json`; a metric's says `metric_name`."""
    lines = []
    for violation in violations:
        line = asdict(violation)
        if violation.of_model:
            line["metric_name"] = line.pop("feature_name")
        lines.append(line)
    return {"violations": lines}


# Distances of two distributions.

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
    values in `deequ`.
    """
    if not n or not m or math.isnan(simple):
        return math.nan
    return max(0.0, simple - C_ALPHA * math.sqrt((n + m) / (n * m)))


def linf_categories(current: Mapping[str, int], baseline: Mapping[str, int]) -> float:
    """Return the largest absolute difference of the categories' shares; NaN where one is empty."""
    n, m = sum(current.values()), sum(baseline.values())
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
    rows, expected_rows = sum(known.values()), sum(baseline.values())
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
    fewest, most = FEWEST, int(SHARE_OF_SMALL * len(groups))
    if len(groups) == 2:
        fewest, most = FEWEST_OF_TWO, 0
    return sum(expected < fewest for expected, _ in groups) > most
