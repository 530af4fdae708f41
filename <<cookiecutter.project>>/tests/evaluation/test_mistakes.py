"""Which classes are taken for which."""

from __future__ import annotations

import polars as pl

from categoriser.evaluation.evaluation_file import WrongAnswer
from categoriser.evaluation.mistakes import confused


def test_most_confused_pairs_come_first_with_their_surest_examples() -> None:
    judged = pl.DataFrame(
        {
            "text": ["aldi 1234567", "ALDI", "shell", "coles", "coles", "aldi"],
            "price": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            "truth": [0, 0, 1, 0, 0, 0],
            "answer": [1, 1, 0, 1, 2, 0],
            "probability": [0.6, 0.9, 0.5, 0.7, 0.8, 0.9],
        }
    )
    first, *others = confused(judged, ["food", "fuel", "rent"])
    assert (first.truth, first.answer, first.rows) == ("food", "fuel", 3)
    assert first.share == 3 / 5
    # Of equal words the surest alone; codes and long numbers are left out.
    assert first.examples == [
        WrongAnswer("aldi", price=2.0, probability=0.9),
        WrongAnswer("coles", price=4.0, probability=0.7),
    ]
    assert [(pair.truth, pair.answer) for pair in others] == [
        ("food", "rent"),
        ("fuel", "food"),
    ]
    assert confused(judged.filter(pl.col("truth") == pl.col("answer")), ["food"]) == []
