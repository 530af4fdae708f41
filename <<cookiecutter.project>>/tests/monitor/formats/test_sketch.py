"""A sketch's items and their weights."""

from __future__ import annotations

from categoriser.monitor.formats.sketch import Sketch


def test_an_item_of_level_i_weighs_2_to_the_i() -> None:
    items, weights = Sketch({}, [[5.0], [], [4.0, 1.0]]).weighted()
    assert items.tolist() == [1, 4, 5]
    assert weights.tolist() == [4, 4, 1]
