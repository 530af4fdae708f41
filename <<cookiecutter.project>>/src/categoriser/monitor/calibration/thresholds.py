"""`thresholds.json`: from which distance on a feature has drifted.

With n rows in the window and N in the baseline, a feature's threshold is

    max(floor, season + noise · √(1/n + 1/N))
"""

import math

from pydantic import BaseModel, ConfigDict, Field

from categoriser.params import Section


class DetectableShift(BaseModel):
    """The smallest shift of a feature that windows of some sizes find.

    `shift` says what the figures are. Beside it the file has a key for each size of a window, the
    number of its rows, whose value is the figure: None where no shift of the kind is large enough.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, float | None]

    feature: str
    shift: str

    @property
    def by_rows(self) -> dict[str, float | None]:
        return self.__pydantic_extra__


class FeatureLimit(Section):
    """A feature's threshold; `at` gives it for some numbers of rows, for a reader."""

    season: float = Field(ge=0)
    noise: float = Field(ge=0)
    floor: float = Field(ge=0)
    at: dict[str, float]

    def threshold(self, rows: int, baseline_rows: int) -> float:
        chance = self.noise * math.sqrt(1 / rows + 1 / baseline_rows)
        return round(max(self.floor, self.season + chance), 4)


class CalibratedThresholds(Section):
    """The calibrated profile: `monitoring/thresholds.json`, which `read_sections` reads."""

    baseline_rows: int = Field(ge=1)
    features: dict[str, FeatureLimit]
    power: list[DetectableShift]

    def at(self, rows: int) -> dict[str, float]:
        """Return each feature's threshold in a window of so many rows."""
        limits = self.features.items()
        return {name: limit.threshold(rows, self.baseline_rows) for name, limit in limits}
