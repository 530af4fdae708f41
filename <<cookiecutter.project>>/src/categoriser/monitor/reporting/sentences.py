"""What happened in a window, in sentences: the first screen of the page and of the terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from categoriser.evaluation.rendering import percent, points
from categoriser.monitor.checks.capture_coverage import MISSING_CHECK, UNREAD_CHECK
from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.formats.sketch import quantile
from categoriser.monitor.formats.statistics import FeatureStatistics
from categoriser.monitor.reporting.findings import DRIFT_CHECK, MODEL_CHECK, names_of
from categoriser.plural import plural

PROBABILITY_FEATURES = "class_probabilities__label_"
# Digits of a model's digest that tell one from another.
DIGEST_SHOWN = 12


def sentences(result: CheckResult) -> list[str]:
    """Say what moved, in the words of those who know the data; the window and model come first."""
    said = [_window(result), *_captures(result), *_accuracy(result)]
    untold = [
        one.feature_name for one in result.violations if one.constraint_check_type == DRIFT_CHECK
    ]
    for topic in TOPICS:
        moved = [name for name in untold if topic.is_of(name)]
        now, before = _both(result, topic.feature)
        sentence = topic.say(now, before) if moved and now and before else ""
        if sentence:
            said.append(sentence)
            untold = [name for name in untold if name not in moved]
    if untold:
        said.append(f"Moved too: {names_of(untold)}.")
    incomplete = [
        one.feature_name
        for one in result.violations
        if one.constraint_check_type == "completeness_check"
    ]
    if incomplete:
        worst = min(result.current.features[name].completeness for name in incomplete)
        said.append(f"Missing in up to {percent(1 - worst)} of the rows: {names_of(incomplete)}.")
    return said


def _both(
    result: CheckResult, name: str
) -> tuple[FeatureStatistics | None, FeatureStatistics | None]:
    before = result.baseline.features.get(name) if result.baseline else None
    return result.current.features.get(name), before


def _window(result: CheckResult) -> str:
    job = result.job
    times = [f"{time:%Y-%m-%d %H:%M}" for time in (job.start, job.end) if time]
    window = f" from {times[0]} to {times[1]} UTC" if len(times) == 2 else ""
    if len(times) == 1:
        window = f" {'from' if job.start else 'to'} {times[0]} UTC"
    if not times and job.format == "captures":
        window = " of all captures"
    said = plural(result.current.item_count, "row") + window
    if result.model:
        said += f", held against model {result.model[:DIGEST_SHOWN]}"
    return f"{said}{f' at {job.endpoint}' if job.endpoint else ''}."


def _captures(result: CheckResult) -> list[str]:
    found, said = result.coverage, []
    kinds = {one.constraint_check_type for one in result.violations}
    if found and MISSING_CHECK in kinds and found.missing_share is not None:
        said.append(
            f"{percent(found.missing_share)} of the captures that should be there are not: the "
            f"endpoint answered {found.answered:,} calls."
        )
    if found and UNREAD_CHECK in kinds:
        said.append(
            f"{percent(found.unread_share)} of the captures could not be read: what follows is of "
            "the rest."
        )
    return said


def _accuracy(result: CheckResult) -> list[str]:
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
    judged = "" if MODEL_CHECK in kinds or result.quality["not_judged"] else ", within its bound"
    return [f"{said}: {change} points against the held-out rows{judged}."]


def _prices(now: FeatureStatistics, before: FeatureStatistics) -> str:
    medians = [_median(feature) for feature in (now, before)]
    if None in medians or not medians[1]:
        return ""
    change = 100 * (medians[0] / medians[1] - 1)  # type: ignore[operator]
    sign = "−" if change < 0 else "+"
    return (
        f"Prices {sign}{abs(change):.0f} %: the median is {medians[0]:.2f}, was {medians[1]:.2f}."
    )


def _median(feature: FeatureStatistics) -> float | None:
    if not feature.sketch or not feature.sketch.size:
        return None
    return quantile(feature.sketch.weighted(), 0.5)


def _new_words(now: FeatureStatistics, before: FeatureStatistics) -> str:
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


def _confidence(now: FeatureStatistics, before: FeatureStatistics) -> str:
    if now.mean is None or before.mean is None:
        return ""
    return f"{percent(now.mean)} of the answers ask for a review; {percent(before.mean)} did."


def _largest_change(what: str, now: FeatureStatistics, before: FeatureStatistics) -> str:
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
    say: Callable[[FeatureStatistics, FeatureStatistics], str]
    others: Sequence[str] = ()

    def is_of(self, name: str) -> bool:
        return name == self.feature or name.startswith(tuple(self.others))


TOPICS = (
    Topic("price", _prices),
    Topic("unseen_tokens", _new_words, ["unseen_ngrams"]),
    Topic("class_predictions", partial(_largest_change, "answer"), [PROBABILITY_FEATURES]),
    Topic("review", _confidence, ["class_probability", "entropy"]),
    Topic("country", partial(_largest_change, "country")),
    Topic("prefix", partial(_largest_change, "prefix")),
)
