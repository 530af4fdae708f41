"""A file's rows with their answers, as they are written: CSV or Parquet."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from categoriser.contract import Prediction
from categoriser.model.given_rows import GivenRows, RowValues

# The columns that an answer adds.
ANSWER_COLUMNS = ("category", "probability", "review", "source")
ANSWER_TYPES = (pa.string(), pa.float64(), pa.bool_(), pa.string())

WriteAnswers = Callable[[list[RowValues], Sequence[Prediction]], None]


def answer_writer(
    path: Path, given: GivenRows, added: Sequence[str]
) -> AbstractContextManager[WriteAnswers]:
    """Open a file for rows and answers, whose columns are `added`; Parquet where it is so named."""
    if path.suffix == ".parquet":
        return parquet_writer(path, given, added)
    return text_writer(path, given, added)


@contextmanager
def text_writer(path: Path, given: GivenRows, added: Sequence[str]) -> Iterator[WriteAnswers]:
    """Write CSV in UTF-8 with commas, whatever the source had; missing values are empty."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*given.names, *added])

        def write(rows: list[RowValues], answers: Sequence[Prediction]) -> None:
            writer.writerows(
                (*row, *answer_texts(answer)) for row, answer in zip(rows, answers, strict=True)
            )

        yield write


def answer_texts(answer: Prediction) -> tuple[str, str, str, str]:
    """Return an answer as `ANSWER_COLUMNS` are written in CSV."""
    review = str(answer.review).lower()
    return answer.category, f"{answer.probability:.6f}", review, answer.source


def parquet_writer(
    path: Path, given: GivenRows, added: Sequence[str]
) -> AbstractContextManager[WriteAnswers]:
    """Write Parquet: the source's own types, text where it has none, and the answers'."""
    fields = given.schema or pa.schema([(name, pa.string()) for name in given.names])
    for name, kind in zip(added, ANSWER_TYPES, strict=True):
        fields = fields.append(pa.field(name, kind))
    return _open_parquet(path, fields)


@contextmanager
def _open_parquet(path: Path, fields: pa.Schema) -> Iterator[WriteAnswers]:
    with pq.ParquetWriter(path, fields) as writer:

        def write(rows: list[RowValues], answers: Sequence[Prediction]) -> None:
            columns = [list(column) for column in zip(*rows, strict=True)]
            columns.append([answer.category for answer in answers])
            columns.append([answer.probability for answer in answers])
            columns.append([answer.review for answer in answers])
            columns.append([answer.source for answer in answers])
            arrays = [
                pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=fields))

        yield write
