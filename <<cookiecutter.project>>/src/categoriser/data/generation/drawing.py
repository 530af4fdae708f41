"""Draws of indices by their probabilities, and what is drawn for each row."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Draws(NamedTuple):
    """What was drawn for each row, as indices into the world's arrays; prices are in cents."""

    day: IntArray
    country: IntArray
    merchant: IntArray
    word: IntArray
    label: IntArray
    cents: IntArray
    refunded: BoolArray
    hidden: BoolArray


def draw_choices(rng: np.random.Generator, shares: FloatArray, group: npt.NDArray[Any]) -> IntArray:
    """Draw for each row an index into the flattened `shares`, whose groups sum to one each."""
    ends = np.cumsum(shares)
    indices = np.searchsorted(ends, group + rng.random(len(group)), side="right")
    return np.minimum(indices, len(ends) - 1)


def to_shares(weights: npt.NDArray[Any]) -> FloatArray:
    """Scale the weights along the last axis to a sum of one."""
    shares: FloatArray = weights / weights.sum(axis=-1, keepdims=True)
    return shares
