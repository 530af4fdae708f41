"""Merchants that share a name are one group."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from categoriser.data.merchant_group import (
    find_merchants,
    generic_words,
    group_of_key,
    without_vowels,
)
from categoriser.data.merchant_key import text_key
from categoriser.features import normalise


@pytest.mark.parametrize(
    ("texts", "group"),
    [
        (
            ["AMAZON MKTPLCE EU", "Amazon UK Marketplace", "AMZN PRIME 12", "amazonfresh", "AMZN"],
            "amzn",
        ),
        (["PAYPAL *SPOTIFY", "www.spotify.com", "SQ *SPTFY", "VISA PURCHASE SPOTIFY"], "sptf"),
        (["SAINSBURYS S/MKTS", "Sainsbury's", "sainsbury local"], "snsb"),
        (["W M MORRISON PLC", "MORRISONS", "The Morrison Shop Ltd"], "mrrs"),
        (["B & Q", "b q", "BQ DIRECT"], "bq"),
        (["OXFORD STARBUCKS", "STARBUCKS OXFORD GB"], "strb"),
        (["KARTENZAHLUNG REWE", "REWE MARKT GMBH"], "rw"),
        (["BP", "BP SNAX"], "bp"),
    ],
)
def test_texts_of_one_name_are_one_group(texts: list[str], group: str) -> None:
    assert {group_of_key(text_key(normal)) for normal in normalise(texts)} == {group}


@pytest.mark.parametrize(
    ("key", "group"),
    [
        ("paypal", "paypal"),
        ("card payment", "card payment"),
        ("london", "lndn"),
        ("orange shop", "orng"),
        ("7 11", "11"),
        ("", ""),
    ],
)
def test_a_key_without_a_distinctive_word_has_a_group(key: str, group: str) -> None:
    assert group_of_key(key) == group


def test_a_generic_word_is_known_without_its_vowels_unless_it_is_short() -> None:
    assert {"purchase", "prchs", "hotel", "htl", "tap"} <= generic_words()
    assert "tp" not in generic_words()
    assert group_of_key("htl indigo") == group_of_key("hotel indigo")


def test_generic_words_are_as_normalised_texts_have_them() -> None:
    words = sorted(generic_words())
    assert normalise(words) == words


def test_a_word_keeps_its_first_letter() -> None:
    assert [*map(without_vowels, ["amazon", "ikea", "etsy", ""])] == ["amzn", "ik", "etsy", ""]


def rows(texts: list[str], merchants: list[str | None] | None = None) -> pl.DataFrame:
    frame = pl.DataFrame({"text": texts})
    return frame if merchants is None else frame.with_columns(merchant=pl.Series(merchants))


def groups_of(frame: pl.DataFrame, corrections: dict[str, str]) -> list[str]:
    normal = normalise(frame["text"].to_list())
    return find_merchants(frame, normal, corrections).group.to_list()


def test_the_column_merchant_tells_the_group_where_it_says_something() -> None:
    frame = rows(["AMZN 1", "TESCO 2", "TESCO 3", "x"], ["Amazon  Books", "", None, "amazon books"])
    assert groups_of(frame, {}) == ["amazon books", "tsc", "tsc", "amazon books"]


def test_a_row_without_a_name_is_of_the_merchant_first_named_for_such_a_text() -> None:
    texts = ["AMZN PRIME", "AMAZON FRESH", "AMZN PRIME 12", "AMAZON EU", "AMAZON FRESH", "ALDI"]
    names = ["Prime", "Fresh", "", "", "", ""]
    frame = rows([*texts, "AMAZON FRESH"], [*names, "Other"])
    found = groups_of(frame, {})
    # By its key; by its letters, where "Prime" came first; by its key; by nothing.
    assert found[2:6] == ["prime", "prime", "fresh", "ald"]
    told_by = find_merchants(frame, normalise(frame["text"].to_list()), {}).told_by
    assert "in 4 rows, where it is empty, the merchant that it first names" in told_by
    assert groups_of(frame, {"amazon eu": "shop"})[3] == "shop"


def test_corrections_come_before_the_column_and_the_text() -> None:
    frame = rows(["KINDLE SVCS", "AMAZON FRESH 1", "AMAZON"], ["", "", "Amazon EU"])
    corrections = {"kindle": "amzn", "amazon fresh": "fresh", "amazon eu": "amzn"}
    assert groups_of(frame, corrections) == ["amzn", "fresh", "amzn"]
    merchants = find_merchants(frame, normalise(frame["text"].to_list()), corrections)
    assert merchants.key.to_list() == ["kindle svcs", "amazon fresh", "amazon eu"]


def test_a_correction_of_a_name_holds_for_the_rows_that_take_it() -> None:
    frame = rows(["SPOTIFY P0D", "SPOTIFY P0E"], ["Spotify AB", ""])
    assert groups_of(frame, {"spotify ab": "music"}) == ["music", "music"]


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("abe hsop1"), max_size=20), min_size=1))
def test_a_group_depends_on_no_other_row(texts: list[str]) -> None:
    together = groups_of(rows(texts), {})
    assert together == [groups_of(rows([text]), {})[0] for text in texts]
    empty = [not normal for normal in normalise(texts)]
    assert [not group for group in together] == empty
