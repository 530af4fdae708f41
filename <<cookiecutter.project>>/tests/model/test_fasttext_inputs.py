"""A line's inputs are the rows that fastText itself sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pytest

from categoriser.model.fasttext_inputs import Inputs, word_hash

TRAINED = ["aldi sydney EE EW", "café fee EE EX REFUND", "shell metro EE EW", "aldi"]
# Words of training, words that are not, a word that repeats, letters of two and three bytes.
LINES = [*TRAINED, "unheard of", "aldi aldi aldi", "ünïcode 超市 aldi", "a", ""]


@pytest.fixture(params=[(2, 5, 3), (0, 0, 1), (3, 3, 2)])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, Inputs]:
    minn, maxn, word_ngrams = request.param
    file = tmp_path / "lines.txt"
    file.write_text("".join(f"__label__{line[0]} {line}\n" for line in TRAINED), encoding="utf-8")
    sizes = {"dim": 5, "bucket": 50, "minn": minn, "maxn": maxn, "wordNgrams": word_ngrams}
    trained = fasttext.train_supervised(str(file), thread=1, verbose=0, epoch=20, lr=1, **sizes)
    return trained, Inputs(trained)


def test_the_mean_of_the_inputs_is_fasttexts_vector_of_the_line(model: tuple[Any, Inputs]) -> None:
    trained, inputs = model
    found = inputs.shares(LINES) @ trained.get_input_matrix()
    theirs = np.array([trained.get_sentence_vector(line) for line in LINES])
    np.testing.assert_allclose(found, theirs, atol=1e-6)


def test_a_lines_shares_sum_to_one(model: tuple[Any, Inputs]) -> None:
    _, inputs = model
    np.testing.assert_allclose(inputs.shares(LINES).sum(axis=1), 1)


def test_no_line_has_no_inputs(model: tuple[Any, Inputs]) -> None:
    _, inputs = model
    assert inputs.shares([]).shape == (0, inputs.count)


@pytest.mark.parametrize(
    ("token", "number"),
    # The published values of FNV-1a for 32 bits, as signed numbers.
    [("", 0x811C9DC5 - 2**32), ("a", 0xE40C292C - 2**32), ("foobar", 0xBF9CF968 - 2**32)],
)
def test_the_hash_is_fnv_1a(token: str, number: int) -> None:
    assert word_hash(token) == number
