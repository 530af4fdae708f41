"""Calibrated probabilities: an answer is as often right as its probability says.

A temperature makes answers less sure, or surer (Guo et al. 2017, "On Calibration of Modern Neural
Networks", section 4.2). Two things are added. A classifier is too sure of merchants that it has not
seen, so the temperature depends on how new a line's words are. And where some labels are wrong, no
answer can be surer than that: a share of each is spread over all classes.
"""

from collections.abc import Collection, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

# Bounds of a temperature: beyond them calibration has nothing to go by.
COLDEST = 0.05
HOTTEST = 20.0
MOST_NOISE = 0.5
# A probability under this counts as this in the log loss, which would be infinite otherwise.
LEAST = 1e-15


class Calibration(Struct, frozen=True):
    """The three numbers: by default they change nothing.

    `temperature` is that of lines whose every token is known from training, and `novel_temperature`
    that of lines with no known token; others lie between. `label_noise` is the share of an answer
    that all classes have alike.
    """

    temperature: float = 1.0
    novel_temperature: float = 1.0
    label_noise: float = 0.0

    def calibrate(self, probabilities: Floats, novelty: Floats) -> Floats:
        """Return calibrated probabilities, shape (rows, classes).

        They are (1 - noise) softmax(log(p) / T) + noise / classes; `novelty`, shape (rows,), is
        what `novelty_of` tells of the rows.
        """
        # 1 / T, where ln(T) goes evenly from one temperature to the other.
        exponents = (self.temperature / self.novel_temperature) ** novelty / self.temperature
        powers: Floats = probabilities ** exponents[:, np.newaxis]
        powers *= (1 - self.label_noise) / powers.sum(axis=1, keepdims=True)
        powers += self.label_noise / probabilities.shape[1]
        return powers


def novelty_of(lines: Sequence[Sequence[str]], known: Collection[str]) -> Floats:
    """Return the share of each line's tokens that are not `known`, shape (lines,).

    A line is given as its tokens. One without any is as new as can be.
    """
    is_known = known.__contains__
    shares = [1 - sum(map(is_known, line)) / len(line) if line else 1.0 for line in lines]
    return np.array(shares, np.float64)


def row_losses(truth: Codes, probabilities: Floats) -> Floats:
    """Return each row's -ln p(true class), in nats: (rows,)."""
    true = np.maximum(probabilities[np.arange(len(truth)), truth], LEAST)
    losses: Floats = -np.log(true)
    return losses
