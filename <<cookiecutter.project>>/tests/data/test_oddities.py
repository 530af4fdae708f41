"""What is odd about valid rows is said, and let pass."""

from __future__ import annotations

import datetime
import re

import polars as pl
import pytest

from categoriser.data.oddities import of

TODAY = datetime.date(2026, 11, 29)


def odd(**columns: pl.Expr) -> list[str]:
    number = pl.col("number")
    rows = pl.DataFrame({"number": range(2000)}).select(
        date=pl.date(2026, 1, 1) + pl.duration(days=number % 90),
        price=(number % 100).cast(pl.Float64),
        category=pl.when(number % 2 == 0).then(pl.lit("a")).otherwise(pl.lit("b")),
        number=number,
    )
    return list(of(rows.with_columns(**columns).drop("number").lazy(), TODAY))


FIRST = pl.col("number") < 3
ODDITIES: dict[str, tuple[dict[str, pl.Expr], str]] = {
    "case": (
        {
            "category": pl.when(pl.col("number") % 2 == 0)
            .then(pl.lit("a b"))
            .otherwise(pl.lit("A_B"))
        },
        r"'A_B' \(1,000 rows\) and 'a b' \(1,000 rows\) stay 2 classes.*write them alike",
    ),
    "few": (
        {"category": pl.when(FIRST).then(pl.lit("rare")).otherwise("category")},
        r"1 of 3 classes have fewer than 10 rows: 'rare' \(3\)\. .*add rows, or join",
    ),
    "zero": ({"price": pl.lit(0.0)}, r"the price is 0 in all 2,000 rows: look whether"),
    "ahead": (
        {"date": pl.when(FIRST).then(pl.date(2035, 1, 2)).otherwise("date")},
        r"3 rows have dates that are still to come, up to 2035-01-02: mend",
    ),
    "behind": (
        {"date": pl.when(FIRST).then(pl.date(1999, 1, 2)).otherwise("date")},
        r"3 rows are more than 20 years old, from 1999-01-02 on: look",
    ),
    "negative": (
        {"price": -pl.col("price") - 1},
        r"2,000 of 2,000 prices are negative: .*`sign: turned`",
    ),
}


def test_nothing_is_odd_about_usual_rows() -> None:
    assert odd() == []


@pytest.mark.parametrize(("columns", "words"), ODDITIES.values(), ids=list(ODDITIES))
def test_what_is_odd_is_said_with_its_count(columns: dict[str, pl.Expr], words: str) -> None:
    [said] = odd(**columns)
    assert re.search(words, said)
