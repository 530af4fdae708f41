"""The bands of prices, by which slices are compared."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl

# The name of the bands' column among the slices.
PRICE_BAND = "price_band"


def price_bands(prices: pl.Series, edges: Sequence[float]) -> pl.Series:
    """Name each price's band; an edge belongs to the band above it."""
    names = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    labels = [f"under {edges[0]:g}", *names, f"{edges[-1]:g} and over"] if edges else ["all"]
    return pl.Series(labels).gather(np.searchsorted(edges, prices.to_numpy(), side="right"))
