"""Captures and labels that are joined, measured and exported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from categoriser.evaluation.evaluation_settings import EvaluationSettings
from categoriser.monitor.comparison.suggested_constraints import suggest_quality_constraints
from categoriser.monitor.formats.baseline_facts import BaselineFacts, WatchedWith
from categoriser.monitor.labels.export import export_labelled
from categoriser.monitor.labels.label_join import LabelledRows, join_labels
from categoriser.monitor.labels.model_quality import QualityResult, judge_model
from categoriser.monitor.monitor_settings import QualitySettings
from categoriser.params import Params

ROOT = Path(__file__).parents[2]
CLASSES = ["bills", "food", "travel"]
SETTINGS = QualitySettings(
    memory_limit_mb=128,
    min_rows=1,
    holdout=0.2,
    max_bad_labels=0.5,
    label_drift=0.05,
    label_lag_hours=0,
)
FACTS = BaselineFacts(
    classes=CLASSES,
    review_threshold=0.6,
    model="",
    labels={"bills": 0.2, "food": 0.5, "travel": 0.3},
    rows=1000,
    train_rows=10_000,
    watched=WatchedWith([], None),
    evaluate=EvaluationSettings([], [], min_rows=1, resamples=1, confidence=0.95),
    max_slice_gap=0.15,
)
NOTHING = suggest_quality_constraints({})
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def captures(*rows: tuple[str, int, str], **columns: Any) -> pl.DataFrame:
    """Make captured rows of id, row and answer; the text is of id and row."""
    ids, places, answers = zip(*rows, strict=True)
    frame = pl.DataFrame(
        {
            "id": ids,
            "row": places,
            "rows": 1,
            "time": NOON,
            "text": [f"shop {id_} {place}" for id_, place, _ in rows],
            "price": 2.5,
            "label": answers,
            "probabilities": pl.Series([[1.0, 0.0, 0.0]] * len(rows), dtype=pl.Array(float, 3)),
        }
    )
    return frame.with_columns(**columns)


def truths(*rows: tuple[str, int, str | None, datetime | None]) -> pl.DataFrame:
    schema = {"id": pl.String, "row": pl.Int64, "label": pl.String}
    return pl.DataFrame(rows, schema | {"time": pl.Datetime("us", "UTC")}, orient="row")


@contextmanager
def joined(
    captured: pl.DataFrame | list[pl.DataFrame],
    labels: pl.DataFrame | list[pl.DataFrame],
    how: QualitySettings = SETTINGS,
) -> Iterator[LabelledRows]:
    frames, given = ([x] if isinstance(x, pl.DataFrame) else x for x in (captured, labels))
    with join_labels(frames, given, CLASSES, how) as labelled:
        yield labelled


def labelled_rows(truth: list[str], answers: list[str], **columns: Any) -> tuple[Any, Any]:
    names = [f"id{n}" for n in range(len(truth))]
    times = [NOON + DAY] * len(names)
    places = [0] * len(names)
    return captures(*zip(names, places, answers, strict=True), **columns), truths(
        *zip(names, places, truth, times, strict=True)
    )


def measured(
    truth: list[str], answers: list[str], params: Params, bounds: Any = NOTHING, **columns: Any
) -> QualityResult:
    with joined(*labelled_rows(truth, answers, **columns)) as labelled:
        return judge_model(labelled, bounds, FACTS, SETTINGS, params.evaluate, 0.15)


def exported(
    folder: Path, captured: Any, labels: Any, how: QualitySettings = SETTINGS
) -> dict[str, pl.DataFrame]:
    with joined(captured, labels, how) as labelled:
        counts = export_labelled(labelled, how, folder)
    frames = {part: pl.read_csv(folder / f"{part}.csv", infer_schema=False) for part in counts}
    assert {part: frame.height for part, frame in frames.items()} == counts
    return frames


def many(count: int, first: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = range(first, first + count)
    captured = captures(
        *((f"id{n}", 0, "food") for n in rows),
        text=pl.Series([f'shop "{n}", Sydney' for n in rows]),
        price=pl.Series([n / 100 for n in rows]),
        country=pl.Series(["AU" if n % 2 else None for n in rows]),
    )
    return captured, truths(*((f"id{n}", 0, CLASSES[n % 3], NOON + DAY) for n in rows))
