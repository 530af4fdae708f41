"""The price's tokens of `categoriser.features` in words."""

from categoriser.features import BANDS, EDGES

CENTS = {
    "ZA": "a whole amount",
    "ZB": "cents: .95 or .99",
    "ZC": "cents: .50",
    "ZD": "cents: a multiple of 5",
    "ZE": "other cents",
}
FINE = [band.split()[1] for band in BANDS]
# A coarse band is so many fine ones.
FINE_IN_COARSE = 4


def said(token: str) -> str:
    """Say a token in words: a price's in the currency's units; a word of the text is itself."""
    if token == "REFUND":  # noqa: S105  (a word)
        return "a refund"
    if token in CENTS:
        return CENTS[token]
    # First, since the last coarse band is called as one of its fine ones.
    coarse = f"{token[:1]}W"
    if len(token) == 2 and token[0] == token[1] and coarse in FINE:
        place = FINE.index(coarse)
        return amounts(place, place + FINE_IN_COARSE - 1)
    if token in FINE:
        place = FINE.index(token)
        return amounts(place, place)
    return token


def amounts(first: int, last: int) -> str:
    """Name the amounts from one fine band to another."""
    low = EDGES[first - 1] if first else 0
    if last >= len(EDGES):
        return f"an amount of {shown(low)} and over"
    return f"an amount of {shown(low)} to {shown(EDGES[last])}"


def shown(edge: float) -> str:
    return f"{edge:,.3f}".rstrip("0").rstrip(".")
