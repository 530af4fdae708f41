"""Model quality's baseline: statistics and constraints of held-out rows."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from categoriser.evaluation.scores import SEED, confusion
from categoriser.monitor.comparison.suggested_constraints import suggest_quality_constraints
from categoriser.monitor.formats.constraints import QualityConstraints
from categoriser.monitor.formats.quality_figures import QualityStatistics
from categoriser.monitor.labels.quality_statistics import (
    RESAMPLES,
    coded,
    figures,
    quality_statistics,
)
from categoriser.monitor.monitor_settings import QualitySettings
from categoriser.monitor.standard_errors import QUALITY_STANDARD_ERRORS


def baseline_quality(
    rows: pl.DataFrame, answers: Sequence[str], classes: Sequence[str], settings: QualitySettings
) -> tuple[QualityStatistics, QualityConstraints]:
    """Return statistics.json and constraints.json of held-out rows (`category`, `key`).

    A threshold is the figure less `QUALITY_STANDARD_ERRORS` of what separates it from that of a
    window: the held-out rows' standard error, and that of `min_rows` rows, the fewest that are
    judged. Few rows have few of the same merchant, so those are drawn row by row.
    """
    answered = rows.with_columns(label=pl.Series(answers, dtype=pl.String), truth="category")
    truth, answer, groups, labels = coded(answered, classes)
    statistics = quality_statistics(truth, answer, groups, labels)
    counts = confusion(truth, answer, len(labels))
    random = np.random.default_rng(SEED)
    shares = counts.ravel() / counts.sum()
    draws = random.multinomial(settings.min_rows, shares, size=RESAMPLES)
    known = statistics.figures()
    lowered: dict[str, float] = {}
    for name, drawn in figures(draws.reshape(-1, *counts.shape).astype(float)).items():
        error = float(np.hypot(known[name].standard_deviation, drawn.std()))
        lowered[name] = max(0.0, known[name].value - QUALITY_STANDARD_ERRORS * error)
    return statistics, suggest_quality_constraints(lowered)
