"""Results of a check, as the reports are given them."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from msgspec import structs
from rich.console import Console

from categoriser.evaluation.evaluation_file import ColumnSlices, SliceFigures
from categoriser.intervals import Interval
from categoriser.monitor.calibration.thresholds import DetectableShift
from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.checks.monitor_request import MonitorRequest
from categoriser.monitor.comparison.constraint_checks import check_constraints
from categoriser.monitor.comparison.feature_drift import FeatureDrift, drifts_from
from categoriser.monitor.comparison.suggested_constraints import suggest_constraints
from categoriser.monitor.formats.feature_statistics import Statistics
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.formats.quality_figures import (
    LabelledDataset,
    MulticlassMetrics,
    QualityFigure,
    QualityStatistics,
)
from categoriser.monitor.formats.violations import Violation
from categoriser.monitor.labels.label_join import JoinCounts
from categoriser.monitor.labels.model_quality import QualityResult
from categoriser.monitor.reporting.cloudwatch_metrics import MetricDatum
from categoriser.monitor.reporting.report_document import report_document
from categoriser.monitor.reporting.report_page import report_page
from categoriser.monitor.reporting.terminal_report import show_result
from categoriser.monitor.summaries.summary import summarise
from categoriser.monitor.summaries.summary_statistics import statistics_of
from categoriser.params import About

END = datetime(2026, 11, 22, tzinfo=UTC)
ALL = Interval(0.91, 0.85, 0.95)
AUSTRALIA = SliceFigures("AU", rows=100, groups=50, accuracy=ALL, gap=Interval(0.0, 0.0, 0.0))
QUALITY = QualityResult(
    statistics=QualityStatistics(
        dataset=LabelledDataset(100),
        multiclass_classification_metrics=MulticlassMetrics(
            confusion_matrix={"a": {"a": 30, "b": 5}, "b": {"a": 4, "b": 61}},
            accuracy=QualityFigure(0.91, 0.02),
            accuracy_best_constant_classifier=QualityFigure(0.65, 0.03),
        ),
    ),
    violations=[Violation("accuracy", "LessThanThreshold", "Metric accuracy with 0.91 was <low>")],
    joined=JoinCounts(
        captured=400,
        predictions=400,
        captured_again=0,
        shared_ids=0,
        labels=120,
        labelled=100,
        repeated=20,
        conflicting=0,
        contradicted=0,
        orphans=0,
        joined=100,
        unknown=0,
        median_hours_late=None,
        most_hours_late=None,
        coverage=0.25,
    ),
    labels={"a": 35, "b": 65},
    drift=FeatureDrift("ground_truth", 0.01, 0.05, "Robust"),
    slices={"account": None, "country": ColumnSlices([AUSTRALIA], {})},
    gaps={},
    not_judged="",
)
NO_LABELS = replace(
    QUALITY,
    statistics=QualityStatistics(
        dataset=LabelledDataset(0), multiclass_classification_metrics=MulticlassMetrics()
    ),
    joined=structs.replace(QUALITY.joined, labels=0, labelled=0, joined=0),
    slices=None,
    drift=FeatureDrift("ground_truth", None, 0.05, "Robust"),
    violations=[],
    not_judged="no labels",
)


def power_line(feature: str, shift: str, by_rows: dict[str, float | None]) -> DetectableShift:
    return DetectableShift.model_validate({"feature": feature, "shift": shift} | by_rows)


def of(frame: pl.DataFrame) -> Statistics:
    return statistics_of(summarise(frame.to_arrow().to_batches()))


def columns(count: int, scale: float = 1.0, bank: str = "b_1") -> dict[str, Any]:
    numbers = np.arange(count)
    return {
        "price": (numbers % 97) * scale + 0.5,
        "tokens": numbers % 7,
        "bank": np.where(numbers % 3, "a <b>&", bank),
        "text": [f"row {n}" for n in numbers],
    }


BARE = MonitorRequest(source="", output=Path())
START = END - timedelta(days=7)


def result(**changes: Any) -> CheckResult:
    """Return a window in which the price drifted, a bank is new, and a column is missing."""
    # Fewer rows than a sketch keeps: beyond, it drops some at random.
    before = of(pl.DataFrame(columns(1800) | {"gone": np.ones(1800)}))
    now = of(pl.DataFrame(columns(900, scale=1.5, bank="new")))
    limits = suggest_constraints(before)
    drifts = drifts_from(now, before, limits, {"price": 0.05, "tokens": 0.05})
    violations = check_constraints(now, limits, drifts)
    given = CheckResult(
        job=replace(BARE, endpoint="endpoint-1", schedule="weekly", start=START, end=END),
        profile="calibrated",
        message=f"CompletedWithViolations: {len(violations)}",
        current=now,
        baseline=before,
        constraints=limits,
        drifts=drifts,
        violations=violations,
        problems=Problems(
            Counter({"cut off": 2}), {"cut off": ["a<b.jsonl:3", "c.jsonl:9"]}, Counter(records=898)
        ),
        power=[
            power_line("price", "all prices, times", {"500": 1.3, "5000": None}),
            power_line("tokens", "share of the rows", {"500": 0.1, "5000": 0.04}),
        ],
        quality=QUALITY,
    )
    return replace(given, **changes)


class Page(HTMLParser):
    """Collects text and addresses, and checks that every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.names: set[str] = set()
        self.images: list[str] = []
        self.bad: list[str] = []
        self.feed(text)
        assert not self.open

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        if tag not in {"meta", "img", "br", "wbr"}:
            self.open.append(tag)
        named = dict(attrs)
        if tag == "td" and "bad" in (named.get("class") or "").split():
            self.bad.append("")
        if tag == "img":
            self.images.append(named["src"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.bad and "td" in self.open and not self.bad[-1]:
            self.bad[-1] = data


def html(found: CheckResult) -> str:
    about = About(project="Spend sorter", owner="Money & Co., money@bank.example")
    return report_page(found, report_document(found), about)


def page(found: CheckResult) -> Page:
    return Page(html(found))


def terminal(found: CheckResult, width: int = 140, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=width, **options)
    show_result(found, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def worst(*violations: Violation, **changes: Any) -> CheckResult:
    return result(violations=list(violations), **changes)


def fallen(name: str) -> Violation:
    text = f"Metric {name} with 0.83123 +/- 0.01 was LessThanThreshold '0.87'"
    return Violation(name, "LessThanThreshold", text)


def by_name(data: list[MetricDatum]) -> dict[str, MetricDatum]:
    named = {datum.metric_name: datum for datum in data}
    assert len(named) == len(data)
    return named
