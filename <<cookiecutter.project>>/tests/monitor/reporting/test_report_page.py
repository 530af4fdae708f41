"""The page shows what was found, and asks nothing of a network."""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from monitor_helpers.made_results import (
    BARE,
    NO_LABELS,
    QUALITY,
    columns,
    html,
    of,
    page,
    result,
    terminal,
)
from msgspec import to_builtins

from categoriser.monitor.checks.check_result import CheckResult
from categoriser.monitor.comparison.feature_drift import FeatureDrift
from categoriser.monitor.formats.constraints import Constraints
from categoriser.monitor.formats.feature_statistics import Statistics
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.reporting.findings import check_state
from categoriser.monitor.reporting.report_document import report_document
from categoriser.monitor.reporting.report_page import write_report
from categoriser.monitor.watching.watched_captures import NewText


def test_the_page_asks_nothing_of_a_network_and_all_its_pictures_are_whole() -> None:
    shown = page(result())
    assert {"script", "link", "iframe", "b"}.isdisjoint(shown.names)
    # Four features have a distribution; confusion, and one slice.
    assert len(shown.images) == 4 + 1 + 1
    for address in shown.images:
        kind, content = address.split(",", 1)
        assert kind == "data:image/svg+xml;base64"
        ElementTree.fromstring(base64.b64decode(content))


def test_the_page_shows_what_was_found() -> None:
    found = result()
    shown = page(found)
    for text in (
        "endpoint-1, weekly, 2026-11-15 00:00 to 2026-11-22 00:00 UTC, 900 rows, calibrated",
        found.message,
        *(violation.description for violation in found.violations),
        f"{found.drifts['price'].distance:.4f}",
        "898 records read",
        "a<b.jsonl:3",
        "500 rows",
        "5,000 rows",
        "What windows of two sizes can detect",
        "captured 400, predictions 400, captured again 0, shared ids 0, labels 120, labelled 100, "
        "repeated 20, conflicting 0, contradicted 0, orphans 0, joined 100, unknown 0, "
        "coverage 25.0%.",
        "Metric accuracy with 0.91 was <low>",
        "Distance of the labels from training's: 0.0100, threshold 0.0500",
    ):
        assert text in shown.text
    # The feature and what of it is wrong; the metric.
    assert [text.strip() for text in shown.bad] == [
        "price",
        f"{found.drifts['price'].distance:.4f}",
        "bank",
        "66.7 %",
        "gone",
        "missing",
        "0.9100",
    ]


def test_the_page_stands_without_baseline_window_quality_and_problems() -> None:
    bare = result(
        baseline=None,
        constraints=Constraints(),
        drifts={},
        violations=[],
        problems=Problems(),
        power=[],
        quality=None,
        job=BARE,
        message="Completed: no violations",
    )
    shown = page(bare)
    assert "900 rows, calibrated thresholds." in shown.text
    assert "Nothing was unreadable." in shown.text
    assert "Model quality" not in shown.text
    assert shown.bad == []
    empty = replace(bare, current=Statistics(0, {}))
    assert "No feature has a distribution." in page(empty).text
    assert (
        "Not held against the baseline: no labels." in page(replace(bare, quality=NO_LABELS)).text
    )


def test_equal_results_give_equal_bytes(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        write_report(result(), tmp_path / folder)
    for name in ("report.html", "report.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    found = json.loads((tmp_path / "one" / "report.json").read_text())
    assert found["window"] == {
        "start": "2026-11-15T00:00:00+00:00",
        "end": "2026-11-22T00:00:00+00:00",
        "rows": 900,
    }
    assert found["captures"] == {
        "seen": {"records": 898},
        "not_read": {"cut off": 2},
        "places": {"cut off": ["a<b.jsonl:3", "c.jsonl:9"]},
    }
    assert len(found["violations"]) == 3


def test_a_page_of_many_features_is_small() -> None:
    columns = {f"feature_{n}": np.random.default_rng(n).lognormal(size=500) for n in range(25)}
    many = of(pl.DataFrame(columns))
    found = result(current=many, baseline=many, drifts={}, violations=[])
    assert len(html(found)) < 1_500_000


JUDGED: dict[str, Any] = {"violations": [], "problems": Problems()}


def judged(**changes: Any) -> CheckResult:
    """Return a window in which all is judged, by labels too, and nothing is found."""
    now = of(pl.DataFrame(columns(900)))
    drifts = {
        name: FeatureDrift(name, 0.01, 0.05, "Simple") for name in now.features if name != "text"
    }
    return result(**JUDGED | {"current": now, "drifts": drifts} | changes)


def test_the_page_is_headed_by_the_project_and_its_owner() -> None:
    texts = page(judged()).texts
    assert texts.count("Spend sorter: monitoring report") == 2
    assert any(text.endswith("Owner: Money & Co., money@bank.example.") for text in texts)


def test_the_banner_is_green_only_where_all_is_judged() -> None:
    assert check_state(judged()) == "passed"
    assert 'class="banner passed"' in html(judged())
    assert "Not judged" not in page(judged()).text


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"current": Statistics(0, {})}, "the data: there is none in this window"),
        ({"least_rows": 1000}, "the data: 900 rows; thresholds.min_rows is 1000"),
        ({"quality": None}, "the model: no labels were given"),
        ({"quality": replace(QUALITY, not_judged="9 labelled rows")}, "the model: 9 labelled rows"),
        ({"faults": ["nowhere cannot be listed"]}, "nowhere cannot be listed"),
        (
            {"problems": Problems({"not JSON": 1}, {"not JSON": ["a:1"]}, Counter(unread=1))},
            "1 capture that could not be read",
        ),
        (
            {"drifts": {"price": FeatureDrift("price", 0.1, None, "Simple")}},
            "the drift of what has no distance or no threshold: price",
        ),
        (
            {"baseline": None, "constraints": Constraints(), "drifts": {}},
            "the data: there is no baseline to compare with",
        ),
    ],
)
def test_the_banner_is_amber_where_anything_is_not_judged(
    changes: dict[str, Any], why: str
) -> None:
    found = judged(**changes)
    assert check_state(found) == "not-judged"
    written = html(found)
    assert 'class="banner not-judged"' in written
    assert 'class="banner passed"' not in written
    assert why in " ".join(terminal(found).split())
    assert why in page(found).text


def test_features_that_are_not_captured_are_said_and_are_not_green() -> None:
    now = of(pl.DataFrame(columns(900)))
    found = judged(current=replace(now, not_captured=("review", "entropy")))
    assert check_state(found) == "not-judged"
    assert "what is not captured: review, entropy" in page(found).text


def test_texts_with_new_words_are_on_the_page_and_not_in_what_is_kept() -> None:
    found = result(samples=[NewText("<Gelato> 7 bondi", answer=None, unseen=1.0, rows=12)])
    assert "<Gelato> 7 bondi" in page(found).text
    assert "12  –                   <Gelato> 7 bondi" in terminal(found)
    assert "Gelato" not in json.dumps(to_builtins(report_document(found)))
    assert "training lacks" not in page(result()).text
