"""Texts are as banks write them, and one country hides merchants."""

from __future__ import annotations

import polars as pl
import pytest
from data_helpers.drawn_rows import share

from categoriser.data.generation.descriptors import HIDDEN_MERCHANT
from categoriser.data.generation.world import HIDDEN_COUNTRY, HIDDEN_SHARE


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
    text = pl.col("text").str.to_lowercase()
    name = pl.col("merchant").str.to_lowercase()
    assert share(long, text.str.contains(name, literal=True)) == 0
    assert share(long, text.str.contains(name.str.head(25), literal=True)) > 0.3


def test_one_country_hides_merchants(generated: pl.DataFrame) -> None:
    hidden = pl.col("text").str.to_uppercase().str.contains(HIDDEN_MERCHANT)
    assert share(generated.filter(country=HIDDEN_COUNTRY), hidden) == pytest.approx(
        HIDDEN_SHARE, abs=0.02
    )
    assert share(generated.filter(pl.col("country") != HIDDEN_COUNTRY), hidden) == 0
