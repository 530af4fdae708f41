"""No classifier does better than the ceiling says, and a good one comes near it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from data_helpers.drawn_rows import KINDS, MERCHANTS, change, share

from categoriser.data.generate import generate
from categoriser.data.generation import world
from categoriser.data.generation.descriptors import HIDDEN_MERCHANT
from categoriser.data.generation.world import FACTS
from categoriser.params import Generate


def best_known(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """For each group its most frequent label."""
    counted = rows.group_by(*by, "category").len().sort("len", "category", descending=True)
    return counted.group_by(by, maintain_order=True).agg(answer=pl.first("category"))


def seen(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as the best classifier sees them: the merchant where shown, country, price in bands."""
    hidden = pl.col("text").str.to_uppercase().str.contains(HIDDEN_MERCHANT)
    cents = (pl.col("price") * 100).round().cast(pl.Int64)
    return rows.with_columns(
        who=pl.when(hidden).then(pl.lit("")).otherwise("merchant"),
        band=(pl.col("price").abs() + 0.01).log(2).floor(),
        ending=pl.when(cents % 100 == 0).then(0).when(cents % 100 == 99).then(1).otherwise(2),
    )


def test_a_table_of_labels_comes_near_the_ceiling_and_not_over_it(usual: Generate) -> None:
    known = seen(generate(change(usual, rows=300_000, seed=1))[0])
    fresh, facts = generate(change(usual, rows=100_000, seed=2))
    exact = ["who", "country", "band", "ending"]
    coarse = ["who", "country"]
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
    monkeypatch.setattr(world, "FACTS", tmp_path)
    monkeypatch.setattr(world, "HIDDEN_SHARE", 0)
    for noise in (0, 0.1):
        _, facts = generate(change(usual, rows=5000, label_noise=noise))
        assert facts.ceiling == pytest.approx(1 - noise)
