"""What happened in a window, in sentences: the first screen of the page and of the terminal.

The files hold every violation, as Model Monitor writes them. People are told of findings: the
model's figures fall together and are one, and what is worst comes first.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from categoriser.evaluation.report import percent, points
from categoriser.monitor import coverage
from categoriser.monitor.formats.constraints import Drift, Violation
from categoriser.monitor.formats.statistics import Feature, quantile
from categoriser.plural import plural

if TYPE_CHECKING:
    from categoriser.monitor.report import Result

State = Literal["failed", "not-judged", "passed"]

MODEL = "LessThanThreshold"
DRIFT = "baseline_drift_check"
# What blinds the monitor is worst; then that the model is worse, and what makes it so.
ORDER = (
    coverage.MISSING,
    coverage.UNREAD,
    MODEL,
    "missing_column_check",
    "data_type_check",
    "completeness_check",
    "GreaterThanThreshold",
    DRIFT,
    "categorical_values_check",
    "extra_column_check",
)
COLUMNS = {
    "missing_column_check": "it is in the baseline, and not in this window",
    "extra_column_check": "it is in this window, and not in the baseline",
}
# As the constraints' descriptions and a metric's have it.
OBSERVED = re.compile(r"Observed: (.*?)\.?$")
METRIC = re.compile(r"with (\S+) \+/- (\S+) was \w+ '(\S+)'")
LONG_NUMBER = re.compile(r"\d+\.\d{3,}")
PROBABILITIES = "class_probabilities__label_"
# Digits of a model's digest that tell one from another.
DIGEST = 12
# So many names stand in a sentence.
MOST_NAMES = 4


@dataclass(frozen=True)
class Finding:
    """What of a feature, or of the model, is not as it should be."""

    name: str
    what: str
    violations: Sequence[Violation]


def findings(result: "Result") -> list[Finding]:
    """Return the violations, the worst first, with the model's figures as one."""
    of_model = [one for one in result.violations if one.constraint_check_type == MODEL]
    others = [one for one in result.violations if one.constraint_check_type != MODEL]
    found = [Finding(one.feature_name, _what(one, result.drifts), [one]) for one in others]
    if of_model:
        first = next((one for one in of_model if one.feature_name == "accuracy"), of_model[0])
        what = _what(first, result.drifts)
        if len(of_model) > 1:
            what += f", and {plural(len(of_model) - 1, 'figure')} like it"
        found.append(Finding(first.feature_name, what, [first, *(of_model)]))
    return sorted(found, key=lambda one: _severity(one.violations[0], result.drifts))


def _severity(violation: Violation, drifts: Mapping[str, Drift]) -> tuple[int, float]:
    kind = violation.constraint_check_type
    rank = ORDER.index(kind) if kind in ORDER else len(ORDER)
    times = _times(drifts.get(violation.feature_name)) if kind == DRIFT else 0.0
    return rank, -times


def _times(drift: Drift | None) -> float:
    """Return how many times its threshold a distance is; 0 where there is none."""
    return drift.distance / drift.threshold if drift and drift.distance and drift.threshold else 0.0


def _what(violation: Violation, drifts: Mapping[str, Drift]) -> str:
    """Say a violation in a line beside the feature's name."""
    kind, text = violation.constraint_check_type, violation.description
    if kind in COLUMNS:
        return COLUMNS[kind]
    drift = drifts.get(violation.feature_name)
    if kind == DRIFT and drift:
        times = _times(drift)
        far = f"drift {drift.distance:.4f}"
        return f"{far}, {times:.1f} × threshold" if times else far
    if metric := METRIC.search(text):
        value, deviation, bound = metric.groups()
        return short(f"{value} ± {deviation}, bound {bound}")
    if observed := OBSERVED.search(text):
        return short(observed[1])
    return short(text)


def short(text: str) -> str:
    """Cut numbers to two or four digits after the point, for a line that people read."""

    def cut(match: re.Match[str]) -> str:
        value = float(match[0])
        return f"{value:.2f}" if value >= 1 else f"{value:.4f}"

    return LONG_NUMBER.sub(cut, text)


def state(result: "Result") -> State:
    """Return whether something is wrong; else whether all was judged."""
    if result.violations:
        return "failed"
    return "not-judged" if not_judged(result) else "passed"


def headline(result: "Result") -> str:
    """Say the state in a few words."""
    found = len(findings(result))
    return {
        "failed": f"{plural(found, 'finding')}, the worst first" if found > 1 else "One finding",
        "not-judged": "Nothing was found, and not everything was judged",
        "passed": "Nothing moved by more than chance and the season allow",
    }[state(result)]


def not_judged(result: "Result") -> list[str]:
    """Say what nobody knows by this result."""
    rows, current = result.current.item_count, result.current
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
        said.append(f"what is not captured: {_names(current.not_captured)}")
    silent = [
        name
        for name, drift in result.drifts.items()
        if (drift.distance is None or drift.threshold is None)
        and name in current.features
        and current.features[name].present
        and result.constraints.config(name).evaluate_constraints == "Enabled"
    ]
    if silent:
        said.append(f"the drift of what has no distance or no threshold: {_names(silent)}")
    if result.quality:
        if result.quality["not_judged"]:
            said.append(f"the model: {result.quality['not_judged']}")
    elif result.job.format == "captures" and not result.job.truth:
        said.append("the model: no labels were given")
    return said


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    return shown + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")


