"""What happened in a window, in sentences: the first screen of the page and of the terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from categoriser.evaluation.rendering import percent, points
from categoriser.monitor.checks.capture_coverage import MISSING_CHECK, UNREAD_CHECK
from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.formats.feature_statistics import FeatureStatistics
from categoriser.monitor.formats.sketch import Sketch, quantile
from categoriser.monitor.reporting.findings import DRIFT_CHECK, MODEL_CHECK, names_of
from categoriser.plural import plural

PROBABILITY_FEATURES = "class_probabilities__label_"
# Digits of a model's digest that tell one from another.
DIGEST_SHOWN = 12


def sentences(result: CheckResult) -> list[str]:
    """Say what moved, in the words of those who know the data; the window and model come first."""
    said = [_window_judged(result), *_capture_sentences(result), *_accuracy_sentences(result)]
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


def _window_judged(result: CheckResult) -> str:
    job = result.job
    since = f" from {job.start:%Y-%m-%d %H:%M}" if job.start else ""
    until = f" to {job.end:%Y-%m-%d %H:%M}" if job.end else ""
    window = f"{since}{until} UTC" if since or until else ""
    if not window and job.format == "captures":
        window = " of all captures"
    said = plural(result.current.item_count, "row") + window
    if result.model:
        said += f", held against model {result.model[:DIGEST_SHOWN]}"
    if job.endpoint:
        said += f" at {job.endpoint}"
    return f"{said}."


def _capture_sentences(result: CheckResult) -> list[str]:
    coverage = result.coverage
    kinds = {one.constraint_check_type for one in result.violations}
    said = []
    if coverage and MISSING_CHECK in kinds and coverage.missing_share is not None:
        said.append(
            f"{percent(coverage.missing_share)} of the captures that should be there are not: the "
            f"endpoint answered {coverage.answered:,} calls."
        )
    if coverage and UNREAD_CHECK in kinds:
        said.append(
            f"{percent(coverage.unread_share)} of the captures could not be read: what follows is "
            "of the rest."
        )
    return said


def _accuracy_sentences(result: CheckResult) -> list[str]:
    if not result.quality:
        return []
    accuracy = result.quality.statistics.multiclass_classification_metrics.accuracy
    if not accuracy:
        return []
    labels = plural(result.quality.joined.joined, "label")
    said = f"Accuracy {percent(accuracy.value)} by {labels}"
    if result.accuracy_before is None:
        return [f"{said}."]
    change = points(accuracy.value - result.accuracy_before)
    kinds = [one.constraint_check_type for one in result.violations]
    judged = "" if MODEL_CHECK in kinds or result.quality.not_judged else ", within its bound"
    return [f"{said}: {change} points against the held-out rows{judged}."]


def _prices(now: FeatureStatistics, before: FeatureStatistics) -> str:
    median = _median(now)
    old_median = _median(before)
    if median is None or not old_median:
        return ""
    change = 100 * (median / old_median - 1)
    sign = "−" if change < 0 else "+"
    return f"Prices {sign}{abs(change):.0f} %: the median is {median:.2f}, was {old_median:.2f}."


def _median(feature: FeatureStatistics) -> float | None:
    if not feature.sketch or not feature.sketch.size:
        return None
    return quantile(feature.sketch.weighted(), 0.5)


def _new_words(now: FeatureStatistics, before: FeatureStatistics) -> str:
    """Say how many rows are new, beyond as many as the baseline's new merchants have."""
    if not (now.sketch and before.sketch and now.sketch.size and before.sketch.size):
        return ""
    share = _share_over_zero(now.sketch)
    old_share = _share_over_zero(before.sketch)
    new = (share - old_share) / max(1e-9, 1 - old_share)
    if new <= 0:
        return ""
    return (
        f"About {100 * new:.0f} % of the rows have new merchants or a new wording: "
        f"{percent(share)} of the texts hold what no training row has, {percent(old_share)} "
        "did in the baseline."
    )


def _share_over_zero(sketch: Sketch) -> float:
    values, weights = sketch.weighted()
    return float(weights[values > 0].sum() / weights.sum())


def _confidence(now: FeatureStatistics, before: FeatureStatistics) -> str:
    if now.mean is None or before.mean is None:
        return ""
    return f"{percent(now.mean)} of the answers ask for a review; {percent(before.mean)} did."


def _largest_change(what: str, now: FeatureStatistics, before: FeatureStatistics) -> str:
    """Say which value's share changed most."""
    shares = _category_shares(now)
    old_shares = _category_shares(before)
    if not shares or not old_shares:
        return ""

    def change(value: str) -> tuple[float, str]:
        return abs(shares.get(value, 0.0) - old_shares.get(value, 0.0)), value

    value = max(shares.keys() | old_shares.keys(), key=change)
    share = percent(shares.get(value, 0.0))
    old_share = percent(old_shares.get(value, 0.0))
    return f"The {what} {value} has {share} of the rows, had {old_share}."


def _category_shares(feature: FeatureStatistics) -> dict[str, float]:
    """Return each value's share; nothing where there is no row."""
    counts = feature.categories or {}
    rows = sum(counts.values())
    return {value: count / rows for value, count in counts.items()} if rows else {}


@dataclass(frozen=True)
class Topic:
    """What a sentence says of `feature` where it, or one that starts with `others`, has drifted."""

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
