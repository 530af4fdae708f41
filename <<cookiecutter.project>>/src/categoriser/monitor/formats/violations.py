"""`constraint_violations.json`, as SageMaker Model Monitor writes it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


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


def dump_violations(violations: Sequence[Violation]) -> dict[str, Any]:
    """Return the content of `constraint_violations.json`; a metric's says `metric_name`."""
    lines = []
    for violation in violations:
        line = asdict(violation)
        if violation.of_model:
            line["metric_name"] = line.pop("feature_name")
        lines.append(line)
    return {"violations": lines}


# The container's page of AWS says "constraints_violations", their container writes the other.
VIOLATIONS_FILE = "constraint_violations.json"
QUALITY_VIOLATIONS_FILE = f"model_quality_{VIOLATIONS_FILE}"
