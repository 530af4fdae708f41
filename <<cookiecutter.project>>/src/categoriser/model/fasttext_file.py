"""The binary format of fastText: what shows that a file is whole, before fastText reads it.

fastText does not check that a read succeeds: from a file that was cut off it loads wrong weights,
crashes, or adds to a word without end. The layout is that of `FastText::loadModel`, `Args::load`,
`Dictionary::load`, `DenseMatrix::load`, `QuantMatrix::load` and `ProductQuantizer::load` in
https://github.com/facebookresearch/fastText/tree/v0.9.2/src, version 12 of the format: numbers are
little-endian, one after the other.

    magic, version                                    2 int32
    dim, ws, …, lrUpdateRate; t                       12 int32; double
    size, nwords, nlabels; ntokens, pruned            3 int32; 2 int64
    `size` entries: word, NUL, count, type            bytes, int64, int8
    `pruned` pairs                                    2 int32
    quantised; input matrix                           bool; dense or quantised
    quantised; output matrix                          bool; dense or quantised

    dense matrix: rows, columns, values               2 int64; floats
    quantised: norms, rows, columns, size, codes      bool, 2 int64, int32, bytes
      product quantiser: dim, 3 numbers, centroids    4 int32; 256 * dim floats
      with norms: codes, product quantiser            bytes
"""

import struct
from io import BufferedReader, FileIO
from os import SEEK_END
from pathlib import Path

MAGIC_NUMBER = 793712314
FASTTEXT_FORMAT = 12
CENTROIDS = 256
FLOAT_BYTES = 4
# A pair of int32.
PAIR_BYTES = 8
# Bytes that are looked through for a word's end: a few words.
BUFFER_BYTES = 1024


class Walk:
    """A place in a file, whose end nothing may pass."""

    def __init__(self, file: FileIO) -> None:
        self.stream = BufferedReader(file, BUFFER_BYTES)
        self.size = self.stream.seek(0, SEEK_END)
        self.place = self.stream.seek(0)

    def read(self, size: int) -> bytes:
        """Read bytes. Raises `ValueError` for a size under 0, and beyond the file's end."""
        start = self.place
        self.skip(size)
        self.stream.seek(start)
        return self.stream.read(size)

    def skip(self, size: int) -> None:
        """Go on. Raises as `read`."""
        if not 0 <= size <= self.size - self.place:
            raise ValueError(f"it is cut off: no {size} bytes follow byte {self.place}")
        self.place = self.stream.seek(self.place + size)

    def numbers(self, layout: str) -> tuple[int, ...]:
        """Read numbers. Raises as `read`."""
        return struct.unpack(f"<{layout}", self.read(struct.calcsize(f"<{layout}")))

    def word(self) -> None:
        """Go behind the next NUL. Raises `ValueError` where there is none."""
        ahead = self.stream.peek()
        while ahead:
            end = ahead.find(b"\0")
            if end >= 0:
                self.skip(end + 1)
                return
            self.skip(len(ahead))
            ahead = self.stream.peek()
        raise ValueError(f"it is cut off: no word ends before byte {self.size}")


def output_matrix(path: Path) -> bytes:
    """Return the values of a model's output matrix, as floats, row by row; none if quantised.

    Raises `ValueError` that says where a file is not as fastText writes it.
    """
    with path.open("rb", buffering=0) as file:
        walk = Walk(file)
        if walk.numbers("2i") != (MAGIC_NUMBER, FASTTEXT_FORMAT):
            raise ValueError("it does not begin as fastText's files do")
        dim, *_ = walk.numbers("12id")
        labels = _dictionary(walk)
        _matrix(walk, dim)
        rows, start = _matrix(walk, dim)
        if rows != labels:
            raise ValueError(f"it has {labels} labels, and an output matrix of {rows} rows")
        if walk.place != walk.size:
            raise ValueError(f"{walk.size - walk.place} bytes follow its end")
        walk.stream.seek(start)
        return walk.stream.read()


def _dictionary(walk: Walk) -> int:
    """Go behind the words and labels; return how many labels there are."""
    size, words, labels, _, pruned = walk.numbers("3i2q")
    if min(words, labels) < 0 or size != words + labels:
        raise ValueError(f"{words} words and {labels} labels are not {size} entries")
    for _ in range(size):
        walk.word()
        walk.numbers("qb")
    # -1 where nothing was pruned.
    walk.skip(PAIR_BYTES * max(0, pruned))
    return labels


def _matrix(walk: Walk, dim: int) -> tuple[int, int]:
    """Go behind a matrix; return its rows, and where its values begin (its end if quantised)."""
    (quantised,) = walk.numbers("?")
    norms = walk.numbers("?")[0] if quantised else False
    rows, columns = walk.numbers("2q")
    if rows < 0 or columns != dim:
        raise ValueError(f"a matrix is of {rows} rows and {columns} columns, not of {dim}")
    if not quantised:
        start = walk.place
        walk.skip(FLOAT_BYTES * rows * columns)
        return rows, start
    (size,) = walk.numbers("i")
    walk.skip(size)
    _quantiser(walk)
    if norms:
        walk.skip(rows)
        _quantiser(walk)
    return rows, walk.place


def _quantiser(walk: Walk) -> None:
    """Go behind a product quantiser."""
    dim, *_ = walk.numbers("4i")
    walk.skip(FLOAT_BYTES * CENTROIDS * dim)
