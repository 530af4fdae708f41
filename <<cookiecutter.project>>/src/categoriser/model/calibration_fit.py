"""Fitting the calibration, on rows that the classifier has not seen."""

import numpy as np
from scipy.optimize import minimize

from categoriser.model.answers import Answers
from categoriser.model.calibration import COLDEST, HOTTEST, LEAST, MOST_NOISE, Calibration, Floats

# How much the rows of unseen merchants count, of 1. More makes answers to known merchants less
# sure than they are right.
UNSEEN_SHARE = 0.25
# More rows of either kind say nothing new.
MOST_ROWS = 10_000
# Where the search starts: the logarithms of both temperatures, and the noise.
START = ((0.0, 0.0, 0.01), (0.5, 0.0, 0.01), (0.0, 0.5, 0.01), (0.0, 0.0, 0.05))
BOUNDS = ((np.log(COLDEST), np.log(HOTTEST)), (np.log(COLDEST), np.log(HOTTEST)), (0, MOST_NOISE))
SEARCH = {"initial_simplex": START, "maxiter": 400, "xatol": 1e-4, "fatol": 1e-7}


class Fitted:
    """Answers that a calibration is fitted to, and how much they count."""

    def __init__(self, answers: Answers, weight: float) -> None:
        self.weight = weight
        self.novelty = answers.novelty
        self.logs: Floats = np.log(np.maximum(answers.probabilities, LEAST))
        self.truth = self.logs[np.arange(len(answers.truth)), answers.truth]

    def loss(self, temperature: float, novel_temperature: float, noise: float) -> float:
        """Return the weighted mean of -ln p(true class); the temperatures are logarithms."""
        warmth = temperature * (1 - self.novelty) + novel_temperature * self.novelty
        inverse = np.exp(-warmth)
        powers = np.exp(self.logs * inverse[:, np.newaxis])
        true = np.exp(self.truth * inverse) / powers.sum(axis=1)
        true = (1 - noise) * true + noise / self.logs.shape[1]
        return -self.weight * float(np.log(np.maximum(true, LEAST)).mean())


def fit_calibration(seen: Answers, unseen: Answers) -> Calibration:
    """Return the calibration of least log loss, to six decimals.

    `seen` answers rows of any merchants, `unseen` rows of merchants that are not in training. A row
    whose class was not trained, of probability 0, says nothing; with no other row nothing changes.
    """
    parts = []
    for answers, weight in ((seen, 1 - UNSEEN_SHARE), (unseen, UNSEEN_SHARE)):
        true = answers.probabilities[np.arange(len(answers.truth)), answers.truth]
        trained = answers.at(true > 0).sample(MOST_ROWS)
        if len(trained.truth):
            parts.append(Fitted(trained, weight))
    if not parts:
        return Calibration()
    found = minimize(
        lambda values: sum(part.loss(*values) for part in parts),
        START[0],
        method="Nelder-Mead",
        bounds=BOUNDS,
        options=SEARCH,
    )
    temperature, novel_temperature, noise = found.x.tolist()
    return Calibration(
        temperature=round(float(np.exp(temperature)), 6),
        novel_temperature=round(float(np.exp(novel_temperature)), 6),
        label_noise=round(noise, 6),
    )
