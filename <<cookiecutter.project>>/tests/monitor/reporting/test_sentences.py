"""The first screen says in sentences what happened."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from monitor_helpers.made_results import QUALITY, fallen, of, page, terminal, worst
from msgspec import structs

from categoriser.monitor.comparison.feature_drift import FeatureDrift
from categoriser.monitor.formats.feature_statistics import Statistics
from categoriser.monitor.formats.quality_figures import QualityFigure
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.reporting.sentences import sentences


def test_the_first_screen_says_in_sentences_what_happened() -> None:
    rows_ = 1000

    def frame(scale: float, new: int, travel: int) -> Statistics:
        numbers = np.arange(rows_)
        return of(
            pl.DataFrame(
                {
                    "price": (numbers % 97 + 1) * scale,
                    "unseen_tokens": np.where(numbers < new, 0.5, 0.0),
                    "class_predictions": np.where(numbers < travel, "travel", "home"),
                    "class_probabilities__label_travel": np.where(numbers < travel, 0.9, 0.1),
                    "upper_share": numbers / rows_ * scale,
                }
            )
        )

    before = frame(1.0, 100, 50)
    now = frame(1.5, 280, 100)
    drifts = {name: FeatureDrift(name, 0.3, 0.1, "Simple") for name in now.features}
    drifted = [Violation(name, "baseline_drift_check", "") for name in now.features]
    measured = structs.replace(
        QUALITY.statistics.multiclass_classification_metrics, accuracy=QualityFigure(0.83, 0.01)
    )
    labelled = replace(
        QUALITY,
        statistics=structs.replace(QUALITY.statistics, multiclass_classification_metrics=measured),
    )
    found = worst(
        *drifted,
        fallen("accuracy"),
        current=now,
        baseline=before,
        drifts=drifts,
        quality=labelled,
        accuracy_before=0.87,
        model="c56ab6bfcccc68c4ee62",
    )
    said = sentences(found)
    assert said == [
        "1,000 rows from 2026-11-15 00:00 to 2026-11-22 00:00 UTC, held against model "
        "c56ab6bfcccc at endpoint-1.",
        "Accuracy 83.0 % by 100 labels: −4.0 points against the held-out rows.",
        "Prices +50 %: the median is 70.50, was 47.00.",
        "About 20 % of the rows have new merchants or a new wording: 28.0 % of the texts hold what "
        "no training row has, 10.0 % did in the baseline.",
        "The answer travel has 10.0 % of the rows, had 5.0 %.",
        "Moved too: upper_share.",
    ]
    assert all(sentence in page(found).text for sentence in said)
    assert all(sentence in " ".join(terminal(found).split()) for sentence in said[1:])
