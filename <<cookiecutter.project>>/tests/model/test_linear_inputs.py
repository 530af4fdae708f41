"""The linear model's inputs are scikit-learn's, without scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_union

from categoriser.model import linear_inputs
from categoriser.model.linear_inputs import LinearInputs, pieces_of

TRAINED = ["aldi aldi sydney PAID", "bank fee 7 PAID", "le café ß PAID", "aldi sydney x PAID"] * 2
WORDS = st.sampled_from(["aldi", "sydney", "PAID", "x", "7", "café", "ß", "aldis", "", " ", "qq"])
LINES = st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=6)


def both(length: int) -> tuple[LinearInputs, TfidfVectorizer]:
    words = TfidfVectorizer(
        token_pattern=r"\S+", ngram_range=(1, 2), lowercase=False, sublinear_tf=True
    )
    pieces = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(length, length), lowercase=False, sublinear_tf=True
    )
    theirs = make_union(words, pieces).fit(TRAINED)
    ours = LinearInputs(
        words.get_feature_names_out().tolist(),
        pieces.get_feature_names_out().tolist(),
        length,
        np.concatenate([words.idf_, pieces.idf_]),
    )
    return ours, theirs


@pytest.mark.parametrize("length", [1, 3, 4, 9])
@given(lines=LINES)
def test_the_values_are_those_of_scikit_learn(length: int, lines: list[str]) -> None:
    ours, theirs = both(length)
    every_input = np.eye(len(ours.rarity))
    expected = theirs.transform(lines).toarray() if lines else np.zeros((0, len(every_input)))
    np.testing.assert_allclose(ours.scores(lines, every_input), expected, atol=1e-12)


@given(lines=LINES)
def test_a_lines_sum_has_the_same_bits_beside_others(lines: list[str]) -> None:
    ours, _ = both(4)
    weights = np.random.default_rng(0).normal(size=(len(ours.rarity), 3))
    together = ours.scores(lines, weights)
    for line, found in zip(lines, together, strict=True):
        assert np.array_equal(ours.scores([line], weights)[0], found)


def test_what_is_not_remembered_is_answered_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    remembering, _ = both(4)
    weights = np.ones((len(remembering.rarity), 1))
    expected = [remembering.scores(TRAINED, weights) for _ in range(2)]
    monkeypatch.setattr(linear_inputs, "MOST_REMEMBERED", 1)
    forgetting, _ = both(4)
    for found in (*expected, forgetting.scores(TRAINED, weights)):
        assert np.array_equal(found, expected[0])


@pytest.mark.parametrize(
    ("word", "length", "pieces"),
    [
        ("aldi", 4, [" ald", "aldi", "ldi "]),
        ("al", 4, [" al "]),
        ("a", 4, [" a "]),
        ("a", 1, [" ", "a", " "]),
    ],
)
def test_pieces_reach_over_a_words_edges(word: str, length: int, pieces: list[str]) -> None:
    assert pieces_of(word, length) == pieces
