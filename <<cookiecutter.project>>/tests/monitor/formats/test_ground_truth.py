"""Ground truth is read into labels."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from monitor_helpers.made_captures import line, write

from categoriser.monitor.formats import event_frames
from categoriser.monitor.formats.ground_truth import (
    ground_truth_line,
    ground_truth_rows,
    row_name,
)
from categoriser.monitor.formats.problems import Problems


def truth(label: str, name: str, encoding: str = "CSV", **more: str) -> dict[str, Any]:
    return {
        "groundTruthData": {"data": label, "encoding": encoding},
        "eventMetadata": {"eventId": name} | more,
        "eventVersion": "0",
    }


def test_ground_truth_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(
        tmp_path,
        truth("groceries", "a"),
        truth('"eating, out"\n', "b#0"),
        truth('"eating, out"', "c#12", "JSON"),
        truth("__label__groceries", "d#x"),
        truth("groceries", "e", inferenceId="order-7#3"),
        truth("groceries", "probe-1"),
        truth("groceries", "a"),
        truth("groceries", "#5"),
        name="2026/11/22/09/labels.jsonl",
    )
    loose = write(tmp_path, truth("groceries", "f"), name="labels.jsonl")
    problems = Problems()
    monkeypatch.setattr(event_frames, "ROWS_IN_FRAME", 5)
    frames = list(ground_truth_rows([file, loose], problems))
    assert [frame.height for frame in frames] == [5, 3]
    frame = pl.concat(frames)
    hour = datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert frame.rows() == [
        ("a", 0, "groceries", hour),
        ("b", 0, "eating, out", hour),
        ("c", 12, "eating, out", hour),
        ("d#x", 0, "groceries", hour),
        ("order-7", 3, "groceries", hour),
        ("a", 0, "groceries", hour),
        ("#5", 0, "groceries", hour),
        ("f", 0, "groceries", None),
    ]
    assert (problems.seen["records"], problems.seen["probes"], problems.counts) == (8, 1, {})


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (b"{", "not JSON"),
        (line(), "unknown encoding"),
        (truth("groceries", "a", "BASE64"), "unknown encoding"),
        (truth("eating, out", "a"), "unreadable label"),
        (truth("a\nb", "a"), "unreadable label"),
        (truth('"', "a"), "unreadable label"),
        (truth(" ", "a"), "unreadable label"),
        (truth("", "a"), "unreadable label"),
        (truth("7", "a", "JSON"), "unreadable label"),
        (truth("[" * 100_000, "a", "JSON"), "unreadable label"),
    ],
)
def test_ground_truth_that_cannot_be_read_is_counted(tmp_path: Path, event: Any, kind: str) -> None:
    file = write(tmp_path, event, truth("groceries", "a"))
    problems = Problems()
    assert pl.concat(ground_truth_rows([file], problems)).height == 1
    assert problems.counts == {kind: 1}
    assert problems.places[kind][0].split(" (")[0] == f"{file}:1"


@pytest.mark.parametrize(
    ("call", "row", "rows", "name"),
    [
        ("order-7", 0, 1, "order-7"),
        ("order-7", 0, 3, "order-7#0"),
        ("order-7", 2, 3, "order-7#2"),
        # An identifier that ends as if it named a row.
        ("order#7", 0, 1, "order#7#0"),
        ("order#7", 1, 2, "order#7#1"),
        ("#5", 0, 1, "#5"),
        ("order#x", 0, 1, "order#x"),
        ("order\n#7", 0, 1, "order\n#7#0"),
    ],
)
@pytest.mark.parametrize("label", ["groceries", "eating, out", 'the "rest"', "café", " two  words"])
def test_what_is_written_is_read_as_the_row_and_the_label(
    tmp_path: Path, call: str, row: int, rows: int, name: str, label: str
) -> None:
    assert row_name(call, row, rows) == name
    file = tmp_path / "labels.jsonl"
    file.write_text(ground_truth_line(name, label), encoding="utf-8")
    problems = Problems()
    [frame] = ground_truth_rows([str(file)], problems)
    assert frame.rows() == [(call, row, label, None)]
    assert problems.counts == {}
