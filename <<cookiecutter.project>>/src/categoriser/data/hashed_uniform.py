"""A number between 0 and 1 for a text: the same on every machine, in every version."""

from collections.abc import Iterable
from functools import partial
from hashlib import blake2b

import numpy as np
import polars as pl

SALT_BYTES = blake2b.SALT_SIZE


def uniform(purpose: str, texts: Iterable[str], salt: str = "") -> pl.Series:
    """Return a number in [0, 1) for each text, independent for each purpose and each salt.

    `purpose` and `salt` have at most `SALT_BYTES` bytes each (BLAKE2b's `person` and `salt`).
    """
    seeded = partial(blake2b, digest_size=8, person=purpose.encode(), salt=salt.encode())
    digests = (seeded(text.encode()).digest() for text in texts)
    return pl.Series(np.frombuffer(b"".join(digests), dtype="<u8").astype(np.float64) / 2**64)
