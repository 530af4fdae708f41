"""What a window's labels say of the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from msgspec import to_builtins

from categoriser.data.merchant_key import text_key
from categoriser.evaluation.scores import group_codes
from categoriser.evaluation.slices import by_slice
from categoriser.features import normalise
from categoriser.monitor.comparison.constraint_checks import check_quality_constraints
from categoriser.monitor.comparison.feature_drift import FeatureDrift
from categoriser.monitor.formats.constraints import QualityConstraints
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.labels.label_drift import label_drift
from categoriser.monitor.labels.label_join import LabelledRows
from categoriser.monitor.labels.quality_statistics import (
    CODED,
    coded,
    quality_figures,
    quality_statistics,
)
from categoriser.monitor.labels.slice_gaps import slice_gaps
from categoriser.monitor.monitor_settings import QualitySettings
from categoriser.params import Evaluate
from categoriser.plural import plural

# More labelled rows than this tell no more about slices.
SLICED = 100_000


@dataclass(frozen=True)
class QualityResult:
    """What a window's labels say of the model; `asdict` is what the report shows.

    `statistics` is the document of that name, `joined` are `Labelled.counts`, and `labels` counts
    the labelled rows by label. `violations` are against the baseline's figures and against
    training's labels, whose distance is `drift`, and of slices served too much worse. `slices` is
    what `by_slice` says of the rows, thinned evenly to some `SLICED` where they are more; None
    without rows. `gaps` are those of each column's worst slice, as `metrics` has figures.
    `not_judged` says why nothing was judged, else "".
    """

    statistics: dict[str, Any]
    joined: dict[str, Any]
    labels: dict[str, int]
    violations: list[Violation]
    drift: FeatureDrift
    slices: dict[str, Any] | None
    gaps: dict[str, dict[str, float]]
    not_judged: str


def judge_model(
    labelled: LabelledRows,
    baseline: QualityConstraints | None,
    facts: Mapping[str, Any],
    settings: QualitySettings,
    evaluate: Evaluate,
    max_slice_gap: float,
) -> QualityResult:
    """Measure the joined rows; what is in memory of each is its merchant, its codes and its slices.

    `baseline` are the constraints and `facts` the facts.json of the baseline; `evaluate` says what
    the slices are, and `max_slice_gap` is the gate's. Fewer rows than `min_rows` are not judged.
    """
    key, parts = cache(text_key), []
    for batch in labelled.rows("FROM answered"):
        normal = normalise(batch["text"].fill_null("").to_list())
        keys = pl.Series("key", [key(text) for text in normal], dtype=pl.String)
        wanted = {"place", "price", *CODED, *evaluate.slices} & {*batch.columns}
        parts.append(batch.select(*sorted(wanted), keys))
    rows = pl.concat(parts)
    truth, answers, groups, labels = coded(rows, labelled.classes)
    document = quality_statistics(truth, answers, groups, labels)
    counts = dict(zip(labels, np.bincount(truth, minlength=len(labels)).tolist(), strict=True))
    training = {name: round(share * facts["train_rows"]) for name, share in facts["labels"].items()}
    drift, violations = label_drift(counts, training, settings)
    if baseline:
        violations = check_quality_constraints(quality_figures(document), baseline) + violations
    priced = rows.with_columns(truth=truth, label=answers).drop_nulls("price")
    priced = priced.filter(pl.col("place") % max(1, priced.height // SLICED) == 0)
    codes = priced["truth"].to_numpy(), priced["label"].to_numpy()
    slices = None
    if len(priced):
        slices = to_builtins(by_slice(priced, *codes, group_codes(priced), evaluate))
    gaps, unfair = slice_gaps(slices or {}, max_slice_gap, evaluate.confidence)
    violations, why = violations + unfair, ""
    if rows.height < settings.min_rows:
        why = f"{plural(rows.height, 'labelled row')}; quality.min_rows is {settings.min_rows}"
        violations = []
    return QualityResult(document, labelled.counts, counts, violations, drift, slices, gaps, why)
