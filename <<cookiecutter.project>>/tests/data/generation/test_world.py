"""The facts fit together, and rows follow their probabilities."""

from __future__ import annotations

import polars as pl
from data_helpers.drawn_rows import KINDS, MERCHANTS, share

from categoriser.data.generation.world import FACTS


def test_facts_fit_together() -> None:
    categories = pl.read_csv(FACTS / "categories.csv")
    names = set(categories["category"])
    assert set(KINDS["category"]) == names
    assert len(names) == 11
    for name, others in categories.rows():
        assert set(others.split()) <= names - {name}
    assert not MERCHANTS.is_duplicated().any()
    groups = MERCHANTS.group_by("kind", "country").len()
    assert groups.height == KINDS.height * 4
    assert all(name.isascii() and "{" not in name for name in MERCHANTS["name"])
    assert (FACTS / "merchants.csv").stat().st_size < 400_000


def test_prices_go_by_kind_and_some_are_refunds(generated: pl.DataFrame) -> None:
    paid = generated.filter(pl.col("price") > 0).group_by("category").agg(pl.median("price"))
    median = dict(paid.rows())
    assert median["eating_out"] < median["groceries"] < median["travel"]
    assert 0.005 < share(generated, pl.col("price") < 0) < 0.05
    price = pl.col("price")
    assert share(generated, (price.abs() < 100_000) & (price == price.round(2))) == 1


def test_months_have_seasons_and_weekdays(generated: pl.DataFrame) -> None:
    december = pl.col("date").dt.month() == 12
    shopping = pl.col("category") == "shopping"
    travel = pl.col("category") == "travel"
    assert share(generated.filter(december), shopping) > 1.15 * share(
        generated.filter(~december), shopping
    )
    summer = pl.col("date").dt.month().is_in([6, 7, 8])
    for country, sign in (("US", 1), ("AU", -1)):
        there = generated.filter(country=country)
        gain = share(there.filter(summer), travel) - share(there.filter(~summer), travel)
        assert sign * gain > 0
    fees = pl.col("category") == "fees_and_interest"
    weekend = pl.col("date").dt.weekday() > 5
    assert share(generated.filter(weekend), fees) < 0.5 * share(generated.filter(~weekend), fees)
