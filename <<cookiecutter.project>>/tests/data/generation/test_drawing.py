"""Indices are drawn by their shares, each within its group."""

from __future__ import annotations

import numpy as np
import pytest

from categoriser.data.generation.drawing import draw_choices, to_shares


def test_weights_become_shares_along_the_last_axis() -> None:
    shares = to_shares(np.array([[1, 3], [2, 2]]))
    assert shares.tolist() == [[0.25, 0.75], [0.5, 0.5]]


def test_an_index_is_drawn_within_its_group_by_its_share() -> None:
    shares = np.array([[0.2, 0.8], [1.0, 0.0]])
    groups = np.repeat([0, 1], 10_000)
    drawn = draw_choices(np.random.default_rng(0), shares, groups)
    assert set(drawn[groups == 1].tolist()) == {2}
    assert set(drawn[groups == 0].tolist()) == {0, 1}
    assert (drawn[groups == 0] == 1).mean() == pytest.approx(0.8, abs=0.02)
