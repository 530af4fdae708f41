"""The profile of data, and the distance from it."""

from __future__ import annotations

import datetime
import math

import polars as pl
import pytest

from categoriser.data.distributions import MAX_VALUES, distances, profile_rows
from categoriser.data.profile import Profile


def sample(count: int = 1000, **columns: pl.Expr) -> pl.LazyFrame:
    frame = pl.DataFrame({"number": range(count)}).select(
        date=pl.date(2026, 1, 1) + pl.duration(days=pl.col("number") % 59),
        text=pl.format("shop {}", pl.col("number") % 100),
        price=(pl.col("number") % 100).cast(pl.Float64),
        category=pl.when(pl.col("number") % 4 == 0).then(pl.lit("a")).otherwise(pl.lit("b")),
        merchant=pl.format("m{}", pl.col("number") % (MAX_VALUES + 1)),
        country=pl.when(pl.col("number") % 2 == 0).then(pl.lit("AU")).otherwise(pl.lit("")),
    )
    return frame.with_columns(**columns).lazy()


def chance(n: int, m: int) -> float:
    return 1.8 * math.sqrt((n + m) / (n * m))


def profile(rows: pl.LazyFrame) -> Profile:
    return profile_rows(rows, repeated=0, bad_rows=0, set_aside={})


def test_a_profile_describes_rows() -> None:
    found = profile(sample())
    assert found.rows == 1000
    assert found.months == {"2026-01": 527, "2026-02": 473}
    assert found.shares == {"category": {"a": 0.25, "b": 0.75}, "country": {"": 0.5, "AU": 0.5}}
    price = found.deciles["price"]
    assert len(price.values) == 11
    assert (price.values[0], price.values[-1]) == (0, 99)
    assert price.at_or_below[5] == pytest.approx(0.5, abs=0.02)
    assert found.deciles["text_length"].values[-1] == len("shop 99")


def test_rows_lie_at_no_distance_from_their_own_profile() -> None:
    assert set(distances(sample(), profile(sample())).values()) == {0}


def test_distances_are_those_of_shares() -> None:
    accepted = profile(sample())
    found = distances(sample(2000, category=pl.lit("a"), price=pl.col("price") + 30), accepted)
    assert found["category"] == pytest.approx(0.75 - chance(1000, 2000))
    assert found["price"] == pytest.approx(0.3 - chance(1000, 2000), abs=0.02)
    assert found["country"] == found["text_length"] == 0


def test_a_new_value_and_a_missing_one_count() -> None:
    accepted = profile(sample())
    found = distances(sample(country=pl.lit("NZ")), accepted)
    assert found["country"] == pytest.approx(1 - chance(1000, 1000))


def test_a_column_that_is_gone_is_as_far_as_can_be() -> None:
    assert distances(sample().drop("country"), profile(sample()))["country"] == 1


def test_few_rows_are_given_the_benefit_of_the_doubt() -> None:
    few = sample(8, category=pl.lit("a"))
    assert distances(few, profile(sample()))["category"] < 0.2


def test_the_first_day_is_in_its_month() -> None:
    found = profile(sample(5, date=pl.lit(datetime.date(2026, 3, 1))))
    assert found.months == {"2026-03": 5}
