"""Transactions are drawn from facts, by their settings and their drift."""

from __future__ import annotations

import datetime

import polars as pl
import pytest
from data_helpers.drawn_rows import KINDS, change, share

from categoriser.data import generate as generate_stage
from categoriser.data.generate import generate
from categoriser.data.generated_facts import GeneratedFacts, read_generated_facts
from categoriser.data.generation.descriptors import NEW_BANK
from categoriser.data.generation.world import HIDDEN_COUNTRY, Drift
from categoriser.params import Generate, set_params
from categoriser.paths import GENERATED, GENERATED_FACTS, PARAMS


def test_rows_are_as_asked_for(generated: pl.DataFrame, usual: Generate) -> None:
    assert generated.columns == ["date", "text", "price", "category", "merchant", "country"]
    assert generated.height == usual.rows
    assert generated["date"].is_sorted()
    assert generated["date"].min() == usual.start
    assert generated["date"].dt.strftime("%Y-%m").n_unique() == usual.months
    assert set(generated["category"]) == set(KINDS["category"])
    assert generated["merchant"].n_unique() > 4000
    assert generated.null_count().sum_horizontal().item() == 0


def test_the_same_seed_gives_the_same_rows(usual: Generate) -> None:
    first, same, other = (generate(change(usual, rows=5000, seed=n))[0] for n in (1, 1, 2))
    assert first.equals(same)
    assert not first.equals(other)


def test_the_facts_say_what_was_drawn(
    drawn: tuple[pl.DataFrame, GeneratedFacts], usual: Generate
) -> None:
    facts = drawn[1]
    assert facts.generated is True
    assert facts.rows == usual.rows
    assert facts.months == ["2024-10", "2026-09"]
    assert facts.planted.value == HIDDEN_COUNTRY
    by = facts.ceiling_by
    assert len(by["month"]) == usual.months
    others = [value for country, value in by["country"].items() if country != HIDDEN_COUNTRY]
    assert by["country"][HIDDEN_COUNTRY] < min(others) - 0.05
    assert min(others) < facts.ceiling + 0.05 < 1.05 - usual.label_noise


def test_later_months_drift(generated: pl.DataFrame, usual: Generate) -> None:
    drift = Drift(new_merchants=0.3, price_scale=1.5, mix={"travel": 3}, new_bank=0.4)
    start = datetime.date(2026, 10, 1)
    later, facts = generate(change(usual, rows=20_000, seed=3, start=start, months=2), drift)
    assert facts.months == ["2026-10", "2026-11"]
    known = generated.select("merchant", "country").unique()
    unknown = later.join(known, on=["merchant", "country"], how="anti")
    assert 0.2 < unknown.height / later.height < 0.35
    travel = pl.col("category") == "travel"
    assert share(later, travel) > 2 * share(generated, travel)
    middle = pl.col("price").filter(category="groceries").median()
    ratio = later.select(middle).item() / generated.select(middle).item()
    assert ratio == pytest.approx(1.5, rel=0.1)
    new_bank = pl.col("text").str.to_uppercase().str.starts_with(NEW_BANK)
    assert share(later, new_bank) == pytest.approx(0.4, abs=0.02)
    assert share(generated, new_bank) == 0


def test_no_drift_is_the_default(usual: Generate) -> None:
    plain, _ = generate(change(usual, rows=5000))
    same, _ = generate(change(usual, rows=5000), Drift())
    assert plain.equals(same)


def test_a_start_within_a_month_begins_there(usual: Generate) -> None:
    start = datetime.date(2025, 1, 31)
    rows, _ = generate(change(usual, rows=2000, start=start, months=2))
    assert rows["date"].min() == start
    assert rows["date"].max() == datetime.date(2025, 2, 28)


@pytest.mark.usefixtures("project")
def test_generation_writes_the_same_bytes_again() -> None:
    set_params(PARAMS, {"generate.rows": 2000})
    generate_stage.main()
    first = GENERATED.read_bytes()
    generate_stage.main()
    assert GENERATED.read_bytes() == first
    assert read_generated_facts(GENERATED_FACTS).rows == 2000
    header, row = first.decode().splitlines()[:2]
    assert header == "date,text,price,category,merchant,country"
    assert len(row.split(",")[2].split(".")[-1]) == 2
