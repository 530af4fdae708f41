"""What tells a row's merchant: the column `merchant`, or what the row's text says of it.

Where the column is missing or empty, the key is the text as `features.normalise` leaves it, without
words that hold digits, and without the countries and the well-known cities of `facts/places.csv` at
its end. A key depends on no other row, so it is stable. Smaller places stay in the key, and one
merchant may then have several.
"""

import csv
from functools import cache
from pathlib import Path

import polars as pl

from categoriser.features import normalise

PLACES_FILE = Path(__file__).with_name("facts") / "places.csv"
# The longest name of a place that is looked for at a text's end, in words.
LONGEST_PLACE = 3


def merchant_keys(rows: pl.DataFrame, normal: list[str]) -> tuple[pl.Series, str]:
    """Return each row's merchant, and in words what that is; `normal` are its normalised texts."""
    key_is = "the text without codes, words with digits, and the country and city at its end"
    merchant = pl.Series([""]).new_from_index(0, rows.height)
    if "merchant" in rows.columns:
        merchant = rows["merchant"].fill_null("").str.to_lowercase()
        merchant = merchant.str.strip_chars().str.replace_all(r"\s+", " ")
        empty = (merchant == "").sum()
        key_is = f"the column merchant; in {empty} rows, where it is empty, {key_is}"
    of_text = cache(text_key)
    keys = [name or of_text(text) for name, text in zip(merchant.to_list(), normal, strict=True)]
    return pl.Series(keys, dtype=pl.String), key_is


def text_key(normal: str) -> str:
    """Return what a normalised text says of the merchant: never empty unless the text is."""
    words = [word for word in normal.split() if word.isalpha()]
    place = _place_at_end(words)
    while place:
        del words[-place:]
        place = _place_at_end(words)
    return " ".join(words) or normal


def _place_at_end(words: list[str]) -> int:
    """Return how many words at the end name a place, and leave some: 0 where none do."""
    for count in range(LONGEST_PLACE, 0, -1):
        if len(words) > count and " ".join(words[-count:]) in known_places():
            return count
    return 0


@cache
def known_places() -> frozenset[str]:
    """Return the bundled names of cities and countries, normalised."""
    with PLACES_FILE.open(encoding="utf-8", newline="") as stream:
        return frozenset(normalise([row["place"] for row in csv.DictReader(stream)]))
