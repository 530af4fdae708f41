"""A number between 0 and 1 for a text: the same on every machine, in every version."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import polars as pl


def uniform(purpose: str, texts: Iterable[str]) -> pl.Series:
    """Return a number in [0, 1) for each text, independent for each purpose.

    `purpose` has at most 16 bytes (BLAKE2b's `person`).
    """
    person = purpose.encode()
    digests = (blake2b(text.encode(), digest_size=8, person=person).digest() for text in texts)
    return pl.Series(np.frombuffer(b"".join(digests), dtype="<u8").astype(np.float64) / 2**64)
