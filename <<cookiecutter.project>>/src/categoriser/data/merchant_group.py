"""Merchants that are held out together: those whose rows a model could know by the same name.

Where the column `merchant` names it, a merchant is a group of its own. Else the group is told by
the text's key (`merchant_key.py`): up to `GROUP_LETTERS` letters of its first distinctive word,
without the vowels inside. So `amazon mktplce eu`, `amzn prime` and `amazonfresh` are one group,
`amzn`. A word is not distinctive where it is in `facts/generic_words.csv`, with its vowels or
without, or a place. To join different merchants does no harm: it hides a few more names from
training. To part one merchant does, since training then knows what is held out.

Where the column names some rows' merchants and not others' (labels that come back name none), a
row without a name is of the merchant that the column first names for such a text: for the same
key, else for the same letters. Else training would know a held-out name by its texts.

What this gets wrong, a line in `rules/merchant_groups.csv` mends. A row's group depends on no later
row that names what was named before, so it is stable.
"""

import csv
import re
from collections.abc import Mapping, Sequence
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
    key_of = cache(text_key)
    text_keys = [key_of(text) for text in normal]
    names = [""] * rows.height
    named = Named({}, {})
    if "merchant" in rows.columns:
        column = rows["merchant"].fill_null("").str.to_lowercase()
        names = column.str.strip_chars().str.replace_all(r"\s+", " ").to_list()
        told_by = (
            f"the column merchant; in {names.count('')} rows, where it is empty, the merchant that "
            f"it first names for such a text, else {told_by}"
        )
        if "" in names:
            named = first_names(names, text_keys)
    correct = cache(lambda key: corrected_group(key, corrections))

    @cache
    def group_of(key: str) -> str:
        """Return the group of a text's key, of which no correction is."""
        name = named.of(key)
        return (correct(name) or name) if name else group_of_key(key)

    keys = []
    groups = []
    for name, of_text in zip(names, text_keys, strict=True):
        key = name or of_text
        keys.append(key)
        groups.append(correct(key) or name or group_of(key))
    return Merchants(pl.Series(keys, dtype=pl.String), pl.Series(groups, dtype=pl.String), told_by)


class Named(NamedTuple):
    """The merchant that the column first names for a text: by its key, and by its group."""

    by_key: dict[str, str]
    by_group: dict[str, str]

    def of(self, key: str) -> str | None:
        """Return the merchant of a text's key; None where no such text has a name."""
        return self.by_key.get(key) or self.by_group.get(group_of_key(key))


def first_names(names: Sequence[str], keys: Sequence[str]) -> Named:
    """Return what is named first; `names` are the rows', empty for none, `keys` their texts'."""
    named = Named({}, {})
    group_of = cache(group_of_key)
    for name, key in zip(names, keys, strict=True):
        if name:
            named.by_key.setdefault(key, name)
            named.by_group.setdefault(group_of(key), name)
    return named


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