def sentences(result: "Result") -> list[str]:
    """Say what moved, in the words of those who know the data; the window and model come first."""
    said = [_window(result), *_captures(result), *_accuracy(result)]
    untold = [one.feature_name for one in result.violations if one.constraint_check_type == DRIFT]
    for topic in TOPICS:
        moved = [name for name in untold if topic.is_of(name)]
        now, before = _both(result, topic.feature)
        sentence = topic.say(now, before) if moved and now and before else ""
        if sentence:
            said.append(sentence)
            untold = [name for name in untold if name not in moved]
    if untold:
        said.append(f"Moved too: {_names(untold)}.")
    incomplete = [
        one.feature_name
        for one in result.violations
        if one.constraint_check_type == "completeness_check"
    ]
    if incomplete:
        worst = min(result.current.features[name].completeness for name in incomplete)
        said.append(f"Missing in up to {percent(1 - worst)} of the rows: {_names(incomplete)}.")
    return said


def _both(result: "Result", name: str) -> tuple[Feature | None, Feature | None]:
    before = result.baseline.features.get(name) if result.baseline else None
    return result.current.features.get(name), before


def _window(result: "Result") -> str:
    job = result.job
    times = [f"{time:%Y-%m-%d %H:%M}" for time in (job.start, job.end) if time]
    window = f" from {times[0]} to {times[1]} UTC" if len(times) == 2 else ""
    if len(times) == 1:
        window = f" {'from' if job.start else 'to'} {times[0]} UTC"
    if not times and job.format == "captures":
        window = " of all captures"
    said = plural(result.current.item_count, "row") + window
    if result.model:
        said += f", held against model {result.model[:DIGEST]}"
    return f"{said}{f' at {job.endpoint}' if job.endpoint else ''}."


def _captures(result: "Result") -> list[str]:
    found, said = result.coverage, []
    kinds = {one.constraint_check_type for one in result.violations}
    if found and coverage.MISSING in kinds and found.missing_share is not None:
        said.append(
            f"{percent(found.missing_share)} of the captures that should be there are not: the "
            f"endpoint answered {found.answered:,} calls."
        )
    if found and coverage.UNREAD in kinds:
        said.append(
            f"{percent(found.unread_share)} of the captures could not be read: what follows is of "
            "the rest."
        )
    return said


def _accuracy(result: "Result") -> list[str]:
    if not result.quality:
        return []
    figure = result.quality["statistics"]["multiclass_classification_metrics"].get("accuracy")
    if not figure:
        return []
    rows = result.quality["joined"]["joined"]
    said = f"Accuracy {percent(figure['value'])} by {plural(rows, 'label')}"
    if result.accuracy_before is None:
        return [f"{said}."]
    change = points(figure["value"] - result.accuracy_before)
    kinds = [one.constraint_check_type for one in result.violations]
    judged = "" if MODEL in kinds or result.quality["not_judged"] else ", within its bound"
    return [f"{said}: {change} points against the held-out rows{judged}."]


def _prices(now: Feature, before: Feature) -> str:
    medians = [_median(feature) for feature in (now, before)]
    if None in medians or not medians[1]:
        return ""
    change = 100 * (medians[0] / medians[1] - 1)  # type: ignore[operator]
    sign = "−" if change < 0 else "+"
    return (
        f"Prices {sign}{abs(change):.0f} %: the median is {medians[0]:.2f}, was {medians[1]:.2f}."
    )


def _median(feature: Feature) -> float | None:
    if not feature.sketch or not feature.sketch.size:
        return None
    return quantile(feature.sketch.weighted(), 0.5)


def _new_words(now: Feature, before: Feature) -> str:
    """Say how many rows are new, beyond as many as the baseline's new merchants have."""
    if not (now.sketch and before.sketch and now.sketch.size and before.sketch.size):
        return ""
    shares = []
    for sketch in (now.sketch, before.sketch):
        values, weights = sketch.weighted()
        shares.append(float(weights[values > 0].sum() / weights.sum()))
    new = (shares[0] - shares[1]) / max(1e-9, 1 - shares[1])
    if new <= 0:
        return ""
    return (
        f"About {100 * new:.0f} % of the rows have new merchants or a new wording: "
        f"{percent(shares[0])} of the texts hold what no training row has, {percent(shares[1])} "
        "did in the baseline."
    )


def _confidence(now: Feature, before: Feature) -> str:
    if now.mean is None or before.mean is None:
        return ""
    return f"{percent(now.mean)} of the answers ask for a review; {percent(before.mean)} did."


def _largest_change(what: str, now: Feature, before: Feature) -> str:
    """Say which value's share changed most."""
    if not now.categories or not before.categories:
        return ""
    rows, old_rows = sum(now.categories.values()), sum(before.categories.values())
    if not rows or not old_rows:
        return ""

    def shares(value: str) -> tuple[float, float]:
        return (
            (now.categories or {}).get(value, 0) / rows,
            (before.categories or {}).get(value, 0) / old_rows,
        )

    def change(value: str) -> tuple[float, str]:
        share, old = shares(value)
        return abs(share - old), value

    value = max(now.categories.keys() | before.categories.keys(), key=change)
    share, old = shares(value)
    return f"The {what} {value} has {percent(share)} of the rows, had {percent(old)}."


@dataclass(frozen=True)
class Topic:
    """What a sentence says of `feature` where that, or one of `others`, has drifted."""

    feature: str
    say: Callable[[Feature, Feature], str]
    others: Sequence[str] = ()

    def is_of(self, name: str) -> bool:
        return name == self.feature or name.startswith(tuple(self.others))


TOPICS = (
    Topic("price", _prices),
    Topic("unseen_tokens", _new_words, ["unseen_ngrams"]),
    Topic("class_predictions", partial(_largest_change, "answer"), [PROBABILITIES]),
    Topic("review", _confidence, ["class_probability", "entropy"]),
    Topic("country", partial(_largest_change, "country")),
    Topic("prefix", partial(_largest_change, "prefix")),
)
