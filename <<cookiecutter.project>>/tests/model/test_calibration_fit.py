"""Fitting the calibration: what made the labels is found, and who counts how much."""

from __future__ import annotations

import numpy as np
import pytest

from categoriser.model import calibration_fit
from categoriser.model.answers import Answers
from categoriser.model.calibration import (
    COLDEST,
    HOTTEST,
    MOST_NOISE,
    Calibration,
    Floats,
    row_losses,
)
from categoriser.model.calibration_fit import fit_calibration

# As many as are not sampled.
ROWS = 10_000
NONE = Answers.none(4)


def answers_by(calibration: Calibration, novelty: Floats, seed: int = 0) -> Answers:
    """Return answers whose truth is drawn from what the calibration makes of them."""
    random = np.random.default_rng(seed)
    said = random.dirichlet([0.4] * 4, size=len(novelty))
    honest = calibration.calibrate(said, novelty)
    truth = (honest.cumsum(axis=1) < random.random((len(said), 1))).sum(axis=1).clip(0, 3)
    return Answers(said, novelty, truth)


def loss(answers: Answers, calibration: Calibration) -> float:
    table = calibration.calibrate(answers.probabilities, answers.novelty)
    return float(row_losses(answers.truth, table).mean())


@pytest.mark.parametrize(
    "true", [Calibration(0.5, 0.5, 0), Calibration(1, 3, 0.05), Calibration(2, 0.8, 0.2)]
)
def test_the_calibration_that_made_the_labels_is_found(true: Calibration) -> None:
    novelty = np.random.default_rng(1).random(ROWS)
    answers = answers_by(true, novelty)
    found = fit_calibration(answers, NONE)
    assert found.temperature == pytest.approx(true.temperature, rel=0.1)
    assert found.novel_temperature == pytest.approx(true.novel_temperature, rel=0.1)
    assert found.label_noise == pytest.approx(true.label_noise, abs=0.02)
    assert loss(answers, found) <= loss(answers, true)


def test_rows_of_both_kinds_count_whatever_their_number() -> None:
    known = np.zeros(ROWS)
    seen = answers_by(Calibration(1, 1, 0), known)
    unseen = answers_by(Calibration(4, 4, 0), known, seed=1)
    between = fit_calibration(seen, unseen).temperature
    fewer = fit_calibration(seen, unseen.at(np.arange(ROWS // 4))).temperature
    assert between == pytest.approx(1.3, abs=0.2)
    assert fewer == pytest.approx(between, rel=0.05)
    assert fit_calibration(seen, NONE).temperature == pytest.approx(1, abs=0.05)
    assert fit_calibration(NONE, unseen).temperature == pytest.approx(4, rel=0.1)


def test_without_rows_nothing_is_calibrated() -> None:
    assert fit_calibration(NONE, NONE) == Calibration()


def test_a_row_whose_class_was_not_trained_says_nothing() -> None:
    answers = answers_by(Calibration(), np.zeros(2000))
    table = answers.probabilities.copy()
    table[:500] = [0.4, 0.3, 0.3, 0]
    truth = answers.truth.copy()
    truth[:500] = 3
    spoilt = Answers(table, answers.novelty, truth)
    assert fit_calibration(spoilt, NONE) == fit_calibration(answers.at(np.arange(500, 2000)), NONE)


def test_the_bounds_are_kept_where_nothing_else_stops_the_search() -> None:
    always_right = Answers(np.array([[0.6, 0.4]] * 50), np.zeros(50), np.zeros(50, np.int64))
    found = fit_calibration(always_right, NONE)
    assert COLDEST <= found.temperature < 0.1
    assert found.label_noise == pytest.approx(0, abs=1e-4)
    always_wrong = Answers(np.array([[0.99, 0.01]] * 50), np.zeros(50), np.ones(50, np.int64))
    found = fit_calibration(always_wrong, NONE)
    assert 5 < found.temperature <= HOTTEST
    assert 0 <= found.label_noise <= MOST_NOISE


def test_more_rows_than_are_needed_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = answers_by(Calibration(2, 2, 0), np.zeros(ROWS))
    monkeypatch.setattr(calibration_fit, "MOST_ROWS", 2000)
    found = fit_calibration(answers, NONE)
    assert found == fit_calibration(answers.sample(2000), NONE)
    assert found.temperature == pytest.approx(2, rel=0.2)
