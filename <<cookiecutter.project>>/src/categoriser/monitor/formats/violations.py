"""`constraint_violations.json`, as SageMaker Model Monitor writes it."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from categoriser.io.replacing import write_json

# The page of AWS on own containers says "constraints_violations", and their container writes this.
VIOLATIONS_FILE = "constraint_violations.json"
QUALITY_VIOLATIONS_FILE = f"model_quality_{VIOLATIONS_FILE}"


class Violation(Struct, frozen=True):
    """What of a feature, or of a figure of the model, is against its constraints."""

    feature_name: str
    constraint_check_type: str
    description: str

    @property
    def of_model(self) -> bool:
        """Whether it is of the model's quality; else it is of the data."""
        return self.constraint_check_type.endswith("Threshold")


class MetricViolation(Struct, frozen=True):
    """A violation of the model's quality, as its file has it."""

    metric_name: str
    constraint_check_type: str
    description: str


class ViolationsFile(Struct, frozen=True):
    violations: list[Violation | MetricViolation]


def violations_file(violations: Sequence[Violation]) -> ViolationsFile:
    """Return the file's content; a figure of the model is a metric there."""
    return ViolationsFile([_line(violation) for violation in violations])


def _line(violation: Violation) -> Violation | MetricViolation:
    if not violation.of_model:
        return violation
    return MetricViolation(
        metric_name=violation.feature_name,
        constraint_check_type=violation.constraint_check_type,
        description=violation.description,
    )


def write_violations(path: Path, violations: Sequence[Violation]) -> None:
    write_json(path, violations_file(violations))
