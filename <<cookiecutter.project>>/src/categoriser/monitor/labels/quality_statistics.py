"""The figures of the model's quality, as Model Monitor has them, by labelled answers.

All figures are of the labelled rows. Where people label what looks wrong to them, the figures are
worse than the model: the join's `coverage` says how many rows they rest on.
"""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from categoriser.errors import UserError
from categoriser.evaluation.scores import Codes, confusion, group_codes, ratio, resample, scores
from categoriser.monitor.formats.quality_figures import (
    BEST_CONSTANT,
    NO_CLASS,
    LabelledDataset,
    MulticlassMetrics,
    QualityFigure,
    QualityStatistics,
)
from categoriser.monitor.formats.sketch import Floats

BETAS = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}
# Efron and Tibshirani, An Introduction to the Bootstrap, 1993, 6.4: 200 are enough for an error.
RESAMPLES = 200

Scan = Callable[[str], pl.LazyFrame]
SCANS: dict[str, Scan] = {"csv": pl.scan_csv, "json": pl.scan_ndjson, "parquet": pl.scan_parquet}

CODED = ("truth", "label")


def figures(counts: Floats) -> dict[str, Floats]:
    """Model Monitor's figures of confusion matrices (..., k, k) by name: (...) each.

    F-beta is (1 + b²) p r / (b² p + r); a class weighs as much as its share of the truth.
    """
    known = scores(counts)
    precision = known["precision"]
    recall = known["recall"]
    support = known["support"]
    by_class = {"recall": recall, "precision": precision} | {
        name: ratio((1 + beta**2) * precision * recall, beta**2 * precision + recall)
        for name, beta in BETAS.items()
    }
    return {"accuracy": known["accuracy"]} | {
        f"weighted_{name}": ratio((values * support).sum(axis=-1), support.sum(axis=-1))
        for name, values in by_class.items()
    }


def quality_statistics(
    truth: Codes, answers: Codes, groups: Codes, labels: Sequence[str]
) -> QualityStatistics:
    """Return model quality's statistics, as Model Monitor has them.

    `groups` are the rows' merchants, from 0. The best constant classifier answers the most frequent
    label. A standard deviation is a figure's standard error by the bootstrap of
    `categoriser.evaluation.bootstrap`. (Model Monitor's is that of five draws of 80 % of the rows,
    half as large: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html.)
    """
    size = len(labels)
    dataset = LabelledDataset(item_count=len(truth))
    if not len(truth):
        return QualityStatistics(
            dataset=dataset, multiclass_classification_metrics=MulticlassMetrics()
        )
    counts = confusion(truth, answers, size)
    best = counts.sum(axis=1).argmax()

    def beside_constant(matrix: Floats) -> dict[str, Floats]:
        constant = np.zeros_like(matrix)
        constant[:, best] = matrix.sum(axis=1)
        beside = {f"{name}{BEST_CONSTANT}": value for name, value in figures(constant).items()}
        return figures(matrix) | beside

    draws = resample(truth * size + answers, size * size, groups, RESAMPLES)
    drawn = [beside_constant(cells.reshape(size, size)) for cells in draws]
    found = {
        name: QualityFigure(float(value), float(np.std([draw[name] for draw in drawn])))
        for name, value in beside_constant(counts.astype(float)).items()
    }
    rows = [dict(zip(labels, row, strict=True)) for row in counts.tolist()]
    matrix = dict(zip(labels, rows, strict=True))
    return QualityStatistics(
        dataset=dataset,
        multiclass_classification_metrics=MulticlassMetrics(confusion_matrix=matrix, **found),
    )


def statistics_of_answers(source: str, form: str, answer: str, label: str) -> QualityStatistics:
    """Return the statistics of a data set's two columns; each row counts for itself.

    Raises `UserError` where the data or a column of it cannot be read.
    """
    try:
        columns = SCANS[form](source).select(label=pl.col(answer), truth=pl.col(label))
        rows = columns.cast(pl.String).drop_nulls().collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UserError(
            f"{source}: answers ({answer!r}, inference_attribute) and labels ({label!r}, "
            f"ground_truth_attribute) cannot be read: {error}"
        ) from None
    rows = rows.with_columns(key=pl.int_range(pl.len()))
    return quality_statistics(*coded(rows, rows["truth"].unique().to_list()))


def coded(rows: pl.DataFrame, classes: Sequence[str]) -> tuple[Codes, Codes, Codes, list[str]]:
    """Codes of `truth`, `label` and `key`, and the labels; the last is `NO_CLASS`, if it is there.

    Another model's answers may be among the captures: its classes are labels too.
    """
    labels = sorted({*classes, *rows["label"].unique()})
    known = range(len(labels))
    columns = [rows[name].replace_strict(labels, known, default=len(labels)) for name in CODED]
    truth, answers = (column.to_numpy().astype(np.int64) for column in columns)
    if (truth == len(labels)).any():
        labels.append(NO_CLASS)
    return truth, answers, group_codes(rows), labels
