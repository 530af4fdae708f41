"""Captured rows are taken for a review as the monitor's feature `review` says."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from monitor_helpers.made_labels import CLASSES, NOON
from review_helpers.reviewed_project import CALLS, CAPTURES, Answered, write_captures

from categoriser.monitor.formats.event_files import event_files
from categoriser.monitor.formats.problems import Problems
from categoriser.review.uncertain_rows import UncertainRows, read_uncertain_rows


def read(project: Path) -> UncertainRows:
    problems = Problems()
    files = event_files(str(project / CAPTURES), None, None, problems)
    return read_uncertain_rows(files, problems, project / "baseline", None)


def test_uncertain_rows_are_read_with_the_names_that_labels_give_them(reviewed: Path) -> None:
    found = read(reviewed)
    assert (found.captured, found.classes, found.problems.counts) == (8, CLASSES, {})
    assert found.frame["name"].to_list() == [
        "call-1#0",
        "call-1#1",
        "call-2",
        "call-3#0",
        "call-3#1",
        "call-4",
        "order#3#0",
    ]
    assert found.frame.row(0, named=True) == {
        "id": "call-1",
        "row": 0,
        "name": "call-1#0",
        "time": NOON,
        "text": "aldi 12 sydney au",
        "price": 10.5,
        "answer": "food",
        "probability": 0.4,
        "key": "aldi",
        "is_new": False,
    }


def test_rows_of_one_merchant_have_one_key_and_new_words_are_seen(reviewed: Path) -> None:
    keys = dict(read(reviewed).frame.select("name", "key").iter_rows())
    assert {keys[name] for name in ("call-1#0", "call-1#1", "call-2")} == {"aldi"}
    assert keys["call-3#0"] == keys["call-3#1"] == "zorgo"
    # A text of which nothing is left is a key of its own.
    assert keys["call-4"] == "..."
    new = read(reviewed).frame.filter("is_new")["key"].unique().to_list()
    assert new == ["zorgo"]


def test_a_row_captured_twice_is_one_and_different_ones_of_one_name_are_none(
    reviewed: Path,
) -> None:
    others: dict[str, list[Answered]] = {
        "call-2": [("shell gore nz", 40.0, "travel", 0.4)],
        # Of an answer that asks for no review, too.
        "order#3": [("shell gore nz", 60.0, "travel", 0.5), ("aldi 1 sydney au", 2, "food", 0.9)],
        "call-3": [("aldi sydney au", 5.0, "bills", 0.95), ("zorgo 2", -2.0, "bills", 0.45)],
    }
    write_captures(reviewed, {"call-4": CALLS["call-4"]} | others, name="1")
    names = read(reviewed).frame["name"].to_list()
    assert names.count("call-4") == names.count("call-3#1") == 1
    assert not {"call-2", "call-3#0"} & {*names}


def test_captures_without_an_uncertain_row_are_read_too(reviewed: Path) -> None:
    for file in (reviewed / CAPTURES).rglob("*.jsonl"):
        file.unlink()
    assert read(reviewed).frame.is_empty()
    write_captures(reviewed, {"sure": [("aldi 1 sydney au", 1.0, "food", 0.9)]})
    found = read(reviewed)
    assert (found.captured, found.frame.height) == (1, 0)
    assert found.frame.schema["probability"] == pl.Float64


def test_what_cannot_be_read_is_counted_and_the_rest_is_read(reviewed: Path) -> None:
    [file] = (reviewed / CAPTURES).rglob("*.jsonl")
    with file.open("ab") as stream:
        stream.write(b"cut{\n")
    found = read(reviewed)
    assert found.problems.counts == {"not JSON": 1}
    assert found.frame.height == 7
