"""Merchants that are held out together: those whose rows a model could know by the same name.

Where the column `merchant` names it, a merchant is a group of its own. Else the group is told by
the text's key (`merchant_key.py`): up to `GROUP_LETTERS` letters of its first distinctive word,
without the vowels inside. So `amazon mktplce eu`, `amzn prime` and `amazonfresh` are one group,
`amzn`. A word is not distinctive where it is in `facts/generic_words.csv`, with its vowels or
without, or a place. To join different merchants does no harm: it hides a few more names from
training. To part one merchant does, since training then knows what is held out.

What this gets wrong, a line in `rules/merchant_groups.csv` mends. A row's group depends on no other
row, so it is stable.
"""

import csv
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import polars as pl

from categoriser.data.group_corrections import corrected_group
from categoriser.data.merchant_key import known_places, text_key
from categoriser.paths import MERCHANT_GROUPS

GENERIC_WORDS_FILE = Path(__file__).with_name("facts") / "generic_words.csv"
# Banks cut long names and write several words as one, so the end of a word tells little.
GROUP_LETTERS = 4
VOWELS_INSIDE = re.compile(r"\B[aeiou]")
# A generic word without its vowels may be a name where it is shorter: "tp" is not only "tap".
SHORTENED_LETTERS = 3


class Merchants(NamedTuple):
    """Each row's merchant: its key, the group that it is of, and in words what tells the group."""

    key: pl.Series
    group: pl.Series
    told_by: str


def find_merchants(
    rows: pl.DataFrame, normal: list[str], corrections: Mapping[str, str]
) -> Merchants:
    """Tell each row's merchant; `normal` are the rows' normalised texts.

    `corrections` are those of `read_group_corrections`.
    """
    told_by = (
        f"{GROUP_LETTERS} letters of the text's first distinctive word, without vowels inside, or "
        f"as {MERCHANT_GROUPS} says"
    )
    names = [""] * rows.height
    if "merchant" in rows.columns:
        column = rows["merchant"].fill_null("").str.to_lowercase()
        names = column.str.strip_chars().str.replace_all(r"\s+", " ").to_list()
        told_by = f"the column merchant; in {names.count('')} rows, where it is empty, {told_by}"
    key_of = cache(text_key)
    group_of = cache(group_of_key)
    correct = cache(lambda key: corrected_group(key, corrections))
    keys = []
    groups = []
    for name, text in zip(names, normal, strict=True):
        key = name or key_of(text)
        keys.append(key)
        groups.append(correct(key) or name or group_of(key))
    return Merchants(pl.Series(keys, dtype=pl.String), pl.Series(groups, dtype=pl.String), told_by)


def group_of_key(key: str) -> str:
    """Return the group of a text's key: never empty unless the key is."""
    words = [word for word in key.split() if word not in generic_words()]
    names = [word for word in words if word not in known_places()] or words
    # Initials are one word: "b q" is "bq", and "w m morrison" is told by its third word.
    whole_words = [word for word in names if len(word) > 1]
    distinctive = whole_words[0] if whole_words else "".join(names)
    return without_vowels(distinctive)[:GROUP_LETTERS] or key


def without_vowels(word: str) -> str:
    """Return a word as banks shorten it: "amazon" is "amzn"."""
    return VOWELS_INSIDE.sub("", word)


@cache
def generic_words() -> frozenset[str]:
    """Return the bundled words that say nothing of a merchant, also without the vowels inside."""
    with GENERIC_WORDS_FILE.open(encoding="utf-8", newline="") as stream:
        words = [row["word"] for row in csv.DictReader(stream)]
    shortened = filter(lambda word: len(word) >= SHORTENED_LETTERS, map(without_vowels, words))
    return frozenset([*words, *shortened])
