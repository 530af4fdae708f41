"""How sure a figure is: percentile bootstrap intervals.

Groups of rows are drawn with replacement, not rows (Davison and Hinkley, Bootstrap Methods and
their Application, 1997, section 3.8): a merchant's rows are right or wrong together, and drawing
rows would claim more certainty than there is. The draws depend on the number of groups alone, so
that two models' resamples are paired.
"""

import numpy as np

from categoriser.evaluation.scores import Codes, Floats, resample, scores
from categoriser.intervals import Interval

# Rows of fewer merchants have no interval to speak of, however many rows they are.
MIN_GROUPS = 10


def resampled_scores(
    truth: Codes, answers: Codes, size: int, groups: Codes, resamples: int
) -> dict[str, Floats]:
    """Accuracy and macro-F1 of each resample: (resamples,) each."""
    drawn = resample(truth * size + answers, size * size, groups, resamples)
    draws = [scores(counts.reshape(size, size)) for counts in drawn]
    return {name: np.array([draw[name] for draw in draws]) for name in ("accuracy", "macro_f1")}


def interval(value: float | Floats, resampled: Floats, confidence: float) -> Interval:
    """Give `value` with the quantiles of its resamples that hold `confidence` between them.

    Resamples in which the figure does not exist (NaN) are left out.
    """
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(resampled, [tail, 1 - tail])
    return Interval(float(value), float(low), float(high))
