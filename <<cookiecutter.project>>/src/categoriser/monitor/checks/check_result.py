"""What a check found, for the report and the metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from categoriser.monitor.calibration.thresholds import DetectableShift
from categoriser.monitor.checks.capture_coverage import CaptureCoverage
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.comparison.feature_drift import FeatureDrift
from categoriser.monitor.formats.constraints import Constraints
from categoriser.monitor.formats.feature_statistics import Statistics
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.labels.model_quality import QualityResult
from categoriser.monitor.watching.watched_captures import NewText


@dataclass(frozen=True)
class CheckResult:
    """What a check found.

    `power` says what windows can detect by the calibrated thresholds. `quality` is None where there
    are no labels; its violations are among `violations`.
    """

    job: MonitorRequest
    profile: str
    message: str
    current: Statistics
    baseline: Statistics | None
    constraints: Constraints
    drifts: Mapping[str, FeatureDrift]
    violations: Sequence[Violation]
    problems: Problems = field(default_factory=Problems)
    power: Sequence[DetectableShift] = ()
    quality: QualityResult | None = None
    coverage: CaptureCoverage | None = None
    # Of the held-out rows, where labels were given.
    accuracy_before: float | None = None
    # The digest of the model whose baseline it is.
    model: str = ""
    # Fewer rows are not judged.
    least_rows: int = 0
    # What was asked for and could not be had.
    faults: Sequence[str] = ()
    # Texts with words that training lacks: `Watching.new_texts`. On a laptop only.
    samples: Sequence[NewText] = ()
