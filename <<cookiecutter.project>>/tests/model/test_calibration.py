"""Calibrated probabilities: their formula, and how new a line is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as checks
from hypothesis import strategies as st

from categoriser.features import words_of
from categoriser.model.calibration import LEAST, Calibration, novelty_of, row_losses

TEMPERATURES = st.floats(0.05, 20)


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=6).filter(lambda row: sum(row) > 0.1),
    TEMPERATURES,
    TEMPERATURES,
    st.floats(0, 0.5),
    st.floats(0, 1),
)
@checks(deadline=None)
def test_it_is_a_softmax_over_a_temperature_and_a_share_for_all_classes(
    row: list[float], known: float, novel: float, noise: float, novelty: float
) -> None:
    probabilities = np.array([row]) / sum(row)
    temperature = np.exp((1 - novelty) * np.log(known) + novelty * np.log(novel))
    with np.errstate(divide="ignore"):
        scores = np.log(probabilities) / temperature
    softmax = np.exp(scores - np.logaddexp.reduce(scores, axis=1))
    expected = (1 - noise) * softmax + noise / len(row)
    found = Calibration(known, novel, noise).calibrate(probabilities, np.array([novelty]))
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_by_default_nothing_changes() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0, 0, 1]])
    found = Calibration().calibrate(probabilities, np.array([0.0, 0.7]))
    np.testing.assert_allclose(found, probabilities, atol=1e-15)


def test_each_row_has_the_temperature_of_its_novelty() -> None:
    probabilities = np.array([[0.8, 0.2]] * 3)
    found = Calibration(1, 4).calibrate(probabilities, np.array([0, 0.5, 1]))
    for row, temperature in zip(found, (1, 2, 4), strict=True):
        powers = np.array([0.8, 0.2]) ** (1 / temperature)
        np.testing.assert_allclose(row, powers / powers.sum())


def test_novelty_is_the_share_of_tokens_that_are_not_known() -> None:
    lines = words_of(["aldi EE EW ZB", "kebab EE EW ZB", "kebab house", "aldi aldi kebab x", ""])
    known = frozenset(["aldi", "EE", "EW", "ZB"])
    assert novelty_of(lines, known) == pytest.approx([0, 0.25, 1, 0.5, 1])
    assert novelty_of([], known).shape == (0,)


def test_a_rows_loss_is_finite_where_its_class_was_excluded() -> None:
    losses = row_losses(np.array([0, 1]), np.array([[0.5, 0.5], [1.0, 0.0]]))
    np.testing.assert_allclose(losses, [np.log(2), -np.log(LEAST)])
