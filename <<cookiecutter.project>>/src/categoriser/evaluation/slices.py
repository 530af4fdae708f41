"""Accuracy by slice: whether the rows that share a column's value are served worse than all."""

import numpy as np
import polars as pl
from fairlearn.metrics import MetricFrame
from sklearn.metrics import accuracy_score

from categoriser.evaluation.bootstrap import MIN_GROUPS, interval
from categoriser.evaluation.evaluation_file import ColumnSlices, SliceFigures
from categoriser.evaluation.price_bands import PRICE_BAND, price_bands
from categoriser.evaluation.scores import Codes, resample
from categoriser.params import Evaluate

UNKNOWN = "unknown"


def by_slice(
    frame: pl.DataFrame, truth: Codes, answers: Codes, groups: Codes, settings: Evaluate
) -> dict[str, ColumnSlices | None]:
    """Accuracy of each value of each column of `settings.slices`, and the gap to all the rows.

    A column gives None where the frame lacks it. A slice is not judged that has fewer than
    `settings.min_rows` rows or than `MIN_GROUPS` groups. Rows whose value is not known are the
    slice `unknown`.
    """
    frame = frame.with_columns(price_bands(frame["price"], settings.price_bands).alias(PRICE_BAND))
    compared: dict[str, ColumnSlices | None] = {}
    for column in settings.slices:
        compared[column] = None
        if column in frame.columns:
            names = slice_names(frame[column])
            compared[column] = compare_slices(names, truth, answers, groups, settings)
    return compared


def slice_names(values: pl.Series) -> pl.Series:
    """Name each row's slice; a value that is absent, empty or not a number is `UNKNOWN`."""
    if values.dtype.is_float():
        values = values.fill_nan(None)
    names = values.cast(pl.String).str.strip_chars().fill_null("")
    return names.replace("", UNKNOWN)


def compare_slices(
    values: pl.Series, truth: Codes, answers: Codes, groups: Codes, settings: Evaluate
) -> ColumnSlices:
    """Compare one column's slices; `values` names each row's slice."""
    by_value = pl.DataFrame({"value": values, "group": groups}).group_by("value")
    sizes = by_value.agg(pl.len().alias("rows"), pl.col("group").n_unique()).sort("value")
    is_judged = (pl.col("rows") >= settings.min_rows) & (pl.col("group") >= MIN_GROUPS)
    judged = sizes.filter(is_judged)
    names = judged["value"].to_list()
    not_judged = dict(sizes.filter(~is_judged).select("value", "rows").iter_rows())
    if not names:
        return ColumnSlices([], not_judged)

    # Slices that are not judged share the last place: they count among all the rows.
    place = values.replace_strict(names, range(len(names)), default=len(names)).to_numpy()
    width = 2 * (len(names) + 1)  # wrong and right answers of each place
    draws = resample(2 * place + (truth == answers), width, groups, settings.resamples)
    drawn = np.array([cells.reshape(-1, 2) for cells in draws])
    with np.errstate(invalid="ignore"):  # a slice may be missing from a draw
        accuracy = drawn[:, :, 1] / drawn.sum(axis=2)
        overall = drawn[:, :, 1].sum(axis=1) / drawn.sum(axis=(1, 2))
    frame = MetricFrame(
        metrics=accuracy_score, y_true=truth, y_pred=answers, sensitive_features=values.to_numpy()
    )
    by_group = frame.by_group.loc[names]
    slices = []
    for number, (name, rows, merchants) in enumerate(judged.iter_rows()):
        value = by_group[name]
        drawn_here = accuracy[:, number]
        found = interval(value, drawn_here, settings.confidence)
        gap = interval(frame.overall - value, overall - drawn_here, settings.confidence)
        slices.append(SliceFigures(name, rows, merchants, found, gap))
    slices.sort(key=lambda one: one.accuracy.value)
    spread = float(by_group.max() - by_group.min())
    return ColumnSlices(slices, not_judged, slices[0].name, slices[0].gap, spread)
