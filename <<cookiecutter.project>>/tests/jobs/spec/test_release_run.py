"""The jobs of a release: what they read of training's log."""

from __future__ import annotations

import re

import numpy as np
from msgspec import to_builtins

from categoriser.jobs.spec.release_run import LOGGED_FIGURES, LOGGED_NUMBER
from categoriser.model.answers import Answers
from categoriser.model.calibration import Calibration
from categoriser.model.train import validation_figures


def test_the_figures_that_are_read_off_the_log_are_those_that_training_measures() -> None:
    table = np.array([[0.9999999, 1e-7], [0.55, 0.45]])
    answers = Answers(table, novelty=np.zeros(2), truth=np.array([0, 1]))
    measured = to_builtins(validation_figures(answers, Calibration(1.25, 2.0, 1e-6)))

    for name in LOGGED_FIGURES:
        found = re.fullmatch(f"{name}={LOGGED_NUMBER}", f"{name}={measured[name]}")
        assert found, name
        assert float(found[1]) == measured[name]
