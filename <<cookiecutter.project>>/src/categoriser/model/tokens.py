"""The price's tokens of `categoriser.features` in words."""

from categoriser.features import BANDS, EDGES

CENTS_IN_WORDS = {
    "ZA": "a whole amount",
    "ZB": "cents: .95 or .99",
    "ZC": "cents: .50",
    "ZD": "cents: a multiple of 5",
    "ZE": "other cents",
}
FINE_BANDS = [band.split()[1] for band in BANDS]
# A coarse band holds so many fine ones.
FINE_BANDS_IN_COARSE = 4


def token_in_words(token: str) -> str:
    """Say a token in words: a price's in the currency's units; a word of the text is itself."""
    if token == "REFUND":  # noqa: S105  (a word)
        return "a refund"
    if token in CENTS_IN_WORDS:
        return CENTS_IN_WORDS[token]
    # Coarse bands come first, since the last one has the name of one of its fine bands.
    coarse = f"{token[:1]}W"
    if len(token) == 2 and token[0] == token[1] and coarse in FINE_BANDS:
        place = FINE_BANDS.index(coarse)
        return amounts(place, place + FINE_BANDS_IN_COARSE - 1)
    if token in FINE_BANDS:
        place = FINE_BANDS.index(token)
        return amounts(place, place)
    return token


def amounts(first: int, last: int) -> str:
    """Name the amounts from one fine band to another."""
    low = EDGES[first - 1] if first else 0
    if last >= len(EDGES):
        return f"an amount of {shown(low)} and over"
    return f"an amount of {shown(low)} to {shown(EDGES[last])}"


def shown(edge: float) -> str:
    """Write an amount without noughts that say nothing."""
    return f"{edge:,.3f}".rstrip("0").rstrip(".")
