"""What a row's text says of its merchant: the key.

It is the text as `features.normalise` leaves it, without words that hold digits, and without the
countries and the well-known cities of `facts/places.csv` at its end. A key depends on no other row,
so it is stable. Smaller places stay in the key, and one merchant may then have several: those are
one group by `merchant_group.py`.
"""

import csv
from functools import cache
from pathlib import Path

from categoriser.features import normalise

PLACES_FILE = Path(__file__).with_name("facts") / "places.csv"
# The longest name of a place that is looked for at a text's end, in words.
LONGEST_PLACE = 3


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
