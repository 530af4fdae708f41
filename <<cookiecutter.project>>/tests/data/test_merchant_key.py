"""A row's merchant is found in its text where no column says it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from categoriser.data.merchant_key import text_key
from categoriser.features import normalise


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("SPOTIFY P0D3D89B19 Sydney AU", "spotify"),
        ("TESCO STORES 5504 NEWCASTLE UPON TYNE GB", "tesco stores"),
        ("STUDIO54 motel6 bar NEW YORK", "bar"),
        ("London", "london"),
        ("London Pub", "london pub"),
        ("Sydney Sydney AU", "sydney"),
        ("7 11", "7 11"),
        ("p0d3d89b19", ""),
    ],
)
def test_without_a_merchant_the_text_gives_the_key(text: str, key: str) -> None:
    assert text_key(normalise([text])[0]) == key


@settings(deadline=None)
@given(st.text(st.sampled_from("ab 1"), max_size=20).map(lambda text: normalise([text])[0]))
def test_a_key_is_empty_only_where_the_text_is(text: str) -> None:
    assert bool(text_key(text)) == bool(text)
