"""The champion's facts, and whether this code can compare with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from categoriser.errors import UserError
from categoriser.evaluation.champion_model import load_champion, other_classes


def test_many_classes_that_differ_are_named_shortly() -> None:
    assert other_classes(["a", "b"], ["b", "a"]) == ""
    why = other_classes([f"c{n}" for n in range(9)], ["c0"])
    assert "the champion alone knows c1, c2, c3, c4, c5 and 3 more" in why
    assert "the model alone" not in why


@pytest.mark.parametrize("content", ["[]", "{}"])
def test_damaged_facts_of_a_champion_are_said_in_a_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "champion.json").write_text(content)
    with pytest.raises(UserError, match=r"champion\.json is damaged"):
        load_champion(tmp_path)
