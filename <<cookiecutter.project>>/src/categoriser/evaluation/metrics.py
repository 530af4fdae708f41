"""How good answers are, and how sure that is: pure functions over codes of classes.

Classes are numbers, places in a list of labels that holds every class of the data and of the
models, so that models with different classes can be compared on the same rows.

Intervals are percentile bootstrap intervals. Groups of rows are drawn with replacement, not rows
(Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8): a merchant's
rows are right or wrong together, and drawing rows would claim more certainty than there is. The
draws depend on the number of groups alone, so that two models' resamples are paired.

Slices, which are parts of the rows, are compared in the same way: does the model serve one worse?
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from fairlearn.metrics import MetricFrame
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score

from categoriser.evaluation.scores import Codes, Floats, ratio, resample, scores
from categoriser.params import Evaluate

BINS = 15
# Rows of fewer merchants have no interval to speak of, however many rows they are.
MIN_GROUPS = 10
# A probability under this counts as this in the log loss, which would be infinite otherwise.
LEAST = 1e-15
PRICE_BAND = "price_band"
UNKNOWN = "unknown"


def encode(values: Sequence[str], labels: Sequence[str]) -> Codes:
    """Places of `values` in `labels`. Raises KeyError for a value that is no label."""
    place = {label: number for number, label in enumerate(labels)}
    return np.fromiter((place[value] for value in values), np.int64, len(values))


def spread(probabilities: Floats, classes: Sequence[str], labels: Sequence[str]) -> Floats:
    """Put a model's columns, one for each of its classes, in the places of `labels`."""
    wide = np.zeros((len(probabilities), len(labels)))
    wide[:, encode(classes, labels)] = probabilities
    return wide


def calibration(truth: Codes, probabilities: Floats, bins: int = BINS) -> list[dict[str, float]]:
    """Rows by the probability of the answer, in `bins` bins of equal width over 0 to 1.

    Each bin with rows: `rows`, mean `confidence` (the answer's probability) and `accuracy`.
    """
    top = probabilities.max(axis=1, initial=0)
    right = probabilities.argmax(axis=1) == truth
    place = np.minimum((top * bins).astype(int), bins - 1)
    rows = np.bincount(place, minlength=bins)
    confidence = ratio(np.bincount(place, weights=top, minlength=bins), rows)
    accuracy = ratio(np.bincount(place, weights=right, minlength=bins), rows)
    return [
        {"rows": int(rows[b]), "confidence": float(confidence[b]), "accuracy": float(accuracy[b])}
        for b in np.flatnonzero(rows)
    ]


def calibration_error(bins: Sequence[Mapping[str, float]]) -> float:
    """Mean distance of accuracy and confidence over the bins, each weighed by its rows.

    The expected calibration error of Guo et al., On Calibration of Modern Neural Networks, 2017.
    """
    rows = sum(b["rows"] for b in bins)
    return sum(b["rows"] * abs(b["accuracy"] - b["confidence"]) for b in bins) / rows


def log_loss(truth: Codes, probabilities: Floats) -> float:
    """Mean of -ln p(true class), in nats; a class that the model does not know has `LEAST`."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(truth)), truth], LEAST)).mean())


def coverage(
    truth: Codes, probabilities: Floats, threshold: float, known: NDArray[np.bool_]
) -> dict[str, float]:
    """Share of rows answered without review, and how well.

    Those are of a probability at or over `threshold`, and `known`: the text has a word of training.
    """
    sure = (probabilities.max(axis=1, initial=0) >= threshold) & known
    right = probabilities.argmax(axis=1) == truth
    return {
        "coverage": float(sure.mean()),
        "covered_accuracy": float(ratio(np.sum(right & sure), np.sum(sure))),
    }


def resampled_scores(
    truth: Codes, answers: Codes, size: int, groups: Codes, resamples: int
) -> dict[str, Floats]:
    """Accuracy and macro-F1 of each resample: (resamples,) each."""
    drawn = resample(truth * size + answers, size * size, groups, resamples)
    draws = [scores(counts.reshape(size, size)) for counts in drawn]
    return {name: np.array([draw[name] for draw in draws]) for name in ("accuracy", "macro_f1")}


def interval(value: float | Floats, resampled: Floats, confidence: float) -> dict[str, float]:
    """Give `value` with the quantiles of its resamples that hold `confidence` between them.

    Resamples in which the figure does not exist (NaN) are left out.
    """
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(resampled, [tail, 1 - tail])
    return {"value": float(value), "low": float(low), "high": float(high)}


# Accuracy by slice.


def price_bands(prices: pl.Series, edges: Sequence[float]) -> pl.Series:
    """Name each price's band; an edge belongs to the band above it."""
    names = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    labels = [f"under {edges[0]:g}", *names, f"{edges[-1]:g} and over"] if edges else ["all"]
    return pl.Series(labels).gather(np.searchsorted(edges, prices.to_numpy(), side="right"))


