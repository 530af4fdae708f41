"""Labels find their rows; each irregularity is counted and treated as stated."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from monitor_helpers.made_labels import (
    CLASSES,
    DAY,
    FACTS,
    NOON,
    NOTHING,
    SETTINGS,
    captures,
    joined,
    truths,
)
from msgspec import to_builtins

from categoriser.errors import UserError
from categoriser.monitor.labels.export import export_labelled
from categoriser.monitor.labels.label_join import LabelledRows, join_labels
from categoriser.monitor.labels.model_quality import judge_model
from categoriser.monitor.monitor_settings import QualitySettings
from categoriser.params import Params


def pairs(labelled: LabelledRows) -> list[tuple[Any, ...]]:
    """Return id, row, answer and label of each joined row."""
    rows = pl.concat(labelled.rows("FROM answered ORDER BY id, row"))
    return rows.select("id", "row", "label", "truth").rows()


def test_labels_find_their_rows_wherever_they_come_from() -> None:
    captured = [
        captures(("a", 0, "food"), ("a", 1, "bills")),
        captures(("b", 0, "food"), ("c", 0, "food")),
    ]
    labels = [
        truths(("c", 0, "travel", NOON + 9 * DAY)),
        truths(("a", 1, "bills", NOON + DAY), ("a", 0, " food ", NOON + 2 * DAY)),
    ]
    with joined(captured, labels) as labelled:
        assert pairs(labelled) == [
            ("a", 0, "food", "food"),
            ("a", 1, "bills", "bills"),
            ("c", 0, "food", "travel"),
        ]
        assert to_builtins(labelled.counts) == {
            "captured": 4,
            "predictions": 4,
            "captured_again": 0,
            "shared_ids": 0,
            "labels": 3,
            "labelled": 3,
            "repeated": 0,
            "conflicting": 0,
            "contradicted": 0,
            "orphans": 0,
            "joined": 3,
            "unknown": 0,
            "median_hours_late": 48,
            "most_hours_late": 216,
            "coverage": 0.75,
        }


def test_each_irregularity_is_counted_and_treated_as_stated() -> None:
    captured = captures(
        *(
            ("again", 0, "food"),
            ("again", 0, "food"),
            ("shared", 0, "food"),
            ("shared", 0, "bills"),
        ),
        *(
            (name, 0, "food")
            for name in ("repeated", "corrected", "tied", "untimed", "odd", "bare")
        ),
    )
    labels = truths(
        ("again", 0, "food", NOON),
        ("shared", 0, "food", NOON),
        ("repeated", 0, "bills", NOON),
        ("repeated", 0, "bills", NOON + DAY),
        ("repeated", 0, "bills", None),
        ("corrected", 0, "travel", NOON + DAY),
        ("corrected", 0, "food", NOON),
        ("corrected", 0, "food", None),
        ("tied", 0, "food", NOON),
        ("tied", 0, "bills", NOON),
        ("untimed", 0, "bills", None),
        ("odd", 0, "gifts", NOON),
        ("orphan", 0, "food", NOON),
        ("again", 7, "food", NOON),
    )
    with joined(captured, labels) as labelled:
        assert pairs(labelled) == [
            ("again", 0, "food", "food"),
            ("corrected", 0, "food", "travel"),
            ("odd", 0, "food", "gifts"),
            ("repeated", 0, "food", "bills"),
            ("untimed", 0, "food", "bills"),
        ]
        expected = {
            "captured": 10,
            "predictions": 8,
            "captured_again": 2,
            "shared_ids": 1,
            "labels": 14,
            "labelled": 9,
            "repeated": 3,
            "conflicting": 2,
            "contradicted": 1,
            "orphans": 2,
            "joined": 5,
            "unknown": 1,
        }
        assert expected.items() <= to_builtins(labelled.counts).items()
        assert labelled.counts.coverage == 5 / 8


def test_two_labels_without_a_time_contradict_each_other() -> None:
    labels = truths(("a", 0, "food", None), ("a", 0, "bills", None))
    with joined(captures(("a", 0, "food")), labels) as labelled:
        assert labelled.counts.contradicted == 1
        assert labelled.counts.joined == 0


def test_a_label_of_the_predictions_own_hour_is_not_early() -> None:
    labels = truths(("a", 0, "food", NOON - timedelta(minutes=30)))
    with joined(captures(("a", 0, "food")), labels) as labelled:
        assert labelled.counts.most_hours_late == 0


@pytest.mark.parametrize("side", ["captures", "truths", "both"])
def test_nothing_to_join_is_no_fault(side: str, params: Params) -> None:
    captured: Any = [] if side != "truths" else captures(("a", 0, "food"))
    labels: Any = [] if side != "captures" else truths(("a", 0, "food", NOON))
    with joined(captured, labels) as labelled:
        assert labelled.counts.joined == 0
        assert labelled.counts.median_hours_late is None
        found = judge_model(labelled, NOTHING, FACTS, SETTINGS, params.evaluate, 0.15)
        with pytest.raises(UserError, match="0 labelled rows can be exported"):
            export_labelled(labelled, SETTINGS, Path("nowhere"))
    assert found.statistics.dataset.item_count == 0
    assert (found.violations, found.slices, found.drift.distance) == ([], None, None)
    assert "0 labelled rows" in found.not_judged
    json.dumps(to_builtins(found.statistics))


def test_a_join_keeps_within_its_memory_and_says_where_it_cannot() -> None:
    """The texts alone are twice the memory that DuckDB may have."""
    small = SETTINGS.model_copy(update={"memory_limit_mb": 64})

    def count(limits: QualitySettings) -> int:
        names = ([f"{part}-{n}" for n in range(5_000)] for part in range(8))
        labelled_at = [*(("food", NOON) for _ in range(5_000))]
        both = [
            (
                captures(*((name, 0, "food") for name in part), text=pl.col("id") + "x" * 3200),
                truths(*((n, 0, *at) for n, at in zip(part, labelled_at, strict=True))),
            )
            for part in names
        ]
        captured, labels = zip(*both, strict=True)
        with join_labels(captured, labels, CLASSES, limits) as labelled:
            return int(labelled.counts.joined)

    assert count(small) == 40_000
    with pytest.raises(UserError, match=r"memory_limit_mb .*, 2, is not enough"):
        count(small.model_copy(update={"memory_limit_mb": 2}))
