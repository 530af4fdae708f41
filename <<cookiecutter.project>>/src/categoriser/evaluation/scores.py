"""Figures of confusion matrices, and the draws that say how sure they are.

Classes are numbers, places in a list of labels. A leaf: it needs NumPy and Polars alone, so that
the monitor's baseline does not depend on the libraries and reports of the evaluation.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]

# Of the draws: the same rows give the same figures.
SEED = 0


def group_codes(frame: pl.DataFrame) -> Codes:
    """Return each row's merchant as a number from 0."""
    return frame["key"].rank("dense").to_numpy().astype(np.int64) - 1


def confusion(truth: Codes, answers: Codes, size: int) -> NDArray[np.int64]:
    """Count the rows of true class i that were answered j: (size, size)."""
    return np.bincount(truth * size + answers, minlength=size * size).reshape(size, size)


def scores(counts: NDArray[np.int64] | Floats) -> dict[str, Floats]:
    """Figures of confusion matrices (..., k, k).

    `accuracy` and `macro_f1` have the leading shape; `precision`, `recall`, `f1`, `support` one
    figure more for each class. A ratio without rows is 0. Macro-F1 is the mean over the classes
    that occur in the truth.
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1).astype(float)
    support = counts.sum(axis=-1).astype(float)
    answered = counts.sum(axis=-2).astype(float)
    f1 = ratio(2 * hits, support + answered)
    present = support > 0
    accuracy = ratio(hits.sum(axis=-1), support.sum(axis=-1))
    macro_f1 = ratio((f1 * present).sum(axis=-1), present.sum(axis=-1))
    by_class = {
        "precision": ratio(hits, answered),
        "recall": ratio(hits, support),
        "f1": f1,
        "support": support,
    }
    return {"accuracy": accuracy, "macro_f1": macro_f1} | by_class


def ratio(above: Floats | NDArray[np.int64], below: Floats | NDArray[np.int64]) -> Floats:
    """`above / below`, and 0 where `below` is 0."""
    result: Floats = np.divide(above, below, out=np.zeros(np.shape(below)), where=below != 0)
    return result


def resample(cells: Codes, width: int, groups: Codes, resamples: int) -> Iterator[Floats]:
    """Draw groups with replacement; yield, for each draw, how many rows lie in each cell (width,).

    Row i lies in cell `cells[i]` of `width` and in group `groups[i]`; groups are numbered from 0
    without a gap.
    """
    for times in drawn_groups(int(groups.max()) + 1, resamples):
        yield np.bincount(cells, weights=times[groups], minlength=width).astype(float)


def resampled_means(values: Floats, groups: Codes, resamples: int) -> Floats:
    """Return the mean value of the rows in each draw of `resample`: (resamples,)."""
    rows = np.bincount(groups)
    sums = np.bincount(groups, weights=values)
    draws = drawn_groups(len(rows), resamples)
    return np.array([(times @ sums) / (times @ rows) for times in draws])


def drawn_groups(number: int, resamples: int) -> Iterator[Codes]:
    """Yield, for each draw with replacement, how often each of so many groups is drawn."""
    generator = np.random.default_rng(SEED)
    for _ in range(resamples):
        yield np.bincount(generator.integers(number, size=number), minlength=number)
