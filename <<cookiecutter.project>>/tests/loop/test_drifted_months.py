"""The months that are made up after the project's data."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from categoriser import paths
from categoriser.data.generate import generate
from categoriser.data.generation.world import Drift
from categoriser.io.replacing import write_json
from categoriser.params import Generate, read_params
from loop.drifted_months import drifted_month

NEW = Drift(new_merchants=0.4)
ROWS = 4000


@pytest.fixture
def settings(project: Path) -> Generate:
    settings = read_params().generate.model_copy(update={"rows": ROWS})
    rows, facts = generate(settings)
    rows.write_csv(paths.GENERATED.name)
    write_json(paths.GENERATED_FACTS, facts)
    return settings


def new_merchants(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of merchants that the generator keeps for drift."""
    known = pl.read_csv(paths.GENERATED.name)["merchant"].unique()
    return rows.filter(~pl.col("merchant").is_in(known.implode()))


def test_the_months_follow_the_data_one_after_the_other(settings: Generate) -> None:
    last = pl.read_csv(paths.GENERATED.name)["date"].max()
    assert last == "2026-09-30"
    months = [drifted_month(settings, number, NEW, 200)["date"] for number in (1, 2, 4)]
    assert [(str(month.min()), str(month.max())) for month in months] == [
        ("2026-10-01", "2026-10-31"),
        ("2026-11-01", "2026-11-30"),
        ("2027-01-01", "2027-01-31"),
    ]


def test_no_month_has_the_rows_of_another(settings: Generate) -> None:
    first, second = (drifted_month(settings, number, NEW, ROWS) for number in (1, 2))
    shared = first.drop("date").join(second.drop("date"), on=["text", "price"], how="semi")
    assert shared.height < 0.05 * ROWS


def test_new_merchants_are_the_same_ones_in_each_month(settings: Generate) -> None:
    """What is learned of them in one month holds in the next."""
    first, second = (new_merchants(drifted_month(settings, number, NEW, ROWS)) for number in (1, 2))
    again = second.join(first, on="merchant", how="semi")
    assert again.height > 0.7 * second.height
