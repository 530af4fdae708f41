"""Two models beside each other on rows of a made-up month."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from measured import SETTINGS

from categoriser import paths
from categoriser.data.generated_facts import GeneratedFacts, Planted
from categoriser.io.replacing import write_json
from categoriser.model.package import Categoriser
from loop.answered_rows import compare_on, right_answers

SIZE = 120


@pytest.fixture
def rows(project: Path) -> pl.DataFrame:
    """Write data that know the shops with even numbers, and make rows of all of them."""
    shops = [f"shop {number % 60}" for number in range(SIZE)]
    known = [shop for shop in shops if int(shop[5:]) % 2 == 0]
    paths.GENERATED.parent.mkdir()
    pl.DataFrame({"merchant": known}).write_csv(paths.GENERATED)
    facts = GeneratedFacts(
        rows=SIZE,
        seed=0,
        months=["2026-01", "2026-01"],
        label_noise=0,
        planted=Planted("country", "NZ", 0.2),
        ceiling=1,
        ceiling_by={},
    )
    write_json(paths.GENERATED_FACTS, facts)
    country = ["NZ" if number % 4 == 0 else "AU" for number in range(SIZE)]
    return pl.DataFrame({"text": shops, "merchant": shops, "country": country})


def test_they_are_compared_on_new_merchants_and_on_the_planted_slice(rows: pl.DataFrame) -> None:
    is_new = np.arange(SIZE) % 2 == 1
    everything, new, others, planted = compare_on(rows, ~is_new, np.ones(SIZE, bool), SETTINGS)
    assert (everything.name, everything.rows, everything.groups) == ("all rows", SIZE, 60)
    assert (new.rows, new.model.value, new.champion.value) == (60, 1, 0)
    assert (others.rows, others.lead.value) == (60, 0)
    assert (planted.name, planted.rows) == ("country: NZ", 30)
    assert everything.lead.value == 0.5


def test_an_answer_is_right_where_it_is_the_rows_category(
    model: Path, categoriser: Categoriser
) -> None:
    texts = ["shell no 4 sydney", "aldi no 9 sydney", "aldi no 9 sydney"]
    categories = ["transport", "groceries", "transport"]
    rows = pl.DataFrame({"text": texts, "price": [20.0, 31.0, 31.0], "category": categories})
    assert categoriser.classes == ("fees & interest", "groceries", "transport")
    assert right_answers(model, rows).tolist() == [True, True, False]
