"""How good answers are: pure functions over codes of classes and tables of probabilities.

Classes are numbers, places in a list of labels that holds every class of the data and of the
models, so that models with different classes can be compared on the same rows. A table of
probabilities has the shape (rows, classes).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from categoriser.evaluation.evaluation_file import CalibrationBin, CoverageStep
from categoriser.evaluation.scores import Codes, Floats, ratio
from categoriser.model.calibration import row_losses

BINS = 15


def codes_of(values: Sequence[str], labels: Sequence[str]) -> Codes:
    """Places of `values` in `labels`. Raises `KeyError` for a value that is not among them."""
    place = {label: number for number, label in enumerate(labels)}
    return np.fromiter((place[value] for value in values), np.int64, len(values))


def spread(probabilities: Floats, classes: Sequence[str], labels: Sequence[str]) -> Floats:
    """Put a model's columns, one for each of its classes, in the places of `labels`."""
    wide = np.zeros((len(probabilities), len(labels)))
    wide[:, codes_of(classes, labels)] = probabilities
    return wide


def calibration(truth: Codes, probabilities: Floats, bins: int = BINS) -> list[CalibrationBin]:
    """Rows by the probability of the answer, in `bins` bins of equal width over 0 to 1.

    A bin without rows is left out.
    """
    top = probabilities.max(axis=1, initial=0)
    right = probabilities.argmax(axis=1) == truth
    place = np.minimum((top * bins).astype(int), bins - 1)
    rows = np.bincount(place, minlength=bins)
    confidence = ratio(np.bincount(place, weights=top, minlength=bins), rows)
    accuracy = ratio(np.bincount(place, weights=right, minlength=bins), rows)
    return [
        CalibrationBin(int(rows[b]), float(confidence[b]), float(accuracy[b]))
        for b in np.flatnonzero(rows)
    ]


def calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """Mean distance of accuracy and confidence over the bins, each weighed by its rows.

    The expected calibration error of Guo et al., On Calibration of Modern Neural Networks, 2017.
    """
    rows = sum(one.rows for one in bins)
    return sum(one.rows * abs(one.accuracy - one.confidence) for one in bins) / rows


def log_loss(truth: Codes, probabilities: Floats) -> float:
    """Mean of -ln p(true class), in nats; a class that the model does not know has `LEAST`."""
    return float(row_losses(truth, probabilities).mean())


def coverage(
    truth: Codes, probabilities: Floats, threshold: float, known: NDArray[np.bool_]
) -> CoverageStep:
    """Share of rows answered without review, and how well.

    Those are of a probability at or over `threshold`, and `known`: the text has a word of training.
    """
    sure = (probabilities.max(axis=1, initial=0) >= threshold) & known
    right = probabilities.argmax(axis=1) == truth
    covered_accuracy = float(ratio(np.sum(right & sure), np.sum(sure)))
    return CoverageStep(threshold, float(sure.mean()), covered_accuracy)
