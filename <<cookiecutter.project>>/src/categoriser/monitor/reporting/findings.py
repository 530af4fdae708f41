"""What people are told of a check: its findings, its state, and what it could not judge.

The files hold every violation, as Model Monitor writes them. A finding is what people look at: the
model's figures fall together and are one, and what is worst comes first.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from categoriser.monitor.checks.capture_coverage import MISSING_CHECK, UNREAD_CHECK
from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.comparison.feature_drift import FeatureDrift
from categoriser.monitor.formats.violations import Violation
from categoriser.plural import plural

CheckState = Literal["failed", "not-judged", "passed"]

MODEL_CHECK = "LessThanThreshold"
DRIFT_CHECK = "baseline_drift_check"
# What blinds the monitor is worst; then that the model is worse, and what makes it so.
ORDER = (
    MISSING_CHECK,
    UNREAD_CHECK,
    MODEL_CHECK,
    "missing_column_check",
    "data_type_check",
    "completeness_check",
    "GreaterThanThreshold",
    DRIFT_CHECK,
    "categorical_values_check",
    "extra_column_check",
)
COLUMN_FINDINGS = {
    "missing_column_check": "it is in the baseline, and not in this window",
    "extra_column_check": "it is in this window, and not in the baseline",
}
# As the constraints' descriptions and a metric's have it.
OBSERVED = re.compile(r"Observed: (.*?)\.?$")
METRIC = re.compile(r"with (\S+) \+/- (\S+) was \w+ '(\S+)'")
NUMBER_TO_SHORTEN = re.compile(r"\d+\.\d{3,}")

# A sentence has so many names.
NAMES_IN_A_SENTENCE = 4


@dataclass(frozen=True)
class Finding:
    """What of a feature, or of the model, is not as it should be."""

    name: str
    what: str
    violations: Sequence[Violation]


def findings(result: CheckResult) -> list[Finding]:
    """Return the violations, the worst first, with the model's figures as one."""
    of_model = [one for one in result.violations if one.constraint_check_type == MODEL_CHECK]
    others = [one for one in result.violations if one.constraint_check_type != MODEL_CHECK]
    found = [Finding(one.feature_name, _what(one, result.drifts), [one]) for one in others]
    if of_model:
        first = next((one for one in of_model if one.feature_name == "accuracy"), of_model[0])
        what = _what(first, result.drifts)
        if len(of_model) > 1:
            what += f", and {plural(len(of_model) - 1, 'figure')} like it"
        found.append(Finding(first.feature_name, what, [first, *(of_model)]))
    return sorted(found, key=lambda one: _severity(one.violations[0], result.drifts))


def _severity(violation: Violation, drifts: Mapping[str, FeatureDrift]) -> tuple[int, float]:
    kind = violation.constraint_check_type
    rank = ORDER.index(kind) if kind in ORDER else len(ORDER)
    times = _times(drifts.get(violation.feature_name)) if kind == DRIFT_CHECK else 0.0
    return rank, -times


def _times(drift: FeatureDrift | None) -> float:
    """Return how many times its threshold a distance is; 0 where one of them is not known."""
    if drift and drift.distance and drift.threshold:
        return drift.distance / drift.threshold
    return 0.0


def _what(violation: Violation, drifts: Mapping[str, FeatureDrift]) -> str:
    """Say a violation in a line beside the feature's name."""
    kind = violation.constraint_check_type
    text = violation.description
    if kind in COLUMN_FINDINGS:
        return COLUMN_FINDINGS[kind]
    drift = drifts.get(violation.feature_name)
    if kind == DRIFT_CHECK and drift:
        times = _times(drift)
        far = f"drift {drift.distance:.4f}"
        return f"{far}, {times:.1f} × threshold" if times else far
    metric = METRIC.search(text)
    if metric:
        value, deviation, bound = metric.groups()
        return shortened(f"{value} ± {deviation}, bound {bound}")
    observed = OBSERVED.search(text)
    if observed:
        return shortened(observed[1])
    return shortened(text)


def shortened(text: str) -> str:
    """Cut numbers to two or four digits after the point, for a line that people read."""

    def cut(match: re.Match[str]) -> str:
        value = float(match[0])
        return f"{value:.2f}" if value >= 1 else f"{value:.4f}"

    return NUMBER_TO_SHORTEN.sub(cut, text)


def check_state(result: CheckResult) -> CheckState:
    """Return whether something is wrong; else whether all was judged."""
    if result.violations:
        return "failed"
    return "not-judged" if not_judged(result) else "passed"


def check_headline(result: CheckResult) -> str:
    """Say the state in a few words."""
    found = len(findings(result))
    return {
        "failed": f"{plural(found, 'finding')}, the worst first" if found > 1 else "One finding",
        "not-judged": "Nothing was found, and not everything was judged",
        "passed": "Nothing moved by more than chance and the season allow",
    }[check_state(result)]


def not_judged(result: CheckResult) -> list[str]:
    """Say what nobody knows by this result."""
    current = result.current
    rows = current.item_count
    said = [f"not asked or not found: {fault}" for fault in result.faults]
    unread = result.problems.seen.get("unread", 0)
    if unread:
        said.append(f"{plural(unread, 'capture')} that could not be read")
    if not rows:
        return [*said, "the data: there is none in this window"]
    if rows < result.least_rows:
        said.append(f"the data: {plural(rows, 'row')}; thresholds.min_rows is {result.least_rows}")
    if not result.baseline and not result.constraints.features:
        said.append("the data: there is no baseline to compare with")
    if current.not_captured:
        said.append(f"what is not captured: {names_of(current.not_captured)}")
    silent = [name for name, drift in result.drifts.items() if _is_silent(result, drift)]
    if silent:
        said.append(f"the drift of what has no distance or no threshold: {names_of(silent)}")
    if result.quality:
        if result.quality.not_judged:
            said.append(f"the model: {result.quality.not_judged}")
    elif result.job.format == "captures" and not result.job.truth:
        said.append("the model: no labels were given")
    return said


def _is_silent(result: CheckResult, drift: FeatureDrift) -> bool:
    """Return whether a feature that is watched has values, and its drift could not be judged."""
    if drift.distance is not None and drift.threshold is not None:
        return False
    feature = result.current.features.get(drift.feature)
    config = result.constraints.config(drift.feature)
    return bool(feature and feature.present) and config.evaluate_constraints == "Enabled"


def names_of(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMES_IN_A_SENTENCE])
    return shown + (
        f" and {len(names) - NAMES_IN_A_SENTENCE} more" if len(names) > NAMES_IN_A_SENTENCE else ""
    )
