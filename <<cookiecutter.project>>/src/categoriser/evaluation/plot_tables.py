"""The tables of `dvc plots`, in reports/plots."""

from collections.abc import Mapping, Sequence

import polars as pl
from msgspec import to_builtins

from categoriser.evaluation.evaluation_file import PartFigures

# DVC's template counts the rows of a table, so a confusion matrix is a table of rows, thinned.
MOST_CONFUSION_ROWS = 10_000
PLOT_COLUMNS = {
    "calibration": ("confidence", "accuracy", "rows"),
    "coverage": ("coverage", "covered_accuracy", "threshold"),
    "classes": ("class", "f1", "precision", "recall", "rows"),
}


def plot_tables(
    parts: Mapping[str, PartFigures], judged: Mapping[str, pl.DataFrame], labels: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """Return the tables by name; an empty part has tables without rows.

    `judged` has each part's rows, with `truth` and `answer` as places in `labels`.
    """
    names = pl.Series(labels, dtype=pl.String)
    tables = {}
    for part, frame in judged.items():
        figures = to_builtins(parts[part])
        for name, columns in PLOT_COLUMNS.items():
            tables[f"{name}_{part}"] = pl.DataFrame(figures[name], schema=columns)
        every = max(1, (len(frame) + MOST_CONFUSION_ROWS - 1) // MOST_CONFUSION_ROWS)
        thinned = frame.gather_every(every)
        tables[f"confusion_{part}"] = thinned.select(
            truth=names.gather(thinned["truth"]), predicted=names.gather(thinned["answer"])
        )
    return tables
