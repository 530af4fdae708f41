"""The lines of features: words of the text, then tokens of the price."""

from __future__ import annotations

import math
import string

import pytest
from hypothesis import given
from hypothesis import settings as checks
from hypothesis import strategies as st

from categoriser.contract import EXAMPLES, transactions
from categoriser.features import EDGES, LONGEST, TOKENS, features, is_word, lines_of, normalise

# What breaks lines or words, and what fastText or the price tokens could be taken for.
AWKWARD = st.sampled_from(
    [
        *("\u2028", "\u0085", "\0", "\v", "\f", "\r", "\n", "\t", "\u00a0", "İ", "_", "'"),
        "__label__x",
        "</s>",
        "AA AW ZA REFUND",
        "ΑΣ",
        "ſ",
        "ﬁ",
        "Ⅷ",
        "１２３４",
        "e\u0301",
        "\u0301",
        "’",
        "xx",
        "12",
        "a1b2c3",
    ]
)

TEXT = st.lists(st.one_of(st.text(max_size=12), AWKWARD), max_size=6).map("".join)
PRICE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("spotify p0d3d89b19 sydney au", "spotify sydney au"),
        ("SQ *CAFÉ  Zürich", "sq cafe zurich"),
        ("7-ELEVEN 24", "7 eleven 24"),
        ("TESCO STORES 5504", "tesco stores"),
        ("McDonald's", "mcdonalds"),
        ("McDonald’s", "mcdonalds"),
        ("card xxxx1234", "card"),
        ("CARD 4929 1234 5678 9012", "card"),
        ("shell 12/03/2026 14:05:11", "shell"),
        ("uber 12JAN26 trip", "uber trip"),
        ("motel6 studio54", "motel6 studio54"),
        ("xxl exxon xx", "xxl exxon"),
        ("__label__groceries </s>", "label groceries s"),
        ("a\nb\u2028c\0d\ve", "a b c d e"),
        ("ＡＭＡＺＯＮ", "amazon"),
        ("12 p0d3d89b19 34 shop", "shop"),
        ("p0d3d89b19", ""),
        ("", ""),
    ],
)
def test_a_text_becomes_words(text: str, normal: str) -> None:
    assert normalise([text]) == [normal]


@checks(deadline=None)
@given(st.lists(TEXT, max_size=8))
def test_normalising_again_changes_nothing(texts: list[str]) -> None:
    once = normalise(texts)
    assert normalise(once) == once


@pytest.mark.parametrize("sign", [*map(chr, range(128))])
def test_ascii_alone_is_read_as_beside_other_letters(sign: str) -> None:
    alone, beside = normalise([f"a{sign}B", f"a{sign}B é"])
    assert beside == f"{alone} e"


def test_no_text_becomes_longer_than_the_longest() -> None:
    (normal,) = normalise(["\ufdfa" * LONGEST])
    assert len(normal) <= LONGEST
    assert normalise([normal]) == [normal]


@checks(deadline=None)
@given(st.lists(TEXT, max_size=8))
def test_texts_do_not_depend_on_their_neighbours(texts: list[str]) -> None:
    assert normalise(texts) == [normalise([text])[0] for text in texts]


@checks(deadline=None)
@given(st.lists(TEXT, max_size=8))
def test_a_text_holds_no_command_and_no_price(texts: list[str]) -> None:
    for text in normalise(texts):
        assert text == " ".join(text.split())
        assert all(character.isalnum() or not character.isascii() for character in text.split())
        assert not set(text) & set(string.ascii_uppercase + string.punctuation)


def test_every_character_is_safe_and_stable() -> None:
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    texts = normalise([f"{character}a{character}B" for character in characters])
    assert normalise(texts) == texts
    assert not set("".join(texts)) & set(
        string.ascii_uppercase + string.punctuation + "\n\r\t\v\f\0"
    )


@pytest.mark.parametrize("column", TOKENS)
def test_no_token_of_a_column_is_taken_for_a_word(column: str) -> None:
    values = [getattr(row, column) for row in EXAMPLES]
    values += [value.lower() for value in values if isinstance(value, str)]
    for value, tokens in zip(values, TOKENS[column](values), strict=True):
        assert tokens, f"features.TOKENS makes nothing of the {column} {value!r}"
        assert tokens == " ".join(tokens.split())
        words = [token for token in tokens.split() if is_word(token)]
        assert not words, f"features.TOKENS makes words of the {column} {value!r}: {words}"


@checks(deadline=None)
@given(st.lists(st.tuples(TEXT, PRICE), max_size=8))
def test_a_line_is_the_text_then_the_price(rows: list[tuple[str, float]]) -> None:
    texts = [text for text, _ in rows]
    prices = [price for _, price in rows]
    asked = transactions(rows)
    lines = features(asked)
    assert lines == lines_of(normalise(texts), asked)
    for line, text, price in zip(lines, normalise(texts), prices, strict=True):
        words = line.split(" ")
        tokens = words[len(text.split()) :]
        assert words[: len(text.split())] == text.split()
        assert len(tokens) == (4 if price < 0 else 3)
        assert set("".join(tokens)) <= set(string.ascii_uppercase)


@pytest.mark.parametrize(
    ("price", "tokens"),
    [
        (0, "AA AW ZA"),
        (-0.0, "AA AW ZA"),
        (0.2, "AA AX ZD"),
        (11.99, "GG GW ZB"),
        (-11.99, "GG GW ZB REFUND"),
        (4.5, "EE EY ZC"),
        (4.95, "EE EZ ZB"),
        (4.05, "EE EY ZD"),
        (4.01, "EE EY ZE"),
        (4.999999, "EE EZ ZA"),
        (1e308, "WW WY ZA"),
        (10**300, "WW WY ZA"),
    ],
)
def test_prices_fall_into_bands(price: float, tokens: str) -> None:
    assert features(transactions([("", price)])) == [tokens]


def test_bands_rise_and_are_all_different() -> None:
    inside = [0, *EDGES]
    lines = features(transactions(("", price) for price in inside))
    assert list(EDGES) == sorted(set(EDGES))
    assert len({line.split()[1] for line in lines}) == len(inside)
    assert [line.split()[1] for line in lines] == sorted(line.split()[1] for line in lines)


@pytest.mark.parametrize("price", [math.nan, math.inf, -math.inf, 10**400])
def test_a_price_that_is_no_finite_number_is_refused(price: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        features(transactions([("a", 1), ("b", price)]))


def test_texts_and_prices_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        lines_of(["a", "b"], transactions([("a", 1)]))


def test_nothing_in_nothing_out() -> None:
    assert normalise([]) == features([]) == []
