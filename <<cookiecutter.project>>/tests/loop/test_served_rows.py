"""Rows that the real server answers and captures, and labels that name them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from categoriser.model.package import Categoriser
from categoriser.monitor.formats.captures import captured_rows
from categoriser.monitor.formats.event_files import event_files
from categoriser.monitor.formats.ground_truth import ground_truth_rows
from categoriser.monitor.formats.problems import Problems
from loop.served_rows import CAPTURES, serve_rows, write_labels

# Single rows, twenty of one call, and one call that is cut short.
ROWS = 27


def test_each_label_is_of_the_row_that_was_captured(
    model: Path, categoriser: Categoriser, tmp_path: Path
) -> None:
    classes = list(categoriser.classes)
    rows = pl.DataFrame(
        {
            "text": [f"aldi {number}" for number in range(ROWS)],
            "price": [float(number) for number in range(ROWS)],
            "category": [classes[number % len(classes)] for number in range(ROWS)],
        }
    )
    labels = serve_rows(rows, model, tmp_path, "some")
    assert list(labels.values()) == rows["category"].to_list()
    write_labels(labels, tmp_path / "truth")

    problems = Problems()
    captures = event_files(str(tmp_path / CAPTURES), None, None, problems)
    captured = pl.concat(batch.frame for batch in captured_rows(captures, classes, problems))
    files = event_files(str(tmp_path / "truth"), None, None, problems)
    truth = pl.concat(ground_truth_rows(files, problems))
    joined = captured.select("id", "row", "text", "price").join(
        truth.select("id", "row", category="label"), on=["id", "row"], validate="1:1"
    )
    assert joined.sort("price").select(rows.columns).equals(rows)
    assert not problems.places
