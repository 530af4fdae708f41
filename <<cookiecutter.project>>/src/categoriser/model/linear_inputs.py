"""What the linear model reads from lines, by NumPy alone: the server's image has no scikit-learn.

The inputs are words, pairs of neighbouring words, and pieces of words, as scikit-learn's
`TfidfVectorizer` makes them (words between spaces, and `char_wb`, with `sublinear_tf`): an input
that occurs n times in a line counts 1 + ln(n), times its inverse document frequency. The words and
pairs of a line, and its pieces, are each a vector of length 1.
https://scikit-learn.org/stable/modules/feature_extraction.html#text-feature-extraction
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Words whose inputs are remembered: real lines repeat theirs.
MOST_REMEMBERED = 100_000


class LinearInputs:
    """Inputs with their rarity: first the words and pairs, then the pieces."""

    def __init__(
        self, words: Sequence[str], pieces: Sequence[str], length: int, rarity: Floats
    ) -> None:
        """Take inputs; `length` is a piece's in letters, `rarity` the inverse document frequencies.

        `rarity` has the shape (inputs,).
        """
        self.words = tuple(words)
        self.pieces = tuple(pieces)
        self.length = length
        self.rarity = rarity
        self._place_of_word: Mapping[str, int] = {
            name: place for place, name in enumerate(self.words)
        }
        self._place_of_piece: Mapping[str, int] = {
            name: place for place, name in enumerate(self.pieces, start=len(self.words))
        }
        self._of_word = lru_cache(MOST_REMEMBERED)(self._inputs_of_word)

    def scores(self, lines: Sequence[str], weights: Floats) -> Floats:
        """Return the sum of each line's inputs, each times its weights, shape (lines, classes).

        `weights` has the shape (inputs, classes). A line's sum is the same whichever lines are
        beside it.
        """
        rows, inputs, counts = self._counted(lines)
        values = (1 + np.log(counts)) * self.rarity[inputs]
        # The words of a line are one block, its pieces another.
        block = 2 * rows + (inputs >= len(self.words))
        squares = np.bincount(block, weights=values**2, minlength=2 * len(lines))
        values /= np.sqrt(squares[block])
        found = np.zeros((len(lines), weights.shape[1]))
        filled, starts = np.unique(rows, return_index=True)
        if len(filled):
            found[filled] = np.add.reduceat(values[:, np.newaxis] * weights[inputs], starts)
        return found

    def _counted(self, lines: Sequence[str]) -> tuple[Integers, Integers, Integers]:
        """Return which inputs occur in which line, and how often, in the order of the lines."""
        found: list[int] = []
        sizes = []
        for line in lines:
            inputs = self._of_line(line.split())
            found += inputs
            sizes.append(len(inputs))
        count = len(self.rarity)
        row = np.repeat(np.arange(len(lines)), sizes)
        cells, counts = np.unique(row * count + np.array(found, np.int64), return_counts=True)
        return cells // count, cells % count, counts

    def _of_line(self, words: Sequence[str]) -> list[int]:
        """Return the inputs of a line's words, one for each time that it occurs."""
        of_words = chain.from_iterable(map(self._of_word, words))
        pairs = map(" ".join, pairwise(words))
        of_pairs = [place for place in map(self._place_of_word.get, pairs) if place is not None]
        return [*of_words, *of_pairs]

    def _inputs_of_word(self, word: str) -> tuple[int, ...]:
        """Return the inputs of a word by itself: the word, and its pieces with its edges."""
        places = [self._place_of_word.get(word)]
        places += map(self._place_of_piece.get, pieces_of(word, self.length))
        return tuple(place for place in places if place is not None)


def pieces_of(word: str, length: int) -> list[str]:
    """Return the pieces of a word between two spaces; a shorter word is one piece."""
    padded = f" {word} "
    if len(padded) <= length:
        return [padded]
    return [padded[start : start + length] for start in range(len(padded) - length + 1)]
