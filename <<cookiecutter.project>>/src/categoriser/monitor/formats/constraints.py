"""`constraints.json` of data quality and of model quality, as SageMaker Model Monitor has them.

A baseline suggests constraints, people edit them, and each window's statistics are checked against
them.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from categoriser.errors import UserError
from categoriser.io.replacing import write_json
from categoriser.monitor.formats.feature_statistics import DataType

CONSTRAINTS_FILE = "constraints.json"


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
SpelledDataType = Annotated[DataType, _spelled(*get_args(DataType))]
ShareOfValues = Annotated[float, Field(ge=0, le=1)]


class ConstraintsPart(BaseModel):
    """A part of the file; keys that are not known stay in it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    def plain(self) -> dict[str, Any]:  # free: it has others' keys too, and goes to a JSON library
        """Return the part as the file has it, without what it leaves to the defaults."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class DistributionConstraints(ConstraintsPart):
    perform_comparison: Switch = "Enabled"
    comparison_threshold: float = 0.1
    comparison_method: Method = "Robust"
    categorical_comparison_threshold: float = 0.1
    categorical_drift_method: DriftMethod = "LInfinity"


class MonitoringConfig(ConstraintsPart):
    """What is checked and from where on it is a violation, with the container's defaults."""

    evaluate_constraints: Switch = "Enabled"
    emit_metrics: Switch = "Enabled"
    datatype_check_threshold: ShareOfValues = 1.0
    domain_content_threshold: ShareOfValues = 1.0
    distribution_constraints: DistributionConstraints = DistributionConstraints()


class StringConstraints(ConstraintsPart):
    domains: list[str] | None = None


OVERRIDES = "monitoringConfigOverrides"
OTHER_OVERRIDES = "monitoring_config_overrides"
# The parts of a feature in which SageMaker's SDK, or a person after its example, leaves overrides.
PARTS_WITH_OVERRIDES = ("string_constraints", "num_constraints")


class FeatureConstraints(ConstraintsPart):
    """A feature's constraints.

    SageMaker's SDK (`Constraints.set_monitoring`) writes overrides inside `string_constraints`.
    They are moved to where the container's schema has them, and go before what is there.
    """

    name: str
    inferred_type: SpelledDataType = "Unknown"
    completeness: ShareOfValues | None = None
    # Written for those who read it; no type of violation goes with `is_non_negative`.
    num_constraints: dict[str, JsonValue] | None = None
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
            if not isinstance(feature.get(name), dict):
                continue
            part = dict(feature[name])
            feature[name] = part
            for key in (OVERRIDES, OTHER_OVERRIDES):
                moved = part.pop(key, None)
                if isinstance(moved, dict):
                    own = feature.pop(OTHER_OVERRIDES, None) or feature.get(OVERRIDES) or {}
                    feature[OVERRIDES] = own | moved
        return feature


class Constraints(ConstraintsPart):
    """constraints.json of data quality."""

    version: float = 0.0
    features: list[FeatureConstraints] = []
    monitoring_config: MonitoringConfig = MonitoringConfig()

    def config(self, name: str) -> MonitoringConfig:
        """Return what holds for a feature: the file's configuration under the feature's own."""
        named = (feature.overrides for feature in self.features if feature.name == name)
        own = next(named, None)
        if own is None:
            return self.monitoring_config
        whole = self.monitoring_config.model_dump()
        changes = own.model_dump(exclude_unset=True)
        key = "distribution_constraints"
        changes[key] = whole[key] | changes.get(key, {})
        return MonitoringConfig.model_validate(whole | changes)


class QualityConstraint(ConstraintsPart):
    threshold: float
    comparison_operator: Literal["LessThanThreshold", "GreaterThanThreshold"]


class QualityConstraints(ConstraintsPart):
    """constraints.json of model quality: the bound of each figure, by its name."""

    version: float = 0.0
    multiclass_classification_constraints: dict[str, QualityConstraint]


ConstraintsFile = TypeVar("ConstraintsFile", bound=BaseModel)


def load_constraints(document: object) -> Constraints:
    """Read the content of `constraints.json`. Raises `UserError` that names the key."""
    return _validated(Constraints, document)


def load_quality_constraints(document: object) -> QualityConstraints:
    """Read model quality's `constraints.json`. Raises `UserError` that names the key."""
    return _validated(QualityConstraints, document)


def _validated(kind: type[ConstraintsFile], document: object) -> ConstraintsFile:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the whole"
        fault = f"{first['msg']} (there is {first['input']!r:.80})"
        raise UserError(f"constraints.json: {key}: {fault}") from None


def write_constraints(path: Path, constraints: Constraints | QualityConstraints) -> None:
    write_json(path, constraints.plain())
