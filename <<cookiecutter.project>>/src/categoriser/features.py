"""A transaction becomes the one line that the classifier reads, in training and in serving alike.

A line is the normalised text, then the tokens of the other columns: of the price a coarse band, a
fine band, the cents' form and, for a negative price, `REFUND`. The text holds only lower-case words
and single spaces, so it cannot hold what fastText reads as a command (line breaks, `__label__`,
`</s>`), nor another column's token: those are in upper case.

To use a new column of `categoriser.contract`, add its tokens to `TOKENS`.
"""

import math
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import attrgetter
from string import ascii_uppercase
from typing import Any

from categoriser.contract import Transaction

# A model refuses lines of another version: raise it with every change of what a line holds. Then
# retire the champion (`make promote FORGET=champion`), which cannot read the new lines.
VERSION = 1

# Characters of a text once its signs are taken apart: one may stand for eighteen ("\ufdfa"), and
# to sort its accents, as Unicode's forms want, takes time by the square of their number.
LONGEST = 1000
# Accents, curved apostrophes, soft hyphens and characters of no width: "Café’s" is "cafes".
DELETED = dict.fromkeys(
    [*range(0x300, 0x370), 0xAD, *range(0x200B, 0x200E), 0x2018, 0x2019, 0x2060, 0xFEFF]
)
PUNCTUATION = re.compile(r"[^\w ]+")
# The same for ASCII alone, at a tenth of the time. `bytes.translate` wants all 256 bytes; those
# from 128 on are not in such a text.
ASCII = bytes(
    ord(chr(code).lower()) if chr(code).isalnum() and code < 128 else ord(" ")
    for code in range(256)
)
# References: six or more letters and digits that change back and forth ("p0d3d89b19", "12jan26").
# Each word follows a space, from which the search is three times as fast as from `\b`.
CODE = re.compile(r" [a-z]*+[0-9]++[a-z]++[0-9]\w*+(?<=\w{6})")
# What hides a card's number: "xxxx1234".
MASK = re.compile(r"xx(?<![^\W\d]xx)x*+(?![^\W\d])")
# Card, phone and store numbers, dates and times, whose signs are spaces by now.
LONG_NUMBER = re.compile(r"[0-9](?: *+[0-9]){3,}")

# Edges of the fine bands in the currency's units: zero, then four bands to each doubling from 0.25.
# Rounded, so that a price lies in the same band on every machine. There may be at most 103 edges:
# BANDS names a band below, between and above them.
EDGES = (0.005, *(round(2 ** (step / 4), 2) for step in range(-8, 81)))
# A coarse band ("EE") is four fine ones ("EW", "EX", "EY", "EZ").
BANDS = [f"{letter}{letter} {letter}{fine}" for letter in ascii_uppercase for fine in "WXYZ"]
# Whole amounts, those that end in .99 or .95, halves, multiples of five cents, and the rest.
CENTS = ["ZE" if cents % 5 else "ZD" for cents in range(101)]
CENTS[0] = CENTS[100] = "ZA"
CENTS[95] = CENTS[99] = "ZB"
CENTS[50] = "ZC"


def normalise(texts: Sequence[str]) -> list[str]:
    """Reduce each text to lower-case words, short numbers and single spaces; it may become empty.

    Unicode is folded by NFKC and accents are dropped. Reference codes, card numbers, dates, times
    and all numbers of four digits or more are dropped; "7 eleven" stays. Doing it twice changes
    nothing, and a text's form does not depend on the texts beside it.
    """
    # Each expression runs once over all the texts, as lines, which is faster than text by text.
    lines = "".join([f"\n {_fold(text)}" for text in texts])
    lines = LONG_NUMBER.sub(" ", MASK.sub(" ", CODE.sub(" ", lines)))
    return [" ".join(line.split()) for line in lines.split("\n")[1:]]


def _fold(text: str) -> str:
    """Return a text's lower-case words, with spaces for all other signs but apostrophes."""
    if text.isascii():
        return text.encode().translate(ASCII, b"'").decode()
    plain = unicodedata.normalize("NFKD", text)[:LONGEST].lower().translate(DELETED)
    plain = unicodedata.normalize("NFKC", plain).replace("'", "").replace("_", " ")
    return PUNCTUATION.sub(" ", plain)


def is_word(token: str) -> bool:
    """Whether a token of a line is a word, which may say what a transaction was for.

    A single letter, a number, and another column's token, which is in upper case, are not words.
    """
    return len(token) > 1 and not token.isdecimal() and not token.isupper()


def features(rows: Sequence[Transaction]) -> list[str]:
    """Return a line for each row, never empty.

    Raises `ValueError` for a price that is not a finite number.
    """
    return lines_of(normalise([row.text for row in rows]), rows)


def lines_of(normal: Sequence[str], rows: Sequence[Transaction]) -> list[str]:
    """Make the same lines of rows whose texts are normalised already.

    Raises `ValueError` for another number of texts than of rows, too.
    """
    lines = list(normal)
    for name, make_tokens in TOKENS.items():
        column = make_tokens([*map(attrgetter(name), rows)])
        lines = [
            f"{line} {tokens}" if line else tokens
            for line, tokens in zip(lines, column, strict=True)
        ]
    return lines


def words_of(lines: Sequence[str]) -> list[list[str]]:
    """Return the words of each line, the tokens of the other columns among them."""
    return [line.split() for line in lines]


def price_tokens(prices: Sequence[float]) -> list[str]:
    """Return the tokens of each price, in the currency's units; a negative one is a refund.

    Raises `ValueError` for a price that is not a finite number.
    """
    _check_finite(prices)
    return [_price_tokens(price) for price in prices]


def _price_tokens(price: float) -> str:
    size = abs(price)
    band = BANDS[bisect_right(EDGES, size)]
    cents = CENTS[round(size % 1 * 100)]
    return f"{band} {cents} REFUND" if price < 0 else f"{band} {cents}"


def _check_finite(prices: Sequence[float]) -> None:
    try:
        finite = all(map(math.isfinite, prices))
    except OverflowError:  # an integer beyond all floats
        finite = False
    if not finite:
        raise ValueError("a price is not a finite number")


# The columns beside the text that the model sees. Each function takes a column's values and returns
# the tokens of each, in upper case, with single spaces, and never empty.
TOKENS: dict[str, Callable[[Sequence[Any]], list[str]]] = {"price": price_tokens}
