"""The model and the champion on the same rows: the newest month's, and those served worst.

A retraining is for the newest rows, and a model that is better on all rows may be worse on a slice.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from categoriser.evaluation.bootstrap import MIN_GROUPS, interval
from categoriser.evaluation.evaluation_file import BesideChampion, ColumnSlices
from categoriser.evaluation.price_bands import PRICE_BAND, price_bands
from categoriser.evaluation.scores import Codes, group_codes, resample
from categoriser.evaluation.slices import slice_names
from categoriser.params import Evaluate

# The column of a row's answer by the champion, where there is one.
CHAMPION_ANSWER = "champion_answer"
Flags = NDArray[np.bool_]


def compare_with_champion(
    held_out: pl.DataFrame,
    as_they_arrive: pl.DataFrame,
    slices: Mapping[str, ColumnSlices | None],
    settings: Evaluate,
) -> list[BesideChampion]:
    """Compare on the newest month of all held-out rows, and on each column's worst slice.

    Rows are as `measure` judges them, with `CHAMPION_ANSWER`; without that column there is no
    champion to compare with, and nothing is returned. `slices` are those of `as_they_arrive`. Fewer
    rows than `settings.min_rows`, or fewer merchants than `MIN_GROUPS`, are left out.
    """
    if CHAMPION_ANSWER not in held_out.columns:
        return []
    found = []
    for name, rows in _chosen(held_out, as_they_arrive, slices, settings):
        if rows.height >= settings.min_rows and rows["key"].n_unique() >= MIN_GROUPS:
            truth = rows["truth"].to_numpy()
            is_right = rows["answer"].to_numpy() == truth
            champion_is_right = rows[CHAMPION_ANSWER].to_numpy() == truth
            groups = group_codes(rows)
            found.append(compare_answers(name, is_right, champion_is_right, groups, settings))
    return found


def _chosen(
    held_out: pl.DataFrame,
    as_they_arrive: pl.DataFrame,
    slices: Mapping[str, ColumnSlices | None],
    settings: Evaluate,
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the rows to compare on, with what they are."""
    month = held_out["date"].dt.strftime("%Y-%m")
    newest = str(month.max())
    yield f"newest month, {newest}", held_out.filter(month == newest)
    bands = price_bands(as_they_arrive["price"], settings.price_bands)
    rows = as_they_arrive.with_columns(bands.alias(PRICE_BAND))
    for column, compared in slices.items():
        if compared and compared.worst is not None:
            is_worst = slice_names(rows[column]) == compared.worst
            yield f"{column}: {compared.worst}", rows.filter(is_worst)


def compare_answers(
    name: str, is_right: Flags, champion_is_right: Flags, groups: Codes, settings: Evaluate
) -> BesideChampion:
    """Compare the accuracy of two models' answers to the same rows, given which are right.

    `groups` are the rows' merchants, numbered from 0 without a gap: whole merchants are drawn, the
    same for both models.
    """
    # Each row lies in one of four cells: wrong for both, right for one of them, right for both.
    cells = is_right + 2 * champion_is_right.astype(np.int64)
    drawn = np.array(list(resample(cells, 4, groups, settings.resamples)))
    rows = drawn.sum(axis=1)
    model = drawn[:, [1, 3]].sum(axis=1) / rows
    champion = drawn[:, [2, 3]].sum(axis=1) / rows
    own = is_right.mean()
    other = champion_is_right.mean()
    return BesideChampion(
        name=name,
        rows=len(cells),
        groups=int(groups.max()) + 1,
        model=interval(own, model, settings.confidence),
        champion=interval(other, champion, settings.confidence),
        lead=interval(own - other, model - champion, settings.confidence),
    )
