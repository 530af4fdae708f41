"""Which rows of its input matrix fastText sums for a line.

fastText answers a line from the mean of these rows: those of its words, of the words' pieces, and
of neighbouring words together. A linear model of the same inputs can therefore be written into
fastText's matrices, and fastText answers with it.

The inputs are those of `Dictionary::getLine` and `Dictionary::addWordNgrams` in
https://github.com/facebookresearch/fastText/blob/v0.9.2/src/dictionary.cc.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

# fastText's word for a line's end, which is an input too.
LINE_END = "</s>"
# FNV-1a's numbers for 32 bits, and the factor that joins the hashes of neighbouring words.
FNV_START = 2166136261
FNV_PRIME = 16777619
NEIGHBOUR_FACTOR = 116049371
BITS_32 = 2**32 - 1
BITS_64 = 2**64 - 1


class Word(NamedTuple):
    inputs: list[int]  # of the word itself and of its pieces
    hash: int  # of 32 bits, signed


class Inputs:
    """The inputs of a fastText model: first its words, then its hashed pieces and neighbours."""

    def __init__(self, model: Any) -> None:
        arguments = model.f.getArgs()
        self._model = model
        self._word_ngrams = arguments.wordNgrams
        # 0 where it counts words alone.
        self._bucket = arguments.bucket
        self._words = len(model.get_words())
        self._known: dict[str, Word] = {}
        self.count = self._words + self._bucket

    def shares(self, lines: Sequence[str]) -> sp.csr_array:
        """Return each line's inputs as shares, shape (lines, inputs): a line's sum is 1."""
        columns: list[int] = []
        starts = [0]
        for line in lines:
            columns += self._of_line(line)
            starts.append(len(columns))
        sizes = np.diff(starts)
        values = np.repeat(1 / np.maximum(sizes, 1), sizes)
        shape = (len(lines), self.count)
        places = (np.array(columns, dtype=np.int32), np.array(starts, dtype=np.int32))
        shares = sp.csr_array((values, *places), shape=shape)
        shares.sum_duplicates()
        return shares

    def _of_line(self, line: str) -> list[int]:
        words = [self._word(token) for token in (*line.split(), LINE_END)]
        inputs = [number for word in words for number in word.inputs]
        for first, word in enumerate(words):
            joined = word.hash & BITS_64
            for neighbour in words[first + 1 : first + self._word_ngrams]:
                joined = (joined * NEIGHBOUR_FACTOR + neighbour.hash) & BITS_64
                inputs.append(self._words + joined % self._bucket)
        return inputs

    def _word(self, token: str) -> Word:
        found = self._known.get(token)
        if found is None:
            _, inputs = self._model.get_subwords(token)
            found = Word(inputs.tolist(), word_hash(token))
            self._known[token] = found
        return found


def word_hash(token: str) -> int:
    """Return fastText's hash of a word: FNV-1a of its bytes, which count as signed."""
    value = FNV_START
    for byte in token.encode():
        signed = byte if byte < 128 else byte - 256
        value = ((value ^ (signed & BITS_32)) * FNV_PRIME) & BITS_32
    return value if value < 2**31 else value - 2**32
