"""Whether the model serves parts of the rows worse: accuracy by slice, and how sure that is."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from fairlearn.metrics import MetricFrame
from sklearn.metrics import accuracy_score

from categoriser.model.metrics import MIN_GROUPS, Codes, interval, resample
from categoriser.params import Evaluate

PRICE_BAND = "price_band"
MISSING = "(none)"


def price_bands(prices: pl.Series, edges: Sequence[float]) -> pl.Series:
    """Name each price's band; an edge belongs to the band above it."""
    names = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    labels = [f"under {edges[0]:g}", *names, f"{edges[-1]:g} and over"] if edges else ["all"]
    return pl.Series(labels).gather(np.searchsorted(edges, prices.to_numpy(), side="right"))


def compare_slices(
    frame: pl.DataFrame, truth: Codes, answers: Codes, groups: Codes, settings: Evaluate
) -> dict[str, Any]:
    """Accuracy of each value of each column of `settings.slices`, and the gap to all the rows.

    A gap is the accuracy of all rows less that of the slice: positive where the slice is served
    worse. A column gives None where the frame lacks it, else `slices` (judged, the worst served
    first), `worst` and `gap` of the first of them (None where there is none), `spread` (the largest
    difference between two slices) and `not_judged` (the rows of each slice that has fewer than
    `settings.min_rows` rows or than `MIN_GROUPS` groups). An absent value is a slice of its own.
    """
    frame = frame.with_columns(price_bands(frame["price"], settings.price_bands).alias(PRICE_BAND))
    compared = dict.fromkeys(settings.slices)
    for column in compared.keys() & {*frame.columns}:
        values = frame[column].cast(pl.String).fill_null(MISSING)
        compared[column] = compare_values(values, truth, answers, groups, settings)
    return compared


def compare_values(
    values: pl.Series, truth: Codes, answers: Codes, groups: Codes, settings: Evaluate
) -> dict[str, Any]:
    """One column of `compare_slices`: `values` names each row's slice."""
    by_value = pl.DataFrame({"value": values, "group": groups}).group_by("value")
    sizes = by_value.agg(pl.len().alias("rows"), pl.col("group").n_unique()).sort("value")
    judged = (pl.col("rows") >= settings.min_rows) & (pl.col("group") >= MIN_GROUPS)
    names = sizes.filter(judged)["value"].to_list()
    not_judged = dict(sizes.filter(~judged).select("value", "rows").iter_rows())
    if not names:
        nothing = dict.fromkeys(("worst", "gap", "spread"))
        return {"slices": [], "not_judged": not_judged} | nothing

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
    return {
        "slices": slices,
        "worst": slices[0]["name"],
        "gap": slices[0]["gap"],
        "spread": float(by_group.max() - by_group.min()),
        "not_judged": not_judged,
    }
