"""A batch transform's rows: lines of JSON that SageMaker may split where it likes, and the answers.

SageMaker splits an object by line, sends as many lines at once as fit into a payload, and writes
one object of answers for each object of rows, in the rows' order. So a line is a row without a
header or a line feed in it, and the answers are joined to the rows by their place. A payload has a
bound in bytes and the server one in rows, so a line is long enough that the one keeps the other.
https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from categoriser.contract import MAX_ROWS, Prediction, Transaction
from categoriser.errors import UserError

# The largest payload of a request, in MB: the smallest that SageMaker can be told.
PAYLOAD_MB = 1
# So many bytes at least has a line without its end: no payload then has over MAX_ROWS lines.
LINE_BYTES = -(-PAYLOAD_MB * 2**20 // MAX_ROWS)
# An object is read by one instance, and written whole or not at all.
OBJECT_BYTES = 64 * 2**20

ENCODER = msgspec.json.Encoder()
PREDICTION = msgspec.json.Decoder(Prediction)


def line_of(row: Transaction) -> bytes:
    """Return a row as a line, filled with blanks within its braces."""
    line = ENCODER.encode(row)
    return line[:-1] + b" " * (LINE_BYTES - len(line)) + b"}\n"


def write_parts(rows: Iterable[Transaction], folder: Path, name: str) -> Iterator[tuple[Path, int]]:
    """Write rows into files of about `OBJECT_BYTES`, yield each with its number of rows.

    A file is there until the next is asked for: so no more than one is on the disk.
    """
    lines = map(line_of, rows)
    number = 0
    while True:
        path = folder / f"{name}-{number:05}.jsonl"
        count = 0
        with path.open("wb") as stream:
            for line in lines:
                stream.write(line)
                count += 1
                if stream.tell() >= OBJECT_BYTES:
                    break
        if count:
            yield path, count
        path.unlink()
        if not count:
            return
        number += 1


class WrittenAnswers:
    """The answers of a transform to a file's rows, in the place of the model that gave them."""

    def __init__(self, parts: Iterable[tuple[str, int, Iterable[bytes]]]) -> None:
        """Take the answers' objects in their order: each one's name, rows and lines."""
        self._answers = answers_of(parts)

    def predict(self, rows: Sequence[Transaction]) -> list[Prediction]:
        """Return the answers to the next rows. Raises `UserError` where some are missing."""
        answers = list(islice(self._answers, len(rows)))
        if len(answers) < len(rows):
            raise UserError("the transform's answers are fewer than the rows that it was given")
        return answers

    def require_end(self) -> None:
        """Raise `UserError` where there are more answers than were asked for."""
        if next(self._answers, None) is not None:
            raise UserError("the transform's answers are more than the rows that it was given")


def answers_of(parts: Iterable[tuple[str, int, Iterable[bytes]]]) -> Iterator[Prediction]:
    """Yield all objects' answers. Raises `UserError` for one with more or fewer than its rows."""
    for name, rows, lines in parts:
        count = 0
        for line in lines:
            # What SageMaker joins answers with comes after an end of the server's own.
            if line.strip():
                yield PREDICTION.decode(line)
                count += 1
        if count != rows:
            raise UserError(
                f"{name} has {count:,} answers to {rows:,} rows: the file is not answered"
            )
