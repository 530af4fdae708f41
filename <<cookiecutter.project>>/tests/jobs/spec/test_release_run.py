"""The jobs of a release: what they read of training's log."""

from __future__ import annotations

import re

import numpy as np
from msgspec import to_builtins

from categoriser.jobs.spec.release_run import LOGGED_FIGURES, LOGGED_NUMBER
from categoriser.model.train import ValidationAnswers, validation_figures


def test_the_figures_that_are_read_off_the_log_are_those_that_training_measures() -> None:
    answers = ValidationAnswers(1.25, np.array([True, False]), np.array([1e-7, 0.2]))
    measured = to_builtins(validation_figures(answers))

    for name in LOGGED_FIGURES:
        found = re.fullmatch(f"{name}={LOGGED_NUMBER}", f"{name}={measured[name]}")
        assert found, name
        assert float(found[1]) == measured[name]
