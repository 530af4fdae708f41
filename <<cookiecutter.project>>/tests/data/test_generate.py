"""Transactions are drawn from facts, and their ceiling is stated."""

from __future__ import annotations

import datetime
from pathlib import Path

import polars as pl
import pytest

from categoriser.data import generate as generate_stage
from categoriser.data.generate import FACTS, HIDDEN, HIDDEN_COUNTRY, NEW_BANK, Drift, generate
from categoriser.data.generated_facts import GeneratedFacts, read_generated_facts
from categoriser.params import Generate, set_params
from categoriser.paths import (
    GENERATED,
    GENERATED_FACTS,
    PARAMS,
)

KINDS = pl.read_csv(FACTS / "kinds.csv")
MERCHANTS = pl.read_csv(FACTS / "merchants.csv")


@pytest.fixture(scope="module")
def usual() -> Generate:
    start = datetime.date(2024, 10, 1)
    return Generate(rows=100_000, seed=11, start=start, months=24, label_noise=0.02)


@pytest.fixture(scope="module")
def drawn(usual: Generate) -> tuple[pl.DataFrame, GeneratedFacts]:
    return generate(usual)


@pytest.fixture(scope="module")
def generated(drawn: tuple[pl.DataFrame, GeneratedFacts]) -> pl.DataFrame:
    return drawn[0]


def change(settings: Generate, **values: object) -> Generate:
    return settings.model_copy(update=values)


def share(rows: pl.DataFrame, condition: pl.Expr) -> float:
    return float(rows.select(condition.mean()).item())


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


def test_descriptors_are_as_banks_write_them(generated: pl.DataFrame) -> None:
    spotify = generated.filter(pl.col("price").is_between(8.99, 15.99), merchant="Spotify")
    assert share(spotify, pl.col("category") == "entertainment") > 0.9
    assert 11.99 in spotify["price"]
    assert share(spotify, pl.col("text").str.contains("(?i)^spotify .*p[0-9a-f]{9} ")) > 0.05
    whole = pl.col("text").str.contains(r"^[a-z ]+ p[0-9a-f]{9} [a-z ]+ (au|gb|nz|us)$")
    assert share(generated, whole) > 0.003
    for form in (r"^SQ \*", "VISA PURCHASE ", r"PAYPAL \*", " CARD XX[0-9]{4}", " #[0-9]{3}"):
        assert share(generated, pl.col("text").str.contains(form)) > 0.01
    assert share(generated, pl.col("text").str.to_uppercase() == pl.col("text")) > 0.5
    long = generated.filter(pl.col("merchant").str.len_chars() > 25)
    text, name = pl.col("text").str.to_lowercase(), pl.col("merchant").str.to_lowercase()
    assert share(long, text.str.contains(name, literal=True)) == 0
    assert share(long, text.str.contains(name.str.head(25), literal=True)) > 0.3


def test_prices_go_by_kind_and_some_are_refunds(generated: pl.DataFrame) -> None:
    paid = generated.filter(pl.col("price") > 0).group_by("category").agg(pl.median("price"))
    median = dict(paid.rows())
    assert median["eating_out"] < median["groceries"] < median["travel"]
    assert 0.005 < share(generated, pl.col("price") < 0) < 0.05
    price = pl.col("price")
    assert share(generated, (price.abs() < 100_000) & (price == price.round(2))) == 1


def test_months_have_seasons_and_weekdays(generated: pl.DataFrame) -> None:
    december = pl.col("date").dt.month() == 12
    shopping, travel = pl.col("category") == "shopping", pl.col("category") == "travel"
    assert share(generated.filter(december), shopping) > 1.15 * share(
        generated.filter(~december), shopping
    )
    summer = pl.col("date").dt.month().is_in([6, 7, 8])
    for country, sign in (("US", 1), ("AU", -1)):
        there = generated.filter(country=country)
        gain = share(there.filter(summer), travel) - share(there.filter(~summer), travel)
        assert sign * gain > 0
    fees, weekend = pl.col("category") == "fees_and_interest", pl.col("date").dt.weekday() > 5
    assert share(generated.filter(weekend), fees) < 0.5 * share(generated.filter(~weekend), fees)


def test_one_country_hides_merchants(generated: pl.DataFrame) -> None:
    hidden = pl.col("text").str.to_uppercase().str.contains(HIDDEN)
    assert share(generated.filter(country=HIDDEN_COUNTRY), hidden) == pytest.approx(
        generate_stage.HIDDEN_SHARE, abs=0.02
    )
    assert share(generated.filter(pl.col("country") != HIDDEN_COUNTRY), hidden) == 0


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


def best_known(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """For each group its most frequent label."""
    counted = rows.group_by(*by, "category").len().sort("len", "category", descending=True)
    return counted.group_by(by, maintain_order=True).agg(answer=pl.first("category"))


def seen(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as the best classifier sees them: the merchant where shown, country, price in bands."""
    hidden = pl.col("text").str.to_uppercase().str.contains(HIDDEN)
    cents = (pl.col("price") * 100).round().cast(pl.Int64)
    return rows.with_columns(
        who=pl.when(hidden).then(pl.lit("")).otherwise("merchant"),
        band=(pl.col("price").abs() + 0.01).log(2).floor(),
        ending=pl.when(cents % 100 == 0).then(0).when(cents % 100 == 99).then(1).otherwise(2),
    )


def test_a_table_of_labels_comes_near_the_ceiling_and_not_over_it(usual: Generate) -> None:
    known = seen(generate(change(usual, rows=300_000, seed=1))[0])
    fresh, facts = generate(change(usual, rows=100_000, seed=2))
    exact, coarse = ["who", "country", "band", "ending"], ["who", "country"]
    right = pl.coalesce("answer", "answer_right") == pl.col("category")
    judged = (
        seen(fresh)
        .join(best_known(known, exact), on=exact, how="left")
        .join(best_known(known, coarse), on=coarse, how="left")
        .select("country", right=right.fill_null(value=False))
    )
    assert facts.ceiling - 0.03 < share(judged, pl.col("right")) < facts.ceiling + 0.002
    for country, ceiling in facts.ceiling_by["country"].items():
        accuracy = share(judged.filter(country=country), pl.col("right"))
        assert ceiling - 0.06 < accuracy < ceiling + 0.009, country


def test_the_ceiling_is_what_noise_leaves_where_nothing_else_is_unsure(
    usual: Generate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = MERCHANTS.join(KINDS.select("kind", "category"), on="kind").group_by(
        "name", "country"
    )
    sure = several.agg(pl.n_unique("category")).filter(category=1).select("name", "country")
    for file in FACTS.glob("*.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    MERCHANTS.join(sure, on=["name", "country"], how="semi").write_csv(tmp_path / "merchants.csv")
    monkeypatch.setattr(generate_stage, "FACTS", tmp_path)
    monkeypatch.setattr(generate_stage, "HIDDEN_SHARE", 0)
    for noise in (0, 0.1):
        _, facts = generate(change(usual, rows=5000, label_noise=noise))
        assert facts.ceiling == pytest.approx(1 - noise)


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
