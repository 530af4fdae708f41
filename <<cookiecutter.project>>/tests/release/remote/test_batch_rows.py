"""Rows as a transform's lines, and its answers as a model's: within bounds of size and memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from categoriser.contract import JSON_LINES, MAX_ROWS, Prediction, Transaction
from categoriser.errors import UserError
from categoriser.serving.protocol import parse_rows
from release.remote import batch_rows
from release.remote.batch_rows import (
    PAYLOAD_MB,
    WrittenAnswers,
    line_of,
    write_parts,
)

ANSWER = Prediction("groceries", 0.5, {"groceries": 0.5, "transport": 0.5}, False)
LINE = msgspec.json.encode(ANSWER) + b"\n"


@pytest.mark.parametrize(
    "row",
    [Transaction("a", 1.0), Transaction('"quoted", é\n\u2028' + "x" * 200, -1e-300)],
    ids=["short", "long"],
)
def test_a_line_is_one_row_to_the_server_and_holds_no_line_feed(row: Transaction) -> None:
    line = line_of(row)
    assert line.count(b"\n") == 1
    assert parse_rows(line, JSON_LINES).rows == [row]
    assert len(line) - 1 >= PAYLOAD_MB * 2**20 / MAX_ROWS


def test_rows_are_parted_into_objects_and_none_is_left_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_rows, "OBJECT_BYTES", 1000)
    parts = {}
    for path, count in write_parts((Transaction("a", n) for n in range(25)), tmp_path, "00000"):
        parts[path.name] = (count, len(path.read_bytes().splitlines()))

    assert parts == {
        "00000-00000.jsonl": (10, 10),
        "00000-00001.jsonl": (10, 10),
        "00000-00002.jsonl": (5, 5),
    }
    assert list(tmp_path.iterdir()) == []


def test_no_rows_make_no_object(tmp_path: Path) -> None:
    assert list(write_parts([], tmp_path, "00000")) == []


def test_answers_are_given_in_their_order_over_all_objects() -> None:
    given = [msgspec.structs.replace(ANSWER, category=str(n)) for n in range(5)]
    lines = [msgspec.json.encode(answer) for answer in given]
    answers = WrittenAnswers([("a", 3, [*lines[:2], b"", lines[2]]), ("b", 2, lines[3:])])
    rows = [Transaction("a", 1.0)]

    assert [one.category for one in answers.predict(rows * 4)] == ["0", "1", "2", "3"]
    assert [one.category for one in answers.predict(rows)] == ["4"]
    answers.require_end()


@pytest.mark.parametrize(
    ("lines", "said"),
    [([LINE] * 2, "b has 2 answers to 3 rows"), ([LINE] * 4, "more than the rows|4 answers")],
)
def test_an_object_with_other_answers_than_rows_is_named(lines: list[bytes], said: str) -> None:
    answers = WrittenAnswers([("b", 3, lines)])
    with pytest.raises(UserError, match=said):
        take_all(answers, 3)


def take_all(answers: WrittenAnswers, count: int) -> None:
    answers.predict([Transaction("a", 1.0)] * count)
    answers.require_end()


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    count = 100_000

    def rows() -> Iterator[Transaction]:
        return (Transaction("a", float(n)) for n in range(count))

    tracemalloc.start()
    for _ in write_parts(rows(), tmp_path, "00000"):
        pass
    answers = WrittenAnswers([("a", count, (LINE for _ in range(count)))])
    for _ in range(count // 1000):
        answers.predict([Transaction("a", 1.0)] * 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 2**20
