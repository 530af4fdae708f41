"""What a window's labels say of the model."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from categoriser.data.merchant_key import text_key
from categoriser.evaluation.evaluation_file import ColumnSlices
from categoriser.evaluation.scores import Codes, group_codes
from categoriser.evaluation.slices import by_slice
from categoriser.features import normalise
from categoriser.monitor.comparison.constraint_checks import check_quality_constraints
from categoriser.monitor.comparison.feature_drift import FeatureDrift
from categoriser.monitor.formats.baseline_facts import BaselineFacts
from categoriser.monitor.formats.constraints import QualityConstraints
from categoriser.monitor.formats.quality_figures import QualityFigures, QualityStatistics
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.labels.label_drift import label_drift
from categoriser.monitor.labels.label_join import JoinCounts, LabelledRows
from categoriser.monitor.labels.quality_statistics import CODED, coded, quality_statistics
from categoriser.monitor.labels.slice_gaps import slice_gaps
from categoriser.monitor.monitor_settings import QualitySettings
from categoriser.params import Evaluate
from categoriser.plural import plural

# More labelled rows than this tell no more about slices.
SLICED = 100_000

Slices = dict[str, ColumnSlices | None]


@dataclass(frozen=True)
class QualityResult:
    """What a window's labels say of the model, as the report shows it.

    `labels` counts the labelled rows by label. `violations` are against the baseline's figures and
    against training's labels, whose distance is `drift`, and of slices served too much worse.
    `slices` is what `by_slice` says of the rows, thinned evenly to some `SLICED` where they are
    more; None without rows. `gaps` are those of each column's worst slice. `not_judged` says why
    nothing was judged, else "".
    """

    statistics: QualityStatistics
    joined: JoinCounts
    labels: dict[str, int]
    violations: list[Violation]
    drift: FeatureDrift
    slices: Slices | None
    gaps: QualityFigures
    not_judged: str


def judge_model(
    labelled: LabelledRows,
    baseline: QualityConstraints | None,
    facts: BaselineFacts,
    settings: QualitySettings,
    evaluate: Evaluate,
    max_slice_gap: float,
) -> QualityResult:
    """Measure the joined rows, and hold them against the baseline.

    `baseline` are the constraints and `facts` the facts.json of the baseline; `evaluate` says what
    the slices are, and `max_slice_gap` is the gate's. Fewer rows than `min_rows` are not judged.
    """
    rows = _measured_rows(labelled, evaluate)
    truth, answers, groups, labels = coded(rows, labelled.classes)
    statistics = quality_statistics(truth, answers, groups, labels)
    counts = dict(zip(labels, np.bincount(truth, minlength=len(labels)).tolist(), strict=True))
    training = {name: round(share * facts.train_rows) for name, share in facts.labels.items()}
    drift, moved = label_drift(counts, training, settings)
    fallen = check_quality_constraints(statistics.figures(), baseline) if baseline else []
    slices = _slices(rows, truth, answers, evaluate)
    gaps, unfair = slice_gaps(slices or {}, max_slice_gap, evaluate.confidence)
    violations = [*fallen, *moved, *unfair]
    not_judged = ""
    if rows.height < settings.min_rows:
        violations = []
        labelled_rows = plural(rows.height, "labelled row")
        not_judged = f"{labelled_rows}; quality.min_rows is {settings.min_rows}"
    return QualityResult(
        statistics=statistics,
        joined=labelled.counts,
        labels=counts,
        violations=violations,
        drift=drift,
        slices=slices,
        gaps=gaps,
        not_judged=not_judged,
    )


def _measured_rows(labelled: LabelledRows, evaluate: Evaluate) -> pl.DataFrame:
    """Return what is measured of each joined row: its place, price, merchant, codes and slices.

    The texts do not stay in memory.
    """
    key = cache(text_key)
    parts = []
    for batch in labelled.rows("FROM answered"):
        normal = normalise(batch["text"].fill_null("").to_list())
        keys = pl.Series("key", [key(text) for text in normal], dtype=pl.String)
        wanted = {"place", "price", *CODED, *evaluate.slices} & {*batch.columns}
        parts.append(batch.select(*sorted(wanted), keys))
    return pl.concat(parts)


def _slices(rows: pl.DataFrame, truth: Codes, answers: Codes, evaluate: Evaluate) -> Slices | None:
    """Compare the slices of the rows that have a price; None where no row has."""
    priced = rows.with_columns(truth=truth, label=answers).drop_nulls("price")
    priced = priced.filter(pl.col("place") % max(1, priced.height // SLICED) == 0)
    if priced.is_empty():
        return None
    codes = priced["truth"].to_numpy(), priced["label"].to_numpy()
    return by_slice(priced, *codes, group_codes(priced), evaluate)
