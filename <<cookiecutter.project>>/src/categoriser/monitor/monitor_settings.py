"""`monitoring/monitoring.yaml`, read once at the edge of a command into typed objects."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from categoriser.params import Section, Share, read_sections
from categoriser.paths import MONITORING


class ScheduleSettings(Section):
    # What divides a day: releases come and go, and the times stay.
    every_hours: Literal[1, 2, 3, 4, 6, 8, 12, 24]
    window_hours: int = Field(ge=1)
    lag_minutes: int = Field(ge=0)


class ThresholdSettings(Section):
    profile: Literal["calibrated", "compat"]
    false_alarms: float = Field(gt=0, lt=0.5)
    window_rows: list[int]
    weeks: int = Field(ge=100)
    floor: float = Share
    min_rows: int = Field(ge=1)
    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def two_sizes(self) -> Self:
        if len(self.window_rows) != 2 or not 0 < self.window_rows[0] < self.window_rows[1]:
            raise ValueError("window_rows must be two numbers that rise")
        return self


class FeatureOverride(Section):
    threshold: float | None = Field(None, ge=0, le=1)
    completeness: float | None = Field(None, ge=0, le=1)
    evaluate: bool = True


class FeatureSettings(Section):
    leave_out: list[str]
    preprocessor: Path | None
    postprocessor: Path | None


class CaptureSettings(Section):
    max_unread: float = Share
    max_missing: float = Share


class QualitySettings(Section):
    label_lag_hours: int = Field(ge=0)
    memory_limit_mb: int = Field(ge=64)
    min_rows: int = Field(ge=1)
    holdout: float = Share
    max_bad_labels: float = Share
    label_drift: float = Share


class MetricsSettings(Section):
    namespace: str = Field(pattern=r"^[A-Za-z0-9._/#-][A-Za-z0-9._/#:-]{0,254}$")


class AlarmSettings(Section):
    features: list[str]
    violations: int = Field(ge=1)
    windows: int = Field(ge=1, le=7)


class MonitorSettings(Section):
    schedule: ScheduleSettings
    thresholds: ThresholdSettings
    # A key that is left empty is None.
    overrides: Annotated[dict[str, FeatureOverride], BeforeValidator(lambda given: given or {})]
    features: FeatureSettings
    captures: CaptureSettings
    quality: QualitySettings
    metrics: MetricsSettings
    alarms: AlarmSettings


def read_monitor_settings(path: Path = MONITORING) -> MonitorSettings:
    """Read and check the file. Raises `UserError` that names each bad key."""
    return read_sections(path, MonitorSettings)
