"""The texts of transactions, as banks write them: pieces around the merchant's name, by shares.

A processor's mark and a shop's number are within the merchant's field, which has a fixed length;
the bank's words are outside it. A text's form depends on nothing but the country.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from categoriser.data.generation.drawing import Draws, draw_choices
from categoriser.data.generation.world import World

# A descriptor's pieces, with their shares.
BANK_WORDS = {
    "": 0.62,
    "VISA PURCHASE ": 0.12,
    "POS ": 0.09,
    "EFTPOS ": 0.09,
    "CARD PURCHASE ": 0.08,
}
PROCESSOR_MARKS = {"": 0.84, "SQ *": 0.07, "PAYPAL *": 0.06, "TST* ": 0.03}
SHOP_NUMBERS = {"": 0.6, " {digits:.4}": 0.25, " #{digits:.3}": 0.08, " {digits:.2}": 0.07}
REFERENCES = {"": 0.5, " p{hex:.9}": 0.25, " {digits}": 0.13, " CARD XX{digits:.4}": 0.12}
PLACE_FORMS = {"": 0.3, " {city}": 0.15, " {city} {country}": 0.55}
LETTER_CASES = {str.upper: 0.6, str.lower: 0.25, str: 0.15}
# What is left out of the merchant's name: nothing, spaces, or the vowels inside its words.
OMISSIONS = {"": 0.65, " ": 0.15, r"\B[aeiou]": 0.2}
# The words of another bank, which only writes rows that drift.
NEW_BANK = "TAP AND GO/WALLET "
# The merchant's field is cut at so many characters.
FIELD_LENGTH = 25
# What a processor that hides the merchant writes in its place.
HIDDEN_MERCHANT = "PAYLANE TRANSFER"


def write_descriptors(
    rng: np.random.Generator, world: World, draws: Draws, new_bank: float
) -> list[str]:
    """Write each row's descriptor; `new_bank` is the share of rows that another bank words."""
    size = len(draws.day)
    banks = _pieces(rng, BANK_WORDS, size)
    banks[rng.random(size) < new_bank] = NEW_BANK
    digits = [f"{number:012}" for number in rng.integers(10**12, size=size).tolist()]
    hexes = [f"{number:09x}" for number in rng.integers(16**9, size=size).tolist()]
    fields = _merchant_fields(rng, world, draws, digits)
    cases = _pieces(rng, LETTER_CASES, size)
    references = _pieces(rng, REFERENCES, size)
    places = _pieces(rng, PLACE_FORMS, size)
    cities = world.cities.name[draw_choices(rng, world.cities.share, draws.country)]
    countries = world.calendar.countries[draws.country].tolist()
    rows = zip(
        cases, banks, fields, references, places, digits, hexes, cities, countries, strict=True
    )
    texts = []
    for case, bank, merchant, reference, place, number, code, city, country in rows:
        # The reference's digits are others than the shop's.
        end = (reference + place).format(digits=number[::-1], hex=code, city=city, country=country)
        texts.append(case(bank + merchant + end))
    return texts


def _merchant_fields(
    rng: np.random.Generator, world: World, draws: Draws, digits: list[str]
) -> list[str]:
    """Write each row's merchant field: mark, name, word of the trade and shop's number, cut."""
    size = len(draws.day)
    omissions = _pieces(rng, OMISSIONS, size)
    marks = _pieces(rng, PROCESSOR_MARKS, size)
    shops = _pieces(rng, SHOP_NUMBERS, size)
    names = world.merchants.name[draws.merchant]
    words = world.trade_words.words[draws.word].tolist()
    hidden = draws.hidden.tolist()
    fields = []
    for is_hidden, mark, omitted, name, word, shop, number in zip(
        hidden, marks, omissions, names, words, shops, digits, strict=True
    ):
        if is_hidden:
            fields.append(HIDDEN_MERCHANT)
            continue
        shown = re.sub(omitted, "", name)
        trade = f" {word}" if word else ""
        whole = mark + shown + trade + shop.format(digits=number)
        fields.append(whole[:FIELD_LENGTH])
    return fields


def _pieces(
    rng: np.random.Generator, shares: Mapping[Any, float], size: int
) -> npt.NDArray[np.object_]:
    """Draw a piece for each row by the pieces' shares."""
    choice = draw_choices(rng, np.array(list(shares.values())), np.zeros(size))
    return np.array(list(shares), dtype=object)[choice]