def by_slice(
    frame: pl.DataFrame, truth: Codes, answers: Codes, groups: Codes, settings: Evaluate
) -> dict[str, Any]:
    """Accuracy of each value of each column of `settings.slices`, and the gap to all the rows.

    A gap is the accuracy of all rows less that of the slice: positive where the slice is served
    worse. A column gives None where the frame lacks it, else `slices` (judged, the worst served
    first), `worst` and `gap` of the first of them (None where there is none), `spread` (the largest
    difference between two slices) and `not_judged` (the rows of each slice that has fewer than
    `settings.min_rows` rows or than `MIN_GROUPS` groups). Rows whose value is not known are the
    slice `unknown`.
    """
    frame = frame.with_columns(price_bands(frame["price"], settings.price_bands).alias(PRICE_BAND))
    compared = dict.fromkeys(settings.slices)
    for column in compared.keys() & {*frame.columns}:
        values = named(frame[column])
        compared[column] = slices_of(values, truth, answers, groups, settings)
    return compared


def named(values: pl.Series) -> pl.Series:
    """Name each row's slice; a value that is absent, empty or no number is `UNKNOWN`."""
    if values.dtype.is_float():
        values = values.fill_nan(None)
    names = values.cast(pl.String).str.strip_chars().fill_null("")
    return names.replace("", UNKNOWN)


def slices_of(
    values: pl.Series, truth: Codes, answers: Codes, groups: Codes, settings: Evaluate
) -> dict[str, Any]:
    """One column of `by_slice`: `values` names each row's slice."""
    by_value = pl.DataFrame({"value": values, "group": groups}).group_by("value")
    sizes = by_value.agg(pl.len().alias("rows"), pl.col("group").n_unique()).sort("value")
    judged = (pl.col("rows") >= settings.min_rows) & (pl.col("group") >= MIN_GROUPS)
    names = sizes.filter(judged)["value"].to_list()
    not_judged = dict(sizes.filter(~judged).select("value", "rows").iter_rows())
    if not names:
        return {"slices": [], "not_judged": not_judged} | dict.fromkeys(("worst", "gap", "spread"))

    # Slices that are not judged share the last place: they count among all the rows.
    place = values.replace_strict(names, range(len(names)), default=len(names)).to_numpy()
    width = 2 * (len(names) + 1)
    draws = resample(2 * place + (truth == answers), width, groups, settings.resamples)
    drawn = np.array([cells.reshape(-1, 2) for cells in draws])
    with np.errstate(invalid="ignore"):  # a slice may be missing from a draw
        accuracy = drawn[:, :, 1] / drawn.sum(axis=2)
        overall = drawn[:, :, 1].sum(axis=1) / drawn.sum(axis=(1, 2))
    frame = MetricFrame(
        metrics=accuracy_score, y_true=truth, y_pred=answers, sensitive_features=values.to_numpy()
    )
    by_group, slices = frame.by_group.loc[names], []
    for number, (name, rows, merchants) in enumerate(sizes.filter(judged).iter_rows()):
        value, draws_of_it = by_group[name], accuracy[:, number]
        gap = interval(frame.overall - value, overall - draws_of_it, settings.confidence)
        found = interval(value, draws_of_it, settings.confidence)
        size = {"name": name, "rows": rows, "groups": merchants}
        slices.append(size | {"accuracy": found, "gap": gap})
    slices.sort(key=lambda part: part["accuracy"]["value"])
    spread = float(by_group.max() - by_group.min())
    worst = {"worst": slices[0]["name"], "gap": slices[0]["gap"], "spread": spread}
    return {"slices": slices, "not_judged": not_judged} | worst
