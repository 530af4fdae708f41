"""Model quality's baseline: statistics and constraints of held-out rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from categoriser.evaluation.scores import SEED, confusion
from categoriser.monitor.comparison.suggested_constraints import suggest_quality_constraints
from categoriser.monitor.formats.constraints import dump_constraints
from categoriser.monitor.labels.quality_statistics import (
    RESAMPLES,
    coded,
    figures,
    quality_figures,
    quality_statistics,
)
from categoriser.monitor.monitor_settings import QualitySettings

# So far from the baseline is more than noise: of one figure, one window in 700 is so by chance.
STANDARD_ERRORS = 3


def baseline_quality(
    rows: pl.DataFrame, answers: Sequence[str], classes: Sequence[str], settings: QualitySettings
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return statistics.json and constraints.json of held-out rows (`category`, `key`).

    A threshold is the figure less `STANDARD_ERRORS` of what separates it from that of a window: the
    held-out rows' standard error, and that of `min_rows` rows, the fewest that are judged. Few rows
    have few of the same merchant, so those are drawn row by row.
    """
    answered = rows.with_columns(label=pl.Series(answers, dtype=pl.String), truth="category")
    truth, answer, groups, labels = coded(answered, classes)
    document = quality_statistics(truth, answer, groups, labels)
    counts = confusion(truth, answer, len(labels))
    random, shares = np.random.default_rng(SEED), counts.ravel() / counts.sum()
    draws = random.multinomial(settings.min_rows, shares, size=RESAMPLES)
    known, lowered = quality_figures(document), {}
    for name, drawn in figures(draws.reshape(-1, *counts.shape).astype(float)).items():
        error = float(np.hypot(known[name]["standard_deviation"], drawn.std()))
        lowered[name] = {"value": max(0.0, known[name]["value"] - STANDARD_ERRORS * error)}
    return document, dump_constraints(suggest_quality_constraints(lowered))
