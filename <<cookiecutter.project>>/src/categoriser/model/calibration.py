"""Calibrated probabilities: one temperature, fitted on rows that the classifier has not seen.

Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2.
"""

import numpy as np
from numpy.typing import NDArray

# Bounds of the temperature: beyond them calibration has nothing to go by.
COLDEST = 0.05
HOTTEST = 20.0
# An answer of probability 0 that turns out true costs this probability's logarithm.
TINY = 1e-12
# The bounds of the temperature are halved so often (by their logarithms): to 1e-11 of its value.
HALVINGS = 40


def calibrate(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return softmax(log(p) / T), shape (rows, classes): over 1, T makes it less sure."""
    powers: NDArray[np.float64] = probabilities ** (1 / temperature)
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def fit_temperature(probabilities: NDArray[np.float64], truth: NDArray[np.intp]) -> float:
    """Return the temperature of least log loss, to six decimals; 1 without rows.

    `truth` holds each row's column. The loss is convex in 1/T, so its slope changes sign once:
    halve the bounds.
    """
    if not len(truth):
        return 1.0
    logs = np.log(np.maximum(probabilities, TINY))
    observed = logs[np.arange(len(truth)), truth].mean()
    low = COLDEST
    high = HOTTEST
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        expected = (calibrate(probabilities, middle) * logs).sum(axis=1).mean()
        # A model that is surer than it is right must be hotter.
        if expected > observed:
            low = middle
        else:
            high = middle
    return round(float(high), 6)
