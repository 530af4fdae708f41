"""How the reports write numbers."""

from __future__ import annotations

import pytest

from categoriser.evaluation import rendering


@pytest.mark.parametrize(
    ("share", "percent", "points"),
    [(None, "–", "–"), (0.1234, "12.3 %", "+12.3"), (-0.5, "-50.0 %", "−50.0")],
)
def test_numbers_read_well(share: float | None, percent: str, points: str) -> None:
    assert rendering.percent(share) == percent
    assert rendering.points(share) == points
