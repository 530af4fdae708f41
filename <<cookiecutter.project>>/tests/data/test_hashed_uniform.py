"""A text's number between 0 and 1 is the same everywhere."""

from __future__ import annotations

import hashlib

from categoriser.data.hashed_uniform import uniform


def test_the_hash_is_no_librarys_own() -> None:
    expected = (
        int.from_bytes(hashlib.blake2b(b"spotify", digest_size=8, person=b"row").digest(), "little")
        / 2**64
    )
    assert uniform("row", ["spotify"]).to_list() == [expected]
