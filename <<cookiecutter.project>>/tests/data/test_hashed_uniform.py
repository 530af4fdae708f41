"""A text's number between 0 and 1 is the same everywhere."""

from __future__ import annotations

import hashlib

import pytest

from categoriser.data.hashed_uniform import SALT_BYTES, uniform
from categoriser.errors import UserError
from categoriser.params import read_params, set_params
from categoriser.paths import PARAMS


def test_the_hash_is_no_librarys_own() -> None:
    expected = (
        int.from_bytes(hashlib.blake2b(b"spotify", digest_size=8, person=b"row").digest(), "little")
        / 2**64
    )
    assert uniform("row", ["spotify"]).to_list() == [expected]


def test_a_salt_makes_it_another_number() -> None:
    salted = hashlib.blake2b(b"spotify", digest_size=8, person=b"row", salt=b"2026-11").digest()
    expected = int.from_bytes(salted, "little") / 2**64
    assert uniform("row", ["spotify"], "2026-11").to_list() == [expected]
    assert uniform("row", ["spotify"], "").to_list() == uniform("row", ["spotify"]).to_list()


@pytest.mark.usefixtures("project")
def test_the_settings_take_a_salt_as_long_as_the_hash_does() -> None:
    set_params(PARAMS, {"prepare.salt": "s" * SALT_BYTES})
    salt = read_params().prepare.salt
    assert uniform("row", ["spotify"], salt).len() == 1


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("salt", ["s" * (SALT_BYTES + 1), "é", 2026])
def test_another_salt_is_refused_by_name(salt: object) -> None:
    set_params(PARAMS, {"prepare.salt": salt})
    with pytest.raises(UserError, match=r"prepare\.salt: "):
        read_params()
